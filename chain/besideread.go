package chain

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
)

// A BesideReader finds the lines in the files beside a log (FORMAT.md, "Arguments
// apart"). It may be used by several goroutines at once. The caller must call Close.
type BesideReader struct {
	s    *Snapshot
	live bool

	mu    sync.RWMutex
	files map[string]*besideIndex // by name; a few of them are open
	open  []string                // names, the one that was opened last at the end
}

// maxOpenBeside is how many files beside the log are kept in mind at once. Readers
// go from day to day.
const maxOpenBeside = 3

// maxBesideLines is how many lines of a file are found: 250 MB of memory. It is more
// than a hundred calls a second, all day.
const maxBesideLines = 8_000_000

// A besideIndex has where each line of a file is, by id.
type besideIndex struct {
	f     readerAt // nil: closed
	info  fs.FileInfo
	size  int64        // of the file
	end   int64        // after the last newline
	lines []besideLine // in the order of their ids
	bad   int64        // lines without an id
	more  bool         // there are lines beyond maxBesideLines
	err   error
}

type besideLine struct {
	id  [16]byte
	off int64
	n   uint32 // length, without the newline
}

// Beside returns a reader of the files beside the log. They are read as they are
// when a line is first looked for; if live is set, what is appended later is found,
// too.
func (s *Snapshot) Beside(live bool) *BesideReader {
	return &BesideReader{s: s, live: live, files: map[string]*besideIndex{}}
}

// Close closes the files.
func (b *BesideReader) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range b.files {
		x.close()
	}
	b.open = nil
}

func (x *besideIndex) close() {
	if x.f != nil {
		x.f.Close()
		x.f = nil
	}
	x.lines = nil
}

// BesideStats says what is in a file beside the log.
type BesideStats struct {
	Lines int64 // that have an id
	Bad   int64 // that have none
	More  bool  // there are more than are read
}

// Stats says what is in the file beside a day file; the error is that of reading it,
// fs.ErrNotExist if there is none.
func (b *BesideReader) Stats(day string) (s BesideStats, err error) {
	err = b.with(day, func(x *besideIndex) error {
		s = BesideStats{int64(len(x.lines)), x.bad, x.more}
		if x.end < x.size {
			s.Bad++ // a crash has left it, or it is being written
		}
		return nil
	})
	return s, err
}

// Lines calls use for each line in the file beside a day file that has the id of a
// receipt, "rec_" and 32 hex digits, in order. line is a copy, without the newline.
// No file is no lines.
func (b *BesideReader) Lines(day, id string, use func(line []byte)) error {
	var key [16]byte
	if n, err := hex.Decode(key[:], []byte(id[min(4, len(id)):])); err != nil || n != len(key) {
		return nil
	}
	look := func(x *besideIndex) error {
		i, _ := slices.BinarySearchFunc(x.lines, key, func(l besideLine, k [16]byte) int { return bytes.Compare(l.id[:], k[:]) })
		for ; i < len(x.lines) && x.lines[i].id == key; i++ {
			line := make([]byte, x.lines[i].n)
			if err := readFull(x.f, line, x.lines[i].off); err != nil {
				return err
			}
			use(line)
		}
		return nil
	}
	err := b.with(day, look)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// with calls use with the index of the file beside a day file.
func (b *BesideReader) with(day string, use func(*besideIndex) error) error {
	name := BesideFile(day)
	b.mu.RLock()
	x := b.files[name]
	if x != nil && (x.f != nil || x.err != nil) && !(b.live && b.changed(name, x)) {
		defer b.mu.RUnlock()
		if x.err != nil {
			return x.err
		}
		return use(x)
	}
	b.mu.RUnlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	x = b.load(name)
	if x.err != nil {
		return x.err
	}
	return use(x)
}

// changed says whether there is more in the file, or another one.
func (b *BesideReader) changed(name string, x *besideIndex) bool {
	st, err := fs.Stat(b.s.fsys, name)
	switch {
	case err != nil:
		return x.err == nil
	case x.err != nil:
		return true
	}
	return st.Size() != x.size || !os.SameFile(st, x.info)
}

// load reads a file, or what was appended to it.
func (b *BesideReader) load(name string) *besideIndex {
	x := b.files[name]
	if x != nil && x.f != nil && !b.changed(name, x) { // another goroutine has
		return x
	}
	if x != nil && x.f != nil {
		if st, err := fs.Stat(b.s.fsys, name); err == nil && st.Size() >= x.size && os.SameFile(st, x.info) {
			x.err = x.read(st.Size())
			return x
		}
	}
	if x != nil {
		x.close()
		b.open = slices.DeleteFunc(b.open, func(n string) bool { return n == name })
	}
	if len(b.open) >= maxOpenBeside {
		b.files[b.open[0]].close()
		delete(b.files, b.open[0])
		b.open = b.open[1:]
	}
	x = new(besideIndex)
	b.files[name] = x
	if x.err = x.begin(b.s, name); x.f != nil {
		b.open = append(b.open, name)
	}
	return x
}

func (x *besideIndex) begin(s *Snapshot, name string) error {
	f, size, err := openFile(s.fsys, name)
	if err != nil {
		return err
	}
	if x.info, err = f.Stat(); err != nil {
		f.Close()
		return err
	}
	if x.f, err = s.atOffsets(f, name, size, false); err != nil {
		f.Close()
		return err
	}
	return x.read(size)
}

// read reads what is new in the file, which has size bytes.
func (x *besideIndex) read(size int64) error {
	x.size = size
	all := blocks{f: x.f, off: x.end, size: size}
	var found []besideLine
	for buf := make([]byte, min(blockSize, size-x.end)); ; {
		block, off, err := all.next(buf)
		if long, is := errors.AsType[*tooLong](err); is {
			if x.bad++; long.ended {
				x.end = long.end
			}
			continue
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		for line := range bytes.Lines(block) {
			if line[len(line)-1] != '\n' {
				break
			}
			found = x.add(found, line[:len(line)-1], off)
			off += int64(len(line))
			x.end = off
		}
	}
	if len(found) > 100 || len(x.lines) == 0 {
		x.lines = append(x.lines, found...)
		slices.SortFunc(x.lines, besideLine.compare)
		return nil
	}
	for _, l := range found { // of a log that is followed
		i, _ := slices.BinarySearchFunc(x.lines, l, besideLine.compare)
		x.lines = slices.Insert(x.lines, i, l)
	}
	return nil
}

func (l besideLine) compare(m besideLine) int {
	return cmp.Or(bytes.Compare(l.id[:], m.id[:]), cmp.Compare(l.off, m.off))
}

// besideHead is what a line begins with; then there are 32 hex digits.
var besideHead = []byte(`{"id":"rec_`)

// besideID is the id of the receipt to which a line of a file beside the log belongs.
func besideID(line []byte) (id [16]byte, ok bool) {
	rest, ok := bytes.CutPrefix(line, besideHead)
	if !ok || len(rest) < 2*len(id) || bytes.ContainsAny(rest[:2*len(id)], "ABCDEF") || rest[len(rest)-1] != '}' {
		return id, false
	}
	_, err := hex.Decode(id[:], rest[:2*len(id)])
	return id, err == nil
}

func (x *besideIndex) add(found []besideLine, line []byte, off int64) []besideLine {
	id, ok := besideID(line)
	switch {
	case len(line) == 0:
	case !ok:
		x.bad++
	case len(x.lines)+len(found) >= maxBesideLines:
		x.more = true
	default:
		found = append(found, besideLine{id, off, uint32(len(line))})
	}
	return found
}
