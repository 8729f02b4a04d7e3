package sign

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

func TestVersion1(t *testing.T) {
	wantValid(t, version1().sign1(t))
	action := testActionObject()
	for _, test := range []struct {
		name    string
		receipt object
		reason  string // "": valid
	}{
		{"an unknown member that is signed", version1().with("policy", object{"x": 1}), ""},
		{"an unknown member of the action that is signed", version1().with("action", action.with("more", "x")), ""},
		{"optional members", version1().with("exp", "2026-05-01T11:00:00Z").with("action", action.with("response_hash", hashOf("x"))), ""},
		{"a time of another zone", version1().with("ts", "2026-05-01T12:00:00.5+02:00"), ""},
		{"params null", version1().with("action", action.with("params", json.RawMessage("null"))), ""},
		{"no action", version1().with("action", nil), "no action"},
		{"action is a string", version1().with("action", "x"), "no action"},
		{"no tool", version1().with("action", action.with("tool", nil)), "lacks"},
		{"tool is a number", version1().with("action", action.with("tool", 1)), "action.tool"},
		{"no params", version1().with("action", action.with("params", nil)), "lacks"},
		{"no params_hash", version1().with("action", action.with("params_hash", nil)), "lacks"},
		{"params_hash of other params", version1().with("action", action.with("params_hash", hashOf("{}"))), "not the hash of params"},
		{"params_hash in capitals", version1().with("action", action.with("params_hash", strings.ToUpper(hashOf(`{"a":1}`).String()))), "64 hex"},
		{"params_hash too long", version1().with("action", action.with("params_hash", hashOf(`{"a":1}`).String()+"0")), "64 hex"},
		{"params_hash without prefix", version1().with("action", action.with("params_hash", hashOf(`{"a":1}`).String()[7:])), "64 hex"},
		{"params_hash not hex, params null", version1().with("action", action.with("params", json.RawMessage("null")).with("params_hash", "sha256:"+strings.Repeat("g", 64))), "64 hex"},
		{"no target", version1().with("action", action.with("target", nil)), "lacks"},
		{"no transport", version1().with("action", action.with("transport", nil)), "lacks"},
		{"session null", version1().with("action", action.with("session", json.RawMessage("null"))), "action.session"},
		{"no ts", version1().with("ts", nil), "ts"},
		{"ts without a zone", version1().with("ts", "2026-05-01T10:00:00"), "ts"},
		{"ts of a day", version1().with("ts", "2026-05-01"), "ts"},
		{"ts with a comma", version1().with("ts", "2026-05-01T10:00:00,5Z"), "ts"},
		{"ts in no month", version1().with("ts", "2026-13-01T10:00:00Z"), "ts"},
		{"exp is a number", version1().with("exp", 1), "exp"},
		{"no nonce", version1().with("nonce", nil), "nonce"},
		{"nonce empty", version1().with("nonce", ""), "nonce"},
		{"no signer", version1().with("signer", nil), "no signer"},
		{"signer is a list", version1().with("signer", []int{}), "no signer"},
		{"signer without owner", version1().with("signer", object{"pubkey": written(public(7)), "name": "x"}), "owner"},
		{"signer without name", version1().with("signer", object{"pubkey": written(public(7)), "owner": "x"}), "name"},
		{"signer without key", version1().with("signer", object{"name": "", "owner": "x"}), "pubkey"},
		{"signer's name a number", version1().with("signer", object{"pubkey": written(public(7)), "name": 1, "owner": "x"}), "name"},
		{"another's key", version1().with("signer", object{"pubkey": written(public(8)), "name": "", "owner": "x"}), "not what was signed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			receipt := test.receipt.sign1(t)
			if test.reason == "" {
				wantValid(t, receipt)
				return
			}
			wantInvalid(t, receipt, test.reason)
			if _, err := ReadUnverified(receipt); (err == nil) != (strings.Contains(test.reason, "not ")) {
				t.Errorf("Read: %v", err)
			}
		})
	}
}

