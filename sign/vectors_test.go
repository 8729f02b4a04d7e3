package sign

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/canon"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// hasKey checks that v was signed by the key, b64, in this role.
func hasKey(t *testing.T, v *Verified, role, key string) {
	t.Helper()
	want, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, party := range v.Signers {
		if party.Role == role && bytes.Equal(party.Key, want) {
			return
		}
	}
	t.Errorf("no signer is %s %s: %+v", role, key, v.Signers)
}

// Receipts made by the reference implementation, and altered ones.
func TestVectorsReference(t *testing.T) {
	var vectors []struct {
		Name           string
		Receipt        json.RawMessage
		PublicKey      string          `json:"public_key"`
		AgentPublicKey string          `json:"agent_public_key"`
		HiddenParams   json.RawMessage `json:"hidden_params"`
		Valid          bool
	}
	readVectors(t, "receipts.json", &vectors)
	if len(vectors) != 51 {
		t.Fatalf("%d vectors", len(vectors))
	}
	for _, vector := range vectors {
		t.Run(vector.Name, func(t *testing.T) {
			if !vector.Valid {
				wantInvalid(t, vector.Receipt, "")
				return
			}
			v := wantValid(t, vector.Receipt)
			if v.Version == 3 {
				hasKey(t, v, "agent", vector.AgentPublicKey)
				hasKey(t, v, "server", vector.PublicKey)
				// The reference dated the response by hand, half a year
				// before the request.
				if len(v.Doubts) != 1 {
					t.Errorf("doubts: %q", v.Doubts)
				}
			} else {
				hasKey(t, v, "agent", vector.PublicKey)
				if len(v.Doubts) != 0 {
					t.Errorf("doubts: %q", v.Doubts)
				}
			}
			if vector.HiddenParams != nil {
				c, err := canon.Canonicalize(vector.HiddenParams)
				if err != nil || !v.HashOnly || v.ParamsHash != event.HashOf(c) {
					t.Errorf("%v, hash only: %v, hash %s, want that of %s", err, v.HashOnly, v.ParamsHash, c)
				}
			}
		})
	}
}

// Receipts of versions 1 to 4 made by the reference's other two languages.
func TestVectorsInterop(t *testing.T) {
	for _, file := range []string{"ts-signed.json", "python-signed.json"} {
		var vectors map[string]struct {
			Receipt   json.RawMessage
			PublicKey string `json:"public_key"`
			Agent     string `json:"agent_public_key"`
			Server    string `json:"server_public_key"`
			Delegate  string `json:"delegate_public_key"`
			Owner     string `json:"owner_public_key"`
		}
		readVectors(t, file, &vectors)
		if len(vectors) != 4 {
			t.Fatalf("%d vectors", len(vectors))
		}
		for version, vector := range vectors {
			t.Run(file+"/"+version, func(t *testing.T) {
				v := wantValid(t, vector.Receipt)
				if v.Tool != "interop_"+version || len(v.Doubts) != 0 {
					t.Errorf("tool %q, doubts %q", v.Tool, v.Doubts)
				}
				switch version {
				case "v3":
					hasKey(t, v, "agent", vector.Agent)
					hasKey(t, v, "server", vector.Server)
				case "v4":
					hasKey(t, v, "agent", vector.Delegate)
					hasKey(t, v, "root", vector.Owner)
				default:
					hasKey(t, v, "agent", vector.PublicKey)
				}
			})
		}
	}
}

// TestCosignVectors: of what the reference has signed as version 3, Cosign makes the same
// text to be signed, but for key, nonce and time. So the reference's signature is good
// over ours, with these three put back.
func TestCosignVectors(t *testing.T) {
	receipts := map[string]json.RawMessage{}
	var own []struct {
		Name    string
		Receipt json.RawMessage
		Valid   bool
	}
	readVectors(t, "receipts.json", &own)
	for _, v := range own {
		receipts[v.Name] = v.Receipt
	}
	for _, file := range []string{"ts-signed.json", "python-signed.json"} {
		var others map[string]struct{ Receipt json.RawMessage }
		readVectors(t, file, &others)
		for version, v := range others {
			receipts[file+"/"+version] = v.Receipt
		}
	}
	signer, err := NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), "ours", "")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for name, receipt := range receipts {
		v, err := Verify(receipt, AnyKey)
		if err != nil || v.Version != 3 {
			continue
		}
		seen++
		members := func(receipt []byte) (m map[string]json.RawMessage) {
			if err := json.Unmarshal(receipt, &m); err != nil {
				t.Fatal(err)
			}
			delete(m, "id")
			return m
		}
		theirs := members(receipt)
		agent, err := canon.Canonicalize(theirs["agent_receipt"])
		if err != nil {
			t.Fatal(err)
		}
		made, err := signer.Cosign(agent, v.ResponseHash, v.Outcome, v.Time)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if again := wantValid(t, made.JSON); again.ResponseHash != v.ResponseHash || again.EmbeddedID != v.EmbeddedID || again.Outcome != v.Outcome {
			t.Errorf("%s: made %+v of %+v", name, again, v)
		}
		ours := members(made.JSON)
		for _, other := range []string{"server", "nonce", "ts_response"} {
			ours[other] = theirs[other]
		}
		var sig string
		if err := json.Unmarshal(theirs["sig"], &sig); err != nil {
			t.Fatal(err)
		}
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sig, "ed25519:"))
		if err != nil {
			t.Fatal(err)
		}
		delete(ours, "sig")
		text, err := json.Marshal(ours)
		if err != nil {
			t.Fatal(err)
		}
		if text, err = canon.Canonicalize(text); err != nil {
			t.Fatal(err)
		}
		if !ed25519.Verify(v.Signers[1].Key, text, raw) {
			t.Errorf("%s: the reference has signed another text than\n%s", name, text)
		}
	}
	if seen < 5 {
		t.Errorf("%d receipts of version 3", seen)
	}
}

