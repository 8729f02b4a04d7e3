package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

// The program starts itself as the server; in tests, that is the test binary.
func TestMain(m *testing.M) {
	modes[modeFail] = failing
	modes["--"] = func([]string) error { return failing([]string{"loses"}) } // where a wrapper should be
	if status, ok := mode(os.Args); ok {
		os.Exit(status)
	}
	os.Exit(m.Run())
}

// runBench runs the program and returns its exit status and what it said.
func runBench(t *testing.T, peers string, args ...string) (status int, out, errs string) {
	t.Helper()
	restore(t)
	var stdout, stderr bytes.Buffer
	status = Main(append([]string{"-dir", t.TempDir()}, args...), peers, &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

// restore undoes at the end what arguments set.
func restore(t *testing.T) {
	was, budgeted := patience, budget
	t.Cleanup(func() { patience, budget = was, budgeted })
}

// jsonLines reads JSON lines.
func jsonLines[T any](t *testing.T, text string) (all []T) {
	t.Helper()
	for line := range strings.Lines(text) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, v)
	}
	return all
}

// self is this program, quoted for BENCH_PEER.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return `"` + path + `"`
}

// TestBriefTable: all rows, for each size, with all figures that they can have.
func TestBriefTable(t *testing.T) {
	status, out, errs := runBench(t, "relay="+self(t)+" "+modeRelay+" {server}", "-brief", "-json")
	if status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	seen := map[int]map[string]row{}
	for _, f := range jsonLines[struct {
		Figure string
		Value  float64
	}](t, out) {
		if f.Figure != "" && f.Value <= 0 {
			t.Errorf("%s is %v", f.Figure, f.Value)
		}
	}
	for of, least := range map[string]int{"anchors": 6, "heads": 3} {
		if n := strings.Count(out, `"of":"`+of+`","records":1000,`); n < least {
			t.Errorf("%d figures of %s", n, of)
		}
	}
	hooks := map[string]int{}
	for _, r := range jsonLines[hookRow](t, out) {
		if r.Hook == "" {
			continue
		}
		_, of, _ := strings.Cut(r.Hook, ", ")
		hooks[of]++
		if r.Turns == 0 || r.P50 <= 0 || r.P95 < r.P50 || of != "" && (r.Start == nil || *r.Start <= 0 || r.Signs == nil) {
			t.Errorf("%+v", r)
		}
	}
	if hooks[""] != 1 || hooks["unencrypted key"] != 2 || hooks["protected key"] != 2 {
		t.Errorf("rows of hooks: %v", hooks)
	}
	reports := map[string]bool{}
	for _, r := range jsonLines[reading](t, out) {
		if r.Command != "" {
			what, _, _ := strings.Cut(r.Command, ",")
			reports[what] = r.Records == 400 && r.Seconds > 0 && r.CPU > 0
		}
	}
	if !reports["audit report"] || !reports["verify report.zip"] {
		t.Errorf("rows of reports: %v", reports)
	}
	for _, r := range jsonLines[row](t, out) {
		if r.Way == "" {
			continue
		}
		if seen[r.Size] == nil {
			seen[r.Size] = map[string]row{}
		}
		if _, twice := seen[r.Size][r.Way]; twice {
			t.Errorf("%q occurs twice for %d bytes", r.Way, r.Size)
		}
		seen[r.Size][r.Way] = r
	}
	want := (&bench{peers: []peer{{name: "relay"}}}).ways()
	for _, l := range loads() {
		for _, w := range want {
			r, ok := seen[l.size][w.name]
			switch {
			case w.most > 0 && l.size > w.most:
				if ok {
					t.Errorf("%q has a row for %d bytes", w.name, l.size)
				}
				continue
			case !ok || r.Failed != "":
				t.Errorf("%q with %d bytes: there is %v, failed: %q", w.name, l.size, ok, r.Failed)
				continue
			}
			r.check(t, w)
		}
	}
	for _, l := range loads() {
		wrapped, cats := seen[l.size]["wrapped: no call"], seen[l.size][nameCats]
		if wrapped.Over == nil || cats.P50 == nil {
			continue // reported
		}
		if difference := *wrapped.P50 - *cats.P50; math.Abs(*wrapped.Over-difference) > 0.01 {
			t.Errorf("%d bytes: %v µs over cats, want %v", l.size, *wrapped.Over, difference)
		}
		if ratio := *wrapped.P50 / *cats.P50; math.Abs(*wrapped.Times-ratio) > 0.01 {
			t.Errorf("%d bytes: %v times cats, want %v", l.size, *wrapped.Times, ratio)
		}
	}
}

