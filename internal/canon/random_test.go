package canon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gowebpki/jcs"
)

// A second canonicalizer, for comparison.
func byJSONText(raw []byte) ([]byte, error) {
	v := jsontext.Value(bytes.Clone(raw))
	err := v.Canonicalize()
	return v, err
}

// Ten thousand random values, in random spelling, by two canonicalizers.
func TestRandomValues(t *testing.T) {
	random := rand.New(rand.NewPCG(8785, 1))
	kinds := make(map[string]int)
	for i := range 10_000 {
		raw := appendRandomValue(nil, random, 0)
		agree(t, raw)
		want, err := byJSONText(raw)
		if err != nil {
			t.Fatalf("value %d: %v: %s", i, err, raw)
		}
		got, err := Canonicalize(raw)
		var inexact *InexactError
		switch {
		case errors.As(err, &inexact):
			// The other one has rounded a number, and only that.
			kinds["inexact"]++
			if !strings.Contains(inexact.Reason, "digits") && !strings.Contains(inexact.Reason, "outside") {
				t.Fatalf("value %d: %v: %s", i, err, raw)
			}
			continue
		case err != nil:
			t.Fatalf("value %d: %v: %s", i, err, raw)
		case !bytes.Equal(got, want):
			t.Fatalf("value %d: %s\ngot  %s\nwant %s", i, raw, got, want)
		case !IsCanonical(got):
			t.Fatalf("value %d: IsCanonical(%s) = false", i, got)
		case IsCanonical(raw) != bytes.Equal(raw, want):
			t.Fatalf("value %d: IsCanonical(%s) = %v, canonical form is %s", i, raw, IsCanonical(raw), want)
		}
		if bytes.Equal(raw, want) {
			kinds["canonical"]++
		} else if _, ok := rewrite(raw); ok {
			kinds["rewritten"]++
		} else {
			kinds["rewritten by jcs"]++
		}
	}
	// All must have been tried in earnest.
	for _, kind := range []string{"inexact", "canonical", "rewritten", "rewritten by jcs"} {
		if kinds[kind] < 150 {
			t.Errorf("only %d values were %s: %v", kinds[kind], kind, kinds)
		}
	}
}

// What differs in one byte from a canonical text is seldom canonical.
func TestRandomMutations(t *testing.T) {
	random := rand.New(rand.NewPCG(8785, 2))
	canonical := 0
	for range 2_000 {
		raw := appendRandomValue(nil, random, 0)
		c, err := Canonicalize(raw)
		if err != nil {
			continue
		}
		for range 20 {
			m := bytes.Clone(c)
			switch i := random.IntN(len(m)); random.IntN(3) {
			case 0:
				m[i] = byte(random.IntN(256))
			case 1:
				m = append(m[:i], m[i+1:]...)
			case 2:
				m[i] = `0123456789.eE+-"\/{}[],: u`[random.IntN(26)]
			}
			if IsCanonical(m) {
				canonical++
			}
			agree(t, m)
		}
	}
	if canonical < 1000 {
		t.Errorf("only %d mutations were canonical", canonical)
	}
}

// agree checks the equations that IsCanonical and rewrite stand for, against the
// way that does without them, and against jsontext.
func agree(t *testing.T, b []byte) {
	t.Helper()
	slow := false
	err := check(b)
	rewritten, ok := rewrite(b)
	if ok && err != nil {
		t.Fatalf("%q is rewritten, and check says %v", b, err)
	}
	if err == nil {
		c, jcsErr := jcs.Transform(b)
		slow = jcsErr == nil && bytes.Equal(c, b)
		if ok && (jcsErr != nil || !bytes.Equal(rewritten, c)) {
			t.Fatalf("%q is rewritten as\n%q, and jcs has\n%q, %v", b, rewritten, c, jcsErr)
		}
		if jcsErr != nil && !strings.HasPrefix(jcsErr.Error(), "Duplicate key") {
			t.Fatalf("%q passes check, and then %v", b, jcsErr)
		}
	}
	if got := IsCanonical(b); got != slow {
		t.Fatalf("IsCanonical(%q) = %v, want %v", b, got, slow)
	}
	c, other := byJSONText(b)
	if got, want := slow, other == nil && bytes.Equal(c, b); got != want && !deeper(b) {
		t.Fatalf("jsontext has %q canonical: %v (%v); we %v (%v)", b, want, other, got, err)
	}
	// By grammar alone, we agree with encoding/json, which has a limit of depth.
	if bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) > 10_000 {
		return
	}
	var inexact *InexactError
	if valid := json.Valid(b); valid != (err == nil || errors.As(err, &inexact)) || valid != Valid(b) {
		t.Fatalf("encoding/json finds %q valid: %v; Valid %v, check %v", b, valid, Valid(b), err)
	}
}

