package wrap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// The gate decides, for one line from the client, between three ways:
//
//	pass     no reading of the line is a tools/call: forward it as it is
//	record   it is one call, or a batch with calls: receipt first, then forward
//	refuse   some parser might see a call where another does not: answer with
//	         an error, do not forward
//
// What servers read with is not known, and parsers differ: encoding/json folds
// case and takes the last of two members, others take the first, Python reads
// NaN and takes a lone CR for the end of a line, C libraries end a string at
// NUL. So a line is a call only where all of them must agree, and passes only
// where none of them can see one.
//
// A gate is used by one goroutine.
type gate struct {
	metaKey string // the member of _meta that carries a receipt
}

// Codes of the error replies, JSON-RPC 2.0 section 5.1.
const (
	codeParse    = -32700
	codeInvalid  = -32600
	codeInternal = -32603
)

// toolsCall is the method that is recorded.
const toolsCall = "tools/call"

// verdict is what the gate says of one line.
type verdict struct {
	calls   []call   // record: in the order of the line; empty otherwise
	refusal *refusal // refuse: why; nil otherwise
	ids     []string // raw JSON of the ids in the line, what an error reply must answer
	batch   bool     // the line is an array, and so is the reply
}

// refusal is why a line is not forwarded.
type refusal struct {
	code   int
	reason string
}

func refuse(code int, format string, a ...any) verdict {
	return verdict{refusal: &refusal{code, fmt.Sprintf(format, a...)}}
}

// call is one tools/call as it stands in its line. Offsets are bytes from the
// start of the line.
type call struct {
	tool      string // params.name; its JSON text if that is no well-formed string; "" if missing
	arguments []byte // params.arguments as sent, or params if that is no object; nil if missing or null
	id        string // receipt's call_id: "n:<number as sent>", "s:<string>", "" if it has none
	traceID   string // of a valid _meta.traceparent
	carried   string // id of the receipt that the call already carries, if that can be read

	insertAt int    // where the receipt goes in; 0 if there is no place, or one is carried
	before   string // what stands before the receipt at insertAt: comma and names
	after    string // what stands after it: closing brace
}

// judge reads one line, with or without its line end.
func (g *gate) judge(line []byte) verdict {
	if !mentionsCall(line) {
		return verdict{}
	}
	body := bytes.TrimRight(line, "\r\n")
	if bytes.ContainsAny(body, "\r\n") {
		// A CR between tokens is white space in JSON, but the end of a line
		// for Python's text streams: what follows would be read on its own.
		// A newline can stand here only in a frame.
		return g.unreadable(line, codeInvalid, "a line end stands inside the message")
	}
	// Some servers drop a byte order mark before they read.
	start := 0
	if bytes.HasPrefix(body, byteOrderMark) {
		start = len(byteOrderMark)
	}
	root, err := parse(body, start)
	if err != nil {
		return g.unreadable(line, codeParse, "it cannot be read as JSON (%v)", err)
	}
	switch root.kind {
	case '{':
		return g.message(body, root)
	case '[':
		return g.batch(body, root)
	case '"':
		if s, ok := root.text(body); ok && saysCall(s) {
			// Part of a message laid over several lines, for a server that
			// reads a stream of values.
			return g.unreadable(line, codeInvalid, "a message must stand on one line")
		}
	}
	return verdict{}
}

