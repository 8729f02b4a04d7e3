package mcpwire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// A Gate decides what happens to one line from the client:
//
//	pass     no reading of the line is a tools/call: forward it unchanged
//	record   it is a call, or a batch with calls: receipt first, then forward
//	refuse   some parser might see a call where another does not: reply with an error, do not forward
//
// Nobody knows which parser a server uses, and parsers differ: encoding/json
// ignores case and takes the last of two members, others take the first, Python
// reads NaN and takes a lone CR as the end of a line, C libraries end a string at
// NUL. So a line is a call only if all of them must agree, and passes only if none
// of them can see a call.
//
// A Gate must be used by one goroutine.
type Gate struct {
	metaKey   string   // the member of _meta that carries a receipt
	named     string   // metaKey as JSON, with a colon; "": no receipt is put in
	metaNames []string // the members of _meta that matter
	parser    parser
	tail      []byte // the end of what has passed, if a line may go on with it
}

// Values for the name of the member of _meta.
const (
	// DefaultMetaKey is the member that carries a receipt by default, as in the
	// reference implementation.
	DefaultMetaKey = "_signet"
	// NoMetaKey leaves requests unchanged.
	NoMetaKey = "none"
)

// NewGate returns a gate for receipts in the member metaKey of _meta, or nowhere if
// that is NoMetaKey.
func NewGate(metaKey string) *Gate {
	g := &Gate{metaKey: metaKey, named: Quoted(metaKey) + ":"}
	if metaKey == NoMetaKey {
		g.metaKey, g.named = DefaultMetaKey, ""
	}
	g.metaNames = []string{g.metaKey, "traceparent", MetaClient, MetaProtocol}
	g.parser.keep = g.keep
	return g
}

// NewReadingGate returns a gate for receipts in the member metaKey of _meta, which
// puts none in.
func NewReadingGate(metaKey string) *Gate {
	g := NewGate(metaKey)
	g.named = ""
	return g
}

// Codes of the error replies, JSON-RPC 2.0 section 5.1.
const (
	codeParse    = -32700
	CodeInvalid  = -32600
	CodeInternal = -32603
)

// toolsCall is the method that is recorded.
const toolsCall = "tools/call"

// maxTail is how much is kept of lines that a server might join, in bytes.
const maxTail = 256

// A Verdict is the gate's decision about one line.
type Verdict struct {
	Calls   []Call   // record: in the order of the line; empty otherwise
	Refusal *refusal // refuse: why; nil otherwise
	IDs     []string // Raw JSON of the ids in the line, which an error reply repeats
	Batch   bool     // the line is an array, and so is the reply
}

// refusal says why a line is not forwarded.
type refusal struct {
	Code   int
	Reason string
	Data   json.RawMessage // member data of the error; nil: none
}

func refuse(code int, reason string) *refusal { return &refusal{Code: code, Reason: reason} }

// Refuse is the Verdict to refuse a line.
func Refuse(code int, format string, a ...any) Verdict {
	return Verdict{Refusal: &refusal{Code: code, Reason: fmt.Sprintf(format, a...)}}
}

// Judge decides about one line, with or without its line end.
func (g *Gate) Judge(line []byte) Verdict {
	if !suspicious(line) {
		return g.pass(line)
	}
	body := bytes.TrimRight(line, "\r\n")
	if bytes.IndexByte(body, '\r') >= 0 || bytes.IndexByte(body, '\n') >= 0 {
		// A CR between tokens is white space in JSON, but the end of a line for
		// Python's text streams, which would read the rest separately. Only a frame
		// can have a newline here.
		return unreadable(line, CodeInvalid, "there is a line end inside the message")
	}
	if !utf8.Valid(body) {
		if _, found := shortest(body); found {
			// One of them may be a quote for a server that decodes before it parses.
			return unreadable(line, CodeInvalid, "it has characters in more bytes than UTF-8 allows")
		}
	}
	// Some servers drop a byte order mark before they read.
	start := 0
	if bytes.HasPrefix(body, byteOrderMark) {
		start = len(byteOrderMark)
	}
	root, err := g.parser.parse(body, start)
	switch {
	case errors.Is(err, errTooMany):
		return unreadable(line, CodeInvalid, "%v", err)
	case err != nil:
		return unreadable(line, codeParse, "it cannot be read as JSON (%v)", err)
	}
	var v Verdict
	if root.Kind == '[' {
		v = g.batch(body, root)
	} else {
		v.Refusal = g.element(&v, body, root)
	}
	share(v.Calls, len(line))
	return v
}

// JudgeFrame decides about a message in a frame with Content-Length. A server that
// reads lines would join a body with what follows it, so a body must be complete:
// one JSON value, or nothing.
func (g *Gate) JudgeFrame(header, body []byte) Verdict {
	if suspicious(header) {
		return Refuse(CodeInvalid, "a call stands in the header of a frame")
	}
	if len(body) > 0 && !suspicious(body) && !jsontext.Value(body).IsValid(lenient...) {
		return unreadable(body, codeParse, "the frame cannot be read as JSON")
	}
	return g.Judge(body)
}

