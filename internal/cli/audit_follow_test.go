package cli

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/sign"
)

// A lineReader has the lines of a process as they come.
type lineReader struct {
	t     *testing.T
	lines chan string
}

func readLines(t *testing.T, r io.Reader) *lineReader {
	l := &lineReader{t, make(chan string, 100)}
	go func() {
		defer close(l.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			l.lines <- s.Text()
		}
	}()
	return l
}

// next is the next line; "" at the end.
func (l *lineReader) next() string {
	l.t.Helper()
	select {
	case line := <-l.lines:
		return line
	case <-time.After(time.Minute):
		l.t.Fatal("no line came")
	}
	return ""
}

// begin starts signet-wrap in a home.
func begin(t *testing.T, home string, args ...string) (cmd *exec.Cmd, in io.WriteCloser, out *lineReader) {
	t.Helper()
	cmd = exec.Command("signet-wrap", args...)
	cmd.Env = append(os.Environ(), "SIGNET_HOME="+home)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout // that is one pipe
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, in, readLines(t, stdout)
}

// What a wrapper does while it is followed is shown at once: a line when a call begins,
// one when it ends, in each form. Ctrl-C ends it with 0.
func TestAuditFollow(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the server is a shell's")
	}
	home := t.TempDir()
	table, _, shown := begin(t, home, "audit", "--follow")
	objects, _, told := begin(t, home, "audit", "--follow", "--json", "--tool", "SLOW")
	records, _, raw := begin(t, home, "audit", "--follow", "--records", "--outcome", "executed")
	for _, l := range []*lineReader{shown, told, raw} {
		for line := l.next(); !strings.Contains(line, "waiting for calls in "); line = l.next() {
			if !strings.HasPrefix(line, "TIME ") {
				t.Fatalf("%s", line)
			}
		}
	}
	// A server that responds when it is told to.
	server := `read call; echo '{"jsonrpc":"2.0","method":"notifications/seen"}'; read go; echo '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'; cat >/dev/null`
	_, in, out := begin(t, home, "--system-log", "off", "--target", "mcp://files", "--", "sh", "-c", server)
	if _, err := io.WriteString(in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","arguments":{"a":1}}}`+"\n"); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(out.next(), "notifications/seen") { // after what was said of the new key
	}
	if line := shown.next(); !strings.Contains(line, " slow ") || !strings.Contains(line, " open ") || !strings.Contains(line, `{"a":1}`) {
		t.Errorf("a call begins: %q", line)
	}
	var x history.View
	if line := told.next(); json.Unmarshal([]byte(line), &x) != nil || x.Outcome != history.Open || x.Tool != "slow" || x.Where == nil && runtime.GOOS == "linux" {
		t.Errorf("a call begins: %s", line)
	}
	if _, err := io.WriteString(in, `{"jsonrpc":"2.0","method":"notifications/go"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if line := shown.next(); !strings.Contains(line, " slow ") || !strings.Contains(line, " executed ") {
		t.Errorf("a call ends: %q", line)
	}
	id := x.ID
	if line := told.next(); json.Unmarshal([]byte(line), &x) != nil || x.Outcome != history.Executed || x.ID != id || x.Took == nil {
		t.Errorf("a call ends: %s", line)
	}
	if call, response := raw.next(), raw.next(); !strings.Contains(call, id) || !strings.Contains(response, `"parent_receipt_id":"`+id) {
		t.Errorf("%s\n%s", call, response)
	}
	for _, cmd := range []*exec.Cmd{table, objects, records} {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after Ctrl-C: %v", err)
		}
	}
}

func TestAuditFollowFlags(t *testing.T) {
	for _, flag := range []string{"--until=1h", "--export=x"} {
		if status, _, errs := run(t, "audit", "--follow", flag); status != exitUsage || !strings.Contains(errs, "--follow has no end") {
			t.Errorf("%s: %d, %s", flag, status, errs)
		}
	}
}

// On a narrow screen the table of a log that is followed has room for what is still to
// come, and says which day it is where times do not.
func TestAuditFollowNarrow(t *testing.T) {
	var out strings.Builder
	table := newAuditTable(&out, 80)
	table.live, table.paint = true, func(colour, word string) string { return "<" + colour + word + ">" }
	if err := table.flush(); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, table.zone)
	for i, tool := range []string{"first", "second"} {
		row := &history.Row{Record: &history.Record{Says: &sign.Verified{Tool: tool, Target: "mcp://github", Time: at.AddDate(0, 0, i)}}}
		if err := table.put(row); err != nil {
			t.Fatal(err)
		}
	}
	zone := " (" + table.zone.String() + ")"
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 6 || lines[1] != "2026-05-01"+zone || lines[3] != "2026-05-02"+zone || !strings.HasPrefix(lines[2], "12:00:00  first ") || !strings.Contains(lines[4], " github") {
		t.Errorf("%s", out.String())
	}
	for _, line := range lines {
		if len([]rune(line)) > 80 || strings.Contains(line, "…") {
			t.Errorf("%q", line)
		}
	}
}
