package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-wrap/signet-wrap/internal/canon"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// wantCanonical asks this package's way and another.
func wantCanonical(t *testing.T, b []byte) {
	t.Helper()
	c := jsontext.Value(bytes.Clone(b))
	if err := c.Canonicalize(); err != nil || !bytes.Equal(c, b) || !canon.IsCanonical(b) {
		t.Errorf("not canonical (%v): %.2000s", err, b)
	}
}

func TestReceiptMembers(t *testing.T) {
	full := Action{
		Tool: "a\"b", Arguments: []byte(` {"b": 1.50, "a": "\u00e9"} `), Target: "mcp://x", Transport: "http",
		Session: "ses_1", CallID: "s:x\n", TraceID: "abc", ParentID: "rec_9",
	}
	signer := object{"pubkey": written(public(7)), "name": "agent", "owner": "alice"}
	for _, test := range []struct {
		name   string
		action Action
		want   object // the member action
	}{
		{"everything", full, object{
			"tool": "a\"b", "params": object{"a": "é", "b": 1.5}, "params_hash": hashOf(`{"a":"é","b":1.5}`), "target": "mcp://x", "transport": "http",
			"session": "ses_1", "call_id": "s:x\n", "trace_id": "abc", "parent_receipt_id": "rec_9"}},
		{"nothing", Action{}, object{"tool": "", "params": nil, "params_hash": hashOf(`{}`), "target": "", "transport": "stdio"}},
		{"argument null", Action{Arguments: []byte(`null`)}, object{"tool": "", "params": nil, "params_hash": hashOf(`null`), "target": "", "transport": "stdio"}},
		{"empty arguments", Action{Arguments: []byte(`{ }`)}, object{"tool": "", "params": object{}, "params_hash": hashOf(`{}`), "target": "", "transport": "stdio"}},
		{"arguments that are no object", Action{Arguments: []byte(`[1, "x"]`)}, object{"tool": "", "params": []any{1, "x"}, "params_hash": hashOf(`[1,"x"]`), "target": "", "transport": "stdio"}},
		{"hash only", Action{Tool: "t", Arguments: []byte(`{"b":1, "a":2}`), HashOnly: true}, object{"tool": "t", "params": nil, "params_hash": hashOf(`{"a":2,"b":1}`), "target": "", "transport": "stdio"}},
		{"not UTF-8", Action{Tool: "\xff", CallID: "\xc0\x80"}, object{"tool": "\ufffd", "call_id": "\ufffd\ufffd", "params": nil, "params_hash": hashOf(`{}`), "target": "", "transport": "stdio"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := makeReceipt(t, test.action)
			wantCanonical(t, r.JSON)
			if v := wantValid(t, r.JSON); v.HashOnly != test.action.HashOnly || v.Exact {
				t.Errorf("hash only: %v, exact: %v", v.HashOnly, v.Exact)
			}
			if &r.JSON[0] != &r.Record[0] || len(r.JSON) != len(r.Record) {
				t.Error("JSON and Record differ")
			}
			var got object
			if err := json.Unmarshal(r.JSON, &got); err != nil {
				t.Fatal(err)
			}
			if got["id"] != r.ID {
				t.Errorf("id %v, ID %s", got["id"], r.ID)
			}
			for name, pattern := range map[string]string{"id": `^rec_[0-9a-f]{32}$`, "nonce": `^rnd_[0-9a-f]{32}$`, "sig": `^ed25519:[A-Za-z0-9+/]{86}==$`} {
				if s, _ := got[name].(string); !regexp.MustCompile(pattern).MatchString(s) {
					t.Errorf("%s: %v", name, got[name])
				}
				delete(got, name)
			}
			var want object
			if err := json.Unmarshal(object{"v": 1, "ts": "2026-05-01T10:00:00.123Z", "signer": signer, "action": test.want}.canonical(t), &want); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func TestVerified(t *testing.T) {
	r := makeReceipt(t, Action{Tool: "a\"b", Arguments: []byte(`{"b":1,"a":2}`), Target: "mcp://x", Session: "s", CallID: "n:1", TraceID: "t", ParentID: "p"})
	want := &Verified{
		Version: 1, ID: r.ID, Canonical: r.JSON, Tool: "a\"b", Target: "mcp://x", Transport: "stdio", Session: "s", CallID: "n:1", TraceID: "t", ParentID: "p",
		Params: []byte(`{"a":2,"b":1}`), ParamsHash: hashOf(`{"a":2,"b":1}`), Time: time.Date(2026, 5, 1, 10, 0, 0, 123e6, time.UTC),
		Signers: []Party{{Role: "agent", Name: "agent", Owner: "alice", Key: public(7)}},
	}
	for name, f := range map[string]func([]byte) (*Verified, error){"Verify": anyone(Verify), "Read": ReadUnverified} {
		t.Run(name, func(t *testing.T) {
			got, err := f(r.JSON)
			if got.ts != "2026-05-01T10:00:00.123Z" || len(got.nonce) != 4+32 {
				t.Errorf("ts %q, nonce %q", got.ts, got.nonce)
			}
			got.ts, got.nonce = "", ""
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, got, want)
			}
			if string(got.Arguments()) != `{"a":2,"b":1}` {
				t.Errorf("arguments %s", got.Arguments())
			}
		})
	}
}

// Arguments that RFC 8785 cannot represent are signed by their bytes.
func TestExact(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`[`, n) + strings.Repeat(`]`, n) }
	for _, test := range []struct {
		name, arguments string
		exact           bool
	}{
		{"2^53+1", `{"id":9007199254740993}`, true},
		{"2^53, which the reference refuses", `{"id":9007199254740992}`, true},
		{"the same as 1e17", `{"id": 1e17}`, true},
		{"2^53-1", `{"id":9007199254740991}`, false},
		{"an integer beyond 64 bits", `{"id":123456789012345680000}`, false},
		{"overflow", `[1e400]`, true},
		{"underflow", `[1e-400]`, true},
		{"too many digits", `[0.1000000000000000055]`, true},
		{"lone surrogate", `"\ud800"`, true},
		{"duplicate name", `{"a":1,"\u0061":2}`, true},
		{"not UTF-8", "{\"a\":\"\xff\xfe\"}", true},
		{"white space about it, and CR", " {\"a\" : 1e400\r} ", true},
		{"nested to the limit", deep(canon.PortableDepth), false},
		{"nested beyond the limit", deep(canon.PortableDepth + 1), true},
		{"nested beyond any stack", deep(200_000), true},
		{"1 MiB", `"` + strings.Repeat("a", maxParams-2) + `"`, false},
		{"1 MiB + 1", `"` + strings.Repeat("a", maxParams-1) + `"`, true},
		{"1 MiB + 1 as sent, small in canonical form", `{"a":1}` + strings.Repeat(" ", maxParams), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			action := Action{Tool: "t", Arguments: []byte(test.arguments), Target: "mcp://x"}
			d := prepare(t, action)
			r, err := d.Sign(testTime)
			if err != nil {
				t.Fatal(err)
			}
			if &r.JSON[0] != &d.action[0] || test.exact && &r.Record[0] != &d.record[0] {
				t.Error("copied under the lock")
			}
			wantCanonical(t, r.JSON)
			wantCanonical(t, r.Record)
			v := wantValid(t, r.Record)
			if v.Exact != test.exact || v.Apart != test.exact || v.HashOnly {
				t.Fatalf("exact: %v, want %v; hash only: %v", v.Exact, test.exact, v.HashOnly)
			}
			if !test.exact {
				if string(r.JSON) != string(r.Record) || v.Params == nil {
					t.Error("not as usual")
				}
				return
			}
			if string(v.Arguments()) != test.arguments || v.Params != nil {
				t.Errorf("arguments are %.100q, params %.100q", v.Arguments(), v.Params)
			}
			if v.ParamsHash != hashOf(test.arguments) {
				t.Error("params_hash is not that of the bytes")
			}
			if len(r.JSON) > 700 {
				t.Errorf("what travels has %d bytes", len(r.JSON))
			}
			// The receipt that travels is the logged one without params_raw.
			var logged, travels object
			if json.Unmarshal(r.Record, &logged) != nil || json.Unmarshal(r.JSON, &travels) != nil {
				t.Fatal("not JSON")
			}
			delete(logged, "params_raw")
			if !reflect.DeepEqual(logged, travels) {
				t.Errorf("record %v\ntravels %v", logged, travels)
			}
			if v := wantValid(t, r.JSON); v.Exact || v.Apart || !v.HashOnly || v.Arguments() != nil || v.ID != r.ID {
				t.Errorf("what travels: %+v", v)
			}

			action.HashOnly = true
			hidden := makeReceipt(t, action)
			if string(hidden.JSON) != string(hidden.Record) {
				t.Error("hash only, and yet there is params_raw")
			}
			if v := wantValid(t, hidden.Record); v.ParamsHash != hashOf(test.arguments) || !v.HashOnly {
				t.Errorf("hash only: %+v", v)
			}
		})
	}
}