// deeper reports whether b may be nested beyond MaxDepth, which others allow.
func deeper(b []byte) bool {
	return bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) > MaxDepth
}

func appendRandomValue(b []byte, random *rand.Rand, depth int) []byte {
	space := func() {
		if depth > 0 && random.IntN(12) == 0 {
			b = append(b, " \t\n\r"[random.IntN(4)])
		}
	}
	switch n := random.IntN(10); {
	case n < 3 && depth < 5:
		b = append(b, '{')
		seen := make(map[string]bool)
		for i := range random.IntN(5) {
			name := randomString(random)
			if seen[name] {
				continue
			}
			if seen[name] = true; i > 0 && b[len(b)-1] != '{' {
				b = append(b, ',')
			}
			space()
			b = appendRandomSpelling(b, name, random)
			space()
			b = append(b, ':')
			b = appendRandomValue(b, random, depth+1)
		}
		b = append(b, '}')
	case n < 5 && depth < 5:
		b = append(b, '[')
		for i := range random.IntN(5) {
			if i > 0 {
				b = append(b, ',')
			}
			space()
			b = appendRandomValue(b, random, depth+1)
		}
		b = append(b, ']')
	case n < 7:
		b = appendRandomSpelling(b, randomString(random), random)
	case n < 9:
		b = append(b, randomNumber(random)...)
	default:
		b = append(b, []string{"null", "true", "false"}[random.IntN(3)]...)
	}
	space()
	return b
}

func randomString(random *rand.Rand) string {
	var s strings.Builder
	for range random.IntN(6) {
		switch random.IntN(8) {
		case 0:
			s.WriteRune(rune(random.IntN(0x20)))
		case 1:
			s.WriteRune([]rune("\"\\/\u007f\u0080\u2028\ud7ff\ue000\ufb33\ufffd\uffff")[random.IntN(11)])
		case 2:
			s.WriteRune(0x10000 + rune(random.IntN(0x100000)))
		case 3:
			s.WriteRune(0xE000 + rune(random.IntN(0x2000)))
		default:
			s.WriteRune('a' + rune(random.IntN(4)))
		}
	}
	return s.String()
}

