package wrap

import "strings"

// call is one tools/call as it stands in its line. Offsets are bytes from the
// start of the line.
type call struct {
	tool      string // params.name; its JSON text if that is no well-formed string; "" if missing
	arguments []byte // params.arguments as sent, or params if that is neither object nor null; nil if missing
	id        string // receipt's call_id: "n:<number as sent>", "s:<string>", "" if it has none
	key       string // the id as idKey
	traceID   string // of a valid _meta.traceparent
	carried   string // id of the receipt that the call already carries, if that can be read

	// What the call says of its session and of calls before it.
	bringsInput bool   // it has inputResponses or requestState
	state       string // the stateKey of its requestState
	client      []byte // clientInfo of _meta as sent
	protocol    string // protocolVersion of _meta

	insertAt int    // where the receipt goes in; 0 if there is no place, or one is carried
	before   string // what stands before the receipt at insertAt: comma and names
	after    string // what stands after it: closing brace
}

// call reads what the receipt will say of the call m, and where it goes in.
func (g *gate) call(line []byte, m value) (call, *refusal) {
	var c call
	if id, ok := m.member("id"); ok {
		c.id, c.key = callID(line, id), idKey(id.raw(line))
	}
	params, ok := m.member("params")
	if !ok || params.kind == 'n' {
		return c, nil
	}
	if params.kind != '{' {
		c.arguments = params.raw(line)
		return c, nil
	}
	if r := params.ambiguous(); r != nil {
		r.reason = "in params, " + r.reason
		return c, r
	}
	if name, ok := params.member("name"); ok {
		c.tool = wellFormed(line, name)
	}
	if a, ok := params.member("arguments"); ok {
		c.arguments = a.raw(line)
	}
	if _, ok := params.member("inputResponses"); ok {
		c.bringsInput = true
	}
	if state, ok := params.member("requestState"); ok {
		c.bringsInput, c.state = true, stateKey(state.raw(line))
	}
	g.place(line, params, &c)
	return c, nil
}

// place finds where the receipt goes, and what _meta says that it repeats.
func (g *gate) place(line []byte, params value, c *call) {
	meta, ok := params.member("_meta")
	if !ok {
		c.insertAt = params.end - 1
		c.before, c.after = comma(params)+`"_meta":{`+g.named, "}"
		return
	}
	if meta.kind != '{' {
		return
	}
	if trace, ok := meta.member("traceparent"); ok {
		s, _ := trace.strict(line)
		c.traceID = traceID(s)
	}
	if client, ok := meta.member(metaClient); ok {
		c.client = client.raw(line)
	}
	if protocol, ok := meta.member(metaProtocol); ok {
		c.protocol, _ = protocol.text(line)
	}
	if carried, ok := meta.member(g.metaKey); ok {
		// A call that already carries a receipt keeps it.
		c.carried = receiptID(carried.raw(line))
		return
	}
	c.insertAt = meta.end - 1
	c.before = comma(meta) + g.named
}

func comma(object value) string {
	if object.size > 0 {
		return ","
	}
	return ""
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
