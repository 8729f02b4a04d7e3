package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// corpus are the lines in testdata/readers/corpus.txt, each a Go string there.
func corpus(t *testing.T) (lines [][]byte) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "readers", "corpus.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		line, err := strconv.Unquote(s.Text())
		if err != nil || strings.Contains(line, "\n") {
			t.Fatalf("corpus.txt: %q: %v", s.Text(), err)
		}
		lines = append(lines, []byte(line))
	}
	return lines
}

// A maker makes lines that parsers may read differently.
type maker struct {
	*rand.Rand
	corpus [][]byte
}

func pick[T any](m maker, of []T) T { return of[m.IntN(len(of))] }

// line is one, without its line end.
func (m maker) line() []byte {
	var line string
	if m.IntN(3) > 0 {
		line = string(pick(m, m.corpus))
	} else {
		line = m.message()
	}
	if m.IntN(500) == 0 {
		n := 1 + m.IntN(12_000)
		line = strings.Replace(line, `:{}`, ":"+strings.Repeat("[", n)+strings.Repeat("]", n), 1)
	}
	for range m.IntN(3) {
		line = m.mutated(line)
	}
	return bytes.ReplaceAll([]byte(line), []byte("\n"), nil)
}

// message is a well-formed one, or a batch.
func (m maker) message() string {
	if m.IntN(8) == 0 {
		var all []string
		for range m.IntN(4) {
			all = append(all, m.message())
		}
		return "[" + strings.Join(all, pick(m, spaces)+","+pick(m, spaces)) + "]"
	}
	params := m.object(`"name":`+pick(m, names), `"arguments":`+m.value(3), pick(m, metas))
	return m.object(`"jsonrpc":"2.0"`, fmt.Sprintf(`"id":%d`, m.IntN(1e6)), `"method":`+pick(m, methods), `"params":`+params)
}

// object has most of these members, in any order.
func (m maker) object(members ...string) string {
	m.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	var kept []string
	for _, s := range members {
		if s != "" && m.IntN(12) > 0 {
			kept = append(kept, pick(m, spaces)+s+pick(m, spaces))
		}
	}
	return "{" + strings.Join(kept, ",") + "}"
}

// value is one for an argument.
func (m maker) value(depth int) string {
	if depth == 0 || m.IntN(4) == 0 {
		return pick(m, scalars)
	}
	var all []string
	for range m.IntN(4) {
		all = append(all, m.value(depth-1))
	}
	if m.IntN(3) == 0 {
		return "[" + strings.Join(all, ",") + "]"
	}
	for i, v := range all {
		all[i] = pick(m, keyNames) + strconv.Itoa(i) + `":` + v
	}
	return "{" + strings.Join(all, ",") + "}"
}

// mutated is line with one change, at a token that matters or anywhere.
func (m maker) mutated(line string) string {
	at := m.IntN(len(line) + 1)
	end := min(len(line), at+m.IntN(3))
	if token := pick(m, tokens); m.IntN(3) > 0 {
		if i := strings.Index(line, token); i >= 0 {
			at, end = i, i+len(token)
		}
	}
	before, old, after := line[:at], line[at:end], line[end:]
	switch m.IntN(9) {
	case 0:
		return before + pick(m, pieces) + after
	case 1:
		return before + pick(m, pieces) + old + after
	case 2:
		return before + after
	case 3:
		return before + m.spelled(old) + after
	case 4:
		return before + old + pick(m, pieces) + old + after
	case 5:
		return before + pick(m, tokens) + after
	case 6:
		return before + string(pick(m, m.corpus)) + after
	case 7:
		return before + pick(m, scalars) + after
	}
	if at == len(line) {
		return line
	}
	return before + string([]byte{line[at] ^ 1<<m.IntN(8)}) + line[at+1:]
}