// Members put into a receipt after it was signed.
func TestSmuggled(t *testing.T) {
	good := string(version1().sign1(t))
	wantValid(t, []byte(good))
	for name, receipt := range map[string]string{
		"at the top":           strings.Replace(good, `{"action"`, `{"aaaa":1,"action"`, 1),
		"an expiry":            strings.Replace(good, `,"id":`, `,"exp":"2099-01-01T00:00:00Z","id":`, 1),
		"extensions":           strings.Replace(good, `,"id":`, `,"extensions":{},"id":`, 1),
		"an authorization":     strings.Replace(good, `,"id":`, `,"authorization":{},"id":`, 1),
		"into the action":      strings.Replace(good, `"transport":`, `"session":"s","transport":`, 1),
		"into the signer":      strings.Replace(good, `"signer":{`, `"signer":{"kid":1,`, 1),
		"into the params":      strings.Replace(good, `"params":{`, `"params":{"A":1,`, 1),
		"a twin":               strings.Replace(good, `"v":1}`, `"v":1,"v":1}`, 1),
		"a twin in front":      strings.Replace(good, `{"action"`, `{"v":1,"action"`, 1),
		"an escaped twin":      strings.Replace(good, `"v":1}`, `"v":1,"\u0076":1}`, 1),
		"a twin in the action": strings.Replace(good, `"tool":"add"`, `"tool":"add","tool":"rm"`, 1),
		"a case twin":          strings.Replace(good, `"tool":"add"`, `"tool":"add","Tool":"rm"`, 1),
		"a twin of id":         strings.Replace(good, `"id":`, `"id":"x","id":`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			if receipt == good {
				t.Fatal("the test changes nothing")
			}
			wantInvalid(t, []byte(receipt), "")
		})
	}
}

// Foreign writers spell the same receipt in their own way.
func TestOtherSpelling(t *testing.T) {
	receipt := version1().with("action", testActionObject().
		with("params", json.RawMessage(`{"a":1e17,"b":1.0,"c":"\u00e9"}`)).
		with("params_hash", hashOf(`{"a":100000000000000000,"b":1,"c":"é"}`))).sign1(t)
	var o map[string]json.RawMessage
	if err := json.Unmarshal(receipt, &o); err != nil {
		t.Fatal(err)
	}
	o["action"] = bytes.Replace(o["action"], []byte(`100000000000000000`), []byte(`1e17`), 1)
	o["action"] = bytes.Replace(o["action"], []byte(`"add"`), []byte(`"\u0061dd"`), 1)
	var b strings.Builder
	for _, name := range []string{"v", "id", "action", "signer", "ts", "nonce", "sig"} {
		fmt.Fprintf(&b, ",\n\t%q :  %s", name, o[name])
	}
	spelled := " {" + b.String()[1:] + "}\r\n"
	v := wantValid(t, []byte(spelled))
	if v.Tool != "add" || string(v.Params) != `{"a":100000000000000000,"b":1,"c":"é"}` {
		t.Errorf("%+v", v)
	}
	// And an error in that spelling is found.
	wantInvalid(t, []byte(strings.Replace(spelled, "1e17", "1e18", 1)), "hash of params")
	wantInvalid(t, []byte(strings.Replace(spelled, "1e17", "100000000000000000.1", 1)), "digits")
	wantInvalid(t, []byte(strings.Replace(spelled, "mcp://x", "mcp://y", 1)), "not what was signed")
}

