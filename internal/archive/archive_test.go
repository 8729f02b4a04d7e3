package archive

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// killAt is set in the process that is killed: at which step.
const killAt = "SIGNET_WRAP_TEST_KILL_AT"

func TestMain(m *testing.M) {
	n, err := strconv.Atoi(os.Getenv(killAt))
	if err != nil {
		os.Exit(m.Run())
	}
	testOnlyStep = func(string) {
		if n--; n == 0 {
			self, _ := os.FindProcess(os.Getpid())
			self.Kill()
			select {}
		}
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// lastDay is the last day that is archived.
const lastDay = "2026-05-03.jsonl"

// run archives the days of a log up to lastDay.
func run(dir, action string) error { return runTo(dir, action, dir+"-moved") }

// runTo is run with a directory to move them to.
func runTo(dir, action, to string) error {
	signer, err := sign.NewSigner(testlog.Key(), "testlog", "nobody")
	if err != nil {
		return err
	}
	_, err = Run(context.Background(), Options{Dir: dir, Until: lastDay, Action: action, To: to, Sign: func(e event.Event) error {
		l := chain.New(dir, chain.Options{})
		defer l.Close()
		_, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) {
			r, err := signer.Event(e, at.Time, at.Prev)
			if err != nil {
				return nil, err
			}
			return r.Record, nil
		})
		return err
	}})
	return err
}

// A process that archives days is killed before each of its steps. What is left then is a
// log in which nothing is damaged or lost, and archiving it again does the rest.
func TestKilled(t *testing.T) {
	home := t.TempDir()
	if err := testlog.Write(home, testlog.Options{Records: 12, Batch: 1, Start: testlog.Day, Span: 4 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(home, "audit")
	// What is quarantined of a day, and the arguments of its calls, go with it.
	torn := filepath.Join(original, lastDay+".torn-7")
	beside := filepath.Join(original, chain.BesideFile(lastDay))
	for _, path := range []string{torn, beside} {
		if err := os.WriteFile(path, []byte("x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, action := range []string{Compress, Move, Delete} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				dir := filepath.Join(t.TempDir(), "audit")
				if err := os.CopyFS(dir, os.DirFS(original)); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(os.Args[0], dir, action)
				cmd.Env = append(os.Environ(), killAt+"="+strconv.Itoa(n))
				out, err := cmd.CombinedOutput()
				if cmd.ProcessState.ExitCode() == 1 && len(out) > 0 {
					t.Fatalf("step %d: %s", n, out)
				}
				whole(t, dir, n)
				// What it leaves if it is killed while it compresses.
				if err := os.WriteFile(filepath.Join(dir, "."+lastDay+".gz.tmp-7"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
				if err == nil {
					if n < 8 {
						t.Errorf("only %d steps", n)
					}
					break
				}
				if err := run(dir, action); err != nil {
					t.Fatalf("killed at step %d, and again: %v", n, err)
				}
				whole(t, dir, n)
				done(t, dir, action, n)
			}
		})
	}
}

// whole checks that the 12 records and nothing but events are there, or in the ends.
func whole(t *testing.T, dir string, step int) {
	t.Helper()
	r, err := testlog.Verify(t.Context(), dir, chain.VerifyOptions[struct{}]{})
	if err != nil || r.Damaged > 0 || len(r.BadEnds) > 0 || r.Archived+r.Records < 12 || r.Archived+r.Records > 14 {
		t.Fatalf("step %d: %d archived, %d there: %v, %+v", step, r.Archived, r.Records, err, r)
	}
}

// done checks that the days are where they should be.
func done(t *testing.T, dir, action string, step int) {
	t.Helper()
	left, _ := filepath.Glob(filepath.Join(dir, "2026-05-0[123].jsonl*"))
	var names []string
	for _, path := range left {
		names = append(names, filepath.Base(path))
	}
	want := ""
	moved, _ := filepath.Glob(filepath.Join(dir+"-moved", "*"))
	switch action {
	case Compress:
		want = "2026-05-01.jsonl.gz 2026-05-02.jsonl.gz 2026-05-03.jsonl.gz 2026-05-03.jsonl.params 2026-05-03.jsonl.torn-7"
	case Move:
		if len(moved) != 5 {
			t.Errorf("step %d: moved %v", step, moved)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 2 { // two locks
		t.Errorf("step %d: left %v", step, left)
	}
	locks := strings.Join(names, " ")
	for _, day := range []string{"1", "2", "3"} {
		locks = strings.ReplaceAll(locks, "2026-05-0"+day+".jsonl.lock", "")
	}
	if got := strings.Join(strings.Fields(locks), " "); got != want {
		t.Errorf("step %d: left %q, want %q", step, got, want)
	}
}

// Days are not moved to where they are, whatever the name of that directory is, nor
// where a link leads back to their files: what is copied and removed there is lost.
func TestMoveToItself(t *testing.T) {
	home := t.TempDir()
	if err := testlog.Write(home, testlog.Options{Records: 12, Batch: 1, Start: testlog.Day, Span: 4 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, "audit")
	before := listing(t, dir)
	link := filepath.Join(home, "link")
	to := []string{dir, dir + string(filepath.Separator) + "."}
	if err := os.Symlink(dir, link); err == nil { // not every user of Windows can
		to = append(to, link)
	}
	for _, to := range to {
		if err := runTo(dir, Move, to); !errors.Is(err, ErrItself) {
			t.Errorf("%s: %v", to, err)
		}
		if got := listing(t, dir); got != before {
			t.Fatalf("%s: there is\n%s\nof\n%s", to, got, before)
		}
	}
	other := filepath.Join(home, "other")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	day := filepath.Join(dir, "2026-05-01.jsonl")
	if os.Symlink(day, filepath.Join(other, "2026-05-01.jsonl")) != nil {
		return
	}
	if err := runTo(dir, Move, other); !errors.Is(err, ErrOther) {
		t.Error(err)
	}
	if _, err := os.Lstat(day); err != nil {
		t.Error(err)
	}
}

// listing is the names of the day files in dir.
func listing(t *testing.T, dir string) string {
	t.Helper()
	days, err := filepath.Glob(filepath.Join(dir, "*.jsonl*"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(days, "\n")
}
