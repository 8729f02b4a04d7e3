package mcpwire

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// message is one message of the server as it streams: a request, a notification, a
// response, or a batch of them.
type message struct {
	scanner
	listed bool // the tools in a result are wanted

	places [maxWatched]place // what is open, from the outside in, and places[0] the text
	word   []byte            // the member's name that is being read, as it is spelled
	member field             // the member whose value comes next
	takes  [maxTakes]take    // what takes the bytes that are read, from the outside in
	taking int               // how many do

	current one        // the message, or the element of a batch, that is being read
	found   []Response // in what was read
	held    int        // bytes that found holds
	full    bool       // responses found no room
	any     bool       // there was a message in it, whole or not
	doubt   doubt      // about all of them
}

// one is what is kept of one message that is not a batch.
type one struct {
	open       bool // its end is still to come
	doubt      doubt
	names      uint32 // bits of the fields that have come
	id, method buffer
	isMethod   bool // method is a string
	idTwice    bool
	parts      [partCount]part
	listing    *Listing
	name, tool buffer // of the listing's tool that is being read
}

// part is a result, an error, the params of a notification, or the result or error
// inside a task.
type part struct {
	kind   byte   // what the value begins with; 0: there is none
	failed bool   // of one inside: it is an error
	names  uint32 // bits of the fields that have come
	value  buffer
	fields [fieldCount]buffer
}

// The parts. What is inside part p is p + inside.
const (
	resultPart = iota
	paramsPart
	insideResult
	insideParams
	errorPart
	partCount

	inside = insideResult - resultPart
)

// place is what an array or object is. theParts and the later ones are the parts.
type place uint8

const (
	nowhere place = iota // it does not matter
	theText
	theBatch
	theMessage
	theTask
	theTools
	aTool
	theParts
)

// field is a member that matters, in the places where it matters.
type field uint8

const (
	noField field = iota

	// Of a part, its value kept.
	isErrorField
	resultTypeField
	requestStateField
	taskIDField
	statusField
	codeField
	messageField
	handleField // taskId of task
	fieldCount

	// Others.
	idField
	methodField
	resultField
	errorField
	paramsField
	taskField
	toolsField
	nameField
)

var fieldNames = map[string]field{
	"isError": isErrorField, "resultType": resultTypeField, "requestState": requestStateField, "taskId": taskIDField,
	"status": statusField, "code": codeField, "message": messageField,
	"id": idField, "method": methodField, "result": resultField, "error": errorField, "params": paramsField,
	"task": taskField, "tools": toolsField, "name": nameField,
}

var messageFields = []string{"id", "method", "result", "error"}

// take is a value whose bytes are wanted.
type take struct {
	to    *buffer
	depth int // how much is open around the value
	from  int // where in the piece it begins or goes on
}

// maxWatched is the number of levels whose members are looked at: the text, a
// batch, a message, its result, a value in that, an element of it. maxTakes is the
// number of nested values whose bytes are wanted: a result, the result inside it or
// a tool, a member.
const (
	maxWatched = 7
	maxTakes   = 4
)

// Bounds of what is kept, in bytes.
const (
	// MaxKept is the maximum length of a result that is kept, and so of one whose
	// content_hash is that of its canonical form.
	MaxKept = 1 << 20

	// maxCosignature is room for a receipt in a result.
	maxCosignature = 64 << 10

	maxHeld       = 4 << 20 // of the results of a batch
	maxIDBytes    = 64 << 10
	maxStateBytes = 1 << 20
	maxTaskBytes  = 64 << 10
	maxFieldBytes = 4 << 10
	maxWord       = 2 + 6*len("requestState") // each letter escaped
)

// doubt is a set of reasons why clients may read a response differently.
type doubt uint8

const (
	twice doubt = 1 << iota
	otherCase
	bothParts
	methodNoText
	returns
	noLineEnd
)

// doubts are the reasons in words, in the order of the bits.
var doubts = []string{
	"a member stands twice",
	"a member is spelled in other letters",
	"result and error stand together",
	"method is no string",
	"a carriage return stands inside",
	"no line end follows",
}

func (d doubt) String() string {
	var all []string
	for i, text := range doubts {
		if d>>i&1 == 1 {
			all = append(all, text)
		}
	}
	return strings.Join(all, ", ")
}

// reset clears the message. Small buffers are reused.
func (m *message) reset() {
	objects := m.objects[:0]
	if cap(objects) > 1<<10 {
		objects = nil
	}
	m.scanner = scanner{objects: objects}
	m.places[0], m.member, m.taking = nowhere, noField, 0
	clear(m.found)
	m.found, m.held, m.full, m.any, m.doubt = m.found[:0], 0, false, false, 0
	m.current.reset()
}

