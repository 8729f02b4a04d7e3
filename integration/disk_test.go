//go:build unix

package integration

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A trouble keeps the log from being written for a while. Its function makes it
// and returns what ends it.
type trouble struct {
	name  string
	first bool // it comes before the first call: an open log would not notice
	begin func(t *testing.T, h home, p *proc) (end func())
	// mount is what the home must stand on, if that matters.
	mount func(t *testing.T, h home)
}

var troubles = []trouble{
	{name: "directory is a file", begin: func(t *testing.T, h home, _ *proc) func() {
		return swap(t, h.audit(), func(path string) error { return os.WriteFile(path, nil, 0o600) })
	}},
	{name: "directory is a broken link", begin: func(t *testing.T, h home, _ *proc) func() {
		return swap(t, h.audit(), func(path string) error { return os.Symlink("nowhere/at/all", path) })
	}},
	{name: "file is a directory", begin: func(t *testing.T, h home, _ *proc) func() {
		return swap(t, h.newest(t), func(path string) error { return os.Mkdir(path, 0o700) })
	}},
	{name: "file is a link", begin: func(t *testing.T, h home, _ *proc) func() {
		return swap(t, h.newest(t), func(path string) error { return os.Symlink(filepath.Join(h.dir, "elsewhere"), path) })
	}},
	{name: "file is a pipe", begin: func(t *testing.T, h home, _ *proc) func() {
		return swap(t, h.newest(t), func(path string) error { return syscall.Mkfifo(path, 0o600) })
	}},
	{name: "lock is a directory", begin: func(t *testing.T, h home, _ *proc) func() {
		return swap(t, filepath.Join(h.audit(), ".lock"), func(path string) error { return os.Mkdir(path, 0o700) })
	}},
}

// swap puts something else where path is, and returns what puts it back.
func swap(t *testing.T, path string, other func(path string) error) func() {
	t.Helper()
	away := filepath.Join(t.TempDir(), "away")
	if err := os.Rename(path, away); err != nil {
		t.Fatal(err)
	}
	if err := other(path); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(away, path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTrouble: while the log cannot be written, calls are answered with an
// error and not forwarded, or with --fail-open are forwarded as they came and
// counted in a signed event that comes by itself as soon as it can. All else
// goes on, and when the trouble is over so does the log, in the same process.
func TestTrouble(t *testing.T) {
	t.Parallel()
	for _, trouble := range troubles {
		for _, flags := range [][]string{nil, {"--fail-open"}} {
			t.Run(strings.Join(append([]string{trouble.name}, flags...), " "), func(t *testing.T) {
				t.Parallel()
				h, l := newHome(t), newServerLog(t)
				if trouble.mount != nil {
					trouble.mount(t, h)
				}
				p := start(t, h.dir, wrapped.argv(t, flags, l.server()...))
				n := 0
				call := func(want reply) {
					t.Helper()
					n++
					// Larger than what is left of a disk's last block.
					if got := p.ask(long(n, 8<<10)); got != want {
						t.Errorf("call %d: the reply was %v, want %v", n, got, want)
					}
				}
				other := func() {
					t.Helper()
					if got := p.ask(`{"jsonrpc":"2.0","id":99,"method":"ping"}` + "\n"); got != sentBack {
						t.Errorf("ping: the reply was %v", got)
					}
				}
				other()
				if !trouble.first {
					call(sentBack)
				}
				end := trouble.begin(t, h, p)
				want := refusal
				if flags != nil {
					want = sentBack
				}
				call(want)
				other()
				call(want)
				if !p.says("signet-wrap: ") {
					t.Error("no word of it on stderr")
				}
				end()
				if flags != nil {
					gap := h.gap(t)
					if gap["calls"] != 2.0 || gap["reason"] == "" || gap["session"] == "" {
						t.Errorf("the gap is %v", gap)
					}
				}
				call(sentBack)
				p.finish()

				unrecorded := 0
				for _, c := range l.calls(t) {
					if c.receipt == "" {
						unrecorded++
					}
				}
				if flags == nil {
					h.complete(t, l)
					if unrecorded > 0 {
						t.Errorf("%d calls forwarded without a receipt", unrecorded)
					}
				} else if unrecorded != 2 {
					t.Errorf("%d calls forwarded without a receipt, want 2", unrecorded)
				}
				f := h.finding(t)
				if f.Damaged > 0 || len(f.Completeness.Gaps) != len(flags) {
					t.Errorf("verification says %+v", f)
				}
				h.holds(t)
			})
		}
	}
}

// gap waits for a gap event. Nothing is sent meanwhile.
func (h home) gap(t *testing.T) map[string]any {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if gaps := h.events(t, "gap"); len(gaps) > 0 {
			return gaps[0]
		}
	}
	t.Fatal("the gap was never recorded")
	return nil
}

// A finding is what verify --chain --json says.
type finding struct {
	Verdict string
	Records int
	Damaged int
	Breaks  []struct {
		File, Kind, Detail string
		Line               int
	}
	Completeness struct{ Gaps, Notes []string }
}

func (h home) finding(t *testing.T) (f finding) {
	t.Helper()
	cmd := exec.Command(binary(t), "verify", "--chain", "--json")
	cmd.Env = scrubbed(h.dir)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &f); err != nil {
		t.Fatalf("%v: %s%s", err, out, errs.Bytes())
	}
	return f
}

