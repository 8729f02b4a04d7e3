package mcpwire

import (
	"bytes"
	"slices"
	"strings"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// clientIDNames are how the names of members of _meta end that have the client's own
// id of the use of a tool, or of the conversation that it is part of: in lower case,
// without hyphens and underscores. So "claudecode/toolUseId" (Claude Code), "callId"
// and "threadId" (Codex), "vscode.requestId" and "vscode.conversationId" (VS Code),
// "ai.opencode/sessionID", "antigravity.google/conversation_id".
var clientIDNames = []string{"tooluseid", "toolcallid", "callid", "requestid", "conversationid", "sessionid", "threadid", "turnid", "chatid"}

// Bounds of what is kept of them: members of one call, bytes of a name and of an id.
const (
	maxClientIDs    = 8
	maxClientIDName = 100
	maxClientID     = 200 // of a longer one, the hash
)

// isClientID says whether the name of a member of _meta, as spelled, is one of
// clientIDNames.
func isClientID(spelled []byte) bool {
	if len(spelled) > maxClientIDName {
		return false
	}
	last := spelled[bytes.LastIndexAny(spelled, "/.")+1:]
	var room [maxClientIDName]byte
	word := room[:0]
	for _, c := range last {
		switch {
		case c >= 'A' && c <= 'Z':
			c |= 0x20
		case c == '-' || c == '_':
			continue
		case c < '0' || c > 'z' || c > '9' && c < 'a':
			return false
		}
		word = append(word, c)
	}
	if len(word) < len("callid") || word[len(word)-1] != 'd' {
		return false
	}
	for _, c := range spelled[:len(spelled)-len(last)] {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return slices.ContainsFunc(clientIDNames, func(end string) bool { return strings.HasSuffix(string(word), end) })
}

// clientIDs are the ids of the client in _meta, in the order of their names; of
// several members of one name, the last counts.
func clientIDs(line []byte, meta Value) (ids []event.ClientID) {
	for _, m := range meta.members {
		if !m.clientID || m.value.Kind != '"' && m.value.Kind != '0' {
			continue
		}
		id := event.ClientID{Name: m.name}
		if raw := m.value.Raw(line); len(raw) > maxClientID {
			id.ID = asHash + event.HashOf(raw).String()
		} else {
			id.ID = WellFormed(line, m.value)
		}
		ids = slices.DeleteFunc(ids, func(x event.ClientID) bool { return x.Name == id.Name })
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(x, y event.ClientID) int { return strings.Compare(x.Name, y.Name) })
	return ids
}
