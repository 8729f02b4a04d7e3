# What Claude Code does around its shell, by the hooks that "signet-wrap install --hooks" configures.
use='"session_id":"1","tool_name":"Bash","tool_input":{"command":"ls"},"tool_use_id":"toolu_1"'
echo "{\"hook_event_name\":\"PreToolUse\",$use}" | signet-wrap hook --client claude-code || exit 2
ls
echo "{\"hook_event_name\":\"PostToolUse\",$use,\"tool_response\":{\"stdout\":\"\"}}" | signet-wrap hook --client claude-code
