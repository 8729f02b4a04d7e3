package chain

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// An End is the end of a record that a Log has appended.
type End struct {
	Position           // where the next line begins
	Hash     Hash      // the record's record_hash
	Time     time.Time // of the record
}

// ownEnd is the newest record that a Log has appended, and whether it is on the
// disk.
type ownEnd struct {
	place
	time   time.Time
	synced bool     // a sync that began after the write has succeeded
	files  []string // the newest two files that [Log.SyncApart] has synced once, with records of other writers
}

// wrote sets the newest record of this Log. The caller holds l.mu.
func (l *Log) wrote(records []Written, synced bool) {
	if len(records) == 0 {
		return
	}
	l.own.place, l.own.time, l.own.synced = l.place, l.floor, synced
}

func (w *ownEnd) end() End { return End{w.Position, w.hash, w.time} }

// End returns the end of the newest record that this Log has appended, and whether
// it is known to be on the disk. Its File is "" if there is none.
func (l *Log) End() (e End, synced bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.own.end(), l.own.synced
}

// SyncApart syncs what was appended with Options.NoSync or by AppendLater, while
// other goroutines go on appending. It returns the end of the newest record that is
// on the disk for certain.
func (l *Log) SyncApart() (End, error) {
	l.mu.Lock()
	own := l.own
	l.mu.Unlock()
	if own.synced || own.File == "" {
		return own.end(), nil
	}
	// All records before this one must be on the disk, too. Other processes may
	// have written last to the file before, which needs a sync once.
	files := []string{own.File}
	if !slices.Contains(own.files, own.File) {
		found, err := list(dirFS(l.dir))
		if err != nil {
			return End{}, err
		}
		if i := slices.Index(found.days, own.File); i > 0 {
			files = append(files, found.days[i-1])
		}
	}
	for _, name := range files {
		f, _, err := openRegular(filepath.Join(l.dir, name), os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) && name != own.File {
			continue // who compresses or archives a day syncs it first
		}
		if err != nil {
			return End{}, err
		}
		err = l.sync(f)
		f.Close()
		if err != nil {
			return End{}, fmt.Errorf("sync the log: %w", err)
		}
	}
	if len(files) > 1 || len(own.files) == 0 {
		if err := durable.SyncDir(l.dir); err != nil {
			return End{}, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !slices.Contains(l.own.files, own.File) {
		l.own.files = append(l.own.files, own.File)
		l.own.files = l.own.files[max(0, len(l.own.files)-2):]
	}
	if l.own.place == own.place {
		l.own.synced = true
	}
	return own.end(), nil
}
