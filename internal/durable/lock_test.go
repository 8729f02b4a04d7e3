package durable

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

func lockForEver(path string) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		err = Lock(f)
	}
	if err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("locked\n")
	io.Copy(io.Discard, os.Stdin) // the parent holds the other end
	runtime.KeepAlive(f)
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestLockHolds(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".lock")
	a, b := open(t, path), open(t, path)
	if err := Lock(a); err != nil {
		t.Fatal(err)
	}
	if got, err := TryLock(b); got || err != nil {
		t.Fatalf("TryLock of a locked file: %v, %v", got, err)
	}
	if err := Unlock(a); err != nil {
		t.Fatal(err)
	}
	if got, err := TryLock(b); !got || err != nil {
		t.Fatalf("TryLock of a free file: %v, %v", got, err)
	}
	if err := Unlock(b); err != nil {
		t.Fatal(err)
	}
	// A closed file is an error, not a wait.
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Lock(a); err == nil {
		t.Fatal("locked a closed file")
	}
}

// Sixteen writers count in one file, each with its own opening of it; without
// the lock they would lose counts.
func TestLockExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "count")
	if err := os.WriteFile(path, []byte("0"), 0o600); err != nil {
		t.Fatal(err)
	}
	const writers, rounds = 16, 20
	var wg sync.WaitGroup
	for range writers {
		f := open(t, path)
		wg.Go(func() {
			for range rounds {
				if err := Lock(f); err != nil {
					t.Error(err)
					return
				}
				b := make([]byte, 8)
				n, _ := f.ReadAt(b, 0)
				count, err := strconv.Atoi(string(b[:n]))
				if err != nil {
					t.Error(err)
				}
				runtime.Gosched() // where another would slip in
				f.WriteAt([]byte(strconv.Itoa(count+1)), 0)
				if err := Unlock(f); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got, _ := os.ReadFile(path); string(got) != strconv.Itoa(writers*rounds) {
		t.Fatalf("counted to %s, want %d", got, writers*rounds)
	}
}

// The lock goes with the process, so a killed one blocks nobody.
func TestLockOfKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".lock")
	f := open(t, path)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "DURABLE_TEST_LOCK="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := child.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatalf("child says %q, %v", line, err)
	}
	if got, err := TryLock(f); got || err != nil {
		t.Errorf("TryLock beside another process: %v, %v", got, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait()
	if err := Lock(f); err != nil {
		t.Fatal(err)
	}
}

func TestSync(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "x"))
	if _, err := f.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	if err := Sync(f); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := Sync(f); err == nil {
		t.Fatal("synced a closed file")
	}
}
