package chain

import (
	"bytes"
	"fmt"
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
// record is written.
func (a At) Beside(line []byte) {
	*a.beside = append(*a.beside, line)
}

// besideEnd is what an append has written to a file beside the log.
type besideEnd struct {
	name         string // of the file; "": nothing
	before, size int64  // of the file, before and after
}

// writeBeside writes the lines of an append to the file beside l.file, and syncs it.
// The lock is held meanwhile: if the record was written before its line is on the disk,
// a power failure could leave the one without the other. A crash can have left the file
// with a part of a line, of a call that was not recorded: that gets an end, and no reader
// takes it for a line. The file is opened each time, because audit erase replaces it.
func (l *Log) writeBeside(lines [][]byte) (end besideEnd, err error) {
	if len(lines) == 0 {
		return end, nil
	}
	name := BesideFile(l.name)
	f, st, err := openRegular(filepath.Join(l.dir, name), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return end, err
	}
	defer f.Close()
	end = besideEnd{name, st.Size(), st.Size()}
	all := lines[0]
	if len(lines) > 1 {
		all = bytes.Join(lines, nil)
	}
	if end.size > 0 {
		last := make([]byte, 1)
		if _, err = f.ReadAt(last, end.size-1); err == nil && last[0] != '\n' {
			all = append([]byte{'\n'}, all...)
		}
	}
	if err == nil {
		err = writeAll(f, all)
		end.size += int64(len(all))
	}
	if err == nil && !l.o.NoSync {
		err = l.syncBeside(f, name, end.before == 0)
	}
	if err != nil {
		if terr := truncate(f, end.before); terr != nil {
			err = fmt.Errorf("%w; and what was written could not be removed: %v", err, terr)
		}
		return end, fmt.Errorf("write %s: %w", name, err)
	}
	return end, nil
}

// syncBeside syncs a file beside the log; and its name if it is new, or when this Log
// first writes to it: a process that was killed may have made it.
func (l *Log) syncBeside(f *os.File, name string, isNew bool) error {
	if err := l.sync(f); err != nil || l.besideNamed == name && !isNew {
		return err
	}
	if err := durable.SyncDir(l.dir); err != nil {
		return err
	}
	l.besideNamed = name
	return nil
}

// takeBackBeside removes what an append has written to a file beside the log, unless the
// file has changed since. The caller holds the lock of the log.
func (l *Log) takeBackBeside(end besideEnd) {
	if end.name == "" {
		return
	}
	f, st, err := openRegular(filepath.Join(l.dir, end.name), os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if st.Size() == end.size {
		truncate(f, end.before)
	}
}
