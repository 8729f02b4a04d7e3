package canon

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The reference's own hashes of JSON texts.
func TestContentHashVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/content-hash.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ JSON, Hash string }
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors) != 20 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		t.Run(v.JSON, func(t *testing.T) {
			c, err := Canonicalize([]byte(v.JSON))
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("sha256:%x", sha256.Sum256(c)); got != v.Hash {
				t.Errorf("canonical form %s has hash %s, want %s", c, got, v.Hash)
			}
			if !IsCanonical(c) {
				t.Errorf("IsCanonical(%s) = false", c)
			}
		})
	}
}

func TestCanonicalize(t *testing.T) {
	for _, test := range []struct{ name, raw, want string }{
		{"members sorted by UTF-16, RFC 8785 section 3.2.3",
			`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
			`{"\r":"Carriage Return","1":"One","` + "\u0080" + `":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😀":"Emoji: Grinning Face","` + "\ufb33" + `":"Hebrew Letter Dalet With Dagesh"}`},
		{"numbers, literals and strings, RFC 8785 section 3.2.2",
			`{"numbers":[333333333.3333333,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`,
			`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`},
		{"white space", " \t\r\n[ 1 , { \"a\" : [ ] , \"b\" : { } } ] \n", `[1,{"a":[],"b":{}}]`},
		{"escapes that nothing needs", `"\u0061\u007f\u2028\/"`, "\"a\u007f\u2028/\""},
		{"escapes in names", `{"\u0062":1,"\u0061":2}`, `{"a":2,"b":1}`},
		{"a pair of surrogates", `"\ud83d\ude00"`, `"😀"`},
		{"the first and last pair", `"\uD800\uDC00\uDBFF\uDFFF"`, "\"\U00010000\U0010FFFF\""},
		{"around the surrogates", `"\uD7FF\uE000"`, "\"\ud7ff\ue000\""},
		{"replacement character", `["` + "\ufffd" + `", "\ufffd"]`, "[\"\ufffd\",\"\ufffd\"]"},
		{"minus zero", `[-0, -0.0, 0e5, -0E-99999999999]`, `[0,0,0,0]`},
		{"the same decimal value in other digits", `[100e-2, 0.1e1, 10.0, 1E+2, 0.00012300e3]`, `[1,1,10,100,0.123]`},
		{"largest exact neighbours", `[9007199254740991, 9007199254740992, 9007199254740994 ]`, `[9007199254740991,9007199254740992,9007199254740994]`},
		{"an integer by way of its shortest digits", `[1e17, 123456789012345680000]`, `[100000000000000000,123456789012345680000]`},
		{"objects nested to the limit", " " + strings.Repeat(`{"":`, MaxDepth-1) + "{}" + strings.Repeat("}", MaxDepth-1), strings.Repeat(`{"":`, MaxDepth-1) + "{}" + strings.Repeat("}", MaxDepth-1)},
		{"nested to the limit", " " + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth), strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := Canonicalize([]byte(test.raw))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			if string(got) != test.raw && IsCanonical([]byte(test.raw)) {
				t.Errorf("IsCanonical(%q) = true", test.raw)
			}
			if !IsCanonical(got) {
				t.Errorf("IsCanonical(%q) = false", got)
			}
		})
	}
}

