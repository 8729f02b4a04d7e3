package integration

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() {
	troubles = append(troubles,
		trouble{name: "read-only directory", first: true, begin: readOnly},
		trouble{name: "file that may not grow", begin: fullFile},
		trouble{name: "no file handles", first: true, begin: noHandles})
	if os.Getuid() == 0 { // who else may not mount
		troubles = append(troubles, trouble{name: "full disk", mount: smallDisk, begin: fullDisk})
	}
}

// readOnly makes the log's directory read-only: for root, who may write anyway,
// with a read-only file system in its place.
func readOnly(t *testing.T, h home, _ *proc) func() {
	t.Helper()
	must(t, os.MkdirAll(h.audit(), 0o700))
	if os.Getuid() != 0 {
		must(t, os.Chmod(h.audit(), 0o500))
		return func() { must(t, os.Chmod(h.audit(), 0o700)) }
	}
	must(t, syscall.Mount("tmpfs", h.audit(), "tmpfs", syscall.MS_RDONLY, ""))
	t.Cleanup(func() { syscall.Unmount(h.audit(), 0) })
	return func() { must(t, syscall.Unmount(h.audit(), 0)) }
}

// smallDisk gives the home a disk of its own.
func smallDisk(t *testing.T, h home) {
	t.Helper()
	dir := filepath.Join(h.dir, ".signet")
	must(t, os.Mkdir(dir, 0o700))
	must(t, syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"))
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// fullDisk fills the home's disk to the last byte.
func fullDisk(t *testing.T, h home, _ *proc) func() {
	t.Helper()
	filler := filepath.Join(h.dir, ".signet", "filler")
	f, err := os.Create(filler)
	must(t, err)
	defer f.Close()
	for size := 64 << 10; size > 0; size /= 2 {
		for {
			if _, err := f.Write(make([]byte, size)); err != nil {
				break
			}
		}
	}
	return func() { must(t, os.Remove(filler)) }
}

// fullFile lets no file of the running wrapper grow by more than half a record.
func fullFile(t *testing.T, h home, p *proc) func() {
	t.Helper()
	st, err := os.Stat(h.newest(t))
	must(t, err)
	return limit(t, p, unix.RLIMIT_FSIZE, uint64(st.Size())+300)
}

// noHandles takes the right to open files from the running wrapper.
func noHandles(t *testing.T, _ home, p *proc) func() {
	t.Helper()
	for end := time.Now().Add(patience); len(p.family()) < 3 && time.Now().Before(end); time.Sleep(time.Millisecond) {
		// The server and the guard are still being started.
	}
	return limit(t, p, unix.RLIMIT_NOFILE, 0)
}

// limit sets a limit of the running wrapper, and returns what sets it back.
func limit(t *testing.T, p *proc, resource int, to uint64) func() {
	t.Helper()
	var old unix.Rlimit
	must(t, unix.Prlimit(p.cmd.Process.Pid, resource, nil, &old))
	must(t, unix.Prlimit(p.cmd.Process.Pid, resource, &unix.Rlimit{Cur: to, Max: old.Max}, nil))
	return func() { must(t, unix.Prlimit(p.cmd.Process.Pid, resource, &old, nil)) }
}

// TestFewHandles: a process that may open only so many files answers its calls,
// or does not start at all. None is forwarded that is not recorded.
func TestFewHandles(t *testing.T) {
	t.Parallel()
	seen := map[reply]int{}
	for limit := 3; limit < 24; limit++ {
		h, l := newHome(t), newServerLog(t)
		handles := strconv.Itoa(limit)
		p := start(t, h.dir, append([]string{"prlimit", "--nofile=" + handles + ":" + handles}, wrapped.argv(t, nil, l.server()...)...))
		for n := 1; n <= 2; n++ {
			seen[p.ask(numbered(n))]++
		}
		p.end()
		p.rest()
		p.settled()
		h.complete(t, l)
	}
	// With a few handles it does not start, with more it answers; whether a
	// number between is just too small for the log depends on the moment.
	if seen[silence] == 0 || len(seen) < 2 {
		t.Errorf("these were all the replies: %v", seen)
	}
}
