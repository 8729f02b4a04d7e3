package chain

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
		return l.load(size, found.clock) // somebody else has appended
	}
	l.forget()
	f, info, err := openRegular(filepath.Join(l.dir, newest), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	l.dirNew = l.dirNew || l.info == nil || !os.SameFile(info, l.info)
	l.file, l.info, l.name = f, info, newest
	return l.load(info.Size(), found.clock)
}

// named says whether l.file still bears its name.
func (l *Log) named() bool {
	st, err := os.Lstat(filepath.Join(l.dir, l.name))
	return err == nil && os.SameFile(st, l.info)
}

// maxBack bounds how far the log's end is looked for, in bytes: one line of the
// greatest length, and room. A file's end can be planted, of terabytes that take
// no place on the disk.
const maxBack = maxLine + 64<<20

// backLines reads lines into the Log's buffer, which others must be done with.
func (l *Log) backLines(f io.ReaderAt, size int64) *backLines {
	if l.tail == nil {
		l.tail = make([]byte, tailChunk)
	}
	return &backLines{blocks: backBlocks{f: f, end: size}, buf: l.tail}
}

// errTooFar: something would take more reading than is done for one append.
var errTooFar = errors.New("too much to be read")

// A tether lets so much be read from a file and no more.
type tether struct {
	io.ReaderAt
	left *int64 // bytes
}

func (t tether) ReadAt(p []byte, off int64) (int, error) {
	if *t.left -= int64(len(p)); *t.left < 0 {
		return 0, errTooFar
	}
	return t.ReaderAt.ReadAt(p, off)
}

// load reads the end of l.file, which is size bytes long: it repairs a torn last
// line and finds the record that the next one follows. clock is what it says now.
func (l *Log) load(size int64, clock time.Time) error {
	left := int64(maxBack)
	file := tether{l.file, &left}
	lines := l.backLines(file, size)
	last, off, ended, err := lines.prev()
	var long *tooLong
	tooFar := errors.Is(err, errTooFar)
	if err != nil && err != io.EOF && !errors.As(err, &long) && !tooFar {
		return err
	}
	if tooFar {
		b := make([]byte, 1)
		if err := readFull(l.file, b, size-1); err != nil {
			return err
		}
		ended = b[0] == '\n'
	}
	torn := size > 0 && !ended
	var bad *LineError
	if long != nil {
		bad = &LineError{File: l.name, Offset: off, Reason: long.Error()}
	}
	switch {
	case torn && (long != nil || tooFar):
		// No crash leaves so much, and to copy it would take too long: it
		// stays, as a line that cannot be read.
		if err := l.endLine(); err != nil {
			return err
		}
		size++
		torn = false
	case torn:
		last = bytes.Clone(last)
	case long == nil && !tooFar && size > 0:
		lines.unread(last, ended)
	}
	var end ending
	err = errTooFar
	if !tooFar {
		end, bad, err = l.newestRecord(lines, bad, &left, clock)
	}
	if errors.Is(err, errTooFar) {
		end, bad, err = l.lost(size)
	}
	if err != nil {
		return err
	}
	if next, follows := end.followedBy(last); torn && follows {
		// Only the newline is missing. (The reference writes it apart.)
		if err := l.endLine(); err != nil {
			return err
		}
		size++
		end.take(l.name, size, next)
		l.believe(&end, next, clock) // what is doubtful about it, the next one to look says
	} else if torn {
		if err := l.quarantine(off, size); err != nil {
			return err
		}
		size = off
	}
	if bad != nil {
		l.owe(event.LogDamaged{File: bad.File, Offset: bad.Offset, Expected: end.hash, Reason: bad.Reason})
	}
	l.size, l.floor, l.loaded = size, end.time, true
	// A time beyond its own file's day is not to be believed: it would make
	// every later record bear it.
	if eve := dayOf(l.name).AddDate(0, 0, 1).Add(-time.Millisecond); l.floor.After(eve) {
		l.floor = eve
	}
	l.moveTo(end.place)
	return nil
}

// endLine writes the newline that is missing at the file's end.
func (l *Log) endLine() error {
	if _, err := l.file.Write([]byte{'\n'}); err != nil {
		return err
	}
	return l.sync(l.file)
}

// lost is the end of a log whose newest record would take too long to find: the
// one that this Log has seen last, if that is still there, else none. Then the
// chain begins anew, with an event that names a record that is nowhere, so that
// what is missing before it does not come to look complete.
func (l *Log) lost(size int64) (e ending, bad *LineError, err error) {
	const reason = "the newest record is too far from the end to be found"
	if l.place.File != "" && l.holds(l.place) {
		e.place, e.time = l.place, l.floor
		return e, &LineError{File: l.name, Offset: size, Reason: reason}, nil
	}
	end := make([]byte, min(size, tailChunk))
	if err := readFull(l.file, end, size-int64(len(end))); err != nil {
		return e, nil, err
	}
	l.owe(event.LogDamaged{File: l.name, Offset: size, Expected: sha256.Sum256(end), Gone: true, Reason: reason})
	l.place = place{}
	return e, nil, nil
}

