package mcpwire

import (
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/sign"
)

// checkGate holds the gate's verdict on a line against a plain reading of the
// rules and against what servers would run.
func checkGate(line []byte) error {
	v := NewGate("_signet").Judge(line)
	got, want := judged(line, v), byRules(string(line))
	if rules, ok := strings.CutSuffix(want, "…"); ok && strings.HasPrefix(got, rules) {
		want = got // it cannot be read: which id the reply has is a guess
	}
	if got != want {
		return fmt.Errorf("%q\n      the gate says %s\nby the rules it is %s", line, got, want)
	}
	if v.Refusal != nil {
		return nil
	}
	for _, c := range v.Calls {
		// One call that cannot be signed would keep those beside it from the log.
		if _, err := fuzzSigner.Prepare(sign.Action{Tool: c.Tool, Arguments: c.Arguments, CallID: CallID(c.ID)}); err != nil {
			return fmt.Errorf("%q\nis a call, and yet cannot be signed: %v", line, err)
		}
	}
	for _, r := range readers {
		calls := v.Calls
		for _, run := range r.run(r.decode(line)) {
			for len(calls) > 0 && string(r.decode(calls[0].Arguments)) != run.args {
				calls = calls[1:]
			}
			if len(calls) == 0 {
				return fmt.Errorf("%q\na server that reads with %s would run a call with the arguments %q\nbut the gate says %s", line, r.name, run.args, got)
			}
			calls = calls[1:]
		}
	}
	return nil
}

var fuzzSigner, _ = sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), "fuzz", "")

func FuzzGate(f *testing.F) {
	for _, c := range gateCases {
		if len(c.line) < 2000 {
			f.Add([]byte(c.line))
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if err := checkGate(line); err != nil {
			t.Error(err)
		}
	})
}

// TestGateRandom is a fixed run of what FuzzGate does.
func TestGateRandom(t *testing.T) {
	t.Parallel()
	n := 100_000
	if testing.Short() {
		n /= 20
	}
	random := rand.New(rand.NewPCG(1, 2))
	var count struct{ pass, call, refused int }
	for range n {
		line := mangled(random)
		if err := checkGate(line); err != nil {
			t.Fatal(err)
		}
		switch v := NewGate("_signet").Judge(line); {
		case v.Refusal != nil:
			count.refused++
		case len(v.Calls) > 0:
			count.call++
		default:
			count.pass++
		}
	}
	t.Logf("%d lines: %+v", n, count)
	if count.pass < n/10 || count.call < n/10 || count.refused < n/10 {
		t.Errorf("%+v: the lines are too much alike", count)
	}
}

// mangled is a line from gateCases with a few changes that matter to parsers.
func mangled(r *rand.Rand) []byte {
	var line string
	for line == "" || len(line) > 300 {
		line = gateCases[r.IntN(len(gateCases))].line
	}
	for range r.IntN(3) {
		at := r.IntN(len(line) + 1)
		end := min(len(line), at+r.IntN(3))
		if r.IntN(3) > 0 { // At a token or a letter of one that matters
			token := tokens[r.IntN(len(tokens))]
			if i := strings.Index(line, token); i >= 0 {
				at, end = i, i+len(token)
			}
		}
		switch old := line[at:end]; r.IntN(7) {
		case 0:
			line = line[:at] + pieces[r.IntN(len(pieces))] + line[end:]
		case 1:
			line = line[:at] + pieces[r.IntN(len(pieces))] + line[at:]
		case 2:
			line = line[:at] + line[end:]
		case 3:
			line = line[:at] + spelled(r, old) + line[end:]
		case 4:
			line = line[:at] + old + pieces[r.IntN(len(pieces))] + old + line[end:]
		case 5:
			line = line[:at] + tokens[r.IntN(len(tokens))] + line[end:]
		case 6:
			i := r.IntN(len(gateCases))
			if other := gateCases[i].line; len(other) < 300 {
				line = line[:at] + other + line[end:]
			}
		}
	}
	return []byte(line)
}

var tokens = []string{`"method"`, `method`, `"tools/call"`, `tools/call`, `tools`, `params`, `"params"`, `name`, `arguments`, `_meta`,
	`_signet`, `"id"`, `:`, `,`, `{`, `}`, `[`, `]`, `"`, `1`, `jsonrpc`, `s`, `m`, `t`, `/`, `__proto__`, `ping`}

var pieces = []string{"\x00", `\u0000`, "\r", "\n", "\r\n", "\xff", "\xc1\xad", "\xc0\xa2", "\xe0\x81\xad", "\u017f", "\u212a", `\ud800`, `\\`, `\"`, `\/`, `\u006d`,
	"\ufeff", " ", "\t", "\f", "\u2028", "'", "//", "/**/", "#", ",", ":", "{", "}", "[", "]", `"`, "NaN", "1e400", "null", "-", "_", "\x1b",
	`,"method":"tools/call"`, `,"Method":"ping"`, `"params":{"arguments":{"b":2}},`, `"arguments":[3],`, `{"method":"tools/call","params":{"arguments":4}}`,
	`"_meta":{},`, `"_signet":{"id":"rec_1"},`, `["tools/call"]`, `,"method":{"raw":[1]}`, `"Method":null,`, `"result":{},`, `"method": 5`, `"__proto__":{"method":"tools/call"},`, `,"id":[1]`, `,"id":"\ud83d\ude00"`, `\x74`, `\u{74}`, `\U00000074`}

// spelled is s in another spelling.
func spelled(r *rand.Rand, s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch r.IntN(12) {
		case 0:
			fmt.Fprintf(&b, `\u%04x`, c)
		case 1:
			fmt.Fprintf(&b, `\u%04X`, c)
		case 2:
			b.WriteString(`\` + string(rune(c)))
		case 3:
			b.WriteString(strings.ToUpper(string(rune(c))))
		case 4:
			b.Write([]byte{0xc0 | c>>6, 0x80 | c&0x3f})
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
