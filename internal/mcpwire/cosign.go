package mcpwire

import (
	"bytes"
	"slices"
)

// A Place is where a receipt is inserted into a message: at the offset At, between
// Before and After.
type Place struct {
	At            int
	Before, After string
}

// Insert returns the message with the receipt.
func (p Place) Insert(message, receipt []byte) []byte {
	b := make([]byte, 0, len(message)+len(p.Before)+len(receipt)+len(p.After))
	b = append(append(append(b, message[:p.At]...), p.Before...), receipt...)
	return append(append(b, p.After...), message[p.At:]...)
}

// ResultPlace is the place in the _meta of the result of a response, as the last
// member, for a receipt under the name key. ok is false if there is none: the message
// is not one response with an object as its result, or it has such a member already.
func ResultPlace(message []byte, key string) (p Place, ok bool) {
	root, err := Parse(message, 0)
	if err != nil {
		return p, false
	}
	result, meta, ok := resultMeta(message, root)
	if !ok {
		return p, false
	}
	named := Quoted(key) + ":"
	if meta.Kind == 0 {
		return Place{result.end - 1, comma(result) + `"_meta":{` + named, "}"}, true
	}
	if _, there := meta.Member(key); there {
		return p, false
	}
	return Place{meta.end - 1, comma(meta) + named, ""}, true
}

// resultMeta is the result of a message, and its _meta, of kind 0 if it has none,
// with places in the message. ok is false if one of them is not an object.
func resultMeta(message []byte, root Value) (result, meta Value, ok bool) {
	r, _ := root.Member("result")
	if result, ok = objectAt(message, r); !ok {
		return result, meta, false
	}
	m, there := result.Member("_meta")
	if !there {
		return result, meta, true
	}
	meta, ok = objectAt(message, m)
	return result, meta, ok
}

// objectAt reads the object at v.
func objectAt(message []byte, v Value) (Value, bool) {
	if v.Kind != '{' {
		return v, false
	}
	o, err := Parse(message[:v.end], v.start)
	return o, err == nil && o.Kind == '{'
}

// CarriedReceipt is what a result carries in its _meta under the name key, and what
// the result may have been before it was inserted: one of rests. If all is where
// Place.Insert has put it, that is the result to the byte. But a program on the way,
// such as mcp-remote, may have written the JSON again, with _meta first or with spaces:
// then it is equal in canonical form. receipt is nil if there is none.
func CarriedReceipt(result []byte, key string) (receipt []byte, rests [][]byte) {
	if !bytes.Contains(result, []byte(Quoted(key))) {
		return nil, nil // nearly always
	}
	root, err := Parse(result, 0)
	if err != nil || root.Kind != '{' {
		return nil, nil
	}
	m, _ := root.Member("_meta")
	meta, ok := objectAt(result, m)
	if !ok {
		return nil, nil
	}
	v, ok := meta.Member(key)
	if !ok {
		return nil, nil
	}
	if rest, ok := without(result, "_meta", m); ok && len(meta.members) == 1 {
		rests = append(rests, rest)
	}
	if rest, ok := without(result, key, v); ok {
		rests = append(rests, rest)
	}
	return v.Raw(result), rests
}

// without is a copy of message without the member name, whose value is v, and without
// the comma before it, or after it if it is the first. ok is false if the name is not
// spelled letter by letter.
func without(message []byte, name string, v Value) (rest []byte, ok bool) {
	const space = " \t\r\n"
	before, after := bytes.TrimRight(message[:v.start], space), message[v.end:]
	if before, ok = bytes.CutSuffix(before, []byte(":")); !ok {
		return nil, false
	}
	if before, ok = bytes.CutSuffix(bytes.TrimRight(before, space), []byte(Quoted(name))); !ok {
		return nil, false
	}
	if b, follows := bytes.CutSuffix(bytes.TrimRight(before, space), []byte(",")); follows {
		before = b
	} else if a, first := bytes.CutPrefix(bytes.TrimLeft(after, space), []byte(",")); first {
		after = a
	}
	return slices.Concat(before, after), true
}
