package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

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
	Open    bool          `json:"open,omitempty"` // the first session and the first call
}

// A reportTrust is a file of the reader's that is chosen, or dropped on the page as "mine".
type reportTrust struct {
	File string `json:"file"`
	Drop bool   `json:"drop,omitempty"`
}

// A reportSeen is what was seen.
type reportSeen struct {
	reportLook
	Requests, Errors, Violations []string
	Dialogs, PDF                 int
	Call, Opened                 string
	Outcomes                     []string // that the list of calls can be filtered by
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

// coreOf is the bundle that audit report makes of a home's log, without its page.
func coreOf(t *testing.T, h home, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.zip")
	h.signet(t, 0, nil, slices.Concat([]string{"audit", "report", "--output", path}, args)...)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return coreIn(t, b)
}

// coreIn is a bundle without its page.
func coreIn(t *testing.T, b []byte) []byte {
	t.Helper()
	whole, err := bundle.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := whole.Core()
	if err == nil {
		b, err = io.ReadAll(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pageOf is the page of a bundle.
func pageOf(t *testing.T, core []byte, p *reports.Program) []byte {
	t.Helper()
	b, err := bundle.Open(bytes.NewReader(core), int64(len(core)))
	var page bytes.Buffer
	if err == nil {
		err = reports.Render(t.Context(), &page, b, p)
	}
	if err != nil {
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
	t.Parallel()
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
	core, picked := coreOf(t, h), coreOf(t, h, "--tool", "pay")
	good := pageOf(t, core, program)
	changed := newHome(t)
	if err := os.CopyFS(filepath.Join(changed.dir, ".signet"), os.DirFS(home)); err != nil {
		t.Fatal(err)
	}
	edit := changed.newest(t)
	b, err := os.ReadFile(edit)
	if err == nil {
		err = os.WriteFile(edit, bytes.Replace(b, []byte(`"amount":100`), []byte(`"amount":900`), 1), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	edited := pageOf(t, coreOf(t, changed), program)
	// The maker of this one claims what is not so, and in this one a byte is another.
	lying := evidenceElements.ReplaceAllLiteral(good, evidenceElements.Find(edited))
	torn := bytes.Clone(good)
	torn[evidenceElements.FindIndex(good)[1]-50] ^= 1
	for name, b := range map[string][]byte{"good.html": good, "edited.html": edited, "none.html": pageOf(t, core, nil), "lying.html": lying, "torn.html": torn,
		"picked.html": pageOf(t, picked, program), "core.zip": core, "picked.zip": picked} {
		if err := os.WriteFile(in(name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, b = publicKey(t, home)
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
		reportJob{File: in("good.html"), Search: "NEEDLE", Check: true, Print: true, Trusts: []reportTrust{{bad, false}, {mine, false}, {bad, true}, {mine, true}}, Open: true},
		reportJob{File: in("lying.html"), Check: true},
		reportJob{File: in("torn.html")},
		reportJob{File: in("none.html"), Check: true},
		reportJob{File: in("good.html"), Scripts: &off},
		reportJob{File: in("picked.html"), Check: true})
	whole, lied, cut, none, silent := seen[0], seen[1], seen[2], seen[3], seen[4]

	stranger := newHome(t)
	for file, seen := range map[string]reportSeen{"core.zip": whole, "picked.zip": seen[5]} {
		var native map[string]any
		if err := json.Unmarshal([]byte(stranger.signet(t, 3, nil, "verify", in(file), "--json")), &native); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(seen.Verify, native) {
			t.Errorf("%s: the browser found %v, and verify --json %v", file, seen.Verify, native)
		}
		if !strings.HasPrefix(seen.State, "unconfirmed ") || !strings.Contains(seen.State, "could have changed that program") {
			t.Errorf("%s: %s", file, seen.State)
		}
	}
	if !strings.Contains(whole.Text, "“default” not known") || !strings.Contains(whole.Opened, "server's command") || !strings.Contains(whole.Opened, "sha256:") || !strings.Contains(whole.Opened, "robot@example.com") {
		t.Errorf("who signed, and how a session began: %s", whole.Opened)
	}
	if whole.Differs || !strings.Contains(whole.Text, `<img src=x onerror="ran=1;alert(1)"></script><script>ran=1</script>\u202egnp.exe`) {
		t.Errorf("differs: %v\n%s", whole.Differs, whole.Text)
	}
	if want := []string{"any", "no response"}; !slices.Equal(whole.Outcomes, want) {
		t.Errorf("outcomes to choose from: %q, and there are %q", whole.Outcomes, want)
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
		switch good := i%2 == 1; {
		// What was used before stays in use.
		case !good && (i == 0) != reflect.DeepEqual(s.Verify, whole.Verify) || !good && !strings.Contains(s.Text, "not used") || i == 0 && strings.Contains(s.State, "with your "):
			t.Errorf("with a bad trust file: %v\n%s", s.Verify, s.State)
		case good && (s.Verify["verdict"] != "valid" || !strings.HasPrefix(s.State, "valid by itself ") || !strings.Contains(s.State, "Nothing in this file shows that anybody else saw the log") ||
			!strings.Contains(s.State, "with your trust file “mine”") || !strings.Contains(s.Text, "robot@example.com") || strings.Contains(s.Text, "not known")):
			t.Errorf("with a trust file: %v\n%s", s.Verify, s.State)
		}
	}
	for _, s := range []reportSeen{none, silent} {
		if !strings.HasPrefix(s.State, "not verified ") || s.Found || !strings.Contains(s.Text, "signet-wrap verify report.zip") || !strings.Contains(s.Text, "find-me") {
			t.Errorf("without a program: %s", s.Text)
		}
	}
}

// firefoxHere is a Firefox as it is distributed, which SIGNET_WRAP_FIREFOX=1 asks for.
func firefoxHere(t *testing.T) string {
	t.Helper()
	if os.Getenv("SIGNET_WRAP_FIREFOX") == "" {
		t.Skip("SIGNET_WRAP_FIREFOX=1 runs this test in Firefox")
	}
	for _, name := range []string{"firefox-esr", "firefox"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "this test needs Firefox")
	return ""
}

// The same in Firefox.
func TestReportInFirefox(t *testing.T) {
	firefox := firefoxHere(t)
	argv := node(t, "report-firefox.mjs")
	program, err := browserProgram()
	if err != nil {
		t.Fatal(err)
	}
	h := newHome(t)
	sunk(t, h, []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"<img src=x onerror=ran=1>","arguments":{"amount":100}}}`+"\n"))
	core := coreOf(t, h)
	good := pageOf(t, core, program)
	torn := bytes.Clone(good)
	torn[evidenceElements.FindIndex(good)[1]-50] ^= 1
	dir := t.TempDir()
	for name, b := range map[string][]byte{"good.html": good, "torn.html": torn, "core.zip": core} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(argv[0], "--experimental-websocket", argv[1], filepath.Join(dir, "good.html"), filepath.Join(dir, "torn.html"))
	cmd.Env = append(os.Environ(), "BROWSER="+firefox)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.Bytes())
	}
	var seen []reportSeen
	if err := json.Unmarshal(out, &seen); err != nil || len(seen) != 2 {
		t.Fatalf("%v: %s", err, out)
	}
	var native map[string]any
	if err := json.Unmarshal([]byte(newHome(t).signet(t, 3, nil, "verify", filepath.Join(dir, "core.zip"), "--json")), &native); err != nil {
		t.Fatal(err)
	}
	whole, cut := seen[0], seen[1]
	if !reflect.DeepEqual(whole.Verify, native) || whole.Differs || whole.Ran || !strings.Contains(whole.Text, "<img src=x onerror=ran=1>") {
		t.Errorf("it found %v, and verify --json %v\n%s", whole.Verify, native, whole.Text)
	}
	if !strings.HasPrefix(cut.State, "not verified") || cut.Found {
		t.Errorf("a file that was edited: %s", cut.State)
	}
}

// newest is the path of the newest day file.
func (h home) newest(t testing.TB) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(h.audit(), "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatal("there is no log", err)
	}
	return slices.Max(files)
}
