package record

import (
	"bytes"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
)

// Servers that check their input closely may not take the receipt: params that
// have only name and arguments, a _meta that is closed, names of members by
// MCP's grammar, which wants a letter or a digit first. Whoever wraps one must
// learn of the flag that helps.

// maxAdvised bounds how much of an error is looked at, in bytes.
const maxAdvised = 64 << 10

// strict are the words of validators for a member that they do not know, where
// they need not name it: JSON Schema, and Pydantic.
var strict = []string{"additional propert", "additionalpropert", "extra inputs are not permitted", "extra fields not permitted"}

// advise says, once, which flag helps, if the response to a call is an error
// that may be about the receipt in it.
func (s *session) advise(a mcpwire.Response) {
	key := s.opts.MetaKey
	if key == NoMetaKey || !a.Failed && !a.Said.IsError || s.advised.Load() {
		return
	}
	text := a.Value
	if text == nil {
		text = []byte(a.Said.Message)
	}
	text = text[:min(len(text), maxAdvised)]
	names := bytes.Contains(text, []byte("_meta")) || bytes.Contains(text, []byte(strings.Trim(mcpwire.Quoted(key), `"`)))
	if !names && a.Failed {
		lower := strings.ToLower(string(text))
		for _, words := range strict {
			names = names || strings.Contains(lower, words)
		}
	}
	if names && !s.advised.Swap(true) {
		s.opts.say("the server's error may be about the receipt, %q in params._meta: --meta-key none leaves requests as they are, --meta-key KEY gives it another name", key)
	}
}
