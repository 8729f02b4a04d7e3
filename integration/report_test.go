package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/bundle"
	reports "github.com/signet-wrap/signet-wrap/internal/report"
	"github.com/signet-wrap/signet-wrap/keys"
)

// browserProgram is what verifies a report in a browser, built once, as `make wasm` does.
var browserProgram = sync.OnceValues(func() (*reports.Program, error) {
	dir := filepath.Join(scratch, "wasm")
	if out, err := exec.Command("go", "run", "../internal/wasm", dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go run ../internal/wasm: %w\n%s", err, out)
	}
	wasm, err := os.ReadFile(filepath.Join(dir, "verify.wasm.gz"))
	if err != nil {
		return nil, err
	}
	support, err := os.ReadFile(filepath.Join(dir, "wasm_exec.js"))
	return &reports.Program{WASM: wasm, Support: string(support)}, err
})

// chromium is the path of a browser.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "this test needs Chromium")
	return ""
}

// A reportJob is something to do with a report in a browser: see node/report.mjs.
type reportJob struct {
	File    string        `json:"file"`
	Search  string        `json:"search,omitempty"`
	Scripts *bool         `json:"scripts,omitempty"`
	Check   bool          `json:"check,omitempty"`
	Print   bool          `json:"print,omitempty"`
	Trusts  []reportTrust `json:"trusts,omitempty"`
}

// A reportTrust is a trust file that is chosen, or dropped on the page.
type reportTrust struct {
	File string `json:"file"`
	Drop bool   `json:"drop,omitempty"`
}

// A reportSeen is what was seen.
type reportSeen struct {
	reportLook
	Requests, Errors, Violations []string
	Dialogs, PDF                 int
	Call                         string
	Differs, Ran                 bool
	Trusts                       []reportLook // with each trust file
}

type reportLook struct {
	State, Text string
	Found       bool // findings are shown
	Verify      map[string]any
}

// seeReports does all jobs in one browser.
func seeReports(t *testing.T, browser string, jobs ...reportJob) (all []reportSeen) {
	t.Helper()
	list, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	argv := node(t, "report.mjs", string(list))
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "BROWSER="+browser)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.Bytes())
	}
	if err := json.Unmarshal(out, &all); err != nil || len(all) != len(jobs) {
		t.Fatalf("%v: %s", err, out)
	}
	for i, seen := range all {
		for _, url := range seen.Requests {
			if !strings.HasPrefix(url, "file://") && !strings.HasPrefix(url, "blob:") {
				t.Errorf("%s: asked for %s", jobs[i].File, url)
			}
		}
		if len(seen.Errors) > 0 || seen.Dialogs > 0 || seen.Ran {
			t.Errorf("%s: errors %q, %d dialogs, something ran: %v", jobs[i].File, seen.Errors, seen.Dialogs, seen.Ran)
		}
	}
	return all
}

// pageOf is the page of a bundle of a home's log, with the records as edit makes them.
func pageOf(t *testing.T, home string, p *reports.Program, edit func([]byte) []byte) []byte {
	t.Helper()
	audit := t.TempDir()
	days, err := filepath.Glob(filepath.Join(home, "audit", "*.jsonl"))
	if err != nil || len(days) == 0 {
		t.Fatal(days, err)
	}
	for _, path := range days {
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(audit, filepath.Base(path)), edit(b), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	log, err := chain.TakeSnapshot(audit)
	if err != nil {
		t.Fatal(err)
	}
	name, pub := publicKey(t, home)
	var page bytes.Buffer
	source := &bundle.Source{Log: log, Kind: bundle.Log, Program: "signet-wrap test", Keys: []bundle.File{{Name: name, Data: pub}},
		Report: func(w io.Writer, core *bundle.Bundle) error {
			return reports.Render(t.Context(), io.MultiWriter(w, &page), core, p)
		}}
	if _, err := bundle.Write(t.Context(), io.Discard, source); err != nil {
		t.Fatal(err)
	}
	return page.Bytes()
}

// publicKey is the one public key of a home.
func publicKey(t *testing.T, home string) (name string, content []byte) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(home, "keys", "*.pub"))
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	content, err = os.ReadFile(all[0])
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(all[0]), content
}

// evidenceElements are the parts of a report that hold the records.
var evidenceElements = regexp.MustCompile(`(?s)<script type="application/octet-stream" class="evidence">.*?</script>\n`)

