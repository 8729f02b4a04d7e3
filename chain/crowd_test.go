package chain

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// The test binary started again with this variable appends to a log and exits.
const roleVar = "CHAIN_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		if err := roles[role](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

var roles = map[string]func(args []string) error{
	"append": appendRole,
}

// role starts the test binary in a role.
func role(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	cmd.Env = append(os.Environ(), roleVar+"="+name)
	cmd.Stderr = os.Stderr
	return cmd
}

// appendRole appends n records to the log dir, one or two at a time, under a
// clock that jumps over midnight and back.
func appendRole(args []string) error {
	dir, who, sync := args[0], args[1], args[3] == "sync"
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	i := 0
	l := New(dir, Options{NoSync: !sync, Now: func() time.Time {
		return day0.Add(12*time.Hour - time.Minute + time.Duration(i)*time.Second - time.Duration(i%7)*time.Hour)
	}})
	defer l.Close()
	for i < n {
		batch := min(1+i%2, n-i)
		if _, err := l.Append(batch, func(k int, at At) ([]byte, error) {
			return receipt(fmt.Sprintf("%s-%d", who, i+k), at.Time), nil
		}); err != nil {
			return err
		}
		i += batch
	}
	return nil
}

// Eight processes make one chain, each record once and each process's in order.
func TestProcesses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	const processes, each = 8, 200
	var started []*exec.Cmd
	for p := range processes {
		sync := "nosync"
		if p%4 == 0 {
			sync = "sync"
		}
		cmd := role(t, "append", dir, strconv.Itoa(p), strconv.Itoa(each), sync)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		started = append(started, cmd)
	}
	for _, cmd := range started {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	if r := verify(t, dir); r.Damaged > 0 || r.Torn != nil || r.Records-r.Events != processes*each || len(r.Files) != 2 {
		t.Errorf("%d records, %d events, files %v, breaks %+v; want %d calls on two days", r.Records, r.Events, r.Files, r.Breaks, processes*each)
	}
	next := make([]int, processes)
	for _, id := range strings.Fields(ids(t, dir)) {
		who, i, call := strings.Cut(id, "-")
		if !call {
			continue // clock_step
		}
		p, _ := strconv.Atoi(who)
		if i != strconv.Itoa(next[p]) {
			t.Fatalf("process %d: record %s, want %d", p, i, next[p])
		}
		next[p]++
	}
	var last time.Time
	for _, at := range times(t, dir) {
		if at.Before(last) {
			t.Fatalf("time goes back from %v to %v", last, at)
		}
		last = at
	}
}

// The reference locks a file of the day's: we wait for it, see what it wrote,
// and it waits for us.
func TestReferencesLock(t *testing.T) {
	dir := makeLog(t, 1)
	day := filepath.Join(dir, dayFile(day0))
	lock, err := os.Create(day + lockSuffix) // as the reference opens it
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := durable.Lock(lock); err != nil {
		t.Fatal(err)
	}
	l := newLog(t, dir, &clock{day0})
	done := make(chan error)
	go func() {
		_, err := l.Append(1, func(_ int, at At) ([]byte, error) {
			if got, _ := durable.TryLock(lock); got {
				t.Error("the reference could write while we do")
			}
			return receipt("ours", at.Time), nil
		})
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatal("did not wait for the lock", err)
	case <-time.After(50 * time.Millisecond):
	}
	// The reference writes a record in two writes, under its lock.
	before := read(t, day)
	tail, err := parseRecord(before[:len(before)-1])
	if err != nil {
		t.Fatal(err)
	}
	line, _ := appendRecord(nil, receipt("theirs", day0), tail.hash)
	write(t, append(before, line[:len(line)-1]...), day)
	write(t, append(before, line...), day)
	if err := durable.Unlock(lock); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	mustBeWhole(t, dir, 3)
	if got := ids(t, dir); got != "0 theirs ours" {
		t.Errorf("records %s", got)
	}
}

// A writer that is stuck with the lock: an error after a while, not a hang; and
// when it lets go, all is well. Readers do not wait for it.
func TestStuckLock(t *testing.T) {
	for _, name := range []string{lockName, dayFile(day0) + lockSuffix} {
		dir := makeLog(t, 1)
		lock, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
		if err := durable.Lock(lock); err != nil {
			t.Fatal(err)
		}
		l := newLog(t, dir, &clock{day0})
		l.testOnlyPatience(20 * time.Millisecond)
		for range 3 {
			if _, err := l.Append(1, oneReceipt("lost")); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v does not name the lock", err)
			}
		}
		mustBeWhole(t, dir, 1)
		if err := durable.Unlock(lock); err != nil {
			t.Fatal(err)
		}
		l.testOnlyPatience(lockPatience)
		add(t, l, "a")
		add(t, newLog(t, dir, &clock{day0}), "b")
		mustBeWhole(t, dir, 3)
		l.Close()
	}
}
