//go:build !race

// Under the race detector 100,000 records take minutes, and find nothing that
// smaller logs do not.

package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/internal/verify"
)

// What is promised of large logs, with real processes on one of 85 MB.

const largeRecords = 100_000

func TestLarge(t *testing.T) {
	home := t.TempDir()
	if err := testlog.Write(home, testlog.Options{Records: largeRecords}); err != nil {
		t.Fatal(err)
	}
	t.Run("Memory", func(t *testing.T) { testMemory(t, home) })
	t.Run("Progress", func(t *testing.T) { testProgress(t, home) })
	t.Run("Interrupted", func(t *testing.T) { testInterrupted(t, home) })
	t.Run("ExportKilled", func(t *testing.T) { testExportKilled(t, home) })
	// The last, for it edits the log.
	t.Run("InterruptedBehindDamage", func(t *testing.T) { testInterruptedBehindDamage(t, home) })
}

// maxPeak is the most memory, in MB, that reading a log may take. The log is
// larger, and what holds the records that it lists takes several times as much.
const maxPeak = 64 * raceTimes

func testMemory(t *testing.T, home string) {
	for _, tt := range []struct {
		args  string
		lines int // of stdout; 0: any number
	}{
		{"verify --chain", 0},
		{"audit --records", largeRecords},
		{"audit --json", 0},
		{"audit stats", 0},
		{"audit --csv --grep /FILE-77", 0},
		{"audit --records --limit 40000", 80000},
		{"audit --json --limit 40000", 40000},
		{"audit --limit 40000", 40001},
		{"audit --since 2026-05-01T00:00Z --tool e", 0},
		{"audit --failed --records", 0},
		{"audit --failed --limit 6000", 6001},
		{"audit export --output " + filepath.Join(t.TempDir(), "out"), 1},
	} {
		peak := filepath.Join(t.TempDir(), "status")
		cmd := exec.Command("signet-wrap", append(strings.Fields(tt.args), "--home", home)...)
		cmd.Env = append(os.Environ(), peakFile+"="+peak, eagerBar+"=1") // but there is no terminal
		var lines lineCounter
		cmd.Stdout = &lines
		if out, err := errorsOf(cmd); err != nil || out != "" && !strings.Contains(out, "no record matches") {
			t.Errorf("%s: %v, %s", tt.args, err, out)
		}
		if tt.lines > 0 && int(lines) != tt.lines {
			t.Errorf("%s: %d lines, want %d", tt.args, lines, tt.lines)
		}
		if mb := peakOf(t, peak); mb > maxPeak {
			t.Errorf("%s: %d MB", tt.args, mb)
		} else {
			t.Logf("%s: %d MB", tt.args, mb)
		}
	}
}

type lineCounter int

func (n *lineCounter) Write(p []byte) (int, error) {
	*n += lineCounter(bytes.Count(p, []byte{'\n'}))
	return len(p), nil
}

// errorsOf runs cmd and returns its stderr.
func errorsOf(cmd *exec.Cmd) (string, error) {
	var errs bytes.Buffer
	cmd.Stderr = &errs
	err := cmd.Run()
	return errs.String(), err
}

