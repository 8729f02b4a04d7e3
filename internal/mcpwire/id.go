package mcpwire

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A response belongs to the request whose id it repeats. JSON-RPC 2.0, section 5,
// demands the same value. Clients differ in what they take as the same:
//
//	TypeScript SDK   Number(id): "2", " 2 ", "0x2", "2e0" and 2.0 are 2, "" is 0
//	Python SDK       int(id): "2", " 2 ", "+2", "002", "2_0" and other digits
//	Go SDK           whole numbers, fractions dropped: 2.0 and 2.5 are 2; "2" is not
//	mcp-go           2.0 is 2; "2" is not
//	C#, Rust, Java   2 is 2; neither 2.0 nor "2" is
//	JavaScript and PHP objects and arrays as tables: "2" is 2
//
// So an id has two keys. In the exact key numbers are equal by value, and a string
// is never a number. The loose key is the number that some client may read in the
// id. A response is for the request with its exact key. If none waits, it may be
// for one with its loose key.

// maxIDKey is the maximum length of an id that is its own key, in bytes. The key of
// a longer one is its hash.
const maxIDKey = 128

// IDKey is the exact key of an id: 1 and 1.0 have the same, "1" another. It is ""
// if raw cannot be an id.
func IDKey(raw []byte) string {
	key, _ := idKey(raw)
	return key
}

// idKey is IDKey, and the loose key as in LooseKey.
func idKey(raw []byte) (exact, loose string) {
	v := jsontext.Value(raw)
	switch v.Kind() {
	case '"':
		s, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			s = raw // with half a surrogate pair, which programs replace each in its way
			exact = "r:" + string(s)
		} else {
			exact = "s:" + string(s)
		}
		loose = exact
		if n, ok := numberIn(string(s)); ok && len(s) <= maxLooseID {
			loose = n
		}
	case '0':
		exact = "n:" + string(raw)
		if len(raw) <= 15 && raw[0] != '-' && !bytes.ContainsAny(raw, ".eE") {
			return exact, exact // nearly always
		}
		if f, err := strconv.ParseFloat(string(raw), 64); err == nil {
			loose = formatNumber(f)
			if bytes.ContainsAny(raw, ".eE") {
				exact = loose
			}
		} else {
			loose = exact
		}
	default:
		return "", ""
	}
	if len(exact) > maxIDKey {
		exact = "h:" + event.HashOf([]byte(exact)).String()
	}
	if len(loose) > maxIDKey {
		loose = exact
	}
	return exact, loose
}

// maxLooseID is the maximum length of a string in which a number is searched for,
// in bytes.
const maxLooseID = 1024

// LooseKey is the loose key of the id with the exact key exact.
func LooseKey(exact string) string {
	if s, ok := strings.CutPrefix(exact, "s:"); ok {
		if n, ok := numberIn(s); ok {
			return n
		}
	}
	// Most ids are small whole numbers.
	if s, ok := strings.CutPrefix(exact, "n:"); ok && (len(s) > 15 || s[0] == '-') {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return formatNumber(f)
		}
	}
	return exact
}

// WholeKey is the loose key of a number without its fraction; "" if it has no
// fraction.
func WholeKey(loose string) string {
	s, ok := strings.CutPrefix(loose, "n:")
	if i := strings.IndexByte(s, '.'); ok && i > 0 {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return formatNumber(math.Trunc(f))
		}
	}
	return ""
}

func formatNumber(f float64) string {
	if f == 0 {
		f = 0 // not -0
	}
	return "n:" + strconv.FormatFloat(f, 'f', -1, 64)
}

// numberIn is the loose key of the number that JavaScript's Number or Python's int
// reads in s.
func numberIn(s string) (loose string, ok bool) {
	s = strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || 0x1c <= r && r <= 0x1f })
	if s == "" {
		return "n:0", true // JavaScript
	}
	if len(s) > 2 && s[0] == '0' {
		if base := map[byte]int{'x': 16, 'o': 8, 'b': 2}[s[1]|0x20]; base > 0 {
			n, err := strconv.ParseUint(s[2:], base, 64)
			return formatNumber(float64(n)), err == nil
		}
	}
	var b []byte
	for i, r := range s {
		switch {
		case '0' <= r && r <= '9', r == '+', r == '-', r == '.', r == 'e', r == 'E':
			b = append(b, byte(r))
		case r == '_' && i > 0 && i < len(s)-1:
		default:
			d := digitOf(r)
			if d < 0 {
				return "", false
			}
			b = append(b, byte('0'+d))
		}
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return "", false
	}
	return formatNumber(f), true
}

// digitOf is the value of a decimal digit of any script, or -1. Unicode has the ten
// digits of a script in order.
func digitOf(r rune) int {
	if !unicode.Is(unicode.Nd, r) {
		return -1
	}
	for _, in := range unicode.Nd.R16 {
		if lo, hi := rune(in.Lo), rune(in.Hi); lo <= r && r <= hi {
			return int(r-lo) % 10
		}
	}
	for _, in := range unicode.Nd.R32 {
		if lo, hi := rune(in.Lo), rune(in.Hi); lo <= r && r <= hi {
			return int(r-lo) % 10
		}
	}
	return -1
}