func TestCanonicalizeInexact(t *testing.T) {
	many := 1 << 20
	if testing.Short() {
		many = 1 << 14
	}
	for _, test := range []struct{ name, raw, reason string }{
		{"2^53+1", `9007199254740993`, "digits"},
		{"the same, negative, in an object", `{"a":-9007199254740993}`, "digits"},
		{"more digits than a double holds", `0.10000000000000001`, "digits"},
		{"another double, written in digits of no double", `333333333.33333329`, "digits"},
		{"underflow to zero", `1e-400`, "digits"},
		{"a long zero and then something", `0.` + strings.Repeat("0", 5000) + `1`, "digits"},
		{"overflow", `1e400`, "outside"},
		{"overflow, negative", `[-1e309]`, "outside"},
		{"an exponent of a million digits", `1e` + strings.Repeat("9", many), "outside"},
		{"first half of a pair", `"\ud83d"`, "surrogate"},
		{"second half of a pair", `"\ude00"`, "surrogate"},
		{"halves in the wrong order", `"\ude00\ud83d"`, "surrogate"},
		{"first half, then another escape", `"\ud83d\u0041"`, "surrogate"},
		{"first half, then a short escape", `"\ud83d\n"`, "surrogate"},
		{"the first of all halves", `"\uD800"`, "surrogate"},
		{"the last of the first halves", `"\uDBFF"`, "surrogate"},
		{"the first of the second halves", `"\uDC00"`, "surrogate"},
		{"the last of all halves", `"\uDFFF"`, "surrogate"},
		{"two first halves", `"\uD800\uD800"`, "surrogate"},
		{"halves apart", `"\ud83dxxde00"`, "surrogate"},
		{"halves apart by an escape", `"\ud83d\nde00"`, "surrogate"},
		{"lone surrogate in a name", `{"\uDEAD":1}`, "surrogate"},
		{"duplicate name", `{"a":1,"a":1}`, "twice"},
		{"duplicate name, one escaped", `{"a":1,"\u0061":2}`, "twice"},
		{"duplicate name, deep and apart", `[{"x":{"b":1,"c":2,"b":3}}]`, "twice"},
		{"duplicate empty name", `{"":1,"":2}`, "twice"},
		{"invalid UTF-8", "\"\xff\"", "UTF-8"},
		{"UTF-8 of a surrogate", "\"\xed\xa0\x80\"", "UTF-8"},
		{"overlong UTF-8", "\"\xc0\x80\"", "UTF-8"},
		{"UTF-8 cut short by the quote", "[\"\xe2\x82\"]", "UTF-8"},
		{"nested beyond the limit", strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1), "nested"},
		{"objects nested beyond the limit", strings.Repeat(`{"":`, MaxDepth) + "{}" + strings.Repeat("}", MaxDepth), "nested"},
		{"nested very deep", strings.Repeat(`{"a":[`, many) + strings.Repeat("]}", many), "nested"},
	} {
		t.Run(test.name, func(t *testing.T) {
			raw := []byte(test.raw)
			got, err := Canonicalize(raw)
			var inexact *InexactError
			if !errors.As(err, &inexact) {
				t.Fatalf("got %.50q, %v; want an InexactError", got, err)
			}
			if !strings.Contains(inexact.Reason, test.reason) {
				t.Errorf("reason %q, want one with %q", inexact.Reason, test.reason)
			}
			if IsCanonical(raw) {
				t.Error("IsCanonical = true")
			}
			if !Valid(raw) {
				t.Error("Valid = false")
			}
			// Grammar goes first, wherever it is broken.
			for _, broken := range []string{"[" + test.raw + ",]", "[" + test.raw, test.raw + "]"} {
				if _, err := Canonicalize([]byte(broken)); err == nil || errors.As(err, &inexact) {
					t.Errorf("broken after it: %v, want another error", err)
				}
			}
		})
	}
}

func TestCanonicalizeNotJSON(t *testing.T) {
	for _, raw := range []string{
		``, ` `, `x`, `nul`, `nulll`, `truefalse`, `True`, `NaN`, `Infinity`, `-Infinity`, `'a'`, `undefined`,
		`+1`, `-`, `--1`, `01`, `-01`, `1.`, `.5`, `1.e5`, `1e`, `1e+`, `0x10`, `1_000`, `1 2`,
		`"`, `"a`, `"\`, `"\"`, `"\x41"`, `"\u12"`, `"\u12G4"`, `"\ud83d\u12"`, `"\U00000041"`, "\"\x00\"", "\"\n\"", "\"\x1f\"", "\"a\tb\"",
		`[`, `]`, `[1`, `[1,`, `[1,]`, `[,1]`, `[1 2]`, `[1}`, `[]]`, `[[]`,
		`{`, `}`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{a:1}`, `{"a" 1}`, `{"a"=1}`, `{"a":1 "b":2}`, `{"a":1]`, `{1:2}`, `{"a":}`, `{}{}`,
		`[1]x`, "[1]\x00", "\ufeff[]", `// c` + "\n[]", `[1/**/]`, "[1,\x0c2]", "\u00a0[]",
	} {
		t.Run(raw, func(t *testing.T) {
			got, err := Canonicalize([]byte(raw))
			var inexact *InexactError
			if err == nil || errors.As(err, &inexact) {
				t.Errorf("got %q, %v; want an error of grammar", got, err)
			}
			if IsCanonical([]byte(raw)) {
				t.Error("IsCanonical = true")
			}
			if Valid([]byte(raw)) {
				t.Error("Valid = true")
			}
		})
	}
}

// Texts that have an exact canonical form and differ from it in one thing.
func TestIsCanonicalNotQuite(t *testing.T) {
	for _, raw := range []string{
		` 1`, `1 `, `[1, 2]`, `[ ]`, `{ }`, `{"a": 1}`, `{"a" :1}`, "[1]\n",
		`1.0`, `1e0`, `1E21`, `1e21`, `1e+021`, `-0`, `0.0`, `0e0`, `10.50`, `0.0000001`, `1000000000000000000000`, `1e-6`, `1e+20`, `0.1e1`,
		`{"b":1,"a":2}`, `{"a":1,"A":2}`, `{"aa":1,"a":2}`, `{"a":1,"":2}`, `{"\"":1,"!":2}`, `{"\\":1,"[":2}`, `{" ":1,"\t":2}`, `{"\n":1,"\t":2}`, `{"\u001f":1,"\n":2}`,
		"{\"\ufb33\":1,\"😀\":2}", "{\"a\ufb33\":1,\"a😀\":2}", `{"é":1,"z":2}`, "{\"\ue000\":1,\"\ud7ff\":2}", "{\"😁\":1,\"😀\":2}", "{\"\uffff\":1,\"\ue000\":2}",
		`"\/"`, `"\u0041"`, `"\u20ac"`, `"\u001F"`, `"\u0008"`, `"\u0009"`, `"\u000a"`, `"\u000c"`, `"\u000d"`, `"\u0022"`, `"\u005c"`, `"\u007f"`, `"\u00e9"`, `"\ud83d\ude00"`,
	} {
		t.Run(raw, func(t *testing.T) {
			if IsCanonical([]byte(raw)) {
				t.Error("IsCanonical = true")
			}
			c, err := Canonicalize([]byte(raw))
			if err != nil {
				t.Fatal(err)
			}
			if string(c) == raw {
				t.Error("Canonicalize leaves it as it is")
			}
		})
	}
}

