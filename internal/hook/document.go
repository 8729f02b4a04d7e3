package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// When says what a document is about.
type When int

const (
	Other  When = iota // nothing that is recorded
	Before             // a tool that is to run
	After              // a tool that has run
)

// A Document is what a client says of one use of a tool.
type Document struct {
	When      When
	Session   string // as the client calls it
	Directory string // where the client works
	Tool      string
	Arguments json.RawMessage // as sent; nil: none
	ID        string          // of the use of the tool; "": the client gives none
	Servers   []string        // names that the MCP server whose tool it is can have; none: it is the client's own
	IDs       []event.ClientID

	// Of After.
	Result record.Result // as sent
	Failed string        // why it failed, in few words; "": it did not
}

// maxName is the maximum length of a name or an id in a document, in bytes.
const maxName = 1 << 10

// A reader reads the members of a document. It keeps the first error.
type reader struct {
	raw  []byte
	root mcpwire.Value
	err  error
}

// read begins to read a document: one JSON object that has no name twice. What is
// within its members is not looked at: only the client writes the members, while the
// model and the tools write what is in them.
func read(raw []byte) *reader {
	r := &reader{raw: raw}
	if !utf8.Valid(raw) {
		r.err = errors.New("it is not UTF-8")
		return r
	}
	switch r.root, r.err = mcpwire.Parse(raw, 0); {
	case r.err != nil:
		r.err = fmt.Errorf("it is not one whole JSON object: %w", r.err)
	case r.root.Kind != '{':
		r.err = errors.New("it is not a JSON object")
	default:
		if name, twice := r.root.Twice(); twice {
			r.err = fmt.Errorf("it has %q twice", short(name))
		}
	}
	return r
}

func (r *reader) fail(format string, a ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, a...)
	}
}

// value is a member as it is written, nil if there is none.
func (r *reader) value(name string) json.RawMessage {
	if v, ok := r.root.Member(name); ok && r.err == nil {
		return v.Raw(r.raw)
	}
	return nil
}

// text is a member that is a string, "" if there is none or it is null. Names and ids are in the
// log and on terminals, so it has no control characters.
func (r *reader) text(name string) string {
	v, ok := r.root.Member(name)
	if !ok || v.Kind == 'n' || r.err != nil {
		return ""
	}
	s, isText := v.Text(r.raw)
	switch {
	case !isText:
		r.fail("its %s is not a string", name)
	case len(s) > maxName:
		r.fail("its %s is longer than %d bytes", name, maxName)
	case strings.ContainsFunc(s, unicode.IsControl) || strings.ContainsRune(s, utf8.RuneError):
		r.fail("its %s has a character that no name has", name)
	}
	if r.err != nil {
		return ""
	}
	return s
}

// must is text of a member that has to be there.
func (r *reader) must(name string) string {
	s := r.text(name)
	if s == "" {
		r.fail("it has no %s", name)
	}
	return s
}

// object is value of a member that is an object, nil if there is none or it is null.
func (r *reader) object(name string) json.RawMessage {
	v, ok := r.root.Member(name)
	switch {
	case !ok || v.Kind == 'n' || r.err != nil:
		return nil
	case v.Kind != '{':
		r.fail("its %s is not an object", name)
	}
	return v.Raw(r.raw)
}

// short is text for a message.
func short(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "..."
	}
	return s
}
