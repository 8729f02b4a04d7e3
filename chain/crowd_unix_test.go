//go:build unix

package chain

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

func init() { roles["full"] = fullRole }

// fullRole appends until the file may not grow any further, twice, and then
// once more when it may.
func fullRole(args []string) error {
	dir := args[0]
	signal.Ignore(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	limit := old
	limit.Cur = 2000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	l := New(dir, Options{Now: (&clock{day0}).now})
	defer l.Close()
	build := func(_ int, at At) ([]byte, error) { return receipt("x", at.Time), nil }
	var err error
	for range 100 {
		if _, err = l.Append(1, build); err != nil {
			break
		}
	}
	if !errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("the file grew past its limit: %v", err)
	}
	if _, err := l.Append(2, build); !errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("the second time: %v", err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	return failed(l.Append(1, build))
}

// A file that cannot grow takes no half records, and takes whole ones again as
// soon as it can. (What a full disk does, without filling one.)
func TestFull(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	if err := role(t, "full", dir).Run(); err != nil {
		t.Fatal(err)
	}
	r := verify(t, dir)
	mustBeWhole(t, dir, r.Records)
	if r.Records < 4 || r.Bytes < 2000 || len(r.Quarantined) > 0 || r.Events > 0 {
		t.Errorf("%+v", r)
	}
}

// Things named like day files that are none: an error that says so, at once. The
// folder's oldest file is not even needed for an append.
func TestNotRegular(t *testing.T) {
	for kind, create := range map[string]func(path string) error{
		"a symbolic link": func(path string) error { return os.Symlink("elsewhere", path) },
		"a directory":     func(path string) error { return os.Mkdir(path, 0o700) },
		"a pipe":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		for _, name := range []string{dayFile(day0.AddDate(0, 0, -1)), dayFile(day0), dayFile(day0.AddDate(0, 0, 1)), "2020-01-01.jsonl", lockName, dayFile(day0) + lockSuffix} {
			dir := t.TempDir()
			if err := create(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			if name == "2020-01-01.jsonl" {
				write(t, read(t, makeLog(t, 1), dayFile(day0)), dir, dayFile(day0))
			}
			l := newLog(t, dir, &clock{day0})
			mustSay(t, name+": append", failed(l.Append(1, oneReceipt("a"))), kind)
			if filepath.Ext(name) != ".jsonl" {
				mustBeWhole(t, dir, 0) // readers do not need the locks
				continue
			}
			_, err := verifyDir(t.Context(), dir, VerifyOptions[struct{}]{})
			mustSay(t, name+": verify", err, kind)
			for _, err = range scan(dir) {
				break
			}
			mustSay(t, name+": scan", err, kind)
			err = nil
			for _, err = range backward(dir) {
				break
			}
			mustSay(t, name+": backward", err, kind)
		}
	}
}
