package main

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestEcho: the server responds to each request, and no notification, with the text
// that it was given, wherever its client has put the id.
func TestEcho(t *testing.T) {
	long := strings.Repeat(`a \"quoted\" line\n`, 20_000)
	in := strings.Join([]string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"text":"one"}}}`,
		`{"method":"tools/call","params":{"name":"x","arguments":{"text": "two"},"_meta":{"_signet":{"id":"rec_1"}}},"jsonrpc":"2.0","id":"b"}`,
		`{"jsonrpc":"2.0","method":"notifications/initialized","params":{"id":"x"}}`,
		`{"jsonrpc":"2.0", "id": 3, "method":"tools/call","params":{"arguments":{"text":"` + long + `"},"_meta":{"text":"not this"}}}`,
		`{"jsonrpc":"2.0","id":4,"method":"initialize"}`,
		`{"jsonrpc":"2.0","id":5,"method":"ping"}`,
		``}, "\n")
	var out bytes.Buffer
	if err := echo(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		var a struct {
			ID     any
			Result struct {
				Content         []struct{ Text string }
				ProtocolVersion string
			}
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%v: %.200s", err, line)
		}
		id, _ := json.Marshal(a.ID)
		text := a.Result.ProtocolVersion
		if len(a.Result.Content) > 0 {
			text = a.Result.Content[0].Text
		}
		got = append(got, string(id)+" "+text)
	}
	want := []string{"1 one", `"b" two`, "3 " + strings.NewReplacer(`\n`, "\n", `\"`, `"`).Replace(long), "4 2025-06-18", "5 "}
	if !slices.Equal(got, want) {
		t.Errorf("%d responses, want %d: %.500q", len(got), len(want), got)
	}
}

// TestLoads: messages are as long as they say, are JSON, and differ in their ids.
func TestLoads(t *testing.T) {
	for _, l := range briefLoads() {
		l.fill()
		for _, m := range []messages{l.calls, l.others} {
			ids := map[int]bool{}
			for _, line := range m.each {
				var message struct{ ID int }
				if err := json.Unmarshal(line, &message); err != nil {
					t.Fatalf("%s: %v", l.name, err)
				}
				if len(line) != l.size {
					t.Fatalf("%s: %d bytes", l.name, len(line))
				}
				ids[message.ID] = true
			}
			if len(ids) != len(m.each) || len(m.first(1)) != l.size || len(m.all) != len(m.each)*l.size {
				t.Errorf("%s: %d ids for %d lines, %d bytes", l.name, len(ids), len(m.each), len(m.all))
			}
		}
		line := l.calls.numbered(7)
		if want := `{"jsonrpc":"2.0","id":1000007,`; !bytes.HasPrefix(line, []byte(want)) || len(line) != l.size {
			t.Errorf("%s: numbered: %.40s", l.name, line)
		}
	}
}

func TestPeers(t *testing.T) {
	server := []string{"/a b/bench", "echo"}
	for _, c := range []struct {
		line string
		want []string // nil: an error
	}{
		{"x=cmd -- {server}", []string{"cmd", "--", "/a b/bench", "echo"}},
		{`x = "C:\Program Files\p.exe"   '' {server} -v`, []string{`C:\Program Files\p.exe`, "", "/a b/bench", "echo", "-v"}},
		{`x=sh -c "exec {server} 2>/dev/null"`, []string{"sh", "-c", "exec '/a b/bench' 'echo' 2>/dev/null"}},
		{`x=env A="it's" cmd --to={server}`, []string{"env", "A=it's", "cmd", "--to='/a b/bench' 'echo'"}},
		{"x=cmd", nil},
		{"cmd {server}", nil},
		{"=cmd {server}", nil},
		{"x=cmd '{server}", nil},
	} {
		peers, err := parsePeers("\n  \n" + c.line + "\n")
		if c.want == nil {
			if err == nil {
				t.Errorf("%q is taken as %q", c.line, peers)
			}
			continue
		}
		if err != nil || len(peers) != 1 || peers[0].name != "x" {
			t.Errorf("%q: %q, %v", c.line, peers, err)
		} else if got := peers[0].argv(server); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.line, got, c.want)
		}
	}
}

func TestQuantile(t *testing.T) {
	var sorted []int
	for i := range 200 {
		sorted = append(sorted, i+1)
	}
	for q, want := range map[float64]int{0: 1, 0.5: 100, 0.95: 190, 0.99: 198, 1: 200} {
		if got := quantile(sorted, q); got != want {
			t.Errorf("%v: %d, want %d", q, got, want)
		}
	}
	if got := quantile([]int{7}, 0.5); got != 7 {
		t.Errorf("of one: %d", got)
	}
	if got := median([]time.Duration{3, 1, 2}); got != 2 {
		t.Errorf("median: %d", got)
	}
}

// TestVerdict: growth is a median of the last quarter that is more than a tenth
// above that of the first, the warm-up apart.
func TestVerdict(t *testing.T) {
	of := func(rss func(i int) float64) (all []sample) {
		for i := range 100 {
			all = append(all, sample{RSS: rss(i), Threads: 10, Files: 17, Guard: 1.7})
		}
		return all
	}
	leak := of(func(i int) float64 { return 15 })
	for i := range leak {
		leak[i].Files += i / 10
	}
	for name, c := range map[string]struct {
		samples []sample
		want    string
	}{
		"flat":       {of(func(int) float64 { return 15 }), "no growth\n"},
		"warms":      {of(func(i int) float64 { return 15 + float64(min(i, 9)) }), "no growth\n"},
		"wavers":     {of(func(i int) float64 { return 15 + float64(i%2)*3 }), "no growth\n"},
		"a little":   {of(func(i int) float64 { return 15 + float64(i)/100 }), "no growth\n"},
		"shrinks":    {of(func(i int) float64 { return 15 - float64(i)/10 }), "no growth\n"},
		"grows":      {of(func(i int) float64 { return 15 + float64(i)/20 }), "grew\n"},
		"leaks":      {leak, "grew\n"},
		"one sample": {of(func(int) float64 { return 15 })[:1], "too short\n"},
		"no /proc":   {[]sample{{RSS: -1, Threads: -1, Files: -1, Guard: -1}, {RSS: -1, Threads: -1, Files: -1, Guard: -1}}, "too short\n"},
	} {
		var out bytes.Buffer
		err := (&bench{out: &out}).verdict(c.samples)
		if !strings.HasSuffix(out.String(), c.want) || (err == errGrew) != (c.want == "grew\n") {
			t.Errorf("%s: %v, %q", name, err, out.String())
		}
	}
}

func TestScale(t *testing.T) {
	status, out, errs := runBench(t, "", "-scale", "1000", "-brief", "-json")
	if status != 0 {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	type line struct {
		Records  int
		AtTheEnd int `json:"at_the_end"`
		Measure  string
		Times    int
		P50      float64 `json:"p50_us"`
		Ratio    float64
	}
	lines := jsonLines[line](t, out)
	if len(lines) != 2*len(scaleMeasures) {
		t.Errorf("%d lines", len(lines))
	}
	for i, l := range lines {
		if l.Records != scaleSizes[i/len(scaleMeasures)] || l.Measure != scaleMeasures[i%len(scaleMeasures)].name ||
			l.AtTheEnd <= l.Records || l.Times == 0 || l.P50 <= 0 || l.Ratio <= 0 || l.Records == scaleBase && l.Ratio != 1 {
			t.Errorf("%+v", l)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct{ peers, args string }{
		{"x", "-brief"}, {"", "-sizes 7"}, {"", "more"}, {"", "-rate 0"}, {"", "-no-such-flag"},
		{"", "-soak 0s"}, {"", "-soak -1m"}, {"", "-scale 0"}, {"", "-scale -3"}, {"", "-patience 0s"},
	} {
		if status, out, errs := runBench(t, c.peers, strings.Fields(c.args)...); status != 2 || out != "" || errs == "" {
			t.Errorf("%q: status %d, %q, %q", c.args, status, out, errs)
		}
	}
	for args, want := range map[string]string{
		"-soak 1000000h":                "MB of disk",
		"-binary ./no/such -brief":      "no/such",
		"-binary unit_test.go -soak 1s": "unit_test.go",
	} {
		if status, out, errs := runBench(t, "", strings.Fields(args)...); status != 1 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%q: status %d, %q, %q", args, status, out, errs)
		}
	}
}

func TestMicros(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0.0 µs", 12.34: "12.3 µs", -99.9: "-99.9 µs", 99.97: "100 µs", 999.4: "999 µs", 999.7: "1.00 ms", 9_994: "9.99 ms", 9_996: "10.0 ms",
		99_949: "99.9 ms", 99_960: "100 ms", -123_456: "-123 ms",
	} {
		if got := micros(&v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}

// TestReleaseFlags: what is measured is built as what is released.
func TestReleaseFlags(t *testing.T) {
	text, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "\nGOFLAGS_RELEASE = ")
	line, _, _ = strings.Cut(line, "\n")
	line = strings.Replace(line, "browser,", "", 1) // adds the program in reports, which is not measured
	words, err := split(line)
	if err != nil || !slices.Equal(words, releaseFlags) {
		t.Errorf("the Makefile has %q, %v; here are %q", words, err, releaseFlags)
	}
}
