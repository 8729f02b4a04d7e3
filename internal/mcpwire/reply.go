package mcpwire

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxEchoedID is the maximum length of an id in an error reply, in bytes. Real ids
// are a number or a UUID. Without the limit a hostile one would be sent back in
// megabytes.
const maxEchoedID = 1024

// echoableID is raw as an id for a reply. JSON-RPC 2.0, section 4, allows strings
// and numbers (and null, which a reply without an id has anyway).
func echoableID(raw []byte) (string, bool) {
	v := jsontext.Value(raw)
	if len(raw) > maxEchoedID || !v.IsValid() || v.Kind() != '"' && v.Kind() != '0' {
		return "", false
	}
	return strings.TrimSpace(string(raw)), true
}

// ErrorReply returns the line that replies to the ids of v with an error. For a
// line without an id it has a null id, so that nothing is dropped silently.
func ErrorReply(v Verdict, code int, message string) []byte {
	var data json.RawMessage
	if v.Refusal != nil {
		data = v.Refusal.Data
	}
	ids := v.IDs
	if len(ids) == 0 {
		ids = []string{"null"}
	}
	var b []byte
	if v.Batch {
		b = append(b, '[')
	}
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"jsonrpc":"2.0","id":`...)
		b = append(b, id...)
		b = append(b, `,"error":{"code":`...)
		b = strconv.AppendInt(b, int64(code), 10)
		b = append(b, `,"message":`...)
		b = AppendQuoted(b, message)
		if data != nil {
			b = append(append(b, `,"data":`...), data...)
		}
		b = append(b, "}}"...)
	}
	if v.Batch {
		b = append(b, ']')
	}
	return append(b, '\n')
}

func Quoted(s string) string { return string(AppendQuoted(nil, s)) }

func AppendQuoted(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, strings.ToValidUTF8(s, "\ufffd"))
	return dst
}

// idFinder finds the id of a request that cannot be parsed, or is too long to hold,
// so that its sender gets a reply. It ignores the id of a response, which is one of
// the server's. It gets the message in pieces and keeps hardly anything of it.
type idFinder struct {
	depth    int
	inString bool
	escaped  bool
	word     []byte // the start of the last string, to know a name by
	request  bool   // there is a member "method"
	response bool   // there is a member "result" or "error"
	reading  bool   // after "id":, at depth 1
	value    []byte // the value so far
	found    string // the last id read to its end
}

// Write reads the next piece. It never fails.
func (f *idFinder) Write(p []byte) (int, error) {
	for _, c := range p {
		f.next(c)
	}
	return len(p), nil
}

func (f *idFinder) next(c byte) {
	if f.reading && !f.inString && (c == ',' || c == '}') {
		f.found, f.reading = string(f.value), false
	}
	if f.reading && len(f.value) <= maxEchoedID {
		f.value = append(f.value, c)
	}
	if f.inString {
		switch {
		case f.escaped:
			f.escaped = false
		case c == '\\':
			f.escaped = true
		case c == '"':
			f.inString = false
			return
		}
		if len(f.word) <= len("method") {
			f.word = append(f.word, c)
		}
		return
	}
	switch c {
	case '"':
		f.inString, f.word = true, f.word[:0]
	case ':':
		if f.depth == 1 {
			f.member(string(f.word))
		}
	case '{', '[':
		f.depth++
	case '}', ']':
		f.depth--
	}
}

// member handles the name of a member of the message.
func (f *idFinder) member(name string) {
	switch name {
	case "id":
		f.reading, f.value = true, f.value[:0]
	case "method":
		f.request = true
	case "result", "error":
		f.response = true
	}
}

// id is the raw JSON of the id; "" if there is none to reply to.
func (f *idFinder) id() string {
	if f.response && !f.request {
		return ""
	}
	id, _ := echoableID([]byte(strings.TrimSpace(f.found)))
	return id
}
