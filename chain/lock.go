package chain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// lockPatience is how long an append waits for another writer. Writers hold the
// lock for some microseconds, so one that keeps it this long is stuck, and its
// user is better served by an error than by a tool call that never ends.
const lockPatience = 10 * time.Second

// fileLock is an exclusive lock between processes on a file that is made when
// missing and stays. It is not for several goroutines.
type fileLock struct {
	path string
	f    *os.File
	info fs.FileInfo
	wait chan error // of the goroutine that waits for f's lock; nil if there is none
}

// acquire takes the lock. made says that the file is another one than at the
// last call, or the first: what was known of its folder may be out of date.
func (l *fileLock) acquire(patience time.Duration) (made bool, err error) {
	deadline := time.Now().Add(patience)
	for {
		if l.f == nil {
			made = true
			if err := l.open(); err != nil {
				return made, err
			}
		}
		if err := l.take(time.Until(deadline)); err == errBusy {
			return made, l.busy(patience)
		} else if err != nil {
			return made, err
		}
		// The lock counts only while its file bears the name: others may
		// have removed the folder and made it anew.
		if st, err := os.Lstat(l.path); err == nil && os.SameFile(st, l.info) {
			return made, nil
		}
		l.close()
		if time.Now().After(deadline) {
			return made, l.busy(patience)
		}
	}
}

// release lets others have the lock and keeps the file open.
func (l *fileLock) release() {
	if err := durable.Unlock(l.f); err != nil {
		l.close() // which gives it up in any case
	}
}

func (l *fileLock) open() (err error) {
	flag := os.O_RDWR | os.O_CREATE
	l.f, l.info, err = openRegular(l.path, flag, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err = durable.MkdirAll(filepath.Dir(l.path), 0o700); err == nil {
			l.f, l.info, err = openRegular(l.path, flag, 0o600)
		}
	}
	return err
}

// take waits for the lock of the open file. Waiting cannot be broken off, so it
// is left to a goroutine; when patience ends, that one goes on waiting, and the
// next take asks it again.
func (l *fileLock) take(patience time.Duration) error {
	if l.wait == nil {
		if got, err := durable.TryLock(l.f); got || err != nil {
			return err
		}
		wait, f := make(chan error, 1), l.f
		go func() { wait <- durable.Lock(f) }()
		l.wait = wait
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-l.wait:
		l.wait = nil
		return err
	case <-timer.C:
		return errBusy
	}
}

var errBusy = errors.New("busy")

func (l *fileLock) busy(patience time.Duration) error {
	return fmt.Errorf("lock %s: another process has held it for %v", l.path, patience)
}

// close gives up the lock and the file. A goroutine that still waits for the
// lock gets it one day, or ends with the process, and closes the file then.
func (l *fileLock) close() {
	if l.f == nil {
		return
	}
	if wait, f := l.wait, l.f; wait != nil {
		go func() { <-wait; f.Close() }()
	} else {
		f.Close()
	}
	l.f, l.info, l.wait = nil, nil, nil
}
