package mcpwire

import "bytes"

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
// the result may have been before it was inserted: one of rests. If it is not where
// ResultPlace has it, there are no rests. receipt is nil if there is none.
func CarriedReceipt(result []byte, key string) (receipt []byte, rests [][]byte) {
	named := []byte(Quoted(key) + ":")
	if !bytes.Contains(result, named[:len(named)-1]) {
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
	receipt = v.Raw(result)
	before, after := result[:v.start], result[v.end:]
	before, ok = bytes.CutSuffix(before, named)
	if !ok || !bytes.HasPrefix(after, []byte("}")) {
		return receipt, nil
	}
	join := func(a, b []byte) { rests = append(rests, append(append(make([]byte, 0, len(a)+len(b)), a...), b...)) }
	if outer, ok := bytes.CutSuffix(before, []byte(`"_meta":{`)); ok && bytes.HasPrefix(after, []byte("}}")) {
		join(bytes.TrimSuffix(outer, []byte(",")), after[1:])
	}
	join(bytes.TrimSuffix(before, []byte(",")), after)
	return receipt, rests
}