// Arguments are left out of a receipt that would be longer than its room.
func TestApart(t *testing.T) {
	arguments := ` { "b" : "` + strings.Repeat("é", 500) + `", "a" : [1.50, "\u0041"] } `
	canonical := `{"a":[1.5,"A"],"b":"` + strings.Repeat("é", 500) + `"}`
	action := Action{Tool: "a\"tool", Arguments: []byte(arguments), Target: "mcp://x", Session: "ses_1", CallID: "n:1"}
	whole := makeReceipt(t, action)
	for _, room := range []int{0, len(whole.JSON), len(whole.JSON) + 1, 1 << 20} {
		action.Room = room
		if r := makeReceipt(t, action); len(r.JSON) != len(whole.JSON) || string(r.Record) != string(r.JSON) || wantValid(t, r.JSON).Apart {
			t.Errorf("room for %d bytes, and the arguments stand apart: %s", room, r.JSON)
		}
	}
	for _, room := range []int{-1, 1, 500, len(canonical), len(whole.JSON) - 1} {
		t.Run(fmt.Sprint(room), func(t *testing.T) {
			action := action
			action.Room = room
			d := prepare(t, action)
			d.SetParent("rec_0123")
			r, err := d.Sign(testTime)
			if err != nil {
				t.Fatal(err)
			}
			wantCanonical(t, r.JSON)
			wantCanonical(t, r.Record)
			if len(r.JSON) > 600 {
				t.Errorf("what travels has %d bytes", len(r.JSON))
			}
			logged, travels := wantValid(t, r.Record), wantValid(t, r.JSON)
			if !logged.Apart || logged.Exact || logged.HashOnly || logged.Params != nil || string(logged.Arguments()) != arguments {
				t.Errorf("the record: %+v", logged)
			}
			if travels.Apart || !travels.HashOnly || travels.Arguments() != nil {
				t.Errorf("what travels: %+v", travels)
			}
			for _, v := range []*Verified{logged, travels} {
				if v.ID != r.ID || v.ParamsHash != hashOf(canonical) || v.ParamsHash != d.ParamsHash() || v.ParentID != "rec_0123" {
					t.Errorf("%+v", v)
				}
			}

			action.HashOnly = true
			if r := makeReceipt(t, action); string(r.JSON) != string(r.Record) || !wantValid(t, r.Record).HashOnly {
				t.Errorf("hash only: %s", r.Record)
			}
			// By their bytes, as without a bound.
			action.HashOnly, action.Arguments = false, []byte(`[1e400]`)
			if v := wantValid(t, makeReceipt(t, action).Record); !v.Exact {
				t.Errorf("%+v", v)
			}
			// There are no arguments to leave out.
			action.Arguments = nil
			if r := makeReceipt(t, action); string(r.JSON) != string(r.Record) || wantValid(t, r.JSON).HashOnly {
				t.Errorf("no arguments: %s", r.Record)
			}
		})
	}
}