// pass passes a line that has no call, unless it continues one that began in the
// lines before. Some servers join lines, without line ends and the white space
// there, until they can be parsed. A CR may end a line, too.
func (g *Gate) pass(line []byte) Verdict {
	if l := bytes.TrimSpace(line); isWhole(l) && len(g.tail) == 0 && bytes.IndexByte(l, '\r') < 0 && bytes.IndexByte(l, '\n') < 0 {
		return Verdict{} // nearly always
	}
	for l := range bytes.FieldsFuncSeq(line, func(r rune) bool { return r == '\r' || r == '\n' }) {
		l = bytes.TrimSpace(l)
		joined := append(g.tail[:len(g.tail):len(g.tail)], l...)
		if suspicious(joined) {
			return unreadable(line, CodeInvalid, "a message must stand on one line")
		}
		g.tail = nil
		if !isWhole(l) {
			g.tail = bytes.Clone(joined[max(0, len(joined)-maxTail):])
		}
	}
	return Verdict{}
}

// isWhole says whether nothing can continue line: it ends like a message.
func isWhole(line []byte) bool {
	return bytes.HasSuffix(line, []byte("}")) || bytes.HasSuffix(line, []byte("]"))
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// unreadable refuses a line that was not parsed. The reply has the id that a simple
// search finds.
func unreadable(line []byte, code int, format string, a ...any) Verdict {
	v := Refuse(code, format, a...)
	var f idFinder
	f.Write(line)
	if id := f.id(); id != "" {
		v.IDs = []string{id}
	}
	return v
}

// batch decides about a line that is an array: about each element, and one refusal
// refuses all (2025-03-26, basic: batches MUST be received).
func (g *Gate) batch(line []byte, array Value) Verdict {
	v := Verdict{Batch: true}
	for i, e := range array.Elements {
		if r := g.element(&v, line, e); r != nil && v.Refusal == nil {
			v.Refusal = refuse(r.Code, fmt.Sprintf("element %d of the batch: %s", i+1, r.Reason))
		}
	}
	if v.Refusal != nil {
		v.Calls = nil
	}
	return v
}

// element decides about one message, a line or an element of one. It adds a call
// and an id to v.
func (g *Gate) element(v *Verdict, line []byte, m Value) *refusal {
	if m.Kind != '{' {
		if m.mayBeCall(line) {
			// A batch inside a batch, or a part of a message on several lines, for a
			// server that reads a stream of values.
			return refuse(CodeInvalid, "a message must be an object, on one line")
		}
		return nil
	}
	methods, says, odd := 0, false, false
	for _, x := range m.members {
		switch {
		case x.name == "__proto__":
			says = says || x.value.mayBeCall(line)
		case x.name == "method" && x.value.Kind == '"':
			methods++
			says = says || x.value.mayBeCall(line)
		case x.name == "method" && !(x.value.Kind == 'n' && isResponse(m.Raw(line))):
			methods++
			odd = true
		}
	}
	// A message without a method is a response, with an id of the server's.
	if id, ok := m.Member("id"); ok && (methods > 0 || says) {
		if id, ok := echoableID(id.Raw(line)); ok {
			v.IDs = append(v.IDs, id)
		}
	}
	if !says && !odd {
		return nil
	}
	if r := m.ambiguous(); r != nil {
		return r
	}
	if odd {
		// Some parsers make a string of an object or a list: Ruby's JSON.load with
		// "json_class", JSON of MongoDB with "$binary", JavaScript where a method
		// is looked up by its name.
		return refuse(CodeInvalid, "the method is not a string")
	}
	method, _ := m.Member("method")
	if s, _ := method.strict(line); s != toolsCall {
		return refuse(CodeInvalid, `"tools/call" is spelled in a way that servers read differently`)
	}
	c, r := g.call(line, m)
	if r == nil {
		v.Calls = append(v.Calls, c)
	}
	return r
}

// keep recognizes the members that matter in any spelling that some parser accepts.
func (g *Gate) keep(at depth, spelled []byte) (name string, plain bool) {
	var names []string
	switch at {
	case atMessage:
		names = messageNames
	case atParams:
		names = paramsNames
	case atMeta:
		names = g.metaNames
	}
	for _, name := range names {
		if string(spelled) == name {
			return name, true
		}
	}
	for _, name := range names {
		if readsAs(spelled, name, true) {
			return name, false
		}
	}
	return "", false
}

var (
	messageNames = []string{"method", "id", "params", "jsonrpc", "__proto__"}
	paramsNames  = []string{"name", "arguments", "inputResponses", "requestState", "_meta", "__proto__"}
)

// mayBeCall says whether some server takes v for "tools/call", if it is a string,
// or may find a call in it.
func (v Value) mayBeCall(line []byte) bool {
	raw := v.Raw(line)
	if v.Kind == '"' {
		return readsAs(raw[1:len(raw)-1], toolsCall, false)
	}
	return suspicious(raw)
}

// isResponse says whether a message whose method is null is a response: some
// clients write absent members as null.
func isResponse(message []byte) bool {
	m, err := Parse(message, 0)
	if err != nil {
		return false
	}
	params, _ := m.Member("params")
	_, result := m.Member("result")
	_, failed := m.Member("error")
	return (result || failed) && (params.Kind == 0 || params.Kind == 'n')
}

// ambiguous returns a refusal if parsers may differ about a member that matters.
// encoding/json takes the last of two and ignores case; others take the first, or
// do not decode escapes in names; with Object.assign, "__proto__" supplies missing
// members.
func (v Value) ambiguous() *refusal {
	for i, x := range v.members {
		switch {
		case x.name == "__proto__":
			return refuse(CodeInvalid, `a member is named "__proto__"`)
		case !x.plain:
			return refuse(CodeInvalid, fmt.Sprintf("%q is spelled in a way that servers read differently", x.name))
		}
		for _, y := range v.members[:i] {
			if x.name == y.name {
				return refuse(CodeInvalid, fmt.Sprintf("more than one member reads as %q", x.name))
			}
		}
	}
	return nil
}
