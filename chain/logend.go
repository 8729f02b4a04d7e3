package chain

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// tailChunk is how much of a file's end is read at once, in bytes: a few records.
const tailChunk = 8 << 10

// refresh makes l.file the newest day file (none if newest is "") and finds the
// log's end, unless both are as this Log left them. It compares identity and size.
// If somebody changed the last record in place, the next one still follows the
// original, and the change shows.
func (l *Log) refresh(found dayFileState) error {
	newest := found.newest
	if newest == "" {
		l.forget()
		l.name, l.size, l.floor = "", 0, time.Time{}
		l.moveTo(place{})
		return nil
	}
	if l.file != nil && l.name == newest && (!found.fresh || l.named()) {
		// Seek only tells the size: writes go to the end, and reads have
		// offsets of their own.
		size, err := l.file.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		if size == l.size {
			return nil
		}
		return l.load(size, found.clock) // another process has appended
	}
	l.forget()
	if l.seen.packed[newest] {
		return l.loadPacked(newest, found.clock)
	}
	f, info, err := openRegular(filepath.Join(l.dir, newest), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	l.dirNew = l.dirNew || l.info == nil || !os.SameFile(info, l.info)
	l.file, l.info, l.name = f, info, newest
	return l.load(info.Size(), found.clock)
}

// loadPacked finds the log's end in a compressed day, after which a new day follows:
// settle sees to that.
func (l *Log) loadPacked(newest string, clock time.Time) error {
	l.name, l.size = newest, 0
	left := int64(maxBack)
	end, bad, err := l.newestRecord(newBackLines(bytes.NewReader(nil), 0, tailChunk), nil, &left, clock)
	if err != nil {
		return fmt.Errorf("find the end of the log in %s%s: %w", newest, packedSuffix, err)
	}
	if bad != nil {
		l.owe(event.LogDamaged{File: bad.File, Offset: bad.Offset, Expected: end.hash, Reason: bad.Reason})
	}
	l.ended(end, newest)
	return nil
}

// ended takes the end of the log, in the newest file, that was found there.
func (l *Log) ended(end ending, newest string) {
	l.floor, l.loaded = end.time, true
	// A time after its own file's day is not used: every later record would have
	// it.
	if eve := dayOf(newest).AddDate(0, 0, 1).Add(-time.Millisecond); l.floor.After(eve) {
		l.floor = eve
	}
	l.moveTo(end.place)
}

// named says whether l.file still has its name.
func (l *Log) named() bool {
	st, err := os.Lstat(filepath.Join(l.dir, l.name))
	return err == nil && os.SameFile(st, l.info)
}

// maxBack is how far from its end the log is searched for the newest record, in
// bytes: one line of maximum length, and some more. An attacker could add terabytes
// to a sparse file.
const maxBack = maxLine + 64<<20

// backLines reads lines into the Log's buffer, so only one may be in use.
func (l *Log) backLines(f io.ReaderAt, size int64) *backLines {
	if l.tail == nil {
		l.tail = make([]byte, tailChunk)
	}
	return &backLines{blocks: backBlocks{f: f, end: size}, buf: l.tail}
}

// errTooFar is the error if more would have to be read than one append may read.
var errTooFar = errors.New("too much to be read")

// A limitedReaderAt reads at most so many bytes of a file.
type limitedReaderAt struct {
	io.ReaderAt
	left *int64 // bytes
}

func (t limitedReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if *t.left -= int64(len(p)); *t.left < 0 {
		return 0, errTooFar
	}
	return t.ReaderAt.ReadAt(p, off)
}

// load reads the end of l.file, which has size bytes. It quarantines a partial last
// line and finds the record that the next one follows. clock is the time now.
func (l *Log) load(size int64, clock time.Time) error {
	left := int64(maxBack)
	file := limitedReaderAt{l.file, &left}
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
		// A crash does not leave so much, and a copy would take too long. It
		// stays, as an unreadable line.
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
		// Only the newline is missing. (The reference writes it separately.)
		if err := l.endLine(); err != nil {
			return err
		}
		size++
		end.take(l.name, size, next)
		l.believe(&end, next, clock) // the next reader of the log's end reports a doubt about it
	} else if torn {
		if err := l.quarantine(off, size); err != nil {
			return err
		}
		size = off
	}
	if bad != nil {
		l.owe(event.LogDamaged{File: bad.File, Offset: bad.Offset, Expected: end.hash, Reason: bad.Reason})
	}
	l.size = size
	l.ended(end, l.name)
	return nil
}

// endLine writes the missing newline at the file's end.
func (l *Log) endLine() error {
	if _, err := l.file.Write([]byte{'\n'}); err != nil {
		return err
	}
	return l.sync(l.file)
}

