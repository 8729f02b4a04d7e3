package record

import (
	"bytes"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
)

// Some servers check their input closely and reject the receipt: their params allow
// only name and arguments, their _meta is closed, or they accept only member names
// of MCP's grammar, which begin with a letter or a digit. The user of such a server
// must learn which flag helps.

// maxAdvised is how much of an error is searched, in bytes.
const maxAdvised = 64 << 10

// strict are the words that validators use for an unknown member, where they need
// not name it: JSON Schema and Pydantic.
var strict = []string{"additional propert", "additionalpropert", "extra inputs are not permitted", "extra fields not permitted"}

// advise says, once in a session, which flag helps if the response to a call is an
// error that may be about the receipt.
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