// check looks for figures that are missing or cannot be.
func (r row) check(t *testing.T, w *way) {
	t.Helper()
	isCats := w.name == nameCats
	holds := w.base != "" && !isCats && usageOf(os.Getpid()).rss > 0
	for name, c := range map[string]struct {
		v    *float64
		want bool
		most float64 // 0: may be below zero, too
	}{
		"p50": {r.P50, true, 60e6}, "p95": {r.P95, true, 60e6}, "p99": {r.P99, true, 60e6}, "max": {r.Max, true, 60e6},
		"over":   {r.Over, !w.alone && !isCats, 0},
		"signs":  {r.Signs, !w.alone && !isCats, 0},
		"spread": {r.Spread, true, 1e6},
		"times":  {r.Times, !w.alone && !isCats, 1e6},
		"rate":   {r.Rate, !w.alone, 1e7},
		"first":  {r.First, !w.alone, 0}, "call": {r.Call, !w.alone, 0},
		"RSS": {r.RSS, holds, 1e4}, "peak": {r.Peak, holds, 1e4},
	} {
		if (c.v != nil) != c.want {
			t.Errorf("%q with %d bytes: %s is there: %v", r.Way, r.Size, name, c.v != nil)
		} else if c.v != nil && c.most > 0 && (*c.v <= 0 || *c.v > c.most) {
			t.Errorf("%q with %d bytes: %s is %v", r.Way, r.Size, name, *c.v)
		}
	}
	if r.P50 != nil && !(*r.P50 <= *r.P95 && *r.P95 <= *r.P99 && *r.P99 <= *r.Max) {
		t.Errorf("%q with %d bytes: quantiles %v, %v, %v, %v", r.Way, r.Size, *r.P50, *r.P95, *r.P99, *r.Max)
	}
	if r.RSS != nil && *r.RSS > *r.Peak {
		t.Errorf("%q with %d bytes holds %v MB and held at most %v", r.Way, r.Size, *r.RSS, *r.Peak)
	}
}

// TestPeersFail: a peer that fails, in whichever way, has a row that says so,
// and costs the others nothing.
func TestPeersFail(t *testing.T) {
	me := self(t)
	peers := strings.Join([]string{
		"missing=/no/such/command {server}",
		"dies=" + me + " " + modeFail + " dies {server}",
		"hangs=" + me + " " + modeFail + " hangs {server}",
		"errors=" + me + " " + modeFail + " errors {server}",
		"shortens=" + me + " " + modeFail + " shortens {server}",
		"loses=" + me + " " + modeFail + " loses {server}",
		"fine=" + me + " " + modeRelay + " {server}",
	}, "\n")
	status, out, errs := runBench(t, peers, "-brief", "-sizes", "200", "-patience", "8s")
	if status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	for name, reason := range map[string]string{
		"missing":  "no such command",
		"dies":     `ended with exit status 3 and said "out of order"`,
		"hangs":    "no response within 8s",
		"errors":   "responded with an error: ",
		"shortens": "a response of ",
		"loses":    "in a burst: no response within 8s",
	} {
		if name == "missing" { // systems have words of their own for it
			reason = ""
		}
		if line := lineOf(out, "peer: "+name); !strings.Contains(line, " failed: "+reason) {
			t.Errorf("want %q in %q", reason, line)
		}
	}
	for _, name := range []string{"peer: fine", nameDirect, nameCats, "wrapped: call (all defaults)"} {
		line := lineOf(out, name)
		if strings.Contains(line, "failed") || len(strings.Fields(line)) < len(columns) {
			t.Errorf("%q", line)
		}
	}
	if lineOf(out, nameDirect) == "" || !strings.Contains(out, "1st message") || !strings.HasSuffix(strings.TrimSpace(out), "after") && loadAverage() != "" {
		t.Errorf("the table is not whole:\n%s", out)
	}
}