// peakOf reads the most memory that a process had, from what it left.
func peakOf(t *testing.T, path string) (mb int) {
	t.Helper()
	status, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, err := strconv.Atoi(strings.Fields(rest + " ?")[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb >> 10
}

// Long work shows how far it is where a person looks, and takes it away before
// the results. That it shows nothing elsewhere, testMemory sees.
func testProgress(t *testing.T, home string) {
	out := filepath.Join(t.TempDir(), "out")
	for args, what := range map[string]string{
		"audit --tool delete": "reading", "audit --json --tool delete": "reading",
		"audit export --output " + out: "reading", "audit show 01234567": "searching", "audit --open": "reading",
	} {
		c := startOnTerminal(t, home, args, false)
		screen, status := c.rest(t)
		bar := what + ": "
		if status != 0 && !strings.HasPrefix(args, "audit show") {
			t.Errorf("%s: status %d", args, status)
		}
		for _, say := range []string{"\r\x1b[K" + bar, " records, ", " MB/s [", "] ", " %, ", "s left"} {
			if !strings.Contains(screen, say) {
				t.Errorf("%s: %q is not shown: %.300q", args, say, screen)
			}
		}
		if i := strings.LastIndex(screen, bar); !strings.Contains(screen[max(i, 0):], "\r\x1b[K") {
			t.Errorf("%s: the bar is left there: %q", args, screen[max(i, 0):])
		}
	}

	// Results on the same screen: the bar is off before them, for good.
	c := startOnTerminal(t, home, "audit --limit 20000", true)
	screen, _ := c.rest(t)
	bars, rows, found := strings.Cut(screen, "\r\x1b[KTIME ")
	if !found || !strings.Contains(bars, "reading: ") || strings.Contains(rows, "reading: ") || strings.Count(rows, "\n") != 20001 {
		t.Errorf("%d rows; %.300q ... %.300q", strings.Count(rows, "\n"), bars, rows)
	}
}

// startInterrupted starts a command on a terminal and interrupts it in the middle
// of its work: when it has shown its bar, it waits for that.
func startInterrupted(t *testing.T, home, args, bar string, how os.Signal) *onTerminal {
	t.Helper()
	c := startOnTerminal(t, home, args, false, awaitInterrupt+"=1")
	var seen []byte
	for !bytes.Contains(seen, []byte(bar)) {
		b, err := c.screen.ReadByte()
		if err != nil {
			t.Fatalf("%v, having shown %q", err, seen)
		}
		seen = append(seen, b)
	}
	if err := c.Process.Signal(how); err != nil {
		t.Fatal(err)
	}
	return c
}

func testInterrupted(t *testing.T, home string) {
	c := startInterrupted(t, home, "verify --chain", "verifying: ", os.Interrupt)
	screen, status := c.rest(t)
	if out := c.stdout.String(); status != exitUsage || !strings.Contains(screen, "signet-wrap: interrupted, after ") ||
		!strings.Contains(screen, " records: the rest of the log is not checked\r\n") ||
		!strings.Contains(out, "records were read, and what follows is of them alone\n") ||
		!strings.HasPrefix(out, "unchecked: the log was not read to its end\n") || strings.Contains(out, "head ") {
		t.Errorf("status %d: %s%s", status, out, screen)
	}

	f, status := interruptedVerify(t, home)
	if status != exitUsage || f.Verdict != "unchecked" || !f.Interrupted || f.Head != "" || f.Damaged != 0 || f.Integrity.Verdict != "unbroken" ||
		f.Authenticity.Verdict != "known" || f.Completeness.Verdict != "unchecked" {
		t.Errorf("status %d: %+v", status, f)
	}

	for _, args := range []string{"audit --tool delete", "audit --json --limit 50000", "audit show 01234567"} {
		c := startInterrupted(t, home, args, "ing: ", os.Interrupt)
		screen, status := c.rest(t)
		if status != exitFailed || !strings.Contains(screen, "signet-wrap: interrupted") ||
			strings.Contains(screen, " 0 records") || c.stdout.Len() != 0 {
			t.Errorf("%s: status %d: %.300s%.300s", args, status, c.stdout.String(), screen)
		}
	}
	for _, how := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		out := filepath.Join(t.TempDir(), "out")
		c = startInterrupted(t, home, "audit --export "+out, "reading: ", how)
		screen, status = c.rest(t)
		if status != exitFailed || !strings.Contains(screen, "signet-wrap: interrupted: "+out+" was not written\r\n") || c.stdout.Len() != 0 {
			t.Errorf("export, %v: status %d: %s%s", how, status, c.stdout.String(), screen)
		}
		if left, err := os.ReadDir(filepath.Dir(out)); err != nil || len(left) != 0 {
			t.Errorf("export left %v, %v", left, err)
		}
	}
}

// An export has its name only when it is whole, whatever ends it.
func testExportKilled(t *testing.T, home string) {
	out := filepath.Join(t.TempDir(), "out")
	c := startOnTerminal(t, home, "audit --export "+out, false, awaitInterrupt+"=1")
	if _, err := c.screen.ReadString('%'); err != nil { // it is at work, and waits there
		t.Fatal(err)
	}
	if _, err := os.Lstat(out); err == nil {
		t.Error("a part of it has its name")
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.rest(t)
	if _, err := os.Lstat(out); err == nil {
		t.Error("a part of it has its name")
	}
}

func interruptedVerify(t *testing.T, home string) (f verify.Log, status int) {
	t.Helper()
	c := startInterrupted(t, home, "verify --chain --json", "verifying: ", os.Interrupt)
	screen, status := c.rest(t)
	if err := json.Unmarshal(c.stdout.Bytes(), &f); err != nil {
		t.Fatalf("%v: %s%s", err, c.stdout.String(), screen)
	}
	if f.Records == 0 || f.Records >= largeRecords {
		t.Errorf("%d records", f.Records)
	}
	return f, status
}

// What had been found is told.
func testInterruptedBehindDamage(t *testing.T, home string) {
	file := filepath.Join(home, "audit", testlog.Day.Format(time.DateOnly)+".jsonl")
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head := make([]byte, 1<<16)
	if _, err := io.ReadFull(f, head); err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(head, []byte("\n"))
	lines[4] = bytes.Replace(lines[4], []byte("files"), []byte("miles"), 1) // edited
	lines[8] = append(bytes.Repeat([]byte(" "), len(lines[8])-1), '\n')     // removed
	if _, err := f.WriteAt(bytes.Join(lines, nil), 0); err != nil {
		t.Fatal(err)
	}

	found, status := interruptedVerify(t, home)
	if status != exitFailed || found.Verdict != "tampered" || found.Damaged != 2 || len(found.Breaks) != 2 ||
		found.Breaks[0].Line != 5 || found.Breaks[0].Kind != "edited" || found.Breaks[1].Line != 10 || found.Breaks[1].Detail == "" {
		t.Errorf("status %d: %+v", status, found)
	}
	c := startInterrupted(t, home, "verify --chain", "verifying: ", os.Interrupt)
	screen, status := c.rest(t)
	if out := c.stdout.String(); status != exitFailed || !strings.Contains(screen, "signet-wrap: interrupted, after ") ||
		!strings.Contains(out, ".jsonl:5 edited: ") || !strings.Contains(out, ".jsonl:10 removed: this record does not follow") ||
		!strings.HasPrefix(out, "tampered: ") {
		t.Errorf("status %d: %s%s", status, out, screen)
	}
}
