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
// lock for microseconds, or for up to 20 seconds if an SSH agent holds the key and
// asks a person. A writer that holds it longer hangs, and an error is better than a
// tool call that never ends.
const lockPatience = 25 * time.Second

// fileLock is an exclusive lock between processes, on a file that is created if
// missing and stays. Only one goroutine may use it.
type fileLock struct {
	path string
	day  string // the day file that it belongs to; "": none
	f    *os.File
	info fs.FileInfo
	held bool
	wait chan error // result of the goroutine that waits for f's lock; nil: none waits
}

// acquire takes the lock, unless it is held. The lock is valid only while the file
// has its name, because others may have removed the directory and created it again:
// see named. opened says that the file was opened by this call.
func (l *fileLock) acquire(patience time.Duration) (opened bool, err error) {
	if l.held {
		return false, nil
	}
	if l.f == nil {
		if err := l.open(); err != nil {
			return true, err
		}
		opened = true
	}
	if err := l.take(patience); err == errBusy {
		return opened, l.busy(patience)
	} else if err != nil {
		return opened, err
	}
	l.held = true
	return opened, nil
}

// named says whether the lock's file still has its name.
func (l *fileLock) named() bool {
	st, err := os.Lstat(l.path)
	return err == nil && l.f != nil && os.SameFile(st, l.info)
}

// release releases the lock and keeps the file open.
func (l *fileLock) release() {
	if !l.held {
		return
	}
	l.held = false
	if err := durable.Unlock(l.f); err != nil {
		l.close() // this always releases it
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

// take waits for the lock of the open file. Waiting cannot be cancelled, so a
// goroutine does it. After patience the goroutine goes on waiting, and the next
// take asks it again.
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
	return fmt.Errorf("lock %s: another process has held it for %v: find the process that has it open (lsof, fuser, or Resource Monitor) and end it", l.path, patience)
}

// close releases the lock and closes the file. A goroutine that still waits for the
// lock closes the file when it gets the lock.
func (l *fileLock) close() {
	if l.f == nil {
		return
	}
	if wait, f := l.wait, l.f; wait != nil {
		go func() { <-wait; f.Close() }()
	} else {
		f.Close()
	}
	l.f, l.info, l.held, l.wait = nil, nil, false, nil
}