// judgeFrame reads a message framed with Content-Length. A server that reads
// lines would join a body with what follows it, so a body must be whole: one
// JSON value, or nothing.
func (g *gate) judgeFrame(header, body []byte) verdict {
	if mentionsCall(header) {
		return refuse(codeInvalid, "a call stands in the header of a frame")
	}
	if len(body) > 0 && !mentionsCall(body) {
		if _, err := parse(body, 0); err != nil {
			return g.unreadable(body, codeParse, "the frame cannot be read as JSON (%v)", err)
		}
	}
	return g.judge(body)
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// unreadable refuses a line that has no reading to take ids from, answering
// the id that a quick look finds.
func (g *gate) unreadable(line []byte, code int, format string, a ...any) verdict {
	v := refuse(code, format, a...)
	var f idFinder
	f.Write(line)
	if id := f.id(); id != "" {
		v.ids = []string{id}
	}
	return v
}

// message judges a line that is one object.
func (g *gate) message(line []byte, m value) verdict {
	v := verdict{}
	if id, ok := m.replyID(line); ok {
		v.ids = []string{id}
	}
	c, r := g.object(line, m)
	v.refusal = r
	if c != nil {
		v.calls = []call{*c}
	}
	return v
}

// batch judges a line that is an array: each element for itself, and one
// refusal refuses all (2025-03-26, basic: batches MUST be received).
func (g *gate) batch(line []byte, array value) verdict {
	v := verdict{batch: true}
	for i, e := range array.elements {
		if id, ok := e.replyID(line); ok {
			v.ids = append(v.ids, id)
		}
		var c *call
		var r *refusal
		switch {
		case e.kind == '{':
			c, r = g.object(line, e)
		case e.kind == '[' && mentionsCall(line[e.start:e.end]):
			r = &refusal{codeInvalid, "a batch stands inside a batch"}
		case e.kind == '"':
			if s, ok := e.text(line); ok && saysCall(s) {
				r = &refusal{codeInvalid, "a message must be an object"}
			}
		}
		if r != nil && v.refusal == nil {
			v.refusal = &refusal{r.code, fmt.Sprintf("element %d of the batch: %s", i+1, r.reason)}
		}
		if c != nil {
			v.calls = append(v.calls, *c)
		}
	}
	if v.refusal != nil {
		v.calls = nil
	}
	return v
}

// object judges one message: a call, a refusal, or (both nil) neither.
func (g *gate) object(line []byte, m value) (*call, *refusal) {
	says, exact, count := false, false, 0
	for _, x := range m.members {
		if folds(x.name, "method") {
			count++
			s, ok := x.value.text(line)
			says = says || ok && saysCall(s)
			exact = x.name == "method" && s == toolsCall
		}
		if x.name == "__proto__" && mentionsCall(line[x.value.start:x.value.end]) {
			return nil, &refusal{codeInvalid, `a member is named "__proto__"`}
		}
	}
	if !says {
		return nil, nil
	}
	if count > 1 {
		return nil, &refusal{codeInvalid, `more than one member reads as "method"`}
	}
	if !exact {
		return nil, &refusal{codeInvalid, `"method" or "tools/call" is spelled in a way that servers read differently`}
	}
	if r := m.ambiguous("id", "params", "jsonrpc"); r != nil {
		return nil, r
	}
	c := &call{}
	if id, ok := m.member("id"); ok {
		c.id = callID(line, id)
	}
	params, ok := m.member("params")
	if !ok {
		return c, nil
	}
	if params.kind != '{' {
		if params.kind != 'n' {
			c.arguments = params.raw(line)
		}
		return c, nil
	}
	if r := params.ambiguous("name", "arguments", "_meta"); r != nil {
		r.reason = "in params, " + r.reason
		return nil, r
	}
	if name, ok := params.member("name"); ok {
		c.tool = wellFormed(line, name)
	}
	if a, ok := params.member("arguments"); ok {
		c.arguments = a.raw(line)
	}
	g.place(line, params, c)
	return c, nil
}

// place finds where the receipt goes, and what _meta says that it repeats.
func (g *gate) place(line []byte, params value, c *call) {
	key := string(appendQuoted(nil, g.metaKey))
	meta, ok := params.member("_meta")
	if !ok {
		c.insertAt = params.end - 1
		c.before, c.after = comma(params)+`"_meta":{`+key+":", "}"
		return
	}
	if meta.kind != '{' {
		return
	}
	for _, x := range meta.members {
		switch x.name {
		case g.metaKey:
			// A call that already carries a receipt keeps it.
			c.carried = receiptID(x.value.raw(line))
			c.insertAt, c.before, c.after = -1, "", ""
		case "traceparent":
			if s, ok := x.value.text(line); ok {
				c.traceID = traceID(s)
			}
		}
	}
	if c.insertAt < 0 {
		c.insertAt = 0
		return
	}
	c.insertAt = meta.end - 1
	c.before = comma(meta) + key + ":"
}

func comma(object value) string {
	if len(object.members) > 0 {
		return ","
	}
	return ""
}

// ambiguous is a refusal if a member that some parser takes for one of names
// stands twice or is spelled otherwise.
func (v value) ambiguous(names ...string) *refusal {
	for _, x := range v.members {
		if x.name == "__proto__" {
			return &refusal{codeInvalid, `a member is named "__proto__"`}
		}
	}
	for _, name := range names {
		count := 0
		for _, x := range v.members {
			if !folds(x.name, name) {
				continue
			}
			if count++; count > 1 || x.name != name {
				return &refusal{codeInvalid, fmt.Sprintf("more than one member reads as %q, or it is spelled otherwise", name)}
			}
		}
	}
	return nil
}

// folds says whether some parser takes the member name s for name: letters of
// either case, as encoding/json folds them (U+017F is an s, U+212A a k), and
// the string ends at NUL, as in C.
func folds(s, name string) bool {
	s, _, _ = strings.Cut(s, "\x00")
	return strings.EqualFold(s, name)
}

// saysCall says whether some parser takes the string s for "tools/call".
func saysCall(s string) bool {
	s, _, _ = strings.Cut(s, "\x00")
	return s == toolsCall
}

// callID is the receipt's call_id: the JSON-RPC id with its type, or "".
func callID(line []byte, id value) string {
	switch id.kind {
	case '0':
		return "n:" + string(id.raw(line))
	case '"':
		return "s:" + wellFormed(line, id)
	}
	return ""
}

// wellFormed is the string at v, or, where that is no string of Unicode
// characters, its JSON text, so that the receipt repeats what was sent.
func wellFormed(line []byte, v value) string {
	if s, ok := v.strict(line); ok {
		return s
	}
	return strings.ToValidUTF8(string(v.raw(line)), "\ufffd")
}

// receiptID is the id member of a receipt that a call carries, "" if it has
// none of a plausible form.
func receiptID(raw []byte) string {
	v, err := parse(raw, 0)
	if err != nil || v.kind != '{' {
		return ""
	}
	id, _ := v.member("id")
	s, ok := id.strict(raw)
	if !ok || len(s) > 128 || !strings.HasPrefix(s, "rec_") {
		return ""
	}
	return s
}

// traceID is the trace-id of a traceparent, W3C Trace Context 3.2.2, or "".
func traceID(s string) string {
	p := strings.Split(s, "-")
	if len(p) < 4 || len(p[0]) != 2 || len(p[1]) != 32 || len(p[2]) != 16 || len(p[3]) != 2 {
		return ""
	}
	if p[0] == "ff" || p[0] == "00" && len(p) != 4 {
		return ""
	}
	for _, x := range p[:4] {
		if strings.Trim(x, "0123456789abcdef") != "" {
			return ""
		}
	}
	if strings.Trim(p[1], "0") == "" || strings.Trim(p[2], "0") == "" {
		return ""
	}
	return p[1]
}

// value is one JSON value of a line. Only what the gate needs is read apart:
// the members of messages, of their params and _meta, and the elements of a
// batch; the rest is spans.
type value struct {
	kind       byte // as jsontext.Kind: n f t " 0 { [
	start, end int  // its bytes in the line
	members    []member
	elements   []value
}

type member struct {
	name  string
	value value
}

func (v value) raw(line []byte) []byte { return line[v.start:v.end] }

// text is the string at v, with U+FFFD for what is no character.
func (v value) text(line []byte) (string, bool) {
	if v.kind != '"' {
		return "", false
	}
	b, _ := jsontext.AppendUnquote(nil, v.raw(line))
	return string(b), true
}

// strict is the string at v, if it is one and all of it are characters.
func (v value) strict(line []byte) (string, bool) {
	if v.kind != '"' {
		return "", false
	}
	b, err := jsontext.AppendUnquote(nil, v.raw(line))
	return string(b), err == nil
}

// member is the value of the last member of that exact name.
func (v value) member(name string) (value, bool) {
	for i := len(v.members) - 1; i >= 0; i-- {
		if v.members[i].name == name {
			return v.members[i].value, true
		}
	}
	return value{}, false
}

// replyID is the id of a message as an error reply repeats it.
func (v value) replyID(line []byte) (string, bool) {
	id, ok := v.member("id")
	if !ok {
		return "", false
	}
	return echoableID(id.raw(line))
}

// parse reads the line from offset start as one JSON value, lenient in what
// RFC 8259 leaves open: duplicate names, invalid UTF-8, lone surrogates.
func parse(line []byte, start int) (value, error) {
	p := parser{
		base: start,
		dec: jsontext.NewDecoder(bytes.NewBuffer(line[start:]),
			jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
	}
	v, err := p.value(atRoot)
	if err != nil {
		return value{}, plain(err)
	}
	if _, err := p.dec.ReadToken(); err == nil {
		return value{}, errors.New("more than one value")
	} else if err != io.EOF {
		return value{}, plain(err)
	}
	return v, nil
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

// How deep a value stands, which decides what of it is read apart.
type depth int

const (
	atRoot depth = iota
	atMessage
	atParams
	atMeta
	below
)

type parser struct {
	dec  *jsontext.Decoder
	base int
}

func (p *parser) value(at depth) (value, error) {
	kind := p.dec.PeekKind()
	object := kind == '{' && at < below
	array := kind == '[' && at == atRoot
	if !object && !array {
		raw, err := p.dec.ReadValue()
		if err != nil {
			return value{}, err
		}
		end := p.base + int(p.dec.InputOffset())
		return value{kind: byte(raw.Kind()), start: end - len(raw), end: end}, nil
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return value{}, err
	}
	v := value{kind: byte(kind), start: p.base + int(p.dec.InputOffset()) - 1}
	for {
		k := p.dec.PeekKind()
		if k == '}' || k == ']' {
			break
		}
		if array {
			e, err := p.value(atMessage)
			if err != nil {
				return value{}, err
			}
			v.elements = append(v.elements, e)
			continue
		}
		name, err := p.dec.ReadToken()
		if err != nil {
			return value{}, err
		}
		m := member{name: name.String()}
		if m.value, err = p.value(within(at, m.name)); err != nil {
			return value{}, err
		}
		v.members = append(v.members, m)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return value{}, err
	}
	v.end = p.base + int(p.dec.InputOffset())
	return v, nil
}

// within is the depth of the member name of an object that stands at.
func within(at depth, name string) depth {
	switch {
	case at <= atMessage && name == "params":
		return atParams
	case at == atParams && name == "_meta":
		return atMeta
	}
	return below
}
