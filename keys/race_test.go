package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain lets the test binary be a process that makes the plain key "k" in
// the directory that it is given, and prints the public half.
func TestMain(m *testing.M) {
	if dir := os.Getenv("KEYS_TEST_GENERATE"); dir != "" {
		// One thread, so that TestCrash can count its system calls.
		runtime.LockOSThread()
		p, err := Store{dir}.Generate("k", "", nil)
		switch {
		case err == nil:
			fmt.Println(b64(p.Key))
		case errors.Is(err, fs.ErrExist):
			fmt.Println("exists")
		default:
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if dir := os.Getenv("KEYS_TEST_PROTECT"); dir != "" { // for TestProtectCrash
		runtime.LockOSThread()
		defaultKDF = kdfParams{t: 1, m: 8, p: 1}
		if err := protectAndBack(Store{dir}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	defaultKDF = kdfParams{t: 1, m: 8, p: 1} // most tests are not about the cost
	os.Exit(m.Run())
}

// writtenKDF is what FORMAT.md says that we write, and defaultKDF was.
var writtenKDF = defaultKDF

func generator(dir string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "KEYS_TEST_GENERATE="+dir)
	return c
}

// Sixteen processes make the same key at the same time: one does, and whoever
// loads meanwhile sees no key or the whole of that one.
func TestRace(t *testing.T) {
	s := Store{t.TempDir()}
	const n = 16
	said := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			out, err := generator(s.Dir).CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			said[i] = strings.TrimSpace(string(out))
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	first := firstLoad(s, done)
	<-done
	winner := ""
	for _, pub := range said {
		if pub == "exists" {
			continue
		}
		if winner != "" {
			t.Fatalf("two made it: %s, %s", winner, pub)
		}
		winner = pub
	}
	if p, err := s.Public("k"); err != nil || b64(p.Key) != winner {
		t.Errorf("%q was made, %v is there, %v", winner, p, err)
	}
	if first != winner {
		t.Errorf("a reader saw %q, %q was made", first, winner)
	}
}

// firstLoad loads until there is something to load, or surely nothing to come.
// It gives the public key, and what is to be said against it.
func firstLoad(s Store, done <-chan struct{}) string {
	for {
		last := false
		select {
		case <-done:
			last = true
		default:
		}
		k, err := s.Load("k", nil)
		switch {
		case err == nil:
			return b64(publicOf(k.private().Seed())) + strings.Join(k.Warnings, "; ")
		case last || !errors.Is(err, ErrNoKey):
			return err.Error()
		}
	}
}

// A key whose .pub is still being written is waited for, not complained about.
func TestLoadWhileMaking(t *testing.T) {
	s := plainStore(t)
	pub, err := os.ReadFile(s.pubPath("k"))
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(s.pubPath("k"))
	unlock, err := s.lock(lockPatience)
	if err != nil {
		t.Fatal(err)
	}
	loaded := make(chan *Key)
	go func() {
		k, err := s.Load("k", nil)
		if err != nil {
			t.Error(err)
		}
		loaded <- k
	}()
	time.Sleep(50 * time.Millisecond) // time enough for a Load that does not wait
	write(t, s.pubPath("k"), pub)
	unlock()
	if k := <-loaded; len(k.Warnings) != 0 {
		t.Errorf("warnings %q", k.Warnings)
	}
}