// sig and pubkey are ed25519: and standard base64 with padding, to the letter.
func TestEncodings(t *testing.T) {
	raw := bytes.Repeat([]byte{0xFB, 0xEF, 0xFF}, 30) // in base64, full of + and /
	for _, test := range []struct{ name, value string }{
		{"no prefix", base64.StdEncoding.EncodeToString(raw[:64])},
		{"prefix in capitals", "Ed25519:" + base64.StdEncoding.EncodeToString(raw[:64])},
		{"too short", "ed25519:" + base64.StdEncoding.EncodeToString(raw[:63])},
		{"too long", "ed25519:" + base64.StdEncoding.EncodeToString(raw[:65])},
		{"much too long", "ed25519:" + base64.StdEncoding.EncodeToString(bytes.Repeat(raw, 1000))},
		{"empty", "ed25519:"},
		{"nothing", ""},
		{"no padding", "ed25519:" + base64.RawStdEncoding.EncodeToString(raw[:64])},
		{"URL alphabet", "ed25519:" + base64.URLEncoding.EncodeToString(raw[:64])},
		{"line feed at the end", "ed25519:" + base64.StdEncoding.EncodeToString(raw[:64]) + "\n"},
		{"line feed for the padding", "ed25519:" + base64.RawStdEncoding.EncodeToString(raw[:64]) + "=\n"},
		{"space", "ed25519: " + base64.StdEncoding.EncodeToString(raw[:64])},
		{"bits after the last byte", "ed25519:" + base64.RawStdEncoding.EncodeToString(raw[:64])[:85] + "x=="},
		{"hex", "ed25519:" + fmt.Sprintf("%x", raw[:64])},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := version1().with("id", "rec_00").with("sig", test.value)
			wantInvalid(t, o.canonical(t), "sig is not")
			// The same for 32 bytes, by its own length.
			short := strings.NewReplacer(
				base64.RawStdEncoding.EncodeToString(raw[:64]), base64.RawStdEncoding.EncodeToString(raw[:32]),
				base64.RawURLEncoding.EncodeToString(raw[:64]), base64.RawURLEncoding.EncodeToString(raw[:32]),
			).Replace(test.value)
			wantInvalid(t, version1().with("signer", object{"name": "", "owner": "", "pubkey": short}).sign1(t), "pubkey is not")
		})
	}
	wantInvalid(t, version1().with("id", "rec_00").with("sig", 1).canonical(t), "sig is not")
	wantInvalid(t, version1().with("id", "rec_00").canonical(t), "sig is not")
	wantInvalid(t, version1().with("id", "rec_00").with("sig", "ed25519:"+base64.StdEncoding.EncodeToString(raw[:64])).canonical(t), "id does not match")
}

func TestID(t *testing.T) {
	var o object
	if err := json.Unmarshal(version1().sign1(t), &o); err != nil {
		t.Fatal(err)
	}
	id := o["id"].(string)
	for _, other := range []any{nil, 1, "", "rec_", id[:35], id + "0", id[4:], "evt_" + id[4:], "rec_" + strings.ToUpper(id[4:]), id + "\n"} {
		wantInvalid(t, o.with("id", other).canonical(t), "id")
	}
	wantValid(t, o.canonical(t))
}

// A signature has one form: S plus the order of the group is refused (RFC 8032,
// section 5.1.7), or there would be two ids for one receipt.
func TestSignatureMalleability(t *testing.T) {
	o := version1()
	sig := ed25519.Sign(key(7), o.canonical(t))
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(sig[32:])
	slices.Reverse(s)
	s = new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(s)
	seal := func(sig []byte) []byte {
		return o.with("id", "rec_"+idOf(sig)).with("sig", "ed25519:"+base64.StdEncoding.EncodeToString(sig)).canonical(t)
	}
	wantValid(t, seal(sig))
	wantInvalid(t, seal(append(sig[:32:32], s...)), "not what was signed")
}

// What the documentation of Verify says of keys of small order: the neutral
// element verifies anything. It is the caller who knows no such key.
func TestSmallOrderKey(t *testing.T) {
	neutral := append([]byte{1}, make([]byte, 31)...)
	sig := append(neutral, make([]byte, 32)...)
	o := version1().with("signer", object{"name": "", "owner": "", "pubkey": written(neutral)})
	o = o.with("id", "rec_"+idOf(sig)).with("sig", "ed25519:"+base64.StdEncoding.EncodeToString(sig))
	if v := wantValid(t, o.canonical(t)); !bytes.Equal(v.Signers[0].Key, neutral) {
		t.Errorf("%+v", v.Signers)
	}
}