// appendRandomSpelling appends s as a JSON string, mostly in canonical form.
func appendRandomSpelling(b []byte, s string, random *rand.Rand) []byte {
	if random.IntN(4) > 0 {
		return AppendString(b, s)
	}
	b = append(b, '"')
	for _, r := range s {
		switch {
		case random.IntN(2) == 0 && r <= 0xFFFF:
			b = fmt.Appendf(b, []string{`\u%04x`, `\u%04X`}[random.IntN(2)], r)
		case r > 0xFFFF:
			b = fmt.Appendf(b, `\u%04x\u%04X`, 0xD800+(r-0x10000)>>10, 0xDC00+(r-0x10000)&0x3FF)
		case r < ' ' || r == '"' || r == '\\':
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

func randomNumber(random *rand.Rand) string {
	switch random.IntN(8) {
	case 0:
		return strconv.FormatUint(random.Uint64()>>random.IntN(64), 10)
	case 1:
		return fmt.Sprintf("-%d.%d", random.IntN(1000), random.IntN(1000))
	case 2:
		return fmt.Sprintf("%de%d", random.IntN(1000), random.IntN(40)-20)
	case 3:
		return []string{"-0", "0.0", "1E21", "1e-6", "1e-7", "5e-324", "1.7976931348623157e308"}[random.IntN(7)]
	case 4:
		return strconv.FormatFloat(float64(1+random.IntN(9))*math.Pow(10, float64(random.IntN(30)-10)), 'g', -1, 64)
	default:
		for {
			f := math.Float64frombits(random.Uint64())
			if !math.IsNaN(f) && !math.IsInf(f, 0) {
				return string(appendNumber(nil, f))
			}
		}
	}
}

// The rule for numbers against exact arithmetic: a number has an exact
// canonical form just if its rational value is that of the nearest double's
// shortest digits.
func TestRandomNumbersExact(t *testing.T) {
	random := rand.New(rand.NewPCG(8785, 3))
	count := map[bool]int{}
	for range 20_000 {
		token := randomNumber(random)
		if random.IntN(2) == 0 { // move its digits about
			f, _ := strconv.ParseFloat(token, 64)
			token = strconv.FormatFloat(f, 'e', random.IntN(22), 64)
		}
		if random.IntN(4) == 0 {
			mantissa, exp, _ := strings.Cut(strings.ToLower(token), "e")
			if !strings.Contains(mantissa, ".") {
				mantissa += "."
			}
			mantissa += strings.Repeat("0", 1+random.IntN(30))
			token = mantissa
			if exp != "" {
				token += "e" + exp
			}
		}
		f, err := strconv.ParseFloat(token, 64)
		exact := err == nil
		if exact {
			x, _ := new(big.Rat).SetString(token)
			y, _ := new(big.Rat).SetString(string(appendNumber(nil, f)))
			exact = x.Cmp(y) == 0
		}
		if got := check([]byte(token)) == nil; got != exact {
			t.Fatalf("%s: exact form: %v, want %v", token, got, exact)
		}
		count[exact]++
	}
	if count[true] < 1500 || count[false] < 1500 {
		t.Errorf("one-sided: %v", count)
	}
}

func TestNumbers(t *testing.T) {
	// RFC 8785, appendix B: the bits of a double and its canonical form.
	for _, test := range []struct {
		bits uint64
		want string
	}{
		{0x0000000000000000, "0"},
		{0x8000000000000000, "0"},
		{0x0000000000000001, "5e-324"},
		{0x8000000000000001, "-5e-324"},
		{0x7fefffffffffffff, "1.7976931348623157e+308"},
		{0xffefffffffffffff, "-1.7976931348623157e+308"},
		{0x4340000000000000, "9007199254740992"},
		{0xc340000000000000, "-9007199254740992"},
		{0x4430000000000000, "295147905179352830000"},
		{0x44b52d02c7e14af5, "9.999999999999997e+22"},
		{0x44b52d02c7e14af6, "1e+23"},
		{0x44b52d02c7e14af7, "1.0000000000000001e+23"},
		{0x444b1ae4d6e2ef4e, "999999999999999700000"},
		{0x444b1ae4d6e2ef4f, "999999999999999900000"},
		{0x444b1ae4d6e2ef50, "1e+21"},
		{0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
		{0x3eb0c6f7a0b5ed8d, "0.000001"},
		{0x41b3de4355555553, "333333333.3333332"},
		{0x41b3de4355555554, "333333333.33333325"},
		{0x41b3de4355555555, "333333333.3333333"},
		{0x41b3de4355555556, "333333333.3333334"},
		{0x41b3de4355555557, "333333333.33333343"},
		{0xbecbf647612f3696, "-0.0000033333333333333333"},
		{0x43143ff3c1cb0959, "1424953923781206.2"},
	} {
		t.Run(test.want, func(t *testing.T) {
			got := string(appendNumber(nil, math.Float64frombits(test.bits)))
			if got != test.want {
				t.Errorf("got %s", got)
			}
			if !IsCanonical([]byte(test.want)) {
				t.Error("IsCanonical = false")
			}
		})
	}
}

func TestAppendString(t *testing.T) {
	for _, s := range []string{"", "plain", "\"\\/", "\x00\b\t\n\v\f\r\x1f\x7f", "é€😀\u2028<>&", "\xff", "a\xed\xa0\x80b", "\xe2\x82", "\ufffd \xef\xbf", strings.Repeat("long ", 100) + "\x01"} {
		want, err := jsontext.AppendQuote(nil, string([]rune(s))) // U+FFFD for each byte that is not UTF-8
		if err != nil {
			t.Fatal(err)
		}
		got := AppendString([]byte("x"), s)
		if string(got) != "x"+string(want) {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
		if !IsCanonical(got[1:]) {
			t.Errorf("%q: IsCanonical(%s) = false", s, got)
		}
	}
}

// FuzzCanonical: IsCanonical(b) if and only if b has an exact canonical form and
// that is b; and what rewrite makes of b is that form.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5,-3e+21,"\n\u0000é😀"],"b":{}}`, `{"b":1,"a":2}`, `[9007199254740993]`, `"\ud800"`, "\"\xff\"", `{"\\":1,"a":1,"a":1}`, "{\"\ufb33\":1,\"😀\":2}",
		`{ "b" : [ "\/\u003c\u20ac\ud83d\ude00\u001F\u005c" , { "z":{}, "\u0061":1 } ], "a\n" : -1.5 , "a": true } `} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) { agree(t, b) })
}