func TestPrepareNotJSON(t *testing.T) {
	for _, arguments := range []string{``, ` `, `{`, `{"a":1}}`, `nope`, `"` + strings.Repeat("a", maxParams), strings.Repeat("[", maxParams+1)} {
		for _, hashOnly := range []bool{false, true} {
			_, err := testSigner(t).Prepare(Action{Tool: "t", Arguments: []byte(arguments), HashOnly: hashOnly})
			if err == nil || !strings.Contains(err.Error(), `"t"`) {
				t.Errorf("%.20q: %v", arguments, err)
			}
		}
	}
}

// A draft may be signed again, as when an append is tried again. The first receipt
// does not change.
func TestSignTwice(t *testing.T) {
	for name, arguments := range map[string]string{"usual": `{"a":1}`, "exact": `{"a":1e400}`} {
		t.Run(name, func(t *testing.T) {
			d := prepare(t, Action{Tool: "t", Arguments: []byte(arguments)})
			var receipts []*Receipt
			var copies []Receipt
			for i := range 3 {
				r, err := d.Sign(testTime.Add(time.Duration(i) * time.Hour))
				if err != nil {
					t.Fatal(err)
				}
				receipts = append(receipts, r)
				copies = append(copies, Receipt{ID: r.ID, JSON: bytes.Clone(r.JSON), Record: bytes.Clone(r.Record)})
			}
			for i, r := range receipts {
				if !reflect.DeepEqual(*r, copies[i]) {
					t.Errorf("receipt %d has changed", i)
				}
				v := wantValid(t, r.Record)
				if want := testTime.Add(time.Duration(i) * time.Hour).Truncate(time.Millisecond); !v.Time.Equal(want) || wantValid(t, r.JSON).ID != r.ID {
					t.Errorf("receipt %d: time %v, want %v", i, v.Time, want)
				}
				if i > 0 && r.ID == receipts[i-1].ID {
					t.Error("the same id")
				}
			}
		})
	}
}

