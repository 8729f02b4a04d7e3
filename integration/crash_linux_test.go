package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// crashCalls are the system calls on files. The question marks are for those
// that not every architecture has.
var crashCalls = []string{"openat", "newfstatat", "fstat", "getdents64", "flock", "pread64", "?read", "write",
	"pwrite64", "fdatasync", "fsync", "ftruncate", "?renameat", "renameat2", "linkat", "mkdirat", "unlinkat", "close"}

// A scene is the state in which the wrapper finds the home.
type scene struct {
	name    string
	calls   int           // of a session whose system calls are taken in turn
	records int           // in the log before
	ago     time.Duration // their age
	cut     int64         // bytes missing at the end of the last one
	room    int64         // bytes by which a file may grow beyond the log; 0: any
	// size is that of the calls, in bytes. What is more than short is tried with
	// faults of writing alone: the rest is as for a short one.
	size int
	// Outcomes are recorded beside the calls, so their system calls are not
	// the same each time and not all the faults come about.
	outcomes bool
}

var scenes = []scene{
	{name: "first call", calls: 1},
	{name: "same day", calls: 2, records: 3},
	{name: "another day", calls: 1, records: 3, ago: 24 * time.Hour},
	{name: "partial record", calls: 1, records: 3, cut: 100},
	{name: "no room for a record", calls: 1, records: 3, room: 300},
	{name: "long call", calls: 1, records: 3, size: 2_500_000},
	{name: "outcomes", calls: 1, records: 3, outcomes: true},
}

// prepare makes the scene, and says how large a file may become in it.
func (s scene) prepare(t *testing.T, h home) (limit int64) {
	t.Helper()
	if s.records == 0 {
		return 0
	}
	h.fill(t, s.records, time.Now().Add(-s.ago))
	file := h.newest(t)
	st, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, st.Size()-s.cut); err != nil {
		t.Fatal(err)
	}
	if s.room > 0 {
		limit = st.Size() + s.room
	}
	return limit
}

// A site is a system call on a file of the home: the n-th, from 1, of its kind
// on that path in a session.
type site struct {
	call string
	path string // below the home, "DAY" in place of the day
	n    int
}

// TestCrash makes each system call on files of a short session fail in each way,
// or be the last thing that the wrapper does, and asks afterwards whether the
// log holds what it promises. After a failure the session must go on by itself.
//
// (The idea is that of transparency-dev/tessera, integration/fault/posix.)
func TestCrash(t *testing.T) {
	t.Parallel()
	strace := needStrace(t)
	var seen sync.Map // call and fault: whether it came about
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for _, x := range s.sites(t, strace) {
				if s.outcomes && x.n > 1 || s.size > 0 && x.call != "write" {
					continue
				}
				for _, fault := range faultsOf(x.call) {
					hit := false
					// With bad luck the goroutine was moved to a thread on
					// which strace has counted less.
					for try := 0; !hit && (try == 0 || try < 3 && !s.outcomes); try++ {
						t.Run(fmt.Sprintf("%s %s %d %s", x.call, x.path, x.n, fault), func(t *testing.T) {
							hit = s.crash(t, strace, x, fault)
						})
					}
					if was, there := seen.LoadOrStore(x.call+" "+fault, hit); there && hit && !was.(bool) {
						seen.Store(x.call+" "+fault, true)
					}
				}
			}
		})
	}
	t.Cleanup(func() {
		n := 0
		for what, hit := range seen.Range {
			if n++; !hit.(bool) {
				t.Errorf("%s never came about", what)
			}
		}
		if n < 20 && !t.Failed() {
			t.Errorf("only %d kinds of faults", n)
		}
	})
}

// faultsOf are the ways in which a system call can fail, and the end. What only
// looks needs no end: it leaves all as the call before it did.
func faultsOf(call string) []string {
	switch call {
	case "newfstatat", "fstat", "getdents64", "read", "pread64":
		return []string{"error=EIO"}
	case "close": // nobody asks if it failed
		return []string{"signal=KILL"}
	case "openat", "write", "pwrite64", "fdatasync", "fsync", "ftruncate", "renameat", "renameat2", "linkat", "mkdirat":
		return []string{"error=EIO", "error=ENOSPC", "signal=KILL"}
	}
	return []string{"error=EIO", "signal=KILL"}
}

