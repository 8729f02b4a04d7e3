package mcpwire

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// The keys of _meta by which each request and result of 2026-07-28 says what
// the handshake said before.
const (
	MetaProtocol = "io.modelcontextprotocol/protocolVersion"
	MetaClient   = "io.modelcontextprotocol/clientInfo"
	MetaServer   = "io.modelcontextprotocol/serverInfo"
)

// Call is one tools/call and its place in the line. Offsets are bytes from the
// start of the line.
type Call struct {
	Fields
	InsertAt int    // where the receipt is inserted; 0: nowhere (no place for it, or the call carries one already)
	Before   string // inserted before the receipt: a comma and member names
	After    string // inserted after it: a closing brace
}

// Fields are what a call says. A Fields converts to a record.Call of package
// wrap/record: the two types have the same fields.
type Fields struct {
	Tool      string          // params.name as stated; "" if missing
	Arguments json.RawMessage // params.arguments as sent, or params if that is neither object nor null; nil if missing
	ID        json.RawMessage // as sent; nil if missing
	TraceID   string          // of a valid _meta.traceparent
	ParentID  string          // id of the receipt that the call carries already; "" if it has none or it is not readable

	InputResponses, RequestState json.RawMessage // as sent; nil if missing

	Client   json.RawMessage // clientInfo of _meta as sent
	Protocol string          // protocolVersion of _meta

	Span      string           // parent-id of a valid _meta.traceparent
	ClientIDs []event.ClientID // ids of the client in _meta

	// Carried is the member that carries a receipt, as sent; nil: there is none.
	// Doubtful says that it is there more than once, or in a spelling that servers
	// read differently; then Carried is one of them.
	Carried  json.RawMessage
	Doubtful bool

	Room int // the most bytes that the receipt may have at InsertAt with the arguments in it; 0: no bound
}

// call reads what the receipt will say about the call m, and where it is inserted.
func (g *Gate) call(line []byte, m Value) (Call, *refusal) {
	var c Call
	if id, ok := m.Member("id"); ok {
		c.ID = id.Raw(line)
	}
	params, ok := m.Member("params")
	if !ok || params.Kind == 'n' {
		return c, nil
	}
	if params.Kind != '{' {
		c.Arguments = params.Raw(line)
		return c, nil
	}
	if r := params.ambiguous(); r != nil {
		r.Reason = "in params, " + r.Reason
		return c, r
	}
	if name, ok := params.Member("name"); ok {
		c.Tool = stated(line, name, "")
	}
	if a, ok := params.Member("arguments"); ok {
		c.Arguments = a.Raw(line)
	}
	if input, ok := params.Member("inputResponses"); ok {
		c.InputResponses = input.Raw(line)
	}
	if state, ok := params.Member("requestState"); ok {
		c.RequestState = state.Raw(line)
	}
	g.place(line, params, &c)
	return c, nil
}

// place finds where the receipt is inserted, and the members of _meta that it
// repeats.
func (g *Gate) place(line []byte, params Value, c *Call) {
	meta, ok := params.Member("_meta")
	if !ok {
		if g.named != "" {
			c.InsertAt = params.end - 1
			c.Before, c.After = comma(params)+`"_meta":{`+g.named, "}"
		}
		return
	}
	if meta.Kind != '{' {
		return
	}
	if trace, ok := meta.Member("traceparent"); ok {
		s, _ := trace.strict(line)
		c.TraceID, c.Span = traceParent(s)
	}
	c.ClientIDs = clientIDs(line, meta)
	if client, ok := meta.Member(MetaClient); ok {
		c.Client = client.Raw(line)
	}
	if protocol, ok := meta.Member(MetaProtocol); ok {
		c.Protocol, _ = protocol.Text(line)
	}
	for i, m := range meta.members {
		if m.name == g.metaKey && (!m.plain || slices.ContainsFunc(meta.members[:i], func(x member) bool { return x.name == m.name })) {
			c.Doubtful = true
		}
	}
	if carried, ok := meta.Member(g.metaKey); ok {
		c.Carried = carried.Raw(line)
		// A call that already carries a receipt keeps it. If the member is
		// something else, such as null, it also stays: parsers would read a second
		// member of the name differently, and no byte is changed.
		c.ParentID = receiptID(carried.Raw(line))
		return
	}
	if g.named == "" {
		return
	}
	c.InsertAt = meta.end - 1
	c.Before = comma(meta) + g.named
}

func comma(object Value) string {
	if object.size > 0 {
		return ","
	}
	return ""
}

// CallID is a receipt's call_id for a JSON-RPC id: "n:" and the number as sent,
// "s:" and the string, or as stated; "" if raw is not an id.
func CallID(raw []byte) string {
	id := Value{Kind: byte(jsontext.Value(raw).Kind()), end: len(raw)}
	switch id.Kind {
	case '0':
		return stated(raw, id, "n:")
	case '"':
		return stated(raw, id, "s:")
	}
	return ""
}

// maxStated is the maximum length of a name or id in a receipt, in bytes of JSON.
// Real ones have some dozens (2025-11-25, server/tools: a name SHOULD have at most
// 128). Without the limit a hostile one would double its request.
const maxStated = 1024

// Before what is stated by its JSON text, or by the hash of that.
const (
	asJSON = "json:"
	asHash = "hash:"
)

// stated is how a receipt states the name or id v. No two different ones are stated
// alike (sign/FORMAT.md, "Names"). After kind it is a string or a number unchanged.
// After asJSON it is the JSON text of a value that is not a string of Unicode
// characters, or of a string that begins like one of these forms. After asHash it
// is the hash of a text that is longer than maxStated or not UTF-8.
func stated(line []byte, v Value, kind string) string {
	raw := v.Raw(line)
	if len(raw) > maxStated || !utf8.Valid(raw) {
		return asHash + event.HashOf(raw).String()
	}
	s, ok := v.strict(line)
	if kind == "n:" {
		s, ok = string(raw), true
	}
	if !ok || kind == "" && (strings.HasPrefix(s, asJSON) || strings.HasPrefix(s, asHash)) {
		return asJSON + string(raw)
	}
	return kind + s
}

// WellFormed is the string at v. If that is not a string of Unicode characters, it
// is its JSON text, so that the receipt repeats what was sent.
func WellFormed(line []byte, v Value) string {
	if s, ok := v.strict(line); ok {
		return s
	}
	return strings.ToValidUTF8(string(v.Raw(line)), "\ufffd")
}

// receiptID is the id of the receipt that a call carries; "" if it has none of a
// plausible form.
func receiptID(raw []byte) string {
	v, err := Parse(raw, 0)
	if err != nil || v.Kind != '{' {
		return ""
	}
	id, _ := v.Member("id")
	s, ok := id.strict(raw)
	if !ok || len(s) > 128 || !strings.HasPrefix(s, "rec_") {
		return ""
	}
	return s
}

// traceParent is the trace-id and the parent-id of a traceparent, W3C Trace Context
// 3.2.2; "" if it is invalid.
func traceParent(s string) (trace, span string) {
	p := strings.Split(s, "-")
	if len(p) < 4 || len(p[0]) != 2 || len(p[1]) != 32 || len(p[2]) != 16 || len(p[3]) != 2 {
		return "", ""
	}
	if p[0] == "ff" || p[0] == "00" && len(p) != 4 {
		return "", ""
	}
	for _, x := range p[:4] {
		if strings.Trim(x, "0123456789abcdef") != "" {
			return "", ""
		}
	}
	if strings.Trim(p[1], "0") == "" || strings.Trim(p[2], "0") == "" {
		return "", ""
	}
	return p[1], p[2]
}