func TestSignerConcurrently(t *testing.T) {
	s := testSigner(t)
	var ids sync.Map
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i := range 20 {
				d, err := s.Prepare(Action{Tool: "t", Arguments: fmt.Appendf(nil, `{"b":%d, "a":1e400}`, i)})
				if err != nil {
					t.Error(err)
					return
				}
				r, err := d.Sign(testTime)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := Verify(r.Record, AnyKey); err != nil {
					t.Error(err)
				}
				if _, dup := ids.LoadOrStore(r.ID, true); dup {
					t.Errorf("id %s twice", r.ID)
				}
			}
		})
	}
	group.Wait()
}

func TestSignTime(t *testing.T) {
	d := prepare(t, Action{Tool: "t"})
	for at, want := range map[time.Time]string{
		time.Date(2026, 12, 31, 23, 59, 59, 999_999_999, time.UTC):                        "2026-12-31T23:59:59.999Z",
		time.Date(2027, 1, 1, 0, 30, 0, 0, time.FixedZone("", 3600)):                      "2026-12-31T23:30:00.000Z",
		time.Date(1, 2, 3, 4, 5, 6, 7e6, time.UTC):                                        "0001-02-03T04:05:06.007Z",
		time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC):                                          "0000-01-01T00:00:00.000Z",
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC):                                  "9999-12-31T23:59:59.000Z",
		time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(1)):                 "2026-01-01T00:00:00.000Z",
		time.Date(2026, 1, 1, 0, 0, 0, 100_000_000, time.UTC).In(time.FixedZone("", -60)): "2026-01-01T00:00:00.100Z",
	} {
		r, err := d.Sign(at)
		if err != nil || !bytes.Contains(r.JSON, []byte(`"ts":"`+want+`"`)) {
			t.Errorf("%v: %v: %s", at, err, r.JSON)
		}
	}
	for _, year := range []int{-1, 10000} { // which RFC 3339 cannot write
		if _, err := d.Sign(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil {
			t.Errorf("signed in the year %d", year)
		}
	}
	if _, err := d.Sign(testTime); err != nil {
		t.Errorf("after an error: %v", err)
	}
}

// A badKey returns the signature that it was given.
type badKey struct {
	ed25519.PrivateKey
	sig []byte
	err error
}

func (k badKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return k.sig, k.err }

