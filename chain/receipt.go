package chain

import (
	"bytes"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// dayTime is the time that decides the record's day: ts, ts_request of version 2,
// ts_response of version 3. It is zero if the receipt has none.
func (r *record) dayTime() time.Time {
	m := r.members("v", "ts", "ts_request", "ts_response")
	switch string(m[0]) {
	case "2":
		return parseTime(m[2])
	case "3":
		return parseTime(m[3])
	}
	return parseTime(m[1])
}

// latest is the latest time in a receipt: a response comes after its request if one
// observer signs both.
func (r *record) latest() time.Time {
	at, responded := r.dayTime(), parseTime(r.members("ts_response")[0])
	if responded.After(at) {
		return responded
	}
	return at
}

// parseTime reads a JSON string. It is zero if value is not a time.
func parseTime(value []byte) time.Time {
	text, _ := canon.PlainText(value)
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// isEvent says whether the receipt has a type member: FORMAT.md, "Events".
func (r *record) isEvent() bool {
	// Few receipts have one, so a search is cheaper than parsing.
	return bytes.Contains(r.receipt, []byte(`"type":`)) && r.members("type")[0] != nil
}

// members returns the values of the receipt's members with these names; nil where
// there is none. A refused receipt has none.
func (r *record) members(names ...string) [][]byte {
	values := make([][]byte, len(names))
	if r.refused != nil {
		return values
	}
	for cur := canon.Members(r.receipt); cur.Next(); {
		for i := range names {
			if string(cur.Name) == names[i] {
				values[i] = cur.Value
			}
		}
	}
	return values
}