func TestParamsRaw(t *testing.T) {
	arguments := `{"a":1e400, "b":"` + strings.Repeat("é", 5000) + `"}` // more than a piece of hashBase64
	receipt := makeReceipt(t, Action{Tool: "t", Arguments: []byte(arguments)})
	var o object
	if err := json.Unmarshal(receipt.Record, &o); err != nil {
		t.Fatal(err)
	}
	raw := o["params_raw"].(string)
	wantValid(t, o.canonical(t))
	wantValid(t, o.with("params_raw", nil).canonical(t))
	for name, value := range map[string]any{
		"other bytes":          base64.StdEncoding.EncodeToString([]byte(arguments + " ")),
		"empty":                "",
		"cut short":            raw[:len(raw)-4],
		"cut between":          raw[:len(raw)-1],
		"without padding":      strings.TrimRight(raw, "="),
		"padding in between":   raw[:4094] + "==" + raw[4096:],
		"more after it":        raw + "AAAA",
		"line feeds":           raw[:76] + "\n" + raw[76:],
		"escaped":              raw[:76] + "\"" + raw[76:],
		"not base64":           strings.Replace(raw, raw[40:44], "!!!!", 1),
		"not base64, far back": raw[:8192] + "!" + raw[8193:],
		"a number":             1,
		"an object":            object{},
		"null":                 json.RawMessage("null"),
	} {
		t.Run(name, func(t *testing.T) { wantInvalid(t, o.with("params_raw", value).canonical(t), "params_raw") })
	}
	t.Run("beside params", func(t *testing.T) {
		wantInvalid(t, version1().with("params_raw", base64.StdEncoding.EncodeToString([]byte(`{"a":1}`))).sign1(t), "both")
	})
	t.Run("Read of a false one", func(t *testing.T) {
		v, err := ReadUnverified(o.with("params_raw", "!").canonical(t))
		if err != nil || !v.Apart || v.Exact || v.Arguments() != nil {
			t.Errorf("%+v, %v", v, err)
		}
	})
	t.Run("by their canonical form", func(t *testing.T) {
		with := func(hashed, raw string) []byte {
			o := version1().with("action", testActionObject().with("params", json.RawMessage("null")).with("params_hash", hashOf(hashed)))
			return o.with("params_raw", base64.StdEncoding.EncodeToString([]byte(raw))).sign1(t)
		}
		for _, raw := range []string{`{ "b" : "\u0041", "a" : 1.0 }`, `{"a":1,"b":"A"}`, ` {"b":"A","a":1e0}` + "\n"} {
			if v := wantValid(t, with(`{"a":1,"b":"A"}`, raw)); !v.Apart || v.Exact != (raw == `{"a":1,"b":"A"}`) || string(v.Arguments()) != raw {
				t.Errorf("%s: %+v", raw, v)
			}
		}
		long := `{"a":1}` + strings.Repeat(" ", maxParams-7)
		wantValid(t, with(`{"a":1}`, long))
		for name, raw := range map[string]string{
			"another value":        `{"a":2,"b":"A"}`,
			"one more member":      `{"a":1,"b":"A","c":null}`,
			"a member twice":       `{"a":2,"a":1}`,
			"rounded":              `{"a":1.00000000000000000001}`,
			"no JSON":              `{"a":1`,
			"longer than is by it": long + " ",
		} {
			t.Run(name, func(t *testing.T) {
				wantInvalid(t, with(`{"a":1}`, raw), "params_hash is not the hash of params_raw")
			})
		}
	})
	t.Run("signed, in version 2", func(t *testing.T) {
		o := version2().with("action", testActionObject().with("params", json.RawMessage("null"))).with("params_raw", base64.StdEncoding.EncodeToString([]byte(`{"a":1}`)))
		if v := wantValid(t, o.sign2(t)); !v.Exact {
			t.Errorf("%+v", v)
		}
	})
}

func TestExpired(t *testing.T) {
	exp := time.Date(2026, 5, 1, 11, 0, 0, 0, time.UTC)
	v := wantValid(t, version1().with("exp", "2026-05-01T11:00:00.000Z").sign1(t)) // long gone, and still valid
	if v.Expired(exp.Add(-time.Second)) || v.Expired(exp) || !v.Expired(exp.Add(time.Millisecond)) {
		t.Errorf("expires %v", v.Expires)
	}
	if v := wantValid(t, version1().sign1(t)); v.Expired(time.Now()) {
		t.Error("without expiry, and yet expired")
	}
}