func (o *one) reset() {
	o.open, o.doubt, o.names, o.isMethod, o.idTwice, o.listing = false, 0, 0, false, false, nil
	o.id.reset()
	o.method.reset()
	for i := range o.parts {
		o.parts[i].reset()
	}
}

func (p *part) reset() {
	if p.kind == 0 {
		return // nothing has come
	}
	p.kind, p.failed, p.names = 0, false, 0
	p.value = buffer{} // a Response has its bytes
	for i := range p.fields {
		p.fields[i].reset()
	}
}

// read reads the next piece.
func (m *message) read(p []byte) {
	if m.places[0] == nowhere {
		m.places[0] = theText
	}
	for i := 0; i < len(p) && !m.lost && !m.junk; {
		i = m.step(p, i)
	}
	for t := range m.takes[:m.taking] {
		m.takes[t].to.Write(p[m.takes[t].from:])
		m.takes[t].from = 0
	}
}

// step reads the token at p[i], or its part in p, and returns the place of the next
// one.
func (m *message) step(p []byte, i int) int {
	over := false
	from := i
	switch m.state {
	case inString:
		i, over = m.text(p, i)
		if m.key && m.watched() {
			m.word = append(m.word, p[from:min(i, from+maxWord-len(m.word))]...)
		}
		switch {
		case over && m.key:
			m.state, m.member = expectColon, noField
			if m.watched() {
				m.named()
			}
		case over:
			m.end(p, i)
		}
		return i
	case inNumber:
		if i, over = m.digits(p, i); over {
			m.end(p, i)
		}
		return i
	case inLiteral:
		if i, over = m.letters(p, i); over {
			m.end(p, i)
		}
		return i
	}
	if !m.watched() && m.depth > 0 {
		return m.stepNested(p, i)
	}
	c := p[i]
	if c == ' ' || c == '\t' || c == '\n' {
		return i + 1
	}
	if c == '\r' {
		m.ret = true
		return i + 1
	}
	m.cr = m.cr || m.ret
	switch c {
	case '"':
		if m.key = m.state == expectName || m.state == expectMember; m.key {
			m.word = append(m.word[:0], c)
		} else {
			m.begin(c, i)
		}
		m.state = inString
	case '{', '[':
		child := m.begin(c, i)
		if m.open(c); m.depth < maxWatched {
			m.places[m.depth] = child
		}
	case '}', ']':
		closed := m.places[m.depth]
		if m.close(c) {
			m.end(p, i+1)
			m.closed(closed)
		}
	case ',':
		m.comma()
	case ':':
		m.colon()
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		m.begin(c, i)
		m.beginNumber(c)
	case 't', 'f', 'n':
		m.begin(c, i)
		m.beginLiteral(c)
	default:
		m.junk = m.junk || m.depth == 0 && m.state == expectValue && bytes.IndexByte(byteOrderMark, c) < 0
		m.bad = true
	}
	return i + 1
}

// watched says whether the members of the innermost open value matter.
func (m *message) watched() bool { return m.depth < maxWatched && m.places[m.depth] != nowhere }

// named handles the end of a name.
func (m *message) named() {
	name := m.word[1:max(1, len(m.word)-1)]
	if m.word[len(m.word)-1] != '"' {
		return // longer than any that matters
	}
	if bytes.IndexByte(m.word, '\\') >= 0 {
		name, _ = jsontext.AppendUnquote(nil, m.word)
	}
	m.member = fieldNames[string(name)]
	o := &m.current
	switch around := m.places[m.depth]; {
	case around == theMessage:
		switch m.member {
		case idField, methodField, resultField, errorField, paramsField:
			o.idTwice = o.idTwice || m.member == idField && o.names>>idField&1 == 1
			o.see(&o.names, m.member)
		default:
			m.member = noField
			for _, other := range messageFields {
				if string(name) != "jsonrpc" && readsAs(name, other, true) {
					o.doubt |= otherCase
				}
			}
		}
	case around >= theParts && m.member != noField:
		switch m.member {
		case idField, methodField, paramsField, nameField:
		default:
			o.see(&o.parts[around-theParts].names, m.member)
		}
	}
}

// see records a member, and whether it has occurred before.
func (o *one) see(names *uint32, f field) {
	if *names>>f&1 == 1 {
		o.doubt |= twice
	}
	*names |= 1 << f
}

