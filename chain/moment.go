package chain

import (
	"bytes"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// timeForm is how times are written: RFC 3339, UTC, milliseconds.
const timeForm = "2006-01-02T15:04:05.000Z"

// dayForm is the name of a day's file, less ".jsonl".
const dayForm = "2006-01-02"

// moment is the time that decides a receipt's day: ts, ts_request of version 2,
// ts_response of version 3. It is zero if the receipt does not say.
func moment(receipt []byte) time.Time {
	m := members(receipt, "v", "ts", "ts_request", "ts_response")
	text := m[1]
	switch string(m[0]) {
	case "2":
		text = m[2]
	case "3":
		text = m[3]
	}
	t, err := time.Parse(time.RFC3339, string(bytes.Trim(text, `"`)))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// latest is the latest time that a receipt states: where one observer signs
// both, an answer comes after its request.
func latest(receipt []byte) time.Time {
	at := moment(receipt)
	if responded, err := time.Parse(time.RFC3339, string(bytes.Trim(members(receipt, "ts_response")[0], `"`))); err == nil && responded.After(at) {
		return responded.UTC()
	}
	return at
}

// isEvent says whether receipt has a type member: FORMAT.md, "Events".
func isEvent(receipt []byte) bool {
	// Nearly no receipt has one, so look before parsing. A name may be
	// written with escapes, but not in canonical form, nor by the reference.
	return bytes.Contains(receipt, []byte(`"type"`)) && members(receipt, "type")[0] != nil
}

// members returns the values of the top-level members with these names, nil
// where there is none, as far as object can be read.
func members(object []byte, names ...string) [][]byte {
	values := make([][]byte, len(names))
	d := jsontext.NewDecoder(bytes.NewBuffer(object))
	if tok, err := d.ReadToken(); err != nil || tok.Kind() != '{' {
		return values
	}
	for d.PeekKind() == '"' {
		tok, err := d.ReadToken()
		if err != nil {
			break
		}
		name := tok.String()
		v, err := d.ReadValue()
		if err != nil {
			break
		}
		for i := range names {
			if name == names[i] {
				values[i] = bytes.Clone(v)
			}
		}
	}
	return values
}