// version2 is an unsigned receipt of key(7).
func version2() object {
	return version1().with("v", 2).with("ts", nil).with("ts_request", "2026-05-01T10:00:00.000Z").with("ts_response", "2026-05-01T10:00:01.000Z").
		with("response", object{"content_hash": hashOf("null"), "outcome": object{"status": "failed", "reason": "r", "error": "e"}})
}

func (o object) sign2(t testing.TB) []byte {
	return o.signed(t, key(7), "rec_", without()).canonical(t)
}

func TestVersion2(t *testing.T) {
	v := wantValid(t, version2().sign2(t))
	if v.Version != 2 || v.ResponseHash != hashOf("null") || v.Outcome != (Outcome{"failed", "r", "e"}) ||
		v.Time.Format(time.RFC3339) != "2026-05-01T10:00:00Z" || v.Responded.Sub(v.Time) != time.Second || len(v.Doubts) != 0 {
		t.Errorf("%+v", v)
	}
	response := object{"content_hash": hashOf("null")}
	for _, status := range []string{"verified", "rejected", "requires_approval", "executed", "failed"} {
		if v := wantValid(t, version2().with("response", response.with("outcome", object{"status": status})).sign2(t)); v.Outcome.Status != status {
			t.Errorf("%+v", v.Outcome)
		}
	}
	if v := wantValid(t, version2().with("ts_response", "2026-05-01T09:59:59.999Z").sign2(t)); len(v.Doubts) != 1 {
		t.Errorf("answered before asked, and no doubt: %+v", v)
	}
	for _, test := range []struct {
		name    string
		receipt object
		reason  string
	}{
		{"no response", version2().with("response", nil), "no response"},
		{"response null", version2().with("response", json.RawMessage("null")), "no response"},
		{"no content_hash", version2().with("response", object{}), "content_hash"},
		{"content_hash no hash", version2().with("response", object{"content_hash": "x"}), "content_hash"},
		{"unknown status", version2().with("response", response.with("outcome", object{"status": "great"})), "status"},
		{"no status", version2().with("response", response.with("outcome", object{})), "status"},
		{"outcome a string", version2().with("response", response.with("outcome", "failed")), "outcome"},
		{"reason a number", version2().with("response", response.with("outcome", object{"status": "failed", "reason": 1})), "reason"},
		{"ts in place of ts_request", version2().with("ts_request", nil).with("ts", "2026-05-01T10:00:00Z"), "ts_request"},
		{"no ts_response", version2().with("ts_response", nil), "ts_response"},
		{"exp no time", version2().with("exp", "tomorrow"), "exp"},
		{"false params", version2().with("action", testActionObject().with("params", object{"a": 2})), "hash of params"},
		{"no signer", version2().with("signer", nil), "no signer"},
	} {
		t.Run(test.name, func(t *testing.T) { wantInvalid(t, test.receipt.sign2(t), test.reason) })
	}
	t.Run("params_raw is signed here", func(t *testing.T) {
		o := version2().with("action", testActionObject().with("params", json.RawMessage("null")))
		raw := base64.StdEncoding.EncodeToString([]byte(`{"a":1}`))
		wantInvalid(t, o.with("params_raw", raw).signed(t, key(7), "rec_", without("params_raw")).canonical(t), "not what was signed")
	})
}

// version3 is an unsigned receipt of server key(9) about one of key(7).
func version3(t testing.TB) object {
	return object{"v": 3, "agent_receipt": json.RawMessage(version1().sign1(t)), "response": object{"content_hash": hashOf("1")},
		"server": object{"pubkey": written(public(9)), "name": "sums"}, "ts_response": "2026-05-01T10:00:02.000Z", "nonce": "rnd_01"}
}

func (o object) sign3(t testing.TB) []byte {
	return o.signed(t, key(9), "rec_", without("extensions")).canonical(t)
}