// begin handles the first byte of a value, before the depth is changed. It returns
// what the value is, if it is an array or object that matters.
func (m *message) begin(c byte, at int) place {
	m.value()
	o := &m.current
	member := m.member
	m.member = noField
	switch around := m.places[m.depth]; around {
	case theText, theBatch:
		switch {
		case c == '{':
			o.reset()
			o.open, m.any = true, true
			return theMessage
		case c == '[' && around == theText:
			return theBatch
		}
		m.junk = m.junk || around == theText && m.depth == 0 && !m.bad
	case theMessage:
		switch member {
		case idField:
			m.take(&o.id, maxIDBytes, true, at)
		case methodField:
			o.isMethod = c == '"'
			m.take(&o.method, maxFieldBytes, true, at)
		case resultField:
			o.listing = nil
			return m.beginPart(resultPart, c, at)
		case errorField:
			return m.beginPart(errorPart, c, at)
		case paramsField:
			return m.beginPart(paramsPart, c, at)
		}
	case theTask:
		if member == taskIDField {
			m.take(&o.parts[m.part()].fields[handleField], maxTaskBytes, true, at)
		}
	case theTools:
		if c == '{' {
			o.name.reset()
			m.take(&o.tool, maxDefinition, false, at)
			return aTool
		}
	case aTool:
		if member == nameField {
			m.take(&o.name, maxDefinition, true, at)
		}
	default:
		return m.beginInside(int(around-theParts), member, c, at)
	}
	return nowhere
}

// part is the part that the innermost place is in.
func (m *message) part() int { return int(m.places[m.depth-1] - theParts) }

// beginInside is begin for a member of part p.
func (m *message) beginInside(p int, member field, c byte, at int) place {
	o := &m.current
	switch member {
	case resultField, errorField:
		in := p + inside
		if p > paramsPart || c != '{' {
			return nowhere
		}
		failed := member == errorField
		if o.parts[in].kind != 0 && o.parts[in].failed && !failed {
			return nowhere
		}
		child := m.beginPart(in, c, at)
		o.parts[in].failed = failed
		return child
	case taskField:
		if o.parts[p].fields[handleField].reset(); c == '{' {
			return theTask
		}
	case toolsField:
		if o.listing = nil; c == '[' && p == resultPart && m.listed {
			o.listing = &Listing{}
			return theTools
		}
	case requestStateField:
		m.take(&o.parts[p].fields[member], maxStateBytes, true, at)
	case taskIDField:
		m.take(&o.parts[p].fields[member], maxTaskBytes, true, at)
	case noField:
	default:
		if member < fieldCount {
			m.take(&o.parts[p].fields[member], maxFieldBytes, true, at)
		}
	}
	return nowhere
}

func (m *message) beginPart(p int, c byte, at int) place {
	o := &m.current
	if p < insideResult {
		o.parts[p+inside].reset()
	}
	o.parts[p].reset()
	o.parts[p].kind = c
	limit := MaxKept + maxCosignature
	if m.held > maxHeld-MaxKept {
		limit = 0
	}
	m.take(&o.parts[p].value, limit, false, at)
	if c == '{' {
		return theParts + place(p)
	}
	return nowhere
}

// take makes b receive the bytes of the value that begins at.
func (m *message) take(b *buffer, limit int, only bool, at int) {
	b.reset()
	b.max, b.only = limit, only
	m.takes[m.taking] = take{to: b, depth: m.depth, from: at}
	m.taking++
}

// end handles the end of a value, which is at p[:i], after the depth was changed.
func (m *message) end(p []byte, i int) {
	m.state = m.after()
	if n := m.taking - 1; n >= 0 && m.takes[n].depth == m.depth {
		m.takes[n].to.Write(p[m.takes[n].from:i])
		m.taking = n
	}
}

// stepNested is step where only the grammar matters, up to the place where more
// does.
func (m *message) stepNested(p []byte, i int) int {
	floor := min(m.depth, maxWatched) - 1
	for m.places[floor] == nowhere {
		floor--
	}
	if i = m.nested(p, i, floor); m.depth == floor && !m.lost {
		m.end(p, i)
	}
	return i
}

// closed handles the end of an array or object.
func (m *message) closed(at place) {
	switch at {
	case theMessage:
		m.closeMessage()
	case aTool:
		if m.current.listing != nil {
			m.current.listing.add(m.current.name.bytes(), &m.current.tool)
		}
	}
}

// closeMessage handles the end of the current message.
func (m *message) closeMessage() {
	m.current.open = false
	r, ok := m.current.response()
	if !ok {
		return
	}
	if len(m.found) == maxParts {
		m.full = true
		return
	}
	m.held += len(r.Value)
	if r.Inner != nil {
		m.held += len(r.Inner.Value)
	}
	m.found = append(m.found, r)
}

