package chain

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// syncFile syncs the file, and the directory if the file's name may not be on the
// disk. Then it does what waited for the events in the file.
func (l *Log) syncFile() error {
	f := l.file
	if f == nil { // forget has closed it
		var err error
		if f, _, err = openRegular(filepath.Join(l.dir, l.name), os.O_RDWR, 0); err != nil {
			return err
		}
		defer f.Close()
	}
	if err := l.sync(f); err != nil {
		return err
	}
	if l.dirNew {
		if err := durable.SyncDir(l.dir); err != nil {
			return err
		}
		l.dirNew = false
	}
	l.unsynced = false
	l.tell()
	return nil
}

// tell is step 4 of torn.go: it removes .pending from the names of torn lines whose
// events are on the disk. If that fails, there will be a second event about the
// file, which does no harm.
func (l *Log) tell() {
	for _, e := range l.told {
		if e.pending != "" {
			path := filepath.Join(l.dir, e.pending)
			to := strings.TrimSuffix(path, pendingSuffix)
			if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
				os.Rename(path, to)
			}
		}
	}
	l.told = nil
}

// takeBack removes records that could not be synced, unless another process has
// appended after them or they are anchored. Nobody knows whether the disk has them.
func (l *Log) takeBack(before undo) {
	defer l.forget()
	l.owed = append(slices.Clone(l.told[before.told:]), l.owed...)
	l.told = l.told[:before.told]
	defer l.release()
	if _, err := l.acquire(); err != nil || !l.locksNamed() || l.file == nil || !l.named() {
		return
	}
	if st, err := l.file.Stat(); err != nil || st.Size() != l.size {
		return
	}
	if l.o.Keep != nil {
		keep, done := l.o.Keep(l.name, before.size)
		if keep {
			return
		}
		defer done()
	}
	if truncate(l.file, before.size) == nil {
		l.place = before.place
		l.takeBackBeside(before.beside)
	}
}

// forget closes the day file, so that the next append loads it again.
func (l *Log) forget() {
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}