// ending is the newest record of a log and the time before which no later one may
// be.
type ending struct {
	place
	time time.Time
}

// take makes r, which ends at the offset end, the newest record.
func (e *ending) take(file string, end int64, r record) { e.place = place{Position{file, end}, r.hash} }

// believe takes the time of r, if it counts: a time that the clock has not reached
// must be that of a record that a known key has signed. doubt says what is wrong
// with r, "" if nothing is. To check a signature takes longer than to make one, so
// where the clock has reached the time it is checked only when this Log reads the
// end first: that a later one is false is left to verification.
func (l *Log) believe(e *ending, r record, clock time.Time) (doubt string, counts bool) {
	if !r.intact() {
		return "the record is not the one that its hash was made for", false
	}
	at := r.latest()
	signed, known := true, true
	switch {
	case l.o.Check == nil:
	case at.After(clock) || !l.loaded:
		signed, known = l.o.Check(r.receipt, r.prev)
	default:
		signed = bytes.Contains(r.receipt, []byte(`"sig":"ed25519:`))
	}
	if !signed {
		return "the newest record is not signed, or not for this place", false
	}
	if !known && at.After(clock) {
		return "", false
	}
	if at.After(e.time) {
		e.time = at
	}
	return "", true
}

// maxLookBack bounds the records that are looked at for a time.
const maxLookBack = 1000

// lookBack corrects the time of an ending in responses (version 2), which bear
// the times of their calls: these may lie before those of the records before
// them. It does so in what is not signed, too.
func (l *Log) lookBack(e *ending, r record, counts bool, lines *backLines, clock time.Time) {
	for range maxLookBack {
		if counts && !bytes.HasSuffix(r.receipt, []byte(`"v":2}`)) { // as we write them
			return
		}
		line, _, _, err := lines.prev()
		if err != nil {
			return
		}
		if r, err = parseRecord(line); err != nil {
			return
		}
		_, counts = l.believe(e, r, clock)
	}
}

// followedBy reads line, if it is a whole record, unedited, after this one.
func (e *ending) followedBy(line []byte) (record, bool) {
	r, err := parseRecord(line)
	return r, err == nil && r.prev == e.hash && r.intact()
}

// newestRecord looks for the last readable record from lines on, which are of
// l.file, and back through older files. bad is the last line after it that
// cannot be read, or the record itself, if there is a doubt about it; it may be
// known already. It reads until nothing is left of what may be read.
func (l *Log) newestRecord(lines *backLines, known *LineError, left *int64, clock time.Time) (e ending, bad *LineError, err error) {
	name, bad := l.name, known
	var older *os.File
	defer func() {
		if older != nil {
			older.Close()
		}
	}()
	for i := len(l.seen.days) - 1; ; {
		line, off, ended, err := lines.prev()
		var long *tooLong
		switch {
		case err == io.EOF:
			if i--; i < 0 {
				return e, bad, nil
			}
			if *left -= tailChunk; *left < 0 { // empty files, too, take their time
				return e, nil, errTooFar
			}
			name = l.seen.days[i]
			if older != nil {
				older.Close()
			}
			var st fs.FileInfo
			if older, st, err = openRegular(filepath.Join(l.dir, name), os.O_RDONLY, 0); err != nil {
				return e, nil, err
			}
			lines = newBackLines(tether{older, left}, st.Size(), tailChunk)
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
			doubt, counts := l.believe(&e, r, clock)
			if bad == nil && doubt != "" {
				bad = &LineError{File: name, Offset: off, Reason: doubt}
			}
			l.lookBack(&e, r, counts, lines, clock)
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
	if was.File == "" || l.holds(was) {
		return
	}
	l.owe(event.LogDamaged{File: was.File, Offset: was.Offset, Expected: was.hash, Gone: true, Found: p.hash,
		Reason: "the newest record is not there any more"})
}

// oweStray owes an event if a record that was signed to stand in the log was in a
// day file that is quarantined now. If it was a copy, the log still has the record,
// and the event does no harm.
func (l *Log) oweStray() {
	if l.stray.File == "" {
		return
	}
	l.owe(event.LogDamaged{File: l.stray.File, Offset: l.stray.Offset, Expected: l.stray.hash, Gone: true, Found: l.place.hash,
		Reason: "the record was in the file of a day to come, which was quarantined"})
	l.stray = place{}
}

// holds says whether the record is still at its place.
func (l *Log) holds(p place) bool {
	f := l.file
	if f == nil || l.name != p.File {
		var err error
		if f, _, err = openRegular(filepath.Join(l.dir, p.File), os.O_RDONLY, 0); err != nil {
			return false
		}
		defer f.Close()
	}
	left := int64(maxBack)
	// Past the file's end this fails as well.
	line, _, ended, err := l.backLines(tether{f, &left}, p.Offset).prev()
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