// finish returns the responses in the message, which has ended. They are valid
// until reset is called.
func (m *message) finish() []Response {
	switch {
	case m.junk, !m.any:
		return nil // no client takes it for a message
	case !m.whole():
		// Some program may read this message, or a part of it.
		if m.current.open {
			m.closeMessage()
		}
		for i, r := range m.found {
			m.found[i] = Response{ID: r.ID, Loose: r.Loose, Unreadable: true}
		}
		if len(m.found) == 0 {
			m.found = append(m.found, Response{Unreadable: true})
		}
	case m.full:
		m.found = append(m.found, Response{Unreadable: true})
	}
	if m.cr {
		m.doubt |= returns
	}
	if m.doubt != 0 {
		for i := range m.found {
			r := &m.found[i]
			r.Doubt = strings.TrimPrefix(r.Doubt+", "+m.doubt.String(), ", ")
		}
	}
	return m.found
}

// response is the response in the message, or what it says about a task.
func (o *one) response() (Response, bool) {
	has := func(f field) bool { return o.names>>f&1 == 1 }
	isResult, isError := o.parts[resultPart].kind != 0, o.parts[errorPart].kind != 0
	id, loose := "", ""
	if raw := o.id.bytes(); len(raw) > 0 {
		id, loose = idKey(raw)
	}
	switch {
	case o.isMethod:
		params := &o.parts[paramsPart]
		switch o.method.text() {
		case "notifications/tasks", "notifications/tasks/status":
			if task := &params.fields[taskIDField]; task.size > maxTaskBytes {
				return Response{Unreadable: true}, true
			} else if task.size > 0 {
				r := o.read(paramsPart)
				r.Task = TaskKey(task.text())
				return r, r.Task != ""
			}
		}
		// A request for most clients; for some also a response.
		return Response{ID: id, Loose: loose, Unreadable: true}, (isResult || isError) && id != ""
	case !isResult && !isError:
		// Values that are not JSON, or names that only some programs accept.
		return Response{ID: id, Loose: loose, Unreadable: true}, has(resultField) || has(errorField) || o.doubt&otherCase != 0
	case id == "" && o.doubt&(otherCase|twice) == 0 && (o.id.size == 0 || o.id.kept[0] == 'n' || o.id.kept[0] == '{'):
		return Response{}, false // it belongs to no request
	case id == "":
		// Too long, or not an id for most clients. Some take true as 1, or [2] as 2.
		return Response{Unreadable: true}, true
	}
	p := resultPart
	if isError {
		p = errorPart
		if isResult {
			o.doubt |= bothParts
			if o.parts[errorPart].kind == 'n' && o.parts[resultPart].kind != 'n' {
				p = resultPart
			}
		}
	}
	if has(methodField) {
		o.doubt |= methodNoText
	}
	r := o.read(p)
	r.ID, r.Loose, r.Failed, r.Doubt = id, loose, p == errorPart, o.doubt.String()
	r.IDTwice = o.idTwice
	if p == resultPart {
		r.Listing = o.listing
	}
	return r, true
}

// read is part p as it was sent, and what it says.
func (o *one) read(p int) Response {
	part := &o.parts[p]
	r := part.value.content()
	f := &part.fields
	r.Said = Said{
		IsError: string(f[isErrorField].bytes()) == "true",
		Status:  f[statusField].text(),
		Code:    string(f[codeField].bytes()),
		Message: f[messageField].beginning(),
	}
	handle := &f[handleField]
	switch f[resultTypeField].text() {
	case "input_required":
		r.Said.Input = true
		r.Said.State = StateKey(f[requestStateField].bytes())
	case "task": // 2026-07-28, the extension io.modelcontextprotocol/tasks
		if handle.text() == "" { // else as in 2025-11-25, basic/utilities/tasks
			handle = &f[taskIDField]
		}
	}
	r.Said.Handle, r.Said.HandleCut = TaskKey(handle.beginning()), handle.size > handle.max
	if p < insideResult && o.parts[p+inside].kind != 0 {
		in := o.read(p + inside)
		in.Failed = o.parts[p+inside].failed
		r.Inner = &in
	}
	return r
}

// IDIn is the exact key of the id in one message; "" if it has none, is a batch, or
// cannot be read.
func IDIn(text []byte) string {
	var m message
	m.read(text)
	if m.depth > 0 || !m.any {
		return ""
	}
	return IDKey(m.current.id.bytes())
}
