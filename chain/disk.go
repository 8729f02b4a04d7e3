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

// syncFile puts on the disk what was written, the file's name too if that may
// not be there, and then does what waits for the events in it.
func (l *Log) syncFile() error {
	f := l.file
	if f == nil { // forgotten since
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

// tell takes .pending off the names of torn lines, step 4 of torn.go, whose
// events are on the disk. A failure leaves the file to be told of again, which
// does no harm.
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

// takeBack cuts the records off again that could not be synced, if nobody has
// appended after them or anchored them. Whether the disk has them is not known in
// any case.
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
	}
}

// forget closes the day file, so that it will be loaded again.
func (l *Log) forget() {
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}
