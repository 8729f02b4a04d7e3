package integration

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestParsers sends lines through the wrapper that parsers may read
// differently, and asks other people's parsers what a server would run of what
// came out: all of it must have a receipt, and the receipt must state what they
// see. SIGNET_WRAP_LINES is how many, if not 100,000.
func TestParsers(t *testing.T) {
	lines := fromEnv(t, "SIGNET_WRAP_LINES", 100_000, strconv.Atoi)
	known := corpus(t)
	var total tally
	t.Run("corpus", func(t *testing.T) { total.add(parsers(t, known)) })
	for i := 0; i*maxRound < lines && !t.Failed(); i++ {
		t.Run(fmt.Sprintf("seed %d", i), func(t *testing.T) {
			m := maker{rand.New(rand.NewPCG(uint64(i), 5)), known}
			round := make([][]byte, min(maxRound, lines-i*maxRound))
			for j := range round {
				round[j] = m.line()
			}
			total.add(parsers(t, round))
		})
	}
	t.Logf("%+v", total)
	if least := lines / 10; total.passed < least || total.recorded < least || total.refused < least || total.exact < lines/100 {
		t.Errorf("%+v: the lines are too much alike", total)
	}
}

// maxRound is how many lines go through one wrapper.
const maxRound = 50_000

type tally struct{ passed, recorded, refused, calls, exact int }

func (a *tally) add(b tally) {
	a.passed += b.passed
	a.recorded += b.recorded
	a.refused += b.refused
	a.calls += b.calls
	a.exact += b.exact
}

// parsers is TestParsers for some lines.
func parsers(t *testing.T, sent [][]byte) (count tally) {
	home := newHome(t)
	got, replies := throughSink(t, home, sent)

	// What arrived, in order: a line as it was, or with receipts put in. The
	// others must have been refused.
	var lines []arrival
	var read [][]byte
	for _, line := range sent {
		var receipts [][]byte
		err := io.EOF
		if len(got) > 0 {
			receipts, err = unsplice(line, got[0])
		}
		if err != nil {
			count.refused++
			continue
		}
		read = append(read, line)
		if receipts != nil {
			read = append(read, got[0])
		}
		lines = append(lines, arrival{line: line, receipts: receipts})
		got = got[1:]
	}
	if len(got) > 0 {
		t.Fatalf("%d lines arrived that were not sent: %q", len(got), head(got[0]))
	}
	if len(replies) != count.refused {
		t.Errorf("%d lines did not arrive, and there are %d replies", count.refused, len(replies))
	}
	for _, r := range replies {
		if !bytes.Contains(r, []byte(`"error":{"code":-32`)) || !json.Valid(r) {
			t.Errorf("no error: %q", r)
		}
	}
	readings := readByAll(t, read)
	logged := home.records(t)
	for _, a := range lines {
		a.read, readings = readings[0], readings[1:]
		if a.receipts != nil {
			if d := unlike(a.read, readings[0]); d != "" {
				t.Errorf("with its receipt, %s: %q", d, a.line)
			}
			readings = readings[1:]
		}
		n, who := a.calls()
		count.calls += n
		if n == 0 {
			count.passed++
		} else {
			count.recorded++
		}
		if n > len(logged) || len(a.receipts) > n {
			t.Fatalf("%s would run %d calls, of which %d carry receipts; %d are left in the log\n%q", who, n, len(a.receipts), len(logged), a.line)
		}
		records := logged[:n]
		logged = logged[n:]
		left := a.receipts
		for i, r := range records {
			if len(left) > 0 && bytes.Contains(left[0], []byte(`"id":"`+r.ID+`"`)) {
				left = left[1:]
			}
			if r.ParamsRaw != nil {
				count.exact++
			}
			a.check(t, i, r)
			if _, err := sign.Verify(r.raw, sign.AnyKey); err != nil {
				t.Errorf("%v: %s", err, head(r.raw))
			}
		}
		if len(left) > 0 {
			t.Fatalf("%s would run %d calls, and the log's next %d receipts are not those that arrived in\n%q", who, n, n, a.line)
		}
		if t.Failed() {
			return count // one is enough to read
		}
	}
	if len(logged) > 0 {
		t.Errorf("%d receipts for calls that no reader runs: %s", len(logged), head(logged[0].raw))
	}
	return count
}

// An arrival is a line that came to the server.
type arrival struct {
	line     []byte
	read     reading
	receipts [][]byte // that were put into it
}

// calls is the most that a reader would run of the line, and which reader.
func (a arrival) calls() (n int, who string) {
	for name, runs := range a.read {
		if len(runs) > n {
			n, who = len(runs), name
		}
	}
	return n, who
}

