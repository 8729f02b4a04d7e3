package chain

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// tailChunk is how much of a file's end is read at once, in bytes: some records.
const tailChunk = 8 << 10

// refresh makes l.file the newest day file (none if newest is "") and learns the
// log's end, unless it is as this Log left it. It goes by identity and size: if
// somebody edits the last record in place, the next one still follows the
// original, and the edit shows.
func (l *Log) refresh(found scene) error {
	newest := found.newest
	if newest == "" {
		l.forget()
		l.name, l.size, l.floor = "", 0, time.Time{}
		l.moveTo(place{})
		return nil
	}
	if l.file != nil && l.name == newest && (!found.fresh || l.named()) {
		// The offset is of no use but to tell the size: what is written
		// goes to the end, and what is read has offsets of its own.
		size, err := l.file.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		if size == l.size {
			return nil
		}
		return l.load(size) // somebody else has appended
	}
	l.forget()
	f, info, err := openRegular(filepath.Join(l.dir, newest), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	l.dirNew = l.dirNew || l.info == nil || !os.SameFile(info, l.info)
	l.file, l.info, l.name = f, info, newest
	return l.load(info.Size())
}

// named says whether l.file still bears its name.
func (l *Log) named() bool {
	st, err := os.Lstat(filepath.Join(l.dir, l.name))
	return err == nil && os.SameFile(st, l.info)
}

// load reads the end of l.file, which is size bytes long: it mends a torn last
// line and finds the record that the next one follows.
func (l *Log) load(size int64) error {
	lines := newBackLines(l.file, size, tailChunk)
	last, off, ended, err := lines.prev()
	var long *tooLong
	if err != nil && err != io.EOF && !errors.As(err, &long) {
		return err
	}
	torn := size > 0 && !ended
	if torn {
		last = bytes.Clone(last)
	} else {
		lines = newBackLines(l.file, size, tailChunk)
	}
	end, bad, err := l.newestRecord(lines)
	if err != nil {
		return err
	}
	if next, follows := end.followedBy(last); torn && long == nil && follows {
		// Only the newline is missing. (The reference writes it apart.)
		if _, err := l.file.Write([]byte{'\n'}); err != nil {
			return err
		}
		if err := l.sync(l.file); err != nil {
			return err
		}
		size++
		end.take(l.name, size, next)
	} else if torn {
		if err := l.setAside(off, size); err != nil {
			return err
		}
		size = off
	}
	if bad != nil {
		l.owe(event.LogDamaged{File: bad.File, Offset: bad.Offset, Expected: end.hash.String(), Reason: bad.Reason})
	}
	l.size, l.floor = size, end.time
	// A time beyond its own file's day is not to be believed: it would make
	// every later record bear it.
	if day, err := time.Parse(dayForm, strings.TrimSuffix(l.name, daySuffix)); err == nil {
		if eve := day.AddDate(0, 0, 1).Add(-time.Millisecond); l.floor.After(eve) {
			l.floor = eve
		}
	}
	l.moveTo(end.place)
	return nil
}

// ending is the newest record of a log and its time.
type ending struct {
	place
	time time.Time
}

// take makes r, which ends at the offset end, the newest record.
func (e *ending) take(file string, end int64, r record) {
	e.place = place{file, end, r.hash}
	if at := latest(r.receipt); at.After(e.time) {
		e.time = at
	}
}

// maxLookBack bounds the records that are looked at for a time.
const maxLookBack = 1000

// lookBack corrects the time of an ending in answers (version 2): they bear the
// times of their calls, which may lie before those of the records before them.
func (e *ending) lookBack(r record, lines *backLines) {
	for range maxLookBack {
		if !bytes.HasSuffix(r.receipt, []byte(`"v":2}`)) { // as we write them
			return
		}
		line, _, _, err := lines.prev()
		if err != nil {
			return
		}
		if r, err = parseRecord(line); err != nil {
			return
		}
		if at := latest(r.receipt); at.After(e.time) {
			e.time = at
		}
	}
}

// followedBy reads line, if it is a whole record, unedited, behind this one.
func (e *ending) followedBy(line []byte) (record, bool) {
	r, err := parseRecord(line)
	return r, err == nil && r.prev == e.hash && r.intact()
}

// newestRecord looks for the last readable record from lines on, which are of
// l.file, and back through older files. bad is the last line behind it that
// cannot be read.
func (l *Log) newestRecord(lines *backLines) (e ending, bad *LineError, err error) {
	name := l.name
	for i := len(l.seen.days) - 1; ; {
		line, off, ended, err := lines.prev()
		var long *tooLong
		switch {
		case err == io.EOF:
			if i--; i < 0 {
				return e, bad, nil
			}
			name = l.seen.days[i]
			f, st, err := openRegular(filepath.Join(l.dir, name), os.O_RDONLY, 0)
			if err != nil {
				return e, nil, err
			}
			defer f.Close()
			lines = newBackLines(f, st.Size(), tailChunk)
		case errors.As(err, &long):
			if bad == nil {
				bad = &LineError{File: name, Offset: off, Reason: err.Error()}
			}
		case err != nil:
			return e, nil, err
		case blank(line):
		default:
			end := off + int64(len(line))
			if ended {
				end++
			}
			r, err := parseRecord(line)
			if err != nil && bad == nil {
				bad = &LineError{File: name, Offset: off, Reason: err.Error()}
			}
			if err != nil {
				continue
			}
			e.take(name, end, r)
			if bad == nil && !r.intact() {
				bad = &LineError{File: name, Offset: off, Reason: "the record is not the one that its hash was made for"}
			}
			e.lookBack(r, lines)
			return e, bad, nil
		}
	}
}

// blank lines are no records; the reference passes over them too.
func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// moveTo makes p the log's end as this Log knows it, and owes an event if the
// newest record that it has seen before is gone. Cutting off the end is the one
// thing that a chain by itself does not show.
func (l *Log) moveTo(p place) {
	was := l.place
	l.place = p
	if was.file == "" || l.holds(was) {
		return
	}
	l.owe(event.LogDamaged{File: was.file, Offset: was.end, Expected: was.hash.String(), Found: p.hash.String(),
		Reason: "the newest record is not there any more"})
}

// holds says whether the record is still at its place.
func (l *Log) holds(p place) bool {
	f := l.file
	if f == nil || l.name != p.file {
		var err error
		if f, _, err = openRegular(filepath.Join(l.dir, p.file), os.O_RDONLY, 0); err != nil {
			return false
		}
		defer f.Close()
	}
	// Past the file's end this fails as well.
	line, _, ended, err := newBackLines(f, p.end, tailChunk).prev()
	if err != nil || !ended {
		return false
	}
	r, err := parseRecord(line)
	return err == nil && r.hash == p.hash
}

func (l *Log) owe(e event.Event) {
	for _, o := range l.owed {
		if o.event == e {
			return // an append failed before it could tell
		}
	}
	l.owed = append(l.owed, owed{event: e})
}
