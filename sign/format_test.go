package sign

import (
	"bytes"
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
	if len(examples) != 6 {
		t.Fatalf("%d examples", len(examples))
	}
	const result = `{"content": [{"type": "text", "text": "127.0.0.1 localhost\n"}]}`
	if !bytes.Contains(page, []byte("`"+result+"`")) {
		t.Error("the result of the first call is not on the page")
	}
	sum, err := ValueHash([]byte(result))
	if err != nil {
		t.Fatal(err)
	}
	call := wantValid(t, examples[0][1])
	author := ed25519.NewKeyFromSeed(make([]byte, 32)).Public()
	for i, example := range examples {
		v := wantValid(t, example[1])
		if len(v.Signers) != 1 && i != 4 || !v.Signers[0].Key.Equal(author) {
			t.Errorf("example %d: signers %+v", i+1, v.Signers)
		}
		switch {
		case i == 0 && string(v.Params) != `{"head":10,"path":"/etc/hosts"}`,
			i == 1 && string(v.Arguments()) != `{"account": 9007199254740993}`,
			i == 1 && !v.Exact,
			i == 2 && string(v.Arguments()) != `{"path": "/etc/hosts", "head": 10.0}`,
			i == 2 && (v.Exact || v.ParamsHash != hashOf(`{"head":10,"path":"/etc/hosts"}`)),
			i == 3 && (v.Version != 2 || v.ParentID != call.ID || !v.Time.Equal(call.Time) || v.ParamsHash != call.ParamsHash || v.ResponseHash != sum),
			i == 4 && (v.Version != 3 || v.EmbeddedID != call.ID || !v.Signers[1].Key.Equal(public(1)) || v.ResponseHash != sum),
			i == 5 && v.Type != "torn_line":
			t.Errorf("example %d: %+v", i+1, v)
		}
	}

	outcome := Outcome{Status: "executed"}
	responded, err := testSigner(t).Respond(Response{
		Action: Action{Tool: "t", Session: "s", CallID: "n:1"}, ParamsHash: call.ParamsHash, RequestID: call.ID,
		Requested: call.Time, Responded: call.Time, ContentHash: sum, Outcome: outcome,
	})
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := testSigner(t).Cosign(call.Canonical, sum, outcome, call.Time)
	if err != nil {
		t.Fatal(err)
	}

	// We write the members that the examples show, and no others.
	ours := []*Receipt{
		makeReceipt(t, Action{Tool: "t", Arguments: []byte(`{}`), Session: "s", CallID: "n:1"}),
		makeReceipt(t, Action{Tool: "t", Arguments: []byte(`1e400`), Session: "s", CallID: "n:1"}),
		makeReceipt(t, Action{Tool: "t", Arguments: []byte(`{}`), Session: "s", CallID: "n:1", Room: 1}),
		responded, cosigned,
		makeEvent(t, "torn_line", event.Member{Name: "file", Value: []byte(`""`)}, event.Member{Name: "offset", Value: []byte(`0`)}),
	}
	for i, r := range ours {
		var made, shown map[string]json.RawMessage
		if json.Unmarshal(r.Record, &made) != nil || json.Unmarshal(examples[i][1], &shown) != nil {
			t.Fatal("not JSON")
		}
		for _, at := range []string{"", "action", "signer", "response", "server"} {
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
