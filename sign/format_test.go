package sign

import (
	"crypto/ed25519"
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// The examples in FORMAT.md are what they are said to be.
func TestFormatExamples(t *testing.T) {
	page, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1)
	if len(examples) != 4 {
		t.Fatalf("%d examples", len(examples))
	}
	author := ed25519.NewKeyFromSeed(make([]byte, 32)).Public()
	for i, example := range examples {
		v := wantValid(t, example[1])
		if len(v.Signers) != 1 || !v.Signers[0].Key.Equal(author) {
			t.Errorf("example %d: signers %+v", i+1, v.Signers)
		}
		switch {
		case i == 0 && string(v.Params) != `{"head":10,"path":"/etc/hosts"}`,
			i == 1 && string(v.Arguments()) != `{"account": 9007199254740993}`,
			i == 1 && !v.Exact,
			i == 2 && string(v.Arguments()) != `{"path": "/etc/hosts", "head": 10.0}`,
			i == 2 && (v.Exact || v.ParamsHash != hashOf(`{"head":10,"path":"/etc/hosts"}`)),
			i == 3 && v.Type != "torn_line":
			t.Errorf("example %d: %+v", i+1, v)
		}
	}

	// We write the members that the examples show, and no others.
	ours := []*Receipt{
		makeReceipt(t, Action{Tool: "t", Arguments: []byte(`{}`), Session: "s", CallID: "n:1"}),
		makeReceipt(t, Action{Tool: "t", Arguments: []byte(`1e400`), Session: "s", CallID: "n:1"}),
		makeReceipt(t, Action{Tool: "t", Arguments: []byte(`{}`), Session: "s", CallID: "n:1", Room: 1}),
		makeEvent(t, "torn_line", event.Member{Name: "file", Value: []byte(`""`)}, event.Member{Name: "offset", Value: []byte(`0`)}),
	}
	for i, r := range ours {
		var made, shown map[string]json.RawMessage
		if json.Unmarshal(r.Record, &made) != nil || json.Unmarshal(examples[i][1], &shown) != nil {
			t.Fatal("not JSON")
		}
		for _, at := range []string{"", "action", "signer"} {
			a, b := made, shown
			if at != "" && made[at] != nil {
				a, b = nil, nil
				if json.Unmarshal(made[at], &a) != nil || json.Unmarshal(shown[at], &b) != nil {
					t.Fatal("not JSON")
				}
			}
			for name := range a {
				if b[name] == nil {
					t.Errorf("example %d lacks %s.%s", i+1, at, name)
				}
			}
			if len(a) != len(b) {
				t.Errorf("example %d has %d members in %q, we write %d", i+1, len(b), at, len(a))
			}
		}
	}
}
