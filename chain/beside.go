package chain

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// besideSuffix follows the name of a day file in that of the file with the arguments
// of its calls (FORMAT.md, "Arguments apart"). It is not .jsonl: the reference reads
// every file of such a name as part of the log.
const besideSuffix = ".params"

// BesideFile is the name of the file with the arguments of the calls in a day file,
// which may be compressed.
func BesideFile(day string) string {
	return day[:min(len(day), len("2006-01-02"))] + daySuffix + besideSuffix
}

// Beside has the append write a line, with its newline, to the file beside the day
// file in which the record goes. It is for the function that builds the record, and
// line must not change before Append returns. The line is on the disk before the
// record is, and no reader sees the record without it.
func (a At) Beside(line []byte) {
	*a.beside = append(*a.beside, line)
}

// besideFile is the file beside the day file that was appended to last, until it is
// synced. It is opened for each append: audit erase replaces it.
type besideFile struct {
	f      *os.File
	before int64 // its size before the append
	size   int64 // and after it
	isNew  bool  // its name may not be on the disk
}

// writeBeside writes the lines of an append to the file beside l.file. A crash can
// have left it with a part of a line, of a call that was not recorded: that gets an
// end, and no reader takes it for a line.
func (l *Log) writeBeside(lines [][]byte) (err error) {
	if len(lines) == 0 {
		return nil
	}
	if err := l.syncBeside(); err != nil { // of an append without a sync
		return err
	}
	path := filepath.Join(l.dir, BesideFile(l.name))
	f, st, err := openRegular(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	b := &besideFile{f: f, before: st.Size(), size: st.Size(), isNew: st.Size() == 0}
	l.beside = b
	all := lines[0]
	if len(lines) > 1 {
		all = bytes.Join(lines, nil)
	}
	if b.size > 0 {
		end := make([]byte, 1)
		if _, err = f.ReadAt(end, b.size-1); err == nil && end[0] != '\n' {
			all = append([]byte{'\n'}, all...)
		}
	}
	if err == nil {
		err = writeAll(f, all)
	}
	if b.size += int64(len(all)); err != nil {
		if terr := truncate(f, b.before); terr != nil {
			err = fmt.Errorf("%w; and what was written could not be removed: %v", err, terr)
		}
		l.closeBeside()
		return fmt.Errorf("write %s: %w", BesideFile(l.name), err)
	}
	return nil
}

// syncBeside syncs the file beside the log, if something was written to it.
func (l *Log) syncBeside() error {
	if l.beside == nil {
		return nil
	}
	if !l.o.NoSync {
		if err := l.sync(l.beside.f); err != nil {
			return err
		}
		if l.beside.isNew {
			if err := durable.SyncDir(l.dir); err != nil {
				return err
			}
		}
	}
	l.closeBeside()
	return nil
}

// takeBackBeside removes what was written last to the file beside the log, unless it
// has changed since.
func (l *Log) takeBackBeside() {
	if b := l.beside; b != nil {
		if size, err := b.f.Seek(0, io.SeekEnd); err == nil && size == b.size {
			truncate(b.f, b.before)
		}
		l.closeBeside()
	}
}

func (l *Log) closeBeside() {
	if l.beside != nil {
		l.beside.f.Close()
		l.beside = nil
	}
}
