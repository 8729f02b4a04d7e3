//go:build unix

package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCheckPage: the commands of docs/CHECK.md run as they are, in an empty home, and say
// what the page says. Their npx is one that takes what the tests have installed, and their
// sleep ends when the response is there, however fast or slow the machine is.
func TestCheckPage(t *testing.T) {
	t.Parallel()
	server := node(t, module("@modelcontextprotocol/server-everything/dist/index.js"))
	page, err := os.ReadFile(filepath.Join("..", "docs", "CHECK.md"))
	if err != nil {
		t.Fatal(err)
	}
	script := ""
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(page, -1) {
		script += string(block[1])
	}
	tools, dir := t.TempDir(), t.TempDir()
	npx := "#!/bin/sh\nexec '" + strings.Join(server, "' '") + "'\n"
	if err := os.WriteFile(filepath.Join(tools, "npx"), []byte(npx), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", script)
	sleep := "#!/bin/sh\nn=0\nuntil [ -e responded ] || [ $n -gt 600 ]; do n=$((n + 1)); /bin/sleep 0.1; done\nrm -f responded\n"
	if err := os.WriteFile(filepath.Join(tools, "sleep"), []byte(sleep), 0o755); err != nil {
		t.Fatal(err)
	}
	path := strings.Join([]string{tools, filepath.Dir(binary(t)), os.Getenv("PATH")}, string(os.PathListSeparator))
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir, "SIGNET_HOME=", "PATH="+path)
	var out responses
	out.seen = func() { os.WriteFile(filepath.Join(dir, "responded"), nil, 0o600) }
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.all.String())
	}
	for _, want := range []string{"Echo: hello", "executed  check\n", `"reason":"no_receipt"`, "the other side of 1 call, of which 0 refused"} {
		if !strings.Contains(out.all.String(), want) {
			t.Errorf("not said: %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out.all.String())
	}
}

// responses keeps what commands print, and calls seen after each response.
type responses struct {
	all  bytes.Buffer // not embedded: its ReadFrom would pass Write by
	seen func()
	at   int // how far was looked
}

func (r *responses) Write(p []byte) (int, error) {
	n, err := r.all.Write(p)
	for {
		line, _, whole := bytes.Cut(r.all.Bytes()[r.at:], []byte("\n"))
		if !whole {
			return n, err
		}
		r.at += len(line) + 1
		if bytes.HasPrefix(line, []byte("{")) && bytes.Contains(line, []byte(`"id":1`)) {
			r.seen()
		}
	}
}
