package chain

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// An End is where a record ends that one Log has appended.
type End struct {
	Position           // after its line
	Hash     Hash      // the record's
	Time     time.Time // of the record
}

// ownEnd is the newest record that a Log has appended, with what may not be on
// the disk before it.
type ownEnd struct {
	place
	time   time.Time
	synced bool     // a sync that began after the write has returned
	files  []string // that [Log.SyncApart] has synced once, with what others have in them: the newest two
}

// wrote notes that the newest record is this Log's own. It needs l.mu.
func (l *Log) wrote(records []Written, synced bool) {
	if len(records) == 0 {
		return
	}
	l.own.place, l.own.time, l.own.synced = l.place, l.floor, synced
}

func (w *ownEnd) end() End { return End{w.Position, w.hash, w.time} }

// End is the end of the newest record that this Log has appended, and whether it
// is known to be on the disk. Its File is "" if there is none.
func (l *Log) End() (e End, synced bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.own.end(), l.own.synced
}

// SyncApart puts on the disk what was appended with Options.NoSync or by
// AppendLater, while other goroutines go on appending, and returns the end of the
// newest record that is there for certain.
func (l *Log) SyncApart() (End, error) {
	l.mu.Lock()
	own := l.own
	l.mu.Unlock()
	if own.synced || own.File == "" {
		return own.end(), nil
	}
	// What stands before the record must be on the disk, too: once for each file,
	// that is the file before it, which others may have written last.
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

// Dir is the log's directory, as [New] got it.
func (l *Log) Dir() string { return l.dir }

// maxFirst is how many lines are looked at for the first record of a log.
const maxFirst = 1000

// First is the hash of the first record of the log in the directory dir, which
// stands for the log: a log that was made anew has another one. It is an error if
// there is none among the first lines.
func First(dir string) (Hash, error) {
	found, err := list(dirFS(dir))
	if err != nil {
		return Hash{}, err
	}
	lines := 0
	for _, name := range found.days {
		hash, err := firstOf(filepath.Join(dir, name), &lines)
		if !hash.IsZero() || err != nil {
			return hash, err
		}
	}
	return Hash{}, errors.New("the log has no record that can be read")
}

// firstOf is the hash of the first record in a day file, zero if there is none.
func firstOf(path string, lines *int) (Hash, error) {
	f, _, err := openRegular(path, os.O_RDONLY, 0)
	if err != nil {
		return Hash{}, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(io.LimitReader(f, maxLine), 64<<10)
	for off := int64(0); *lines < maxFirst; *lines++ {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return Hash{}, nil
		}
		if err != nil {
			return Hash{}, err
		}
		if r, err := parseRecord(trimMark(line[:len(line)-1], off)); err == nil && r.refused == nil {
			return r.hash, nil
		}
		off += int64(len(line))
	}
	return Hash{}, nil
}