// A report verifies itself in a browser: it comes to what verify --json says, however the
// records or the file were edited, and what is in the log is only shown.
func TestReportInBrowser(t *testing.T) {
	browser := chromium(t)
	node(t, "report.mjs")
	program, err := browserProgram()
	if err != nil {
		t.Fatal(err)
	}
	h := newHome(t)
	home := filepath.Join(h.dir, ".signet")
	const hostile = `<img src=x onerror=\"ran=1;alert(1)\"></script><script>ran=1</script>\u202egnp.exe`
	sunk(t, h, []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"amount":100}}}
{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"`+hostile+`","arguments":{"`+hostile+`":"`+hostile+`"}}}
{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"deep","arguments":{"a":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}}}
{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"find-me","arguments":{"needle":"`+strings.Repeat("long ", 5_000)+`end of it"}}}
`))
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	same := func(b []byte) []byte { return b }
	good := pageOf(t, home, program, same)
	edited := pageOf(t, home, program, func(b []byte) []byte {
		return bytes.Replace(b, []byte(`"amount":100`), []byte(`"amount":900`), 1)
	})
	// The maker of this one claims what is not so, and in this one a byte is another.
	lying := evidenceElements.ReplaceAllLiteral(good, evidenceElements.Find(edited))
	torn := bytes.Clone(good)
	torn[evidenceElements.FindIndex(good)[1]-50] ^= 1
	for name, b := range map[string][]byte{"good.html": good, "edited.html": edited, "none.html": pageOf(t, home, nil, same), "lying.html": lying, "torn.html": torn} {
		if err := os.WriteFile(in(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, b := publicKey(t, home)
	public, err := keys.ParsePublic(b)
	if err != nil {
		t.Fatal(err)
	}
	trust := func(name, lines string) string {
		if err := os.WriteFile(in(name), []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		return in(name)
	}
	mine := trust("mine", keys.FormatTrust(keys.TrustLine{Principals: []string{"robot@example.com"}, Key: public.Key}))
	bad := trust("bad", "no such line\n")

	off := false
	seen := seeReports(t, browser,
		reportJob{File: in("good.html"), Search: "NEEDLE", Check: true, Print: true, Trusts: []reportTrust{{bad, false}, {mine, false}, {bad, true}, {mine, true}}},
		reportJob{File: in("lying.html"), Check: true},
		reportJob{File: in("torn.html")},
		reportJob{File: in("none.html"), Check: true},
		reportJob{File: in("good.html"), Scripts: &off})
	whole, lied, cut, none, silent := seen[0], seen[1], seen[2], seen[3], seen[4]

	var native map[string]any
	if err := json.Unmarshal([]byte(h.signet(t, 0, nil, "verify", "--chain", "--json")), &native); err != nil {
		t.Fatal(err)
	}
	if got, want := byItself(whole.Verify), byItself(native); !reflect.DeepEqual(got, want) {
		t.Errorf("the browser found %v, and verify --json %v", got, want)
	}
	if whole.Differs || !strings.Contains(whole.Text, `<img src=x onerror="ran=1;alert(1)"></script><script>ran=1</script>\u202egnp.exe`) {
		t.Errorf("differs: %v\n%s", whole.Differs, whole.Text)
	}
	if !strings.Contains(whole.Call, "end of it") || !strings.Contains(whole.Call, "rec_") || whole.PDF < 10_000 {
		t.Errorf("a page of %d bytes for the printer, and the call: %.2000s", whole.PDF, whole.Call)
	}
	for i, s := range seen {
		if len(s.Violations) > 0 {
			t.Errorf("%d: not for everybody: %q", i, s.Violations)
		}
	}
	if !strings.HasPrefix(lied.State, "tampered ") || !lied.Differs || lied.Verify["verdict"] != "tampered" {
		t.Errorf("records that were edited: differs %v, %s", lied.Differs, lied.State)
	}
	if !strings.HasPrefix(cut.State, "not verified ") || !strings.Contains(cut.State, "could not be verified") || cut.Found {
		t.Errorf("a file that was edited: %s", cut.State)
	}
	for i, s := range whole.Trusts {
		a, _ := s.Verify["authenticity"].(map[string]any)
		switch {
		case i%2 == 0 && (a["verdict"] != whole.Verify["authenticity"].(map[string]any)["verdict"] || !strings.Contains(s.Text, "not used") || strings.Contains(s.State, "with your trust file")):
			t.Errorf("with a bad trust file: %v\n%s", a, s.State)
		case i%2 == 1 && (a["verdict"] != "trusted" || !strings.Contains(s.Text, "robot@example.com")):
			t.Errorf("with a trust file: %v\n%s", a, s.State)
		}
	}
	for _, s := range []reportSeen{none, silent} {
		if !strings.HasPrefix(s.State, "not verified ") || s.Found || !strings.Contains(s.Text, "signet-wrap verify REPORT.zip") || !strings.Contains(s.Text, "find-me") {
			t.Errorf("without a program: %s", s.Text)
		}
	}
}

// byItself is a finding without what only the machine of the log knows.
func byItself(f map[string]any) map[string]any {
	f = maps.Clone(f)
	delete(f, "log")
	if c, ok := f["completeness"].(map[string]any); ok {
		c = maps.Clone(c)
		for _, name := range []string{"system_log", "heads"} {
			delete(c, name)
		}
		f["completeness"] = c
	}
	return f
}
