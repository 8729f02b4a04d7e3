package hook

import (
	"slices"

	"github.com/signet-wrap/signet-wrap/internal/install"
)

// Claude Code 2.1.332. If a hook before a tool exits with 2, the tool does not run, and
// the model sees standard error. After any other failure, or a timeout, the tool runs,
// unless the hook has "onFailure": "block" (since 2.1.295).
func claudeCode() *Client {
	names := events{
		before: "PreToolUse",
		after:  []string{"PostToolUse"},
		failed: []string{"PostToolUseFailure"},
		other: []string{"SessionStart", "SessionEnd", "UserPromptSubmit", "Stop", "SubagentStart", "SubagentStop", "Notification",
			"PreCompact", "PostCompact", "PostToolBatch", "PermissionRequest", "PermissionDenied"},
	}
	return &Client{
		Name: "claude-code", Label: "Claude Code",
		Target: "claude-code://local", // as the plug-in of the reference has it
		Read: func(raw []byte) (*Document, error) {
			d, r := names.read(raw)
			if d.Failed != "" {
				d.Failed = "the tool failed"
				if v, ok := r.root.Member("is_interrupt"); ok && v.Kind == 't' {
					d.Failed = "interrupted"
				}
			}
			return d, r.err
		},
		Hooks: install.Hooks{
			File: "$CLAUDE_SETTINGS/settings.json", Matcher: "*", OnFailure: "block",
			Before: []string{names.before}, After: slices.Concat(names.after, names.failed),
			Managed: []string{"linux:/etc/claude-code/managed-settings.json",
				"darwin:/Library/Application Support/ClaudeCode/managed-settings.json",
				"windows:C:/Program Files/ClaudeCode/managed-settings.json"},
			Project: []string{".claude/settings.json", ".claude/settings.local.json"},
		},
	}
}