func TestCanonicalizeReturnsCanonicalInput(t *testing.T) {
	raw := []byte(`{"a":1}`)
	got, err := Canonicalize(raw)
	if err != nil || &got[0] != &raw[0] {
		t.Errorf("got %q, %v; want the same bytes", got, err)
	}
	if n := testing.AllocsPerRun(100, func() { IsCanonical(typical) }); n != 0 {
		t.Errorf("IsCanonical allocates %v times", n)
	}
}

// What clients send is rewritten without a tree: two buffers, one of which grows
// (and once more under the race detector).
func TestRewriteAllocates(t *testing.T) {
	raw := []byte(`{"path": "/srv/a b.txt", "edits": [{"oldText": "a\u003cb", "newText": "\u00fc"}, {"x": {"z": null, "y": [1, -2.5, true]}}], "dryRun": false}`)
	want := `{"dryRun":false,"edits":[{"newText":"ü","oldText":"a<b"},{"x":{"y":[1,-2.5,true],"z":null}}],"path":"/srv/a b.txt"}`
	if got, err := Canonicalize(raw); err != nil || string(got) != want {
		t.Fatalf("got %s, %v; want %s", got, err, want)
	}
	if n := testing.AllocsPerRun(100, func() { Canonicalize(raw) }); n > 5 {
		t.Errorf("Canonicalize allocates %v times", n)
	}
}

func TestCanonicalizeTooLong(t *testing.T) {
	long := []byte(`["` + strings.Repeat("a", MaxRewrite) + `"]`)
	if got, err := Canonicalize(long); err != nil || len(got) != len(long) {
		t.Errorf("canonical and long: %v", err)
	}
	if _, err := Canonicalize([]byte(`["` + strings.Repeat("a", MaxRewrite-5) + `"] `)); err != nil {
		t.Errorf("to be rewritten, and not too long: %v", err)
	}
	_, err := Canonicalize([]byte(`["` + strings.Repeat("a", MaxRewrite-4) + `"] `))
	var inexact *InexactError
	if err == nil || errors.As(err, &inexact) || errors.Is(err, errNotJSON) {
		t.Errorf("long and to be rewritten: %v, want an error of its own", err)
	}
}

func TestCheckPortable(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, test := range []struct {
		canonical string
		portable  bool
	}{
		{`{"a":9007199254740991,"b":-9007199254740991}`, true},
		{`9007199254740992`, false},
		{`{"a":[-9007199254740992]}`, false},
		{`18446744073709550000`, false}, // below 2^64
		{`18446744073709552000`, true},  // 2^64, which serde_json reads as a double
		{`-9223372036854775000`, false}, // above -2^63
		{`-9223372036854776000`, true},  // -2^63, whose digits lie below it
		{`123456789012345680000`, true},
		{`1e+21`, true},
		{`1234567890123456.8`, true},
		{`"9007199254740992"`, true},
		{`{"9007199254740992":"\\\"[[[[","b":"\\"}`, true},
		{`{"\"":9007199254740992}`, false},
		{deep(PortableDepth), true},
		{deep(PortableDepth + 1), false},
		{`["` + deep(PortableDepth) + `",` + deep(PortableDepth-1) + `,` + deep(PortableDepth-1) + `]`, true},
		{`[` + strings.TrimSuffix(strings.Repeat("[],", 2*PortableDepth), ",") + `]`, true},
		{`[` + strings.TrimSuffix(strings.Repeat("[1],", 2*PortableDepth), ",") + `]`, true},
		{`[` + strings.TrimSuffix(strings.Repeat(`["a"],`, 2*PortableDepth), ",") + `]`, true},
	} {
		t.Run(test.canonical, func(t *testing.T) {
			if !IsCanonical([]byte(test.canonical)) {
				t.Fatal("the test is not canonical")
			}
			for i := range test.canonical { // of no meaning, but of no harm
				_ = CheckPortable([]byte(test.canonical[:i]))
			}
			err := CheckPortable([]byte(test.canonical))
			var inexact *InexactError
			if (err == nil) != test.portable || err != nil && !errors.As(err, &inexact) {
				t.Errorf("got %v, want portable: %v", err, test.portable)
			}
		})
	}
}
