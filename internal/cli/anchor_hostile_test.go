package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What others give to the verbs of anchors may be anything: each is an error of one
// line, with no control characters, and nothing is made of it.
func TestHostileAnchorInput(t *testing.T) {
	dir := t.TempDir()
	home := filepath.Join(dir, "home")
	receipt, proof, kit := filepath.Join(dir, "receipt"), filepath.Join(dir, "proof"), filepath.Join(dir, "kit")
	for _, args := range [][]string{
		{"identity", "generate", "--name", "default", "--unencrypted"}, {"sign", "--tool", "x", "--output", receipt},
		{"anchor", "init"}, {"anchor", "now"}, {"anchor", "enroll", "--output", kit},
	} {
		if status, _, errs := run(t, append(args, "--home", home)...); status != 0 {
			t.Fatalf("%q: %s", args, errs)
		}
	}
	b, err := os.ReadFile(receipt)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), `"id":`)
	id, _, _ := strings.Cut(strings.TrimLeft(rest, ` "`), `"`)
	if status, _, errs := run(t, "prove", id, "--output", proof, "--home", home); status != 0 {
		t.Fatal(errs)
	}
	policy := filepath.Join(home, "anchor", "policy")
	read := func(path string) []byte {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	bad := filepath.Join(dir, "bad")
	oneLine := func(name string, args ...string) {
		t.Helper()
		status, out, errs := run(t, append(args, "--home", home)...)
		all := out + errs
		for line := range strings.Lines(errs) {
			if len(line) > 1200 {
				t.Errorf("%s: a line of %d bytes", name, len(line))
			}
		}
		if status != 1 && status != 2 && status != 3 || strings.Count(errs, "\n") > 2 || strings.ContainsAny(all, "\x1b\x00\r") {
			t.Errorf("%s: exit status %d: %q", name, status, all)
		}
	}
	escape := []byte("\x1b[2J\x00\r\n\u202e")
	contents := func(good []byte) map[string][]byte {
		half := len(good) / 2
		return map[string][]byte{
			"empty": nil, "garbage": bytes.Repeat([]byte{0xff, 0xfe, 0}, 1000), "huge": bytes.Repeat([]byte("a"), 8<<20),
			"many lines": bytes.Repeat([]byte("x\n"), 100_000), "escapes": escape, "half": good[:half],
			"escapes in it": append(append(bytes.Clone(good[:half]), escape...), good[half:]...),
			"twice":         append(bytes.Clone(good), good...), "null": []byte("null"), "deep": bytes.Repeat([]byte("["), 100_000),
		}
	}
	for _, input := range []struct {
		name, good string
		args       func(path string) []string
	}{
		{"policy", policy, func(p string) []string { return []string{"verify", proof, "--policy", p} }},
		{"policy of the log", policy, func(p string) []string { return []string{"verify", "--chain", "--policy", p} }},
		{"kit", kit, func(p string) []string { return []string{"verify", "--chain", "--kit", p} }},
		{"kit, online", kit, func(p string) []string { return []string{"verify", "--chain", "--online", "--kit", p} }},
		{"evidence", policy, func(p string) []string { return []string{"verify", "--chain", "--against", p} }},
		{"proof", proof, func(p string) []string { return []string{"verify", p, "--policy", policy} }},
		{"roots", policy, func(p string) []string { return []string{"verify", proof, "--policy", policy, "--tsa-root", p} }},
		{"roots of a store", policy, func(p string) []string {
			return []string{"anchor", "init", "--store", filepath.Join(dir, "none"), "--tsa", "https://tsa.example.com", "--tsa-root", p}
		}},
		{"CA", policy, func(p string) []string {
			return []string{"anchor", "init", "--store", filepath.Join(dir, "none"), "--ca", p}
		}},
	} {
		for name, content := range contents(read(input.good)) {
			if input.name == "policy" && name == "empty" {
				continue
			}
			if err := os.WriteFile(bad, content, 0o600); err != nil {
				t.Fatal(err)
			}
			oneLine(input.name+": "+name, input.args(bad)...)
		}
		oneLine(input.name+": a directory", input.args(dir)...)
		oneLine(input.name+": none", input.args(filepath.Join(dir, "no\x1bsuch"))...)
	}
	_, vkey, _ := strings.Cut(string(read(policy)), "log ")
	vkey, _, _ = strings.Cut(vkey, "\n")
	for _, witness := range []string{
		"", "@", "@https://", "@https://example.com", "x@http://192.0.2.1", vkey + "@https://example.com", // of a log
		strings.Repeat("a", 100_000) + "@https://example.com", "a+\x1b[2J+b@https://example.com", "a+b+c@https://exa\nmple.com",
		vkey + "@https://user:secret@example.com", vkey + "@httpsx://example.com", vkey + "@https://[::1", "a+00000000+BAAA@https://example.com",
	} {
		oneLine("witness", "anchor", "init", "--store", filepath.Join(dir, "none"), "--witness", witness)
	}
	for _, args := range [][]string{
		{"--origin", ""}, {"--origin", "a\x1bb"}, {"--origin", strings.Repeat("a", 10_000)}, {"--origin", "a+b"}, {"--proxy", "\x1b"}, {"--proxy", "ftp://x"},
		{"--tsa", "http://192.0.2.1", "--tsa-root", policy}, {"--quorum", "-1"}, {"--quorum", "1"},
	} {
		oneLine(args[0], append([]string{"anchor", "init", "--store", filepath.Join(dir, "none")}, args...)...)
	}
	if _, err := os.Lstat(filepath.Join(dir, "none")); err == nil {
		t.Error("a store was made")
	}
}
