//go:build unix

package durable

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A process that may write no more than four bytes to a file is like a full
// disk: the write fails half-way.
func writeWhenFull(path string) {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 4, Max: 4}
	err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
	if err == nil {
		err = WriteNew(path, []byte("longer than four"), 0o600)
	}
	if !errors.Is(err, syscall.EFBIG) {
		fmt.Println("not the failure wanted:", err)
		os.Exit(1)
	}
}

func TestWriteNewFull(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "DURABLE_TEST_FULL="+filepath.Join(dir, "x"))
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, strings.TrimSpace(string(out)))
	}
	wantNames(t, dir)
}