// check holds receipt r for the call of that number against what each reader
// saw of it.
func (a arrival) check(t *testing.T, call int, r receipt) {
	t.Helper()
	n, _ := a.calls()
	if len(a.read[goFirst]) != n {
		t.Fatalf("readers differ in how many calls they run: %v\n%q", a.read, a.line)
	}
	raw := a.read[goFirst][call]
	isString := jsontext.Value(raw[0]).IsValid() && raw[0][0] == '"'
	said := "json:" + raw[0]
	switch {
	case raw[0] == "":
		said = ""
	case len(raw[0]) > 1024 || !utf8.ValidString(raw[0]):
		said = "hash:" + event.HashOf([]byte(raw[0])).String()
	case isString:
		if s := unquoted(jsontext.Value(raw[0])); !strings.HasPrefix(s, "json:") && !strings.HasPrefix(s, "hash:") {
			said = s
		}
	}
	if r.Action.Tool != said {
		t.Errorf("the receipt says tool %q for %q", r.Action.Tool, a.line)
	}
	if r.ParamsRaw != nil && string(r.ParamsRaw) != raw[1] {
		t.Errorf("the receipt has the arguments %q for %q", r.ParamsRaw, a.line)
	}
	for name, runs := range a.read {
		if len(runs) == 0 {
			continue // it cannot read the line
		}
		if len(runs) != n {
			t.Errorf("%s would run %d calls of %d: %q", name, len(runs), n, a.line)
			continue
		}
		run := runs[call]
		// What is no string the receipt names by its JSON text.
		if (run[0] == "") != (raw[0] == "") || isString && !agree(run[0], raw[0]) {
			t.Errorf("%s sees the tool %s in %q", name, run[0], a.line)
		}
		switch {
		case r.ParamsRaw != nil:
		case run[1] == "":
			if string(r.Action.Params) != "null" || r.Action.ParamsHash != event.HashOf([]byte("{}")).String() {
				t.Errorf("%s sees no arguments, the receipt says %s: %q", name, r.Action.Params, a.line)
			}
		case !agree(run[1], string(r.Action.Params)) || r.Action.ParamsHash != event.HashOf(r.Action.Params).String():
			t.Errorf("%s sees the arguments %s, the receipt says %s: %q", name, run[1], r.Action.Params, a.line)
		}
	}
}

// agree says whether two texts are one value, to the last digit of its numbers,
// and beyond doubt: no name occurs twice, all strings are of characters. It
// shares nothing with the canonical form that it holds to account.
func agree(a, b string) bool {
	var values [2]any
	for i, text := range []string{a, b} {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if !jsontext.Value(text).IsValid() || d.Decode(&values[i]) != nil {
			return false
		}
	}
	return a == b || agreeing(values[0], values[1])
}

func agreeing(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, agreeing)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, agreeing)
	case json.Number:
		b, ok := b.(json.Number)
		x, ok1 := new(big.Rat).SetString(a.String())
		y, ok2 := new(big.Rat).SetString(b.String())
		return ok && ok1 && ok2 && x.Cmp(y) == 0
	}
	return a == b
}

// unlike says which reader saw something else after than before.
func unlike(before, after reading) string {
	for name := range before {
		if !slices.Equal(before[name], after[name]) {
			return fmt.Sprintf("%s reads %q, and without %q", name, after[name], before[name])
		}
	}
	return ""
}

// throughSink sends lines through the wrapper and returns what the server got
// and what the client was told.
func throughSink(t *testing.T, home home, sent [][]byte) (got, replies [][]byte) {
	t.Helper()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "sent"), filepath.Join(dir, "received")
	if err := os.WriteFile(from, slices.Concat(bytes.Join(sent, []byte("\n")), []byte("\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	p := start(t, home.dir, wrapped.argv(t, []string{"--sync", "off", "--outcomes", "off"}, fake(t, "sink", to)...),
		func(c *exec.Cmd) { c.Stdin = in })
	replies = linesOf(p.finish())
	b, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	return linesOf(b), replies
}

func linesOf(b []byte) [][]byte {
	all := bytes.Split(b, []byte("\n"))
	return all[:len(all)-1]
}

// readByAll asks every reader.
func readByAll(t *testing.T, lines [][]byte) []reading {
	t.Helper()
	var in bytes.Buffer
	for _, l := range lines {
		in.WriteString(base64.StdEncoding.EncodeToString(l) + "\n")
	}
	var others []*exec.Cmd
	for _, argv := range [][]string{{"node", "node.mjs"}, {"python3", "python.py"}} {
		program, err := exec.LookPath(argv[0])
		if err != nil {
			missing(t, "this test needs %s: %v", argv[0], err)
		}
		cmd := exec.Command(program, filepath.Join("testdata", "readers", argv[1]))
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in.Bytes()), new(bytes.Buffer), new(bytes.Buffer)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		others = append(others, cmd)
	}
	all := make([]reading, len(lines))
	for i, l := range lines {
		all[i] = readInGo(l)
	}
	for _, cmd := range others {
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%q: %v\n%s", cmd.Args, err, cmd.Stderr)
		}
		responses := linesOf(cmd.Stdout.(*bytes.Buffer).Bytes())
		if len(responses) != len(lines) {
			t.Fatalf("%q: %d responses to %d lines", cmd.Args, len(responses), len(lines))
		}
		for i, a := range responses {
			if err := json.Unmarshal(a, &all[i]); err != nil {
				t.Fatalf("%q: %v: %s", cmd.Args, err, head(a))
			}
		}
	}
	return all
}
