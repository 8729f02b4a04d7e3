package keys

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The process is killed at its every system call on files in turn. Whatever is
// left, there is no key or a good one, and asking again gives a whole key.
func TestCrash(t *testing.T) {
	strace := needStrace(t)
	kept, none := 0, 0
	for _, call := range []string{"mkdirat", "openat", "flock", "write", "fsync", "renameat2", "close"} {
		crashes := 0
		for n := 1; ; n++ {
			s := Store{filepath.Join(t.TempDir(), "home", "keys")}
			g := generator(s.Dir)
			g.Args = []string{strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call,
				"-e", "inject=" + call + ":signal=KILL:when=" + strconv.Itoa(n), g.Path}
			g.Path = strace
			out, err := g.CombinedOutput()
			if err == nil {
				break // fewer than n such calls
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("%s %d: %v: %s", call, n, err, out)
			}
			crashes++
			if afterCrash(t, s, call, n) {
				kept++
			} else {
				none++
			}
		}
		if crashes == 0 {
			t.Errorf("Generate makes no %s", call)
		}
	}
	t.Logf("%d crashes left a key, %d none", kept, none)
	if kept == 0 || none == 0 {
		t.Error("the crashes do not reach both sides")
	}
}

// afterCrash looks at what crash n at call left, and reports if it was a key.
func afterCrash(t *testing.T, s Store, call string, n int) bool {
	t.Helper()
	before, err := s.Load("k", nil)
	if err != nil && !errors.Is(err, ErrNoKey) {
		t.Fatalf("%s %d: %v", call, n, err)
	}
	if _, err := s.Generate("k", "", nil); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatalf("again after %s %d: %v", call, n, err)
	}
	k, err := s.Load("k", nil)
	if err != nil || len(k.Warnings) != 0 {
		t.Fatalf("again after %s %d: %v, %v", call, n, k, err)
	}
	if before != nil && !k.private().Equal(before.private()) {
		t.Fatalf("%s %d: the key became another", call, n)
	}
	if list, err := s.List(); len(list) != 1 || err != nil {
		t.Fatalf("list after %s %d: %v, %v", call, n, list, err)
	}
	return before != nil
}

// The process is killed at its every system call on files in turn, while a key
// is protected, protected again and made plain. Whatever is left, the key opens:
// plain, or by a passphrase of which the source is on the disk already.
func TestProtectCrash(t *testing.T) {
	strace := needStrace(t)
	states := map[string]int{}
	for _, call := range []string{"openat", "flock", "write", "fsync", "renameat2", "renameat", "unlinkat", "close"} {
		for n := 1; ; n++ {
			s := protectable(t)
			before, err := s.Load("bot", nil)
			if err != nil {
				t.Fatal(err)
			}
			c := exec.Command(strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace="+call,
				"-e", "inject="+call+":signal=KILL:when="+strconv.Itoa(n), os.Args[0])
			c.Env = append(os.Environ(), "KEYS_TEST_PROTECT="+s.Dir)
			out, err := c.CombinedOutput()
			if err == nil {
				break // fewer than n such calls
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("%s %d: %v: %s", call, n, err, out)
			}
			source := "none"
			if src, err := s.Source("bot"); err == nil {
				source = src.Entry
			} else if !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("%s %d: %v", call, n, err)
			}
			opened := ""
			for _, passphrase := range []string{"", "one", "two"} {
				var pass func() ([]byte, error)
				if passphrase != "" {
					pass = given(passphrase)
				}
				if k, err := s.Load("bot", pass); err == nil {
					opened = "by " + passphrase
					if !k.private().Equal(before.private()) {
						t.Fatalf("%s %d: the key became another", call, n)
					}
					break
				}
			}
			// Beside a plain key the source means nothing. "two" before its key
			// file: the caller has the passphrase "one", and gives it again.
			state := source + ", opened " + opened
			switch state {
			case "none, opened by ", "one, opened by ", "two, opened by ", "one, opened by one", "two, opened by one", "two, opened by two":
			default:
				t.Fatalf("%s %d: source %s", call, n, state)
			}
			states[state]++
		}
	}
	t.Log(states)
	if len(states) != 6 {
		t.Errorf("the crashes do not reach every state: %v", states)
	}
}

func needStrace(t *testing.T) string {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("needs strace")
	}
	return strace
}

// Generate syncs each file before it gets its name, and its directory after.
func TestSyncOrder(t *testing.T) {
	strace := needStrace(t)
	dir := t.TempDir()
	log := filepath.Join(t.TempDir(), "log")
	s := Store{filepath.Join(dir, "keys")}
	g := generator(s.Dir)
	g.Args = []string{strace, "-f", "-qq", "-y", "-o", log, "-e", "trace=fsync,renameat2,mkdirat", g.Path}
	g.Path = strace
	if out, err := g.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(b)) {
		call, rest, _ := strings.Cut(strings.TrimSpace(line), "(")
		call = call[strings.LastIndexByte(call, ' ')+1:]
		switch {
		case strings.Contains(rest, ".tmp-"):
			what := "key"
			if strings.Contains(rest, "k.pub.tmp") {
				what = "pub"
			}
			got = append(got, call+" "+what)
		case strings.Contains(rest, s.Dir), strings.Contains(rest, dir):
			got = append(got, call+" folder")
		}
	}
	want := "mkdirat folder, fsync folder, fsync key, renameat2 key, fsync folder, fsync pub, renameat2 pub, fsync folder"
	if strings.Join(got, ", ") != want {
		t.Errorf("system calls %q\nwant %q\n%s", strings.Join(got, ", "), want, b)
	}
}
