package mcpwire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A Value is one JSON value of a message. Only what is needed is parsed: the
// members of messages, of their params and _meta, and the elements of a batch. The
// rest are spans of the line.
type Value struct {
	Kind       byte // as jsontext.Kind: n f t " 0 { [
	start, end int  // its bytes in the message
	size       int  // of what is read apart: how many members or elements
	members    []member
	Elements   []Value
}

type member struct {
	name  string
	plain bool // it is spelled letter by letter
	value Value

	clientID bool // of _meta, for a gate: see clientIDNames
}

// Raw is the bytes of v in line.
func (v Value) Raw(line []byte) []byte { return line[v.start:v.end] }

// Text is the string at v, with U+FFFD for bytes that are not characters.
func (v Value) Text(line []byte) (string, bool) {
	if v.Kind != '"' {
		return "", false
	}
	b, _ := jsontext.AppendUnquote(nil, v.Raw(line))
	return string(b), true
}

// strict is the string at v. ok is false if it is not a string of Unicode
// characters.
func (v Value) strict(line []byte) (string, bool) {
	if v.Kind != '"' {
		return "", false
	}
	raw := v.Raw(line)
	if bytes.IndexByte(raw, '\\') < 0 {
		raw = raw[1 : len(raw)-1]
		return string(raw), utf8.Valid(raw)
	}
	b, err := jsontext.AppendUnquote(nil, raw)
	return string(b), err == nil
}

// Member returns the value of the last member with exactly this name.
func (v Value) Member(name string) (Value, bool) {
	for i := len(v.members) - 1; i >= 0; i-- {
		if v.members[i].name == name {
			return v.members[i].value, true
		}
	}
	return Value{}, false
}

// MemberText returns the string in the member of this name; "" if it is not a
// string.
func (v Value) MemberText(line []byte, name string) string {
	m, _ := v.Member(name)
	s, _ := m.Text(line)
	return s
}

// Twice returns the name of a member of which there are two, if there is one.
func (v Value) Twice() (name string, ok bool) {
	seen := make(map[string]bool, len(v.members))
	for _, m := range v.members {
		if seen[m.name] {
			return m.name, true
		}
		seen[m.name] = true
	}
	return "", false
}

// lenient are the options that accept what RFC 8259 leaves open: duplicate names,
// invalid UTF-8, lone surrogates.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// Parse reads the line from the offset start as one JSON value.
func Parse(line []byte, start int) (Value, error) {
	var p parser
	return p.parse(line, start)
}

// The depth of a value, which decides what of it is parsed.
type depth int

const (
	atRoot depth = iota
	atMessage
	atParams
	atMeta
	below
)

// parser parses values. The zero parser is ready to use.
type parser struct {
	// keep returns the name under which a member is kept, from its spelling between
	// the quotes, and whether it is spelled without escapes; "": it is not kept.
	// nil: all members are kept.
	keep func(at depth, spelled []byte) (name string, plain bool)

	dec  jsontext.Decoder
	buf  bytes.Buffer // what dec reads, in place
	base int          // where buf begins in the line
}

// maxParts is the maximum number of elements of a batch, and of kept members of one
// object, for a gate. The calls of a batch are recorded in one hold of the log's
// lock, while other wrappers wait.
const maxParts = 1000

var errTooMany = fmt.Errorf("more than %d messages in a batch, or members of one name", maxParts)

func (p *parser) parse(line []byte, start int) (Value, error) {
	p.base = start
	p.reset(line[start:])
	defer p.reset(nil) // do not hold on to the line
	v, err := p.value(atRoot)
	if err != nil {
		return Value{}, plain(err)
	}
	switch _, err := p.dec.ReadToken(); err {
	case io.EOF:
		return v, nil
	case nil:
		return Value{}, errors.New("more than one value")
	default:
		return Value{}, plain(err)
	}
}

func (p *parser) reset(b []byte) {
	p.buf = *bytes.NewBuffer(b)
	p.dec.Reset(&p.buf, lenient...)
}

// plain is err without jsontext's prefix and without the words of the line.
func plain(err error) error {
	var s *jsontext.SyntacticError
	if errors.As(err, &s) {
		return fmt.Errorf("byte %d", s.ByteOffset+1)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		return errors.New("it ends too early")
	}
	return err
}

func (p *parser) value(at depth) (Value, error) {
	switch kind := p.dec.PeekKind(); {
	case kind == '{' && at < below:
		return p.object(at)
	case kind == '[' && at == atRoot:
		return p.array()
	}
	raw, err := p.dec.ReadValue()
	if err != nil {
		return Value{}, err
	}
	end := p.offset()
	return Value{Kind: byte(raw.Kind()), start: end - len(raw), end: end}, nil
}

// offset is where in the line the last token or value ends.
func (p *parser) offset() int { return p.base + int(p.dec.InputOffset()) }

func (p *parser) array() (Value, error) {
	if _, err := p.dec.ReadToken(); err != nil {
		return Value{}, err
	}
	v := Value{Kind: '[', start: p.offset() - 1}
	for ; p.dec.PeekKind() != ']'; v.size++ {
		if p.keep != nil && v.size == maxParts {
			return Value{}, errTooMany
		}
		e, err := p.value(atMessage)
		if err != nil {
			return Value{}, err
		}
		v.Elements = append(v.Elements, e)
	}
	_, err := p.dec.ReadToken()
	v.end = p.offset()
	return v, err
}

func (p *parser) object(at depth) (Value, error) {
	if _, err := p.dec.ReadToken(); err != nil {
		return Value{}, err
	}
	at = max(at, atMessage) // a line that is no batch is a message
	v := Value{Kind: '{', start: p.offset() - 1}
	ids := 0
	for ; p.dec.PeekKind() != '}'; v.size++ {
		raw, err := p.dec.ReadValue()
		if err != nil {
			return Value{}, err
		}
		m, kept := p.member(at, raw)
		if m.value, err = p.value(within(at, m)); err != nil {
			return Value{}, err
		}
		if m.clientID {
			ids++
		}
		if !kept || m.clientID && ids > maxClientIDs {
			continue
		}
		if p.keep != nil && len(v.members) == maxParts+maxClientIDs {
			return Value{}, errTooMany
		}
		if v.members == nil {
			v.members = make([]member, 0, 4) // most have four
		}
		v.members = append(v.members, m)
	}
	_, err := p.dec.ReadToken()
	v.end = p.offset()
	return v, err
}

// member is a member of an object at, whose name is the string raw, without
// its value.
func (p *parser) member(at depth, raw []byte) (m member, kept bool) {
	if p.keep == nil {
		name, _ := jsontext.AppendUnquote(nil, raw)
		return member{name: string(name), plain: true}, true
	}
	spelled := raw[1 : len(raw)-1]
	m.name, m.plain = p.keep(at, spelled)
	if m.name == "" && at == atMeta && isClientID(spelled) {
		m.name, m.plain, m.clientID = string(spelled), true, true
	}
	return m, m.name != ""
}

// within is the depth of what is in the member m of an object at.
func within(at depth, m member) depth {
	switch {
	case !m.plain:
	case at == atMessage && m.name == "params":
		return atParams
	case at == atParams && m.name == "_meta":
		return atMeta
	}
	return below
}
