package hook

import "github.com/signet-wrap/signet-wrap/internal/install"

// Codex 0.171.0. Of a hook before a tool, exit status 2 blocks the tool; any other
// failure, and a timeout, lets it run. A hook runs only after a person has trusted it.
// A command's exit status is not in the document, so a command that failed is executed.
func init() {
	names := events{
		before: "PreToolUse",
		after:  []string{"PostToolUse"},
		other: []string{"SessionStart", "SessionEnd", "UserPromptSubmit", "Stop", "SubagentStart", "SubagentStop",
			"PreCompact", "PostCompact", "PermissionRequest", "Interrupt"},
	}
	add(&Client{
		Name: "codex", Label: "Codex",
		Target: "codex://local", // as the plug-in of the reference has it
		Read: func(raw []byte) (*Document, error) {
			d, r := names.read(raw)
			return d, r.err
		},
		Hooks: install.Hooks{File: "$CODEX_HOME/hooks.json", Before: []string{names.before}, After: names.after},
		Next:  "start Codex and trust the hooks with /hooks: it skips them until you do",
	})
}