// lost is the end of a log whose newest record is too far from the end to be found:
// the last record that this Log has seen, if that is still there. Otherwise the
// chain begins again, after an event about a record that is not in the log. So the
// log never looks complete.
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

// ending is the newest record of a log, and the earliest time that a later one may
// have.
type ending struct {
	place
	time time.Time
}

// take makes r, whose line ends at the offset end, the newest record.
func (e *ending) take(file string, end int64, r record) { e.place = place{Position{file, end}, r.hash} }

// believe uses the time of r, if that is allowed: a time that the clock has not
// reached must be of a record that a known key has signed. doubt says what is wrong
// with r, "" if nothing is. To check a signature takes longer than to make one. So
// if the clock has reached the time, the signature is checked only when this Log
// reads the log's end for the first time; verification finds false ones later.
func (l *Log) believe(e *ending, r record, clock time.Time) (doubt string, counts bool) {
	if !r.intact() {
		return "the record does not match its hash", false
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

// maxLookBack is the maximum number of records that are read for a time.
const maxLookBack = 1000

// lookBack corrects the time of an ending in responses (version 2). They have the
// times of their calls, which may be earlier than those of the records before them.
// It also does so after unsigned records.
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

// followedBy parses line. It is true if line is a whole, unchanged record that
// follows this one.
func (e *ending) followedBy(line []byte) (record, bool) {
	r, err := parseRecord(line)
	return r, err == nil && r.prev == e.hash && r.intact()
}

// newestRecord finds the last readable record, in lines, which are of l.file, and
// then in older files. bad is the last line after it that cannot be read, or the
// record itself if there is a doubt about it; known is one that was found before.
// left is how many bytes may be read.
func (l *Log) newestRecord(lines *backLines, known *LineError, left *int64, clock time.Time) (e ending, bad *LineError, err error) {
	name, bad := l.name, known
	var older readerAt
	defer func() {
		if older != nil {
			older.Close()
		}
	}()
	i := len(l.seen.days) - 1
	if l.seen.packed[name] {
		i++ // there is nothing in lines
	}
	for {
		line, off, ended, err := lines.prev()
		var long *tooLong
		switch {
		case err == io.EOF:
			if i--; i < 0 {
				return e, bad, nil
			}
			if *left -= tailChunk; *left < 0 { // opening an empty file takes time, too
				return e, nil, errTooFar
			}
			name = l.seen.days[i]
			if older != nil {
				older.Close()
			}
			var size int64
			if older, size, err = openDayAt(l.dir, name); err != nil {
				older = nil
				return e, nil, err
			}
			if why := damage(older); why != nil && bad == nil {
				bad = &LineError{File: name, Offset: size, Reason: damaged(why).Error()}
			}
			lines = newBackLines(limitedReaderAt{older, left}, size, tailChunk)
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

// blank lines are not records; the reference skips them too.
func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// moveTo sets the log's end as this Log knows it, and adds an event if the newest
// record that it has seen before is gone. Truncation is the one change that the
// chain itself does not show.
func (l *Log) moveTo(p place) {
	was := l.place
	l.place = p
	if was.File == "" || l.holds(was) {
		return
	}
	l.owe(event.LogDamaged{File: was.File, Offset: was.Offset, Expected: was.hash, Gone: true, Found: p.hash,
		Reason: "the newest record is gone"})
}

// oweStray adds an event if a record that was signed for its place was in a day
// file that is now quarantined. If that was a copy, the log still has the record,
// and the event does no harm.
func (l *Log) oweStray() {
	if l.stray.File == "" {
		return
	}
	l.owe(event.LogDamaged{File: l.stray.File, Offset: l.stray.Offset, Expected: l.stray.hash, Gone: true, Found: l.place.hash,
		Reason: "the record was in the file of a future day, which was quarantined"})
	l.stray = place{}
}

// holds says whether the record is still in its place.
func (l *Log) holds(p place) bool {
	var f io.ReaderAt = l.file
	if l.file == nil || l.name != p.File {
		older, _, err := openDayAt(l.dir, p.File)
		if err != nil {
			return false
		}
		defer older.Close()
		f = older
	}
	left := int64(maxBack)
	// This also fails if the offset is after the file's end.
	line, _, ended, err := l.backLines(limitedReaderAt{f, &left}, p.Offset).prev()
	if err != nil || !ended {
		return false
	}
	r, err := parseRecord(line)
	return err == nil && r.hash == p.hash
}

func (l *Log) owe(e event.Event) {
	for _, o := range l.owed {
		if o.event == e {
			return // an append failed before it was written
		}
	}
	l.owed = append(l.owed, owed{event: e})
}