func lineOf(text, start string) string {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, start+" ") {
			return line
		}
	}
	return ""
}

// TestKeep: what the ways to keep a log cost has its rows.
func TestKeep(t *testing.T) {
	status, out, errs := runBench(t, "", "-keep", "200", "-json")
	if status != 0 {
		t.Fatalf("status %d\n%s", status, errs)
	}
	var names []string
	for _, r := range jsonLines[reading](t, out) {
		names = append(names, r.Command)
		if r.Seconds <= 0 || r.Records != 400 {
			t.Errorf("%+v", r)
		}
	}
	if got := strings.Join(names, "; "); len(names) != 4 || !strings.HasPrefix(got, "verify --chain; verify --chain, compressed; verify --chain, arguments apart; erasing ") {
		t.Errorf("rows %q", got)
	}
}

// TestSoak: a short soak has its lines and a verdict. Which, is not for a few
// seconds to say.
func TestSoak(t *testing.T) {
	home := t.TempDir()
	status, out, errs := runBench(t, "", "-soak", "3s", "-rate", "200", "-home", home)
	if status != 0 && !strings.HasSuffix(strings.TrimSpace(errs), errGrew.Error()) {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	if strings.Count(out, "\n") < 6 || !strings.Contains(out, "\none wrapper, default flags, 200 messages a second") { // how many, is for the machine to say
		t.Fatalf("it said\n%s", out)
	}
	if usageOf(os.Getpid()).rss > 0 {
		want := map[int]string{0: "no growth\n", 1: "grew\n"}[status]
		if !strings.HasSuffix(out, want) || !strings.Contains(out, "\nRSS MB") || !strings.Contains(out, "\nguard MB") {
			t.Errorf("status %d, and it said\n%s", status, out)
		}
	}
	if entries, err := os.ReadDir(home + "/.signet/audit"); err != nil || len(entries) == 0 {
		t.Errorf("no log in the home directory: %v", err)
	}
}

// TestSoakJSON: all that it says on stdout is JSON.
func TestSoakJSON(t *testing.T) {
	status, out, errs := runBench(t, "", "-soak", "1s", "-json")
	if status != 0 && !strings.HasSuffix(strings.TrimSpace(errs), errGrew.Error()) {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	if lines := jsonLines[sample](t, out); len(lines) == 0 || lines[0].Log <= 0 {
		t.Errorf("it said\n%s", out)
	}
}

// TestSoakMissesAResponse: one lost response fails a soak.
func TestSoakMissesAResponse(t *testing.T) {
	restore(t)
	patience = 2 * time.Second
	var stdout, stderr bytes.Buffer
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{self: me, binary: me, dir: t.TempDir(), out: &stdout, err: &stderr, journal: "of its own"} // as what takes no flags
	err = b.soak(t.Context(), soakOptions{length: time.Second, rate: 100})
	if err == nil || !strings.Contains(err.Error(), "messages had a response") {
		t.Errorf("%v\n%s", err, stdout.String())
	}
}

// modeFail is a server, or what should stand before one, that fails.
const modeFail = "bench-fail"

func failing(args []string) error {
	switch args[0] {
	case "dies":
		fmt.Fprintln(os.Stderr, "out of order")
		os.Exit(3)
	case "hangs":
		time.Sleep(time.Hour)
	case "loses": // the 60th line
		r, w := io.Pipe()
		go func() {
			in := bufio.NewReader(os.Stdin)
			for n := 1; ; n++ {
				line, err := in.ReadBytes('\n')
				if err != nil {
					w.CloseWithError(err)
					return
				}
				if n != 60 {
					w.Write(line)
				}
			}
		}()
		return echo(r, os.Stdout)
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		result := `"result":{}`
		if args[0] == "errors" {
			result = `"error":{"code":-32603,"message":"no"}`
		}
		if id := memberID(in.Bytes()); id != nil {
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,%s}`+"\n", id, result)
		}
	}
	return in.Err()
}