func TestVersion3(t *testing.T) {
	v := wantValid(t, version3(t).sign3(t))
	var inner object
	if err := json.Unmarshal(version1().sign1(t), &inner); err != nil {
		t.Fatal(err)
	}
	if v.Version != 3 || v.EmbeddedID != inner["id"] || v.ID == v.EmbeddedID || v.Tool != "add" || len(v.Doubts) != 0 || v.ResponseHash != hashOf("1") ||
		len(v.Signers) != 2 || v.Signers[0].Role != "agent" || !v.Signers[0].Key.Equal(public(7)) ||
		v.Signers[1].Role != "server" || v.Signers[1].Name != "sums" || !v.Signers[1].Key.Equal(public(9)) {
		t.Errorf("%+v", v)
	}
	wantValid(t, version3(t).with("extensions", object{"any": "thing"}).sign3(t))
	wantValid(t, version3(t).with("ts_response", "2026-05-01T10:00:00.000Z").sign3(t))
	if v := wantValid(t, version3(t).with("ts_response", "2026-05-01T09:59:59.999Z").sign3(t)); len(v.Doubts) != 1 {
		t.Errorf("answered before asked, and no doubt: %+v", v)
	}
	for _, test := range []struct {
		name    string
		receipt object
		reason  string
	}{
		{"no agent_receipt", version3(t).with("agent_receipt", nil), "no agent_receipt"},
		{"agent_receipt a string", version3(t).with("agent_receipt", "x"), "no agent_receipt"},
		{"agent_receipt of version 2", version3(t).with("agent_receipt", json.RawMessage(version2().sign2(t))), "not a receipt of version 1"},
		{"agent_receipt of version 3", version3(t).with("agent_receipt", json.RawMessage(version3(t).sign3(t))), "not a receipt of version 1"},
		{"agent_receipt an event", version3(t).with("agent_receipt", json.RawMessage(makeEvent(t, "x").JSON)), "not a receipt of version 1"},
		{"agent_receipt altered", version3(t).with("agent_receipt", inner.with("nonce", "rnd_02")), "agent_receipt: it is not what was signed"},
		{"agent_receipt without its id", version3(t).with("agent_receipt", inner.with("id", nil)), "agent_receipt: it has no id"},
		{"no server", version3(t).with("server", nil), "no server"},
		{"server without name", version3(t).with("server", object{"pubkey": written(public(9))}), "name"},
		{"the agent's key for the server's", version3(t).with("server", object{"pubkey": written(public(7)), "name": "x"}), "not what was signed"},
		{"no response", version3(t).with("response", nil), "no response"},
		{"no ts_response", version3(t).with("ts_response", nil), "ts_response"},
		{"no nonce", version3(t).with("nonce", nil), "nonce"},
	} {
		t.Run(test.name, func(t *testing.T) { wantInvalid(t, test.receipt.sign3(t), test.reason) })
	}
	good := string(version3(t).sign3(t))
	t.Run("smuggled", func(t *testing.T) {
		wantInvalid(t, []byte(strings.Replace(good, `"v":3}`, `"v":3,"w":1}`, 1)), "not what was signed")
	})
	t.Run("extensions may be added", func(t *testing.T) {
		i := strings.LastIndex(good, `,"id":"`) // the outer one
		wantValid(t, []byte(good[:i]+`,"extensions":{"any":1}`+good[i:]))
	})
}

func TestNotReceipt(t *testing.T) {
	for name, receipt := range map[string]string{
		"nothing":             ``,
		"not JSON":            `{"v":1`,
		"an array":            `[]`,
		"a string":            `"{}"`,
		"null":                `null`,
		"no version":          `{}`,
		"version 0":           `{"v":0}`,
		"version 5":           `{"v":5}`,
		"version is a string": `{"v":"1"}`,
		"version is null":     `{"v":null}`,
		"version 1.5":         `{"v":1.5}`,
		"type is a number":    `{"v":1,"type":1}`,
		"of two":              `{"v":1}{"v":1}`,
		"a long version":      `{"v":"` + strings.Repeat("x", 1<<16) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range []func([]byte) (*Verified, error){anyone(Verify), ReadUnverified} {
				v, err := f([]byte(receipt))
				if v != nil || !errors.Is(err, ErrNotReceipt) || len(err.Error()) > 200 {
					t.Errorf("%+v, %v", v, err)
				}
			}
		})
	}
}

