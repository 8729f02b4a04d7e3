package sign

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
)

// TestKnown: a receipt whose signature is good is not verified unless its signers
// may have signed. The error has what it says.
func TestKnown(t *testing.T) {
	for name, c := range map[string]struct {
		receipt []byte
		signers []Known // each of whom must be known
	}{
		"version 1": {version1().sign1(t), []Known{Keys(public(7))}},
		"version 2": {version2().sign2(t), []Known{Keys(public(7))}},
		"version 3": {version3(t).sign3(t), []Known{Keys(public(7)), Keys(public(9))}},
		"version 4": {version4(t).sign4(t), []Known{Keys(public(5))}},
		"an event":  {makeEvent(t, "x").JSON, []Known{Keys(public(7))}},
	} {
		all := func(but int) Known {
			var known []Known
			for i, k := range c.signers {
				if i != but {
					known = append(known, k)
				}
			}
			return func(key ed25519.PublicKey) bool {
				for _, k := range known {
					if k(key) {
						return true
					}
				}
				return false
			}
		}
		if _, err := Verify(c.receipt, all(-1)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i, k := range c.signers {
			v, err := Verify(c.receipt, all(i))
			unknown, ok := errors.AsType[*UnknownKeyError](err)
			if v != nil || !ok || !k(unknown.Signer.Key) || unknown.Says == nil || len(unknown.Says.Signers) == 0 {
				t.Errorf("%s without signer %d: %v, %v", name, i, v, err)
			}
		}
		if _, err := Verify(c.receipt, nil); err == nil {
			t.Errorf("%s: nil knows its signers", name)
		}
		bad := bytes.Replace(c.receipt, []byte(`"nonce":"`), []byte(`"nonce":"x`), 1)
		if _, err := Verify(bad, nil); !errors.As(err, new(*InvalidError)) {
			t.Errorf("%s, altered: %v", name, err)
		}
	}
}

// TestCovers: a receipt covers the arguments that were sent, in any spelling where
// they are signed in canonical form, and in no other where by their bytes.
func TestCovers(t *testing.T) {
	large := `{"a":"` + strings.Repeat("x", maxParams) + `"}`
	for _, c := range []struct {
		sent     string
		yes, no  []string
		hashOnly bool
	}{
		{`{"a":1,"b":"x"}`, []string{`{"b":"\u0078", "a":1.0}`}, []string{`{"a":1}`, `{"a":2,"b":"x"}`, `{}`, `null`, ``, `{"a":1,"b":"x"`, `{"a":1,"a":1,"b":"x"}`}, false},
		{`{"a":1,"b":"x"}`, []string{`{"b":"\u0078", "a":1.0}`}, []string{`{"a":1}`, `{}`}, true},
		{`{"n":9007199254740993}`, nil, []string{`{"n": 9007199254740993}`, `{"n":9007199254740992}`}, false},
		{large, []string{large + " "}, []string{large[:len(large)-2] + `y"}`}, false},
		{`{}`, []string{` {}`}, []string{`null`, `[]`}, false},
		{`null`, []string{"null\n"}, []string{`{}`}, false},
	} {
		r := makeReceipt(t, Action{Tool: "t", Arguments: []byte(c.sent), HashOnly: c.hashOnly})
		for _, b := range [][]byte{r.JSON, r.Record} { // with params_raw and without
			v := wantValid(t, b)
			for _, arguments := range append(c.yes, c.sent) {
				if !v.Covers([]byte(arguments)) {
					t.Errorf("%.50s does not cover %.50s", c.sent, arguments)
				}
			}
			for _, arguments := range c.no {
				if v.Covers([]byte(arguments)) {
					t.Errorf("%.50s covers %.50s", c.sent, arguments)
				}
			}
			if v.Covers(nil) != (c.sent == `{}`) {
				t.Errorf("%.50s and a call without arguments: %v", c.sent, v.Covers(nil))
			}
		}
	}
	if v := wantValid(t, makeReceipt(t, Action{Tool: "t"}).JSON); !v.Covers(nil) || v.Covers([]byte(`{"a":1}`)) {
		t.Error("a call without arguments")
	}
	if v := wantValid(t, makeEvent(t, "x").JSON); v.Covers(nil) || v.Covers([]byte(`{}`)) {
		t.Error("an event covers arguments")
	}
}
