package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
)

// unsplice finds what is in got and not in want: receipts that were put
// into the line, and nothing else. It is written from the rule in docs/DESIGN.md
// ("the last member of _meta, or a new last member _meta of params"), not from
// the code that obeys it.
func unsplice(want, got []byte) (receipts [][]byte, err error) {
	i, j := 0, 0
	for j < len(got) {
		if i < len(want) && want[i] == got[j] {
			i, j = i+1, j+1
			continue
		}
		// What is inserted begins with a comma or a quote and is before a
		// closing brace or white space, so this is its first byte.
		n, receipt, err := inserted(got[j:])
		if err != nil {
			return nil, fmt.Errorf("byte %d: %w", j, err)
		}
		receipts = append(receipts, receipt)
		j += n
	}
	if i != len(want) {
		return nil, fmt.Errorf("%q is missing at the end", head(want[i:]))
	}
	return receipts, nil
}

// inserted reads the text of one insertion at the start of b.
func inserted(b []byte) (n int, receipt []byte, err error) {
	rest, _ := bytes.CutPrefix(b, []byte(","))
	rest, newMeta := bytes.CutPrefix(rest, []byte(`"_meta":{`))
	rest, ok := bytes.CutPrefix(rest, []byte(`"_signet":`))
	if !ok {
		return 0, nil, fmt.Errorf("%q is no insertion", head(b))
	}
	var raw json.RawMessage
	d := json.NewDecoder(bytes.NewReader(rest))
	if err := d.Decode(&raw); err != nil {
		return 0, nil, fmt.Errorf("the receipt in %q: %w", head(b), err)
	}
	rest = rest[d.InputOffset():]
	if newMeta {
		if rest, ok = bytes.CutPrefix(rest, []byte("}")); !ok {
			return 0, nil, fmt.Errorf("_meta is not closed in %q", head(b))
		}
	}
	return len(b) - len(rest), raw, nil
}

func TestUnsplice(t *testing.T) {
	for _, c := range []struct{ want, got, receipts string }{
		{`{"params":{}}`, `{"params":{"_meta":{"_signet":{"a":"}"}}}}`, `[{"a":"}"}]`},
		{`{"params":{"x":1 } }`, `{"params":{"x":1,"_meta":{"_signet":{}} } }`, `[{}]`},
		{`{"params":{"_meta":{"t":1}}}`, `{"params":{"_meta":{"t":1,"_signet":{}}}}`, `[{}]`},
		{`[{"p":{}},{"p":{}}]`, `[{"p":{"_meta":{"_signet":{"n":1}}}},{"p":{"_meta":{"_signet":{"n":2}}}}]`, `[{"n":1},{"n":2}]`},
		{`same`, `same`, `null`},
		{`{"a":1}`, `{"a":2}`, ``},
		{`{"a":1}`, `{"a":1`, ``},
		{`{"a":1}`, `{"a":1,"b":2}`, ``},
		{`{"p":{}}`, `{"p":{"_meta":{"_signet":{},"more":1}}}`, ``},
	} {
		receipts, err := unsplice([]byte(c.want), []byte(c.got))
		var got string
		if err == nil {
			raw := make([]json.RawMessage, len(receipts))
			for i := range receipts {
				raw[i] = receipts[i]
			}
			if receipts == nil {
				raw = nil
			}
			b, _ := json.Marshal(raw)
			got = string(b)
		}
		if got != c.receipts {
			t.Errorf("unsplice(%s, %s): %s, %v; want %s", c.want, c.got, got, err, c.receipts)
		}
	}
}