func TestNewSignerAndItsKey(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSigner(ec, "n", ""); err == nil {
		t.Error("took an ECDSA key")
	}
	failure := errors.New("the agent is gone")
	for _, k := range []badKey{{key(1), nil, failure}, {key(1), make([]byte, 63), nil}, {key(1), nil, nil}} {
		s, err := NewSigner(k, "n", "")
		if err != nil {
			t.Fatal(err)
		}
		d, err := s.Prepare(Action{Tool: "t"})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := d.Sign(testTime); err == nil || !errors.Is(err, k.err) && k.err != nil {
			t.Errorf("%v: receipt %v, error %v", k, r, err)
		}
		if _, err := s.Event(event.Other{Kind: "x"}, testTime, Hash{}); err == nil {
			t.Error("made an event")
		}
	}
	s, err := NewSigner(key(3), "a\n\xff", "Ω\"")
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Prepare(Action{Tool: "t"})
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Sign(testTime)
	if err != nil {
		t.Fatal(err)
	}
	if p := wantValid(t, r.JSON).Signers[0]; p.Name != "a\n\ufffd" || p.Owner != "Ω\"" || !p.Key.Equal(public(3)) {
		t.Errorf("signer %+v", p)
	}
}

func makeEvent(t testing.TB, kind string, members ...event.Member) *Receipt {
	t.Helper()
	r, err := testSigner(t).Event(event.Other{Kind: kind, Rest: members}, testTime, Hash{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func eventMember(name, value string) event.Member {
	return event.Member{Name: name, Value: []byte(value)}
}

func TestEvent(t *testing.T) {
	members := []event.Member{eventMember("offset", "7"), eventMember("file", `"2026-05-01.jsonl"`), eventMember("zone", `{"a":[null]}`)}
	r := makeEvent(t, "torn_line", members...)
	if members[0].Name != "offset" {
		t.Error("the caller's members were sorted")
	}
	wantCanonical(t, r.JSON)
	if string(r.JSON) != string(r.Record) || !strings.HasPrefix(r.ID, "evt_") {
		t.Errorf("%+v", r)
	}
	v := wantValid(t, r.JSON)
	if v.Type != "torn_line" || v.Version != 1 || v.ID != r.ID || !v.Time.Equal(testTime.Truncate(time.Millisecond)) ||
		len(v.Signers) != 1 || !v.Signers[0].Key.Equal(public(7)) || v.Tool != "" {
		t.Errorf("%+v", v)
	}
	var got object
	if err := json.Unmarshal(r.JSON, &got); err != nil || len(got) != 10 || got["offset"] != 7.0 || got["file"] != "2026-05-01.jsonl" {
		t.Errorf("%v: %v", err, got)
	}

	unsigned := []byte(`{"type":"policy_violation","ts":"2026-05-01T10:00:00.000Z","tool":"rm"}`)
	if v, err := Verify(unsigned, AnyKey); v != nil || !errors.Is(err, ErrUnsigned) {
		t.Errorf("unsigned: %+v, %v", v, err)
	}
	if v, err := ReadUnverified(unsigned); err != nil || v.Type != "policy_violation" || len(v.Signers) != 0 || v.Time.IsZero() {
		t.Errorf("unsigned: %+v, %v", v, err)
	}
	if v, err := Verify(got.with("sig", nil).canonical(t), AnyKey); v != nil || !errors.Is(err, ErrUnsigned) {
		t.Errorf("signature taken away: %+v, %v", v, err)
	}
	wantInvalid(t, got.with("sig", true).canonical(t), "sig")
	wantInvalid(t, got.with("offset", 8).canonical(t), "not what was signed")
	wantInvalid(t, got.with("type", "").canonical(t), "not what was signed")
	wantInvalid(t, got.with("id", "rec_"+r.ID[4:]).canonical(t), "id")
	wantInvalid(t, got.with("params_raw", "").canonical(t), "not what was signed")
	wantInvalid(t, got.with("type", nil).canonical(t), "no action")
	wantInvalid(t, got.with("signer", nil).canonical(t), "no signer")
	wantInvalid(t, got.with("ts", "noon").canonical(t), "ts")
	for name, e := range map[string]object{"other version": got.with("v", 2), "type is no string": got.with("type", 1)} {
		if _, err := Verify(e.canonical(t), AnyKey); !errors.Is(err, ErrNotReceipt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEventRefuses(t *testing.T) {
	for _, m := range []event.Member{
		eventMember("id", "1"), eventMember("sig", "1"), eventMember("v", "1"), eventMember("ts", "1"), eventMember("type", "1"), eventMember("nonce", "1"), eventMember("signer", "1"),
		eventMember("", "1"), eventMember("A", "1"), eventMember("a b", "1"), eventMember("é", "1"), eventMember("a\"", "1"),
		eventMember("a", ""), eventMember("a", " 1"), eventMember("a", "1.0"), eventMember("a", `1,"b":2`), eventMember("a", `{"b":1,"a":1}`),
	} {
		if r, err := testSigner(t).Event(event.Other{Kind: "x", Rest: []event.Member{m}}, testTime, Hash{}); err == nil {
			t.Errorf("member %q %q: made %s", m.Name, m.Value, r.JSON)
		}
	}
	if _, err := testSigner(t).Event(event.Other{Kind: "x", Rest: []event.Member{eventMember("a", "1"), eventMember("a", "2")}}, testTime, Hash{}); err == nil {
		t.Error("a member twice")
	}
	if _, err := testSigner(t).Event(event.Other{Kind: "x"}, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), Hash{}); err == nil {
		t.Error("in the year 10000")
	}
}

// FuzzSign: whatever is signed verifies, is canonical, and gives back what was
// sent, by its value or by its bytes.
func FuzzSign(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"b":1e0,"a":"\u0000"}`, `9007199254740993`, `"\ud800"`, "\"\xff\"", `{"a":1,"a":2}`, `null`, `{`, strings.Repeat("[", 101) + strings.Repeat("]", 101)} {
		f.Add([]byte(s), "tool", "n:1", false)
		f.Add([]byte(s), "\"\\\x00\xff", "", true)
	}
	practised() // now: a fuzzer gives each input 10 s at most, on any machine
	f.Fuzz(func(t *testing.T, arguments []byte, tool, callID string, hashOnly bool) {
		if arguments == nil {
			arguments = []byte{}
		}
		d, err := testSigner(t).Prepare(Action{Tool: tool, Arguments: arguments, CallID: callID, HashOnly: hashOnly})
		if err != nil {
			if json.Valid(arguments) {
				t.Fatalf("%q: %v", arguments, err)
			}
			return
		}
		r, err := d.Sign(testTime)
		if err != nil {
			t.Fatal(err)
		}
		wantCanonical(t, r.JSON)
		wantCanonical(t, r.Record)
		wantValid(t, r.JSON)
		v := wantValid(t, r.Record)
		if v.Tool != string([]rune(tool)) || v.CallID != string([]rune(callID)) || v.ID != r.ID {
			t.Fatalf("tool %q came out as %q", tool, v.Tool)
		}
		switch {
		case hashOnly:
			if v.Arguments() != nil {
				t.Fatalf("hash only, and yet %q", v.Arguments())
			}
		case v.Exact:
			if !bytes.Equal(v.Arguments(), arguments) {
				t.Fatalf("sent %q, signed %q", arguments, v.Arguments())
			}
		default:
			want := jsontext.Value(bytes.Clone(arguments))
			if err := want.Canonicalize(); err != nil {
				t.Fatalf("%q: %v", arguments, err)
			}
			if got := v.Arguments(); !bytes.Equal(got, want) && !(got == nil && string(want) == "null") {
				t.Fatalf("sent %q, signed %q", want, got)
			}
		}
	})
}

func ExampleVerify() {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	signer, err := NewSigner(key, "agent", "alice")
	if err != nil {
		panic(err)
	}
	draft, err := signer.Prepare(Action{Tool: "add", Arguments: []byte(`{"b": 2.0, "a": 1}`), Target: "mcp://sums"})
	if err != nil {
		panic(err)
	}
	receipt, err := draft.Sign(time.Now())
	if err != nil {
		panic(err)
	}
	said, err := Verify(receipt.JSON, AnyKey)
	if err != nil {
		panic(err)
	}
	known := said.Signers[0].Key.Equal(key.Public())
	fmt.Printf("%s %s, by a key that we know: %v\n", said.Tool, said.Params, known)

	_, err = Verify(bytes.Replace(receipt.JSON, []byte(`"a":1`), []byte(`"a":7`), 1), AnyKey)
	fmt.Println(err)
	// Output:
	// add {"a":1,"b":2}, by a key that we know: true
	// invalid receipt: params_hash is not the hash of params
}