// sites lists the system calls of a session without faults.
func (s scene) sites(t *testing.T, strace string) []site {
	t.Helper()
	h := newHome(t)
	limit := s.prepare(t, h)
	trace := filepath.Join(t.TempDir(), "trace")
	p := start(t, h.dir, s.argv(t, newServerLog(t), limit, strace, "-y", "-o", trace, "-e", "trace="+strings.Join(crashCalls, ",")), asTracer)
	for n := range s.calls {
		if got := p.ask(long(n+1, s.size)); (got == sentBack) != (limit == 0) {
			t.Fatalf("got %v", got)
		}
	}
	p.finish()
	p.settled()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	ours := regexp.MustCompile(`[<"](` + regexp.QuoteMeta(filepath.Join(h.dir, ".signet")) + `[^">]*)[">]`)
	temporary := regexp.MustCompile(`\.tmp-\d+$`)
	var sites []site
	for line := range bytes.Lines(text) {
		_, call, _ := bytes.Cut(line, []byte(" "))
		name, _, ok := bytes.Cut(bytes.TrimSpace(call), []byte("("))
		paths := ours.FindAllSubmatch(line, -1)
		if !ok || bytes.HasPrefix(name, []byte("<")) || len(paths) == 0 {
			continue
		}
		path := string(paths[len(paths)-1][1])
		if temporary.MatchString(path) {
			continue // its name is not known before: keys tests those
		}
		rel, err := filepath.Rel(h.dir, path)
		if err != nil {
			t.Fatal(err)
		}
		x := site{string(name), strings.ReplaceAll(rel, today(), "DAY"), 1}
		for slices.Contains(sites, x) {
			x.n++
		}
		sites = append(sites, x)
	}
	return sites
}

func today() string { return time.Now().UTC().Format("2006-01-02") }

// argv is the command line of a traced wrapper whose files may not grow beyond
// the limit.
func (s scene) argv(t *testing.T, l serverLog, limit int64, strace ...string) []string {
	// With idle processors at hand, a goroutine stays on its thread, and strace
	// counts by thread.
	options := []string{"-f", "-qq", "-E", "GOMAXPROCS=32"}
	if !slices.ContainsFunc(strace, func(s string) bool { return strings.Contains(s, "signal=") }) {
		options = append(options, "--seccomp-bpf") // quicker, but sends no signals
	}
	flags := []string{"--outcomes", "off"}
	if s.outcomes {
		flags = nil
	}
	argv := wrapped.argv(t, flags, l.server()...)
	if limit > 0 {
		argv = append([]string{"prlimit", fmt.Sprintf("--fsize=%d", limit)}, argv...)
	}
	return slices.Concat(strace[:1], options, strace[1:], argv)
}

// crash runs a session with a fault and asks what is left. It reports whether
// the fault came about.
func (s scene) crash(t *testing.T, strace string, x site, fault string) bool {
	t.Helper()
	h := newHome(t)
	limit := s.prepare(t, h)
	trace := filepath.Join(t.TempDir(), "trace")
	l := newServerLog(t)
	path := filepath.Join(h.dir, strings.ReplaceAll(x.path, "DAY", today()))
	p := start(t, h.dir, s.argv(t, l, limit, strace, "-o", trace, "-P", path, "-e", "trace="+x.call,
		"-e", fmt.Sprintf("inject=%s:%s:when=%d", x.call, fault, x.n)), asTracer)
	replies := make([]reply, s.calls+1)
	refusals := 0
	for n := range replies {
		if replies[n] = p.ask(long(n+1, s.size)); replies[n] == refusal {
			refusals++
		}
	}
	p.end()
	p.rest()
	p.settled()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	// strace counts for each thread by itself, so there may be a few.
	injected := bytes.Count(text, []byte("(INJECTED)"))
	killed := p.how() == "signal: killed"
	if limit > 0 {
		injected = max(injected, len(replies)) // none finds room
	}
	if !killed && (refusals > injected || slices.Contains(replies, silence)) {
		t.Errorf("%d failures and these replies: %v\n%s", injected, replies, text)
	}
	calls := l.calls(t)
	for n, a := range replies {
		reached := slices.ContainsFunc(calls, func(f forwarded) bool { return f.id == itoa(n+1) })
		if a == sentBack && !reached || a == refusal && reached {
			t.Errorf("call %d got %v, and forwarded: %v", n+1, a, reached)
		}
	}
	h.holds(t, l)
	return killed || bytes.Contains(text, []byte("(INJECTED)"))
}

// needStrace is the path of strace.
func needStrace(t *testing.T) string {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err == nil {
		try := exec.Command(strace, "-o", "/dev/null", "true")
		asTracer(try)
		err = try.Run()
	}
	if err != nil {
		missing(t, "this test needs strace: %v", err)
	}
	return strace
}

// asTracer has strace run as root, of a namespace of its own if need be: it has
// to see which files a process has open that does not let its user look.
func asTracer(c *exec.Cmd) {
	if os.Getuid() == 0 {
		return
	}
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
}
