package bundle_test

import (
	"archive/zip"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain/bundle"
)

// TestAuditors runs the programs of docs/AUDITORS.md, which use nothing of ours, on
// bundles: they accept them, and find what is changed.
func TestAuditors(t *testing.T) {
	for _, tool := range []string{"python3", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	page, err := os.ReadFile("../../docs/AUDITORS.md")
	if err != nil {
		t.Fatal(err)
	}
	var programs []string
	for _, part := range strings.Split(string(page), "```python\n")[1:] {
		program, _, _ := strings.Cut(part, "```")
		programs = append(programs, program)
	}
	if len(programs) != 2 {
		t.Fatalf("%d programs, want 2", len(programs))
	}
	unpack := func(made []byte) string {
		dir := t.TempDir()
		z, err := zip.NewReader(bytes.NewReader(made), int64(len(made)))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(dir, z); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	run := func(dir, program string) (string, bool) {
		cmd := exec.Command("python3", "-c", program)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err == nil
	}
	change := func(dir, name, old, new string) {
		t.Helper()
		path := filepath.Join(dir, name)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Replace(b, []byte(old), []byte(new), 1)
		if bytes.Equal(changed, b) {
			t.Fatalf("%s has no %q", name, old)
		}
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := source(t, 40)
	whole := write(t, s)
	some(t, s, bundle.Range, func(n int) bool { return 10 <= n && n < 30 })
	part := write(t, s)
	some(t, s, bundle.Selection, func(n int) bool { return n%3 == 0 })
	picked := write(t, s)
	const day = "audit/2026-05-01.jsonl"
	for i, c := range []struct {
		made     []byte
		program  int
		old, new string // in a file; "": nothing is changed
		file     string
		says     string
	}{
		{whole, 0, "", "", "", "40 records, as signed by ed25519:"},
		{part, 0, "", "", "", "20 records, as signed by ed25519:"},
		{picked, 0, "", "", "", "14 records, as signed by ed25519:"},
		{picked, 1, "", "", "", "14 records, each in place in a log of 40"},
		{whole, 0, `"mcp://files"`, `"mcp://filez"`, day, "record 1 is not as it was signed"},
		{part, 0, `"follows": "sha256:`, `"follows": "sha256:0`, "manifest.json", "record 1 is not as it was signed"},
		{whole, 0, `"records": 40`, `"records": 41`, "manifest.json", "records are missing"},
		{picked, 1, `"index":3`, `"index":4`, "proofs/records.jsonl", "record 5 is not shown to be in the log"},
		{picked, 1, `"record_hash":"sha256:`, `"record_hash":"sha256:00`, day, "is not"},
	} {
		dir := unpack(c.made)
		if c.old != "" {
			change(dir, c.file, c.old, c.new)
		}
		if out, ok := run(dir, programs[c.program]); ok != (c.old == "") || c.says != "is not" && !strings.Contains(out, c.says) {
			t.Errorf("%d: %v %s", i, ok, out)
		}
	}
	if lines := strings.Count(programs[0], "\n"); lines > 25 {
		t.Errorf("%d lines", lines)
	}
}