// spelled is s in another spelling.
func (m maker) spelled(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch m.IntN(12) {
		case 0:
			fmt.Fprintf(&b, `\u%04x`, c)
		case 1:
			fmt.Fprintf(&b, `\u%04X`, c)
		case 2:
			b.WriteString(`\` + string(rune(c)))
		case 3:
			b.WriteString(strings.ToUpper(string(rune(c))))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

var (
	spaces  = []string{"", "", "", "", " ", "\t", "  "}
	methods = []string{`"tools/call"`, `"tools/call"`, `"tools/call"`, `"tools\/call"`, `"\u0074ools/call"`, `"tools/list"`, `"ping"`, `["tools/call"]`, `null`}
	names   = []string{`"t"`, `"t"`, `"read_file"`, `"\u0074"`, `"é\u00e9"`, `"\ud83d\ude00"`, `"\ud83d"`, `7`, `1e2`, `null`, `{"a":1.0}`, `""`}
	metas   = []string{"", "", "", `"_meta":{}`, `"_meta":{"progressToken":1.50}`, `"_meta":{ }`, `"_meta":null`, `"_meta":{"_signet":{"id":"rec_1"}}`}
	scalars = []string{`1`, `0`, `-0`, `-0.0`, `1.0`, `1e2`, `1E+2`, `0.1`, `0.10`, `0.1000000000000000055511151231257827`, `0.30000000000000004`,
		`9007199254740991`, `9007199254740992`, `9007199254740993`, `-9007199254740993`, `18446744073709551615`, `18446744073709551616`,
		`100000000000000000000`, `1e20`, `1e21`, `123456789012345678901234567890`, `1e23`, `1e400`, `-1e400`, `1e-400`, `5e-324`, `2e-324`, `1.7976931348623157e308`,
		`NaN`, `Infinity`, `-Infinity`, `01`, `1.`, `+1`, `0x10`, `true`, `null`, `{}`, `[]`, `""`, `"x"`, `"\u00e9"`, `"é"`, `"e\u0301"`, `"\/\b\f\n\r\t\"\\"`,
		`"\ud800"`, `"\udc00\ud800"`, `"\ud83d\ude00"`, `"😀"`, `"\u0000"`, "\"\u2028\u2029\u0085\"", "\"\x7f\"", "\"\xff\"", `"\uFFFF"`, `"</script>"`,
		`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"__proto__":{"a":1}}`, `{"b":1,"a":2,"10":3,"9":4}`, `{"😀":1,"\uffff":2,"ﬀ":3}`, `{"":null}`, `{"toString":1}`, `{"method":"tools/call"}`,
		"\r" + `{"method":"tools/call","params":{"name":"cr"}}` + "\r"}
	keyNames = []string{`"a`, `"b`, `"\u0061`, `"é`, `"😀`, `"\uffee`, `"__proto__`, `"`, `"method`, `"Z`}
	tokens   = []string{`"method"`, `method`, `"tools/call"`, `tools/call`, `tools`, `params`, `"params"`, `name`, `"arguments"`, `arguments`, `_meta`, `"_meta"`,
		`_signet`, `"id"`, `:`, `,`, `{`, `}`, `[`, `]`, `"`, `1`, `jsonrpc`, `s`, `m`, `t`, `/`, `__proto__`, `ping`, `{}`}
	pieces = []string{"\x00", `\u0000`, "\r", "\r\r", "\xff", "\xc1\xad", "\xc0\xa2", "\u017f", "\u212a", `\ud800`, `\udc00`, `\\`, `\"`, `\/`, `\u006d`,
		"\ufeff", " ", "\t", "\f", "\v", "\x1c", "\u0085", "\u00a0", "\u2028", "'", "//", "/**/", "#", ",", ",,", ":", "{", "}", "[", "]", `"`, "NaN", "1e400", "null", "-", "_",
		`,"method":"tools/call"`, `"method":"tools/call",`, `"method":"ping",`, `,"Method":"ping"`, `,"METHOD":"tools/call"`, `"params":{"arguments":{"b":2}},`,
		`"Params":{"name":"u"},`, `"param` + "\u017f" + `":{},`, `"argument` + "\u017f" + `":{},`, `"arguments":[3],`, `"Arguments":[3],`, `"name":"u",`, `"NAME":"u",`,
		`{"method":"tools/call","params":{"arguments":4}}`, `"_meta":{},`, `"_signet":{"id":"rec_1"},`, `["tools/call"]`, `"__proto__":{"method":"tools/call"},`,
		`"__proto__":{"arguments":5},`, `,"id":[1]`, `"id":9,`, `"constructor":{"x":1},`, `\x74`, `\u{74}`}
)