// What a hostile receipt can make us do is bounded.
func TestBounds(t *testing.T) {
	if _, err := Verify(make([]byte, MaxReceipt+1), AnyKey); !errors.Is(err, ErrNotReceipt) || !strings.Contains(err.Error(), "longer") {
		t.Errorf("too long: %v", err)
	}
	good := string(version1().sign1(t))
	deep := func(n int) []byte {
		return []byte(strings.Replace(good, `{"a":1}`, strings.Repeat(`[`, n)+strings.Repeat(`]`, n), 1))
	}
	wantInvalid(t, deep(100), "hash of params")
	wantInvalid(t, deep(1000), "nested")
	wantInvalid(t, deep(5_000_000), "nested")
	wantInvalid(t, []byte(strings.Replace(good, `{"a":1}`, `{"a":9007199254740993}`, 1)), "digits")
	wantInvalid(t, []byte(strings.Replace(good, `{"a":1}`, `{"a":1e400}`, 1)), "range")
	wantInvalid(t, []byte(strings.Replace(good, `{"a":1}`, `"\ud800"`, 1)), "surrogate")
	wantInvalid(t, []byte(strings.Replace(good, `{"a":1}`, "\"\xff\"", 1)), "UTF-8")
	// Not canonical, and too long to be made so.
	padded := good[:1] + strings.Repeat(" ", 20<<20) + good[1:]
	if _, err := Verify([]byte(padded), AnyKey); !errors.Is(err, ErrNotReceipt) {
		t.Errorf("padded: %v", err)
	}
}

// Read needs what FORMAT.md requires, and checks nothing.
func TestRead(t *testing.T) {
	for name, receipt := range map[string][]byte{
		"1": version1().with("action", testActionObject().with("params", object{"a": 2})).with("id", "rec_x").with("sig", "none").canonical(t),
		"2": version2().with("id", "x").canonical(t),
		"3": bytes.ReplaceAll(version3(t).with("id", "x").canonical(t), []byte(`"add"`), []byte(`"rm"`)),
		"4": version4(t).with("id", "x").canonical(t),
	} {
		v, err := ReadUnverified(receipt)
		if err != nil || fmt.Sprint(v.Version) != name || v.ID == "" || v.Tool == "" || len(v.Signers) == 0 || v.Time.IsZero() {
			t.Errorf("version %s: %v, %+v", name, err, v)
		}
		if _, err := Verify(receipt, AnyKey); err == nil {
			t.Errorf("version %s: Verify = nil", name)
		}
	}
}

// FuzzVerify: no input does anything but give a result or one of the errors that
// the documentation names, and Read takes all that Verify takes, and says the
// same.
func FuzzVerify(f *testing.F) {
	f.Add(makeReceipt(f, typicalAction()).JSON)
	f.Add(makeReceipt(f, Action{Tool: "t", Arguments: []byte("1e400")}).Record)
	f.Add(makeEvent(f, "x", event.Member{Name: "a", Value: []byte("1")}).JSON)
	f.Add(version2().sign2(f))
	f.Add(version3(f).sign3(f))
	f.Add(version4(f).sign4(f))
	practised() // now: a fuzzer gives each input 10 s at most, on any machine
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		v, err := verified(t, b)
		if !bytes.Equal(b, before) {
			t.Fatal("the input was altered")
		}
		var bad *InvalidError
		if (v == nil) != (err != nil) || err != nil && !errors.As(err, &bad) && !errors.Is(err, ErrNotReceipt) && !errors.Is(err, ErrUnsigned) {
			t.Fatalf("%+v, %v", v, err)
		}
		read, readErr := ReadUnverified(b)
		if (read == nil) != (readErr != nil) || err == nil && (readErr != nil || read.ID != v.ID || read.Tool != v.Tool || !read.Time.Equal(v.Time) || len(read.Signers) != len(v.Signers)) {
			t.Fatalf("Verify %+v, Read %+v, %v", v, read, readErr)
		}
		if read != nil {
			read.Arguments()
		}
	})
}
