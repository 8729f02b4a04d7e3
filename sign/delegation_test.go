package sign

import (
	"encoding/json"
	"strings"
	"testing"
)

// link is an unsigned delegation from one key to another.
func link(from, to byte, scope object) object {
	return object{"v": 1, "delegator": object{"pubkey": written(public(from)), "name": "from"}, "delegate": object{"pubkey": written(public(to)), "name": "to"},
		"scope": scope, "issued_at": "2026-05-01T09:00:00.000Z", "nonce": "rnd_02"}
}

func (o object) signLink(t testing.TB, from byte) object {
	return o.signed(t, key(from), "del_", func(o object) object {
		o = without("correlation_id")(o)
		if scope, ok := o["scope"].(object); ok {
			o["scope"] = scope.with("budget", nil)
		}
		return o
	})
}

func scope() object {
	return object{"tools": []string{"sub", "add"}, "targets": []string{"*"}, "max_depth": 1}
}

// version4 is an unsigned receipt of key(7), which has its authority from key(5)
// by way of key(6).
func version4(t testing.TB, chain ...object) object {
	if chain == nil {
		chain = []object{link(5, 6, scope()).signLink(t, 5), link(6, 7, scope()).signLink(t, 6)}
	}
	b, err := json.Marshal(chain)
	if err != nil {
		t.Fatal(err)
	}
	canonical := object{"x": json.RawMessage(b)}.canonical(t)
	hash := hashOf(string(canonical[len(`{"x":`) : len(canonical)-1]))
	return version1().with("v", 4).with("authorization", object{"chain": chain, "chain_hash": hash, "root_pubkey": written(public(5))})
}

// signs4 is what version 4 signs.
func signs4(o object) object {
	signed := object{}
	for _, name := range []string{"v", "action", "signer", "ts", "nonce"} {
		if value, ok := o[name]; ok {
			signed[name] = value
		}
	}
	if authorization, ok := o["authorization"].(object); ok {
		signed["authorization"] = without("chain")(authorization)
	}
	return signed
}

func (o object) sign4(t testing.TB) []byte {
	return o.signed(t, key(7), "rec_", signs4).canonical(t)
}