// Every flipped bit and every removed byte makes a receipt of any version invalid.
func TestEveryBitCounts(t *testing.T) {
	receipts := map[string][]byte{
		"our own":        makeReceipt(t, Action{Tool: "add", Arguments: []byte(`{"a":"b\n","c":[1.5,true]}`), CallID: "n:1"}).JSON,
		"our own, exact": makeReceipt(t, Action{Tool: "add", Arguments: []byte(`{"a":9007199254740993}`)}).Record,
		"an event":       makeEvent(t, "torn_line", event.Member{Name: "file", Value: []byte(`"a"`)}).JSON,
	}
	var vectors map[string]struct{ Receipt json.RawMessage }
	readVectors(t, "ts-signed.json", &vectors)
	for version, vector := range vectors {
		c, err := canon.Canonicalize(vector.Receipt)
		if err != nil {
			t.Fatal(err)
		}
		receipts[version] = c
	}
	for name, receipt := range receipts {
		t.Run(name, func(t *testing.T) {
			wantValid(t, receipt)
			m := bytes.Clone(receipt)
			try := func(b []byte) {
				v, err := verified(t, b)
				var bad *InvalidError
				if v != nil || !errors.As(err, &bad) && !errors.Is(err, ErrNotReceipt) && !errors.Is(err, ErrUnsigned) {
					t.Fatalf("%s\nmade from\n%s\ngives %+v, %v", b, receipt, v, err)
				}
			}
			for i := range m {
				for bit := range 8 {
					m[i] ^= 1 << bit
					try(m)
					m[i] ^= 1 << bit
				}
				try(receipt[:i])
				try(append(bytes.Clone(receipt[:i]), receipt[i+1:]...))
			}
		})
	}
}

// TestReferenceServerCheck: which of our receipts the reference's check on the
// server's side takes for a call. It wants params to be the arguments, or null
// where the call has none, so it refuses all others with params null (FORMAT.md,
// "Apart"); verification takes them all.
func TestReferenceServerCheck(t *testing.T) {
	accepts := func(receipt, arguments []byte) bool {
		var r struct {
			Action struct {
				Params     json.RawMessage `json:"params"`
				ParamsHash string          `json:"params_hash"`
			} `json:"action"`
		}
		if err := json.Unmarshal(receipt, &r); err != nil {
			t.Fatal(err)
		}
		if arguments == nil {
			return string(r.Action.Params) == "null" && r.Action.ParamsHash == hashOf(`{}`).String()
		}
		canonical, err := canon.Canonicalize(arguments)
		return err == nil && bytes.Equal(r.Action.Params, canonical) && r.Action.ParamsHash == event.HashOf(canonical).String()
	}
	small, exact := []byte(`{"b":1, "a":"\u00e9"}`), []byte(`{"n":9007199254740993}`)
	for name, c := range map[string]struct {
		action Action
		want   bool
	}{
		"small arguments":       {Action{Arguments: small}, true},
		"no arguments":          {Action{}, true},
		"no arguments, no room": {Action{Room: 1}, true},
		"apart":                 {Action{Arguments: small, Room: 1}, false},
		"by their bytes":        {Action{Arguments: exact}, false},
		"hash only":             {Action{Arguments: small, HashOnly: true}, false},
	} {
		r := makeReceipt(t, c.action)
		if got := accepts(r.JSON, c.action.Arguments); got != c.want {
			t.Errorf("%s: accepted %v, want %v: %s", name, got, c.want, r.JSON)
		}
		wantValid(t, r.JSON)
		wantValid(t, r.Record)
	}
}
