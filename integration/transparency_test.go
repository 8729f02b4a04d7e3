//go:build unix

package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// transparencyHead begins docs/TRANSPARENCY.md; the table follows.
const transparencyHead = `# What a client notices

Nothing except the log. The table below combines every way in which clients end
their servers with every way in which servers react, each with and without the
wrapper. A test runs all of these and writes the table from what it saw
(` + "`UPDATE_DOCS=1 go test -run TestTransparency ./integration`" + `, on Linux); in every
other run the test checks the table.

- same: the same bytes on stdout, the same exit status or signal, at the same
  step of the client, and no process is left that is not also left without the
  wrapper.
- cleaner: the same, but without the wrapper some processes are left, and with
  it none or fewer.
- later: the server itself ends at the same step, but leaves processes. The
  wrapper sends them SIGTERM and waits for them, 10 s at most and only until the
  next signal: this is its only timer. A client that does not wait for that
  kills the wrapper, and with it these processes.

In front of a server, "signet-wrap check" is the same, with one exception: with
--cosign, the response to a call whose receipt has passed comes when it is whole,
up to 1 MiB, and has a receipt in its _meta.

The clients, and what they do until the server has ended:

`

var transparencyFile = filepath.Join("..", "docs", "TRANSPARENCY.md")

// reported is the table as it is in the docs, a row for each server; empty
// if it is about to be written.
func reported(t *testing.T) map[string][]string {
	t.Helper()
	if os.Getenv("UPDATE_DOCS") != "" {
		return nil
	}
	text, err := os.ReadFile(transparencyFile)
	if err != nil {
		t.Fatalf("%v: make it with UPDATE_DOCS=1", err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(strings.Trim(line, "| \n"), " | "); len(cells) > 1 {
			rows[cells[0]] = cells[1:]
		}
	}
	return rows
}

// report writes the table, or holds the one that is there to be true.
func report(t *testing.T, servers []subject, verdicts [][]string) {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(transparencyHead)
	for _, e := range enders {
		var steps []string
		for i, s := range e.steps {
			text := s.name
			if i < len(e.steps)-1 && s.wait > 0 {
				text += ", " + s.wait.String()
			}
			steps = append(steps, text)
		}
		b.WriteString("- " + e.name + ": " + strings.Join(steps, "; ") + "\n")
	}
	b.WriteString("\n| server |")
	for _, e := range enders {
		b.WriteString(" " + e.name + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(enders)) + "\n")
	for i, s := range servers {
		b.WriteString("| " + s.name + " | " + strings.Join(verdicts[i], " | ") + " |\n")
	}

	if os.Getenv("UPDATE_DOCS") != "" && !t.Failed() {
		if err := os.MkdirAll(filepath.Dir(transparencyFile), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(transparencyFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(transparencyFile)
	if err != nil {
		t.Fatalf("%v: make it with UPDATE_DOCS=1", err)
	}
	if d := difference(have, b.Bytes()); d != "" {
		t.Errorf("%s is not what was seen: %s", transparencyFile, d)
	}
}