func TestVersion4(t *testing.T) {
	v := wantValid(t, version4(t).sign4(t))
	if v.Version != 4 || len(v.Signers) != 2 || v.Signers[0].Role != "root" || v.Signers[0].Name != "from" || !v.Signers[0].Key.Equal(public(5)) ||
		v.Signers[1].Role != "agent" || !v.Signers[1].Key.Equal(public(7)) || len(v.Doubts) != 0 {
		t.Errorf("%+v", v)
	}
	one := func(s object) object { return version4(t, link(5, 7, s).signLink(t, 5)) }
	authorization := version4(t)["authorization"].(object)
	for _, test := range []struct {
		name    string
		receipt object
		reason  string // "": valid
	}{
		{"one link", one(scope()), ""},
		{"all tools", one(scope().with("tools", []string{"*"})), ""},
		{"the target by name", one(scope().with("targets", []string{"mcp://x"})), ""},
		{"expires later", one(scope().with("expires", "2026-05-01T10:00:00Z")), ""},
		{"expires never", one(scope().with("expires", json.RawMessage("null"))), ""},
		{"a correlation id", version4(t, link(5, 7, scope()).with("correlation_id", "x").signLink(t, 5)), ""},
		{"no further than this", one(scope().with("max_depth", 0)), ""},

		{"expired", one(scope().with("expires", "2026-05-01T09:59:59Z")), "expired"},
		{"expires at no time", one(scope().with("expires", "soon")), "expired"},
		{"another tool", one(scope().with("tools", []string{"sub"})), "the tool"},
		{"a star among others is no star", one(scope().with("tools", []string{"*", "sub"})), "the tool"},
		{"no tools", one(scope().with("tools", nil)), "the tool"},
		{"tools no list", one(scope().with("tools", "add")), "the tool"},
		{"another target", one(scope().with("targets", []string{"mcp://y"})), "the target"},
		{"no max_depth", one(scope().with("max_depth", nil)), "max_depth"},
		{"max_depth below zero", one(scope().with("max_depth", -1)), "max_depth"},
		{"the root allows none to follow", version4(t, link(5, 6, scope().with("max_depth", 0)).signLink(t, 5), link(6, 7, scope()).signLink(t, 6)), "delegation 1 of 2"},
		{"the first link does not allow the tool", version4(t, link(5, 6, scope().with("tools", []string{"sub"})).signLink(t, 5), link(6, 7, scope()).signLink(t, 6)), "delegation 1 of 2: it does not allow the tool"},
		{"no scope", version4(t, link(5, 7, nil).with("scope", nil).signLink(t, 5)), "version 1"},
		{"link of version 2", version4(t, link(5, 7, scope()).with("v", 2).signLink(t, 5)), "version 1"},
		{"unknown member of a link", version4(t, link(5, 7, scope()).with("more", 2).signLink(t, 5)), "not a delegation"},
		{"a link is a string", version4(t).with("authorization", authorization.with("chain", []any{"x"}).with("chain_hash", hashOf(`["x"]`))), "not the first key"},
		{"link not signed by the root", version4(t, link(5, 7, scope()).signLink(t, 7)), "not what was signed"},
		{"link altered", version4(t, link(5, 7, scope()).signLink(t, 5).with("scope", scope().with("max_depth", 9))), "not what was signed"},
		{"link with another id", version4(t, link(5, 7, scope()).signLink(t, 5).with("id", "del_00")), "its id"},
		{"link without signature", version4(t, link(5, 7, scope())), "its id"},
		{"link to nobody", version4(t, link(5, 7, scope()).with("delegate", object{"name": "x"}).signLink(t, 5)), "no valid delegate key"},
		{"links that do not meet", version4(t, link(5, 6, scope()).signLink(t, 5), link(8, 7, scope()).signLink(t, 8)), "delegation 2 of 2: it is not from the holder"},
		{"links in the wrong order", version4(t, link(6, 7, scope()).signLink(t, 6), link(5, 6, scope()).signLink(t, 5)), "not the first key"},
		{"delegated to another", version4(t, link(5, 6, scope()).signLink(t, 5)), "does not end at the signer"},
		{"another root", version4(t).with("authorization", authorization.with("root_pubkey", written(public(8)))), "not the first key"},
		{"root no key", version4(t).with("authorization", authorization.with("root_pubkey", "x")), "not the first key"},
		{"no root", version4(t).with("authorization", authorization.with("root_pubkey", nil)), "not the first key"},
		{"an empty chain", version4(t).with("authorization", authorization.with("chain", []any{}).with("chain_hash", hashOf("[]"))), "1 to 16"},
		{"no chain", version4(t).with("authorization", authorization.with("chain", nil)), "1 to 16"},
		{"17 links", version4(t).with("authorization", authorization.with("chain", make([]any, 17))), "1 to 16"},
		{"another chain_hash", version4(t).with("authorization", authorization.with("chain_hash", hashOf("[]"))), "chain_hash"},
		{"no chain_hash", version4(t).with("authorization", authorization.with("chain_hash", nil)), "chain_hash"},
		{"no authorization", version4(t).with("authorization", nil), "no authorization"},
		{"more in the authorization", version4(t).with("authorization", authorization.with("admin", true)), "admin"},
		{"an expiry, which version 4 does not sign", version4(t).with("exp", "2026-05-01T11:00:00Z"), "exp"},
		{"any other member", version4(t).with("w", strings.Repeat("w", 1000)), "member \"w\""},
		{"false params", version4(t).with("action", testActionObject().with("params", object{})), "hash of params"},
		{"no ts", version4(t).with("ts", nil), "ts"},
	} {
		t.Run(test.name, func(t *testing.T) {
			receipt := test.receipt.sign4(t)
			if test.reason == "" {
				if v := wantValid(t, receipt); len(v.Doubts) != 0 {
					t.Errorf("doubts: %q", v.Doubts)
				}
				return
			}
			wantInvalid(t, receipt, test.reason)
		})
	}
	t.Run("another tool than was signed", func(t *testing.T) {
		wantInvalid(t, []byte(strings.Replace(string(version4(t).sign4(t)), `"tool":"add"`, `"tool":"sub"`, 1)), "not what was signed")
	})
	t.Run("a budget", func(t *testing.T) {
		if v := wantValid(t, one(scope().with("budget", object{"calls": 3})).sign4(t)); len(v.Doubts) != 1 {
			t.Errorf("doubts: %q", v.Doubts)
		}
	})
	t.Run("by its bytes", func(t *testing.T) {
		o := version4(t).with("action", testActionObject().with("params", json.RawMessage("null"))).with("params_raw", "eyJhIjoxfQ==")
		if v := wantValid(t, o.sign4(t)); string(v.Arguments()) != `{"a":1}` {
			t.Errorf("%+v", v)
		}
	})
}
