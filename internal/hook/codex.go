package hook

import "github.com/signet-wrap/signet-wrap/internal/install"

// Codex 0.171.0. If a hook before a tool exits with 2, the tool does not run. After any
// other failure, or a timeout, it runs. A hook runs only after a person has trusted it.
// A document does not have a command's exit status, so the outcome of a command that
// failed is "executed".
func codex() *Client {
	names := events{
		before: "PreToolUse",
		after:  []string{"PostToolUse"},
		other: []string{"SessionStart", "SessionEnd", "UserPromptSubmit", "Stop", "SubagentStart", "SubagentStop",
			"PreCompact", "PostCompact", "PermissionRequest", "Interrupt"},
	}
	return &Client{
		Name: "codex", Label: "Codex",
		Target: "codex://local", // as the plug-in of the reference has it
		Read: func(raw []byte) (*Document, error) {
			d, r := names.read(raw)
			return d, r.err
		},
		Hooks: install.Hooks{File: "$CODEX_HOME/hooks.json", Before: []string{names.before}, After: names.after},
		Next:  "start Codex and trust the hooks with /hooks: it skips them until you do",
	}
}
