package integration

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/testwitness"
)

// A report has what real witnesses and a real time-stamp authority have signed. Who
// verifies it names them, by the command line or in the page, and it then says who saw
// which records; by itself it says that its maker says so.
func TestReportAnchored(t *testing.T) {
	t.Parallel()
	w1, w2, tsa := testwitness.New(t, "example.com/w1"), testwitness.New(t, "w2"), testwitness.NewAuthority(t)
	h, origin, vkey := anchored(t, w1.Key+"@http://"+w1.Address, w2.Key+"@http://"+w2.Address)
	w1.Enroll(origin, vkey)
	w2.Enroll(origin, vkey)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(in("roots.pem"), tsa.Roots, 0o600); err != nil {
		t.Fatal(err)
	}
	witnesses := []string{"--witness", w1.Key + "@http://" + w1.Address, "--witness", w2.Key + "@http://" + w2.Address, "--quorum", "2"}
	h.signet(t, 0, nil, append([]string{"anchor", "init", "--tsa", tsa.URL, "--tsa-root", in("roots.pem")}, witnesses...)...)
	h.signet(t, 0, nil, "anchor", "enroll", "--output", in("kit.json"))
	h.sign(t, 4)
	h.signet(t, 0, nil, "anchor", "now")
	h.signet(t, 0, nil, "audit", "report", "--output", in("whole.zip"))
	if out := h.signet(t, 0, nil, "verify", "--chain", "--online", "--kit", in("kit.json")); !strings.Contains(out, "example.com/w1") { // as docs/AUDITORS.md has it
		t.Errorf("%s", out)
	}
	h.sign(t, 1)
	if out := h.signet(t, 0, nil, "audit", "report", "--tool", "more", "--output", in("picked.zip")); !strings.Contains(out, "1 record is newer than the newest checkpoint") {
		t.Errorf("%s", out)
	}
	// The newest anchored record is gone.
	h.truncate(t, 2)
	h.signet(t, 0, nil, "audit", "report", "--output", in("cut.zip"))
	for from, to := range map[string]string{filepath.Join(h.store(), "policy"): "policy", filepath.Join(h.dir, ".signet", "keys", "default.pub"): "default.pub"} {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(in(to), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	stranger := newHome(t)
	stranger.signet(t, 0, nil, "identity", "trust", "add", "--principal", "ada@example.com", in("default.pub"), "--trust", in("mine"))
	mine := []string{"--trust", in("mine")}
	for _, c := range []struct {
		status int
		says   []string
		file   string
		args   []string
	}{
		{0, []string{"valid by itself: the log is unbroken; that others saw it is the word of its maker", "by example.com/w1, w2", "named by the bundle alone"}, "whole.zip", nil},
		{0, []string{"valid: the log is unbroken; ", " seen by example.com/w1, w2"}, "whole.zip", []string{"--policy", in("policy"), "--require", "witness"}},
		{0, []string{"valid: ", "seen by a time-stamp authority", "stamped up to record "}, "whole.zip", []string{"--tsa-root", in("roots.pem")}},
		{0, []string{"valid: "}, "whole.zip", []string{"--kit", in("kit.json")}},
		{3, []string{"the time stamp of checkpoint"}, "whole.zip", []string{"--tsa-root", in("other.pem")}},
		{0, []string{"valid: ", " seen by example.com/w1, w2", "4 records were stamped at ", "that the log had "}, "picked.zip", []string{"--policy", in("policy"), "--tsa-root", in("roots.pem")}},
		{3, []string{"not all records are seen by witnesses"}, "picked.zip", []string{"--policy", in("policy"), "--require", "witness"}},
		{1, []string{"tampered: ", "rollback: "}, "cut.zip", nil},
	} {
		if c.args != nil && c.args[len(c.args)-1] == in("other.pem") {
			if err := os.WriteFile(in("other.pem"), certificate(t), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out := stranger.signet(t, c.status, nil, append(append([]string{"verify", in(c.file)}, mine...), c.args...)...)
		flat := strings.Join(strings.Fields(out), " ")
		for _, want := range c.says {
			if !strings.Contains(flat, strings.TrimSpace(want)) {
				t.Errorf("%s %q: no %q in %s", c.file, c.args, want, out)
			}
		}
	}

	browser := chromium(t)
	program, err := browserProgram()
	if err != nil {
		t.Fatal(err)
	}
	var jobs []reportJob
	for _, name := range []string{"whole", "picked"} {
		b, err := os.ReadFile(in(name + ".zip"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(in(name+".html"), pageOf(t, coreIn(t, b), program), 0o600); err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, reportJob{File: in(name + ".html"), Trusts: []reportTrust{{in("mine"), false}, {in("policy"), false}}})
	}
	for i, s := range seeReports(t, browser, jobs...) {
		if !strings.HasPrefix(s.Trusts[0].State, "valid by itself ") || !strings.Contains(s.Trusts[0].State, "is the word of who made this file") {
			t.Errorf("%d: its own policy: %s", i, s.Trusts[0].State)
		}
		if state := s.Trusts[1].State; strings.HasPrefix(state, "valid by") || !strings.HasPrefix(state, "valid ") || !strings.Contains(state, "example.com/w1, w2, at 20") || !strings.Contains(state, "policy “policy”") {
			t.Errorf("%d: a policy of the reader's: %s", i, state)
		}
	}
}

// The binary of a release makes reports that verify themselves: of the same log the page
// is, to the byte, what the packages make of it here.
func TestReportOfRelease(t *testing.T) {
	t.Parallel()
	program, err := browserProgram()
	if err != nil {
		t.Fatal(err)
	}
	// What `make wasm` makes, in place of files of the tree.
	replace := map[string]string{}
	for _, name := range []string{"verify.wasm.gz", "wasm_exec.js"} {
		path, err := filepath.Abs(filepath.Join("..", "internal", "report", "generated", name))
		if err != nil {
			t.Fatal(err)
		}
		replace[path] = filepath.Join(scratch, "wasm", name)
	}
	dir := t.TempDir()
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "signet-wrap")
	build := exec.Command("go", "build", "-trimpath", "-tags", "urfave_cli_no_docs,browser", "-overlay", filepath.Join(dir, "overlay.json"), "-o", bin, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	h := newHome(t)
	sunk(t, h, []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"amount":100}}}`+"\n"))
	file := filepath.Join(dir, "report.zip")
	cmd := exec.Command(bin, "audit", "report", "--output", file)
	cmd.Env = scrubbed(h.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	page, err := z.Open("report.html")
	if err != nil {
		t.Fatal(err)
	}
	var made bytes.Buffer
	if _, err := made.ReadFrom(page); err != nil {
		t.Fatal(err)
	}
	if want := pageOf(t, coreIn(t, b), program); !bytes.Equal(made.Bytes(), want) || !strings.Contains(made.String(), `data-verifies="true"`) {
		t.Errorf("a page of %d bytes, want %d", made.Len(), len(want))
	}
	h.signet(t, 0, nil, "verify", file)
	// It is the one that is opened in a browser.
	html := filepath.Join(dir, "report.html")
	if err := os.WriteFile(html, made.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := seeReports(t, chromium(t), reportJob{File: html})[0]; !strings.HasPrefix(s.State, "unconfirmed ") || !strings.Contains(s.Text, "pay") {
		t.Errorf("%s", s.State)
	}
}