// TestMeddling: somebody changes the log between two appends of one process,
// and between those of two. The next call is recorded all the same, and
// verification names the place, once.
func TestMeddling(t *testing.T) {
	t.Parallel()
	edit := func(change func(b []byte) []byte) func(*testing.T, home) {
		return func(t *testing.T, h home) {
			t.Helper()
			file := h.newest(t)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			// In place: the wrapper has the file open.
			if err := os.WriteFile(file, change(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	last := func(b []byte) int { return bytes.LastIndexByte(b[:len(b)-1], '\n') + 1 }
	for _, c := range []struct {
		name   string
		meddle func(t *testing.T, h home)
		kind   string // of the one break that is found
		silent bool   // a new process cannot know
	}{
		{"directory removed", func(t *testing.T, h home) { must(t, os.RemoveAll(h.audit())) }, "removed", true},
		{"directory moved away", func(t *testing.T, h home) { must(t, os.Rename(h.audit(), h.audit()+".old")) }, "removed", true},
		{"directory emptied", func(t *testing.T, h home) {
			must(t, os.RemoveAll(h.audit()))
			must(t, os.Mkdir(h.audit(), 0o700))
		}, "removed", true},
		{"another log in its place", func(t *testing.T, h home) {
			other := newHome(t)
			other.fill(t, 5, time.Now())
			must(t, os.RemoveAll(h.audit()))
			must(t, os.CopyFS(h.audit(), os.DirFS(other.audit())))
		}, "removed", true},
		{"file removed", func(t *testing.T, h home) { must(t, os.Remove(h.newest(t))) }, "removed", true},
		{"cut between lines", edit(func(b []byte) []byte { return b[:last(b)] }), "removed", true},
		{"cut in a line", edit(func(b []byte) []byte { return b[:len(b)-50] }), "removed", true},
		{"emptied", edit(func([]byte) []byte { return nil }), "removed", true},
		{"last line edited", edit(func(b []byte) []byte {
			i := last(b)
			return slices.Concat(b[:i], bytes.Replace(b[i:], []byte(`"target":"mcp://`), []byte(`"target":"nfs://`), 1))
		}), "edited", false},
		{"first line edited", edit(func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"target":"mcp://`), []byte(`"target":"nfs://`), 1)
		}), "edited", false},
		{"first line removed", edit(func(b []byte) []byte { return b[bytes.IndexByte(b, '\n')+1:] }), "removed", false},
		{"junk after it", edit(func(b []byte) []byte { return append(b, "junk\n"...) }), "malformed", false},
		{"last line spoilt", edit(func(b []byte) []byte {
			b[last(b)] = 'x'
			return b
		}), "malformed", false},
		{"a record that does not follow", edit(func(b []byte) []byte { return append(b, b[:bytes.IndexByte(b, '\n')+1]...) }), "duplicated", false},
		{"another file in its place", func(t *testing.T, h home) {
			file := h.newest(t)
			b, err := os.ReadFile(file)
			must(t, err)
			must(t, os.Remove(file))
			must(t, os.WriteFile(file, b, 0o600))
		}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, l := newHome(t), newServerLog(t)
			argv := wrapped.argv(t, []string{"--outcomes", "off"}, l.server()...)
			h.fill(t, 1, time.Now())
			p := start(t, h.dir, argv)
			for n := 1; n <= 3; n++ {
				p.ask(numbered(n))
			}
			c.meddle(t, h)
			if got := p.ask(numbered(4)); got != sentBack {
				t.Errorf("the next call got %v", got)
			}
			h.found(t, c.kind)
			p.ask(numbered(5))
			p.finish()
			p = start(t, h.dir, argv)
			p.ask(numbered(6))
			p.finish()
			h.found(t, c.kind)

			t.Run("by a new process", func(t *testing.T) {
				h := newHome(t)
				h.fill(t, 4, time.Now())
				c.meddle(t, h)
				p := start(t, h.dir, argv)
				if got := p.ask(numbered(1)); got != sentBack {
					t.Errorf("the next call got %v", got)
				}
				p.finish()
				kind := c.kind
				if c.silent {
					kind = ""
				}
				h.found(t, kind)
				h.holdsWith(t, kind)
			})
		})
	}
}

// found expects one break of a kind, or none.
func (h home) found(t *testing.T, kind string) {
	t.Helper()
	f := h.finding(t)
	if kind == "" && (f.Damaged != 0 || f.Verdict == "tampered") || kind != "" && (f.Damaged != 1 || f.Breaks[0].Kind != kind || f.Verdict != "tampered") {
		t.Errorf("found %s: %d places, %+v, %+v; want one of kind %q", f.Verdict, f.Damaged, f.Breaks, f.Completeness, kind)
	}
}

// holdsWith: later records add no breaks.
func (h home) holdsWith(t *testing.T, kind string) {
	t.Helper()
	h.fill(t, 2, time.Now())
	h.found(t, kind)
}

// TestGapLost: a gap that cannot be recorded while the session lasts is not in
// the log. It is said on stderr, at its beginning and, if the wrapper is not
// killed, at its end; and the log does not look damaged.
func TestGapLost(t *testing.T) {
	t.Parallel()
	for _, kill := range []bool{false, true} {
		h, l := newHome(t), newServerLog(t)
		p := start(t, h.dir, wrapped.argv(t, []string{"--fail-open"}, l.server()...))
		p.ask(numbered(1))
		away := h.audit() + ".away"
		must(t, os.Rename(h.audit(), away))
		must(t, os.WriteFile(h.audit(), nil, 0o600))
		for n := 2; n <= 3; n++ {
			if got := p.ask(numbered(n)); got != sentBack {
				t.Errorf("the reply was %v", got)
			}
		}
		if !p.says("forwarded UNSIGNED, because they cannot be recorded") {
			t.Errorf("no word of it on stderr: %s", p.stderr())
		}
		if kill {
			must(t, p.cmd.Process.Kill())
			p.settled()
		} else {
			p.finish()
			if !p.says("forwarded unsigned and not recorded in the log: 2 calls:") {
				t.Errorf("no last word of it on stderr: %s", p.stderr())
			}
		}
		must(t, os.Remove(h.audit()))
		must(t, os.Rename(away, h.audit()))
		if len(h.events(t, "gap")) > 0 {
			t.Error("how did it get there?")
		}
		h.holds(t)
	}
}
