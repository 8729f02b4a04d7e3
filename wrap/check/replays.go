package check

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/sign"
)

// replays are the receipts that were used, in a directory that processes share. A
// file has those of one hour, by the time that they claim: a copy claims the same
// time, so one file is enough to look at. After two days a file is removed, when a
// receipt in it has long been too old to pass.
//
// A file is a hash table of marks, each 16 bytes of the hash of a key and a nonce.
// It has levels of pages. The mark belongs in one page of the first level; if that is
// full, in one of the second, four times as large; and so on. Nothing is ever moved
// or deleted, and a mark is written by one write. So a table is good whenever a process
// is killed. It takes no memory: with a million receipts in an hour, five pages are
// read.
//
// The marks are not synced, which would cost each call a second wait for the disk:
// after a power cut, receipts of the last seconds might be used again.
type replays struct {
	dir string

	mu    sync.Mutex // guards all below
	lock  *os.File   // nil: the directory is not open
	files map[int64]*os.File
	swept int64 // the hour in which old files were removed last
}

// Sizes of a table: of a mark and of a page, in bytes, of the first level in pages,
// and how many levels there are: room for some 80 million marks.
const (
	markSize   = 16
	pageSize   = 4096
	firstLevel = 16
	maxLevels  = 8
)

// keptHours is how long the files are kept. It is longer than MaxMaxAge, so that the
// clock may step back by nearly a day.
const keptHours = 48

// suffix is that of the names of files, after the hour.
const (
	suffix   = ".used"
	hourForm = "2006-01-02T15"
)

// use is the use of a receipt.
type use struct {
	mark  [markSize]byte
	hour  int64 // since 1970, of the time that it claims
	index int   // of its call
}

// useOf is the use of a receipt. A nonce is free text, so its length is hashed, too.
func useOf(v *sign.Verified, index int) use {
	nonce := v.Nonce()
	h := sha256.New()
	for _, part := range [][]byte{v.Signers[len(v.Signers)-1].Key, []byte(nonce)} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	u := use{hour: hourOf(v.Time), index: index}
	copy(u.mark[:], h.Sum(nil))
	if u.mark == [markSize]byte{} {
		u.mark[0] = 1 // zero is a free place
	}
	return u
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

var errFull = errors.New("too many receipts in one hour")

// take marks the receipts as used. index is that of the first call whose receipt was
// used before; then none is marked. It is -1 if there is none.
func (r *replays) take(uses []use, now time.Time) (index int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.open(); err != nil {
		return -1, err
	}
	if err := durable.Lock(r.lock); err != nil {
		return -1, err
	}
	defer durable.Unlock(r.lock)
	var at int64
	for i, u := range uses {
		for _, before := range uses[:i] {
			if u.mark == before.mark {
				return u.index, nil
			}
		}
		f, err := r.file(u.hour)
		if err != nil {
			return -1, err
		}
		var found bool
		if at, found, err = find(f, u.mark); err != nil || found {
			return u.index, err
		}
	}
	for _, u := range uses {
		f, err := r.file(u.hour)
		if err != nil {
			return -1, err
		}
		if len(uses) > 1 { // at is the place of the last one, or a mark before it took it
			if at, _, err = find(f, u.mark); err != nil {
				return -1, err
			}
		}
		if _, err := f.WriteAt(u.mark[:], at); err != nil {
			return -1, err
		}
	}
	r.sweep(hourOf(now))
	return -1, nil
}

// find looks for a mark. at is the place where it is, or is to be written.
func find(f *os.File, mark [markSize]byte) (at int64, found bool, err error) {
	var page [pageSize]byte
	hash := binary.LittleEndian.Uint64(mark[8:])
	level, pages := int64(0), int64(firstLevel)
	for range maxLevels {
		start := (level + int64(hash%uint64(pages))) * pageSize
		n, err := f.ReadAt(page[:], start)
		if err != nil && err != io.EOF {
			return 0, false, err
		}
		clear(page[n:])
		for i := 0; i < pageSize; i += markSize {
			place := page[i : i+markSize]
			if bytes.Equal(place, mark[:]) {
				return start + int64(i), true, nil
			}
			if bytes.Equal(place, free[:]) {
				return start + int64(i), false, nil
			}
		}
		level, pages = level+pages, 4*pages
	}
	return 0, false, errFull
}

var free [markSize]byte

// open makes the directory and opens its lock. The caller holds mu.
func (r *replays) open() error {
	if r.lock != nil {
		return nil
	}
	if err := durable.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(r.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	r.lock, r.files = f, map[int64]*os.File{}
	return nil
}

// file is the file of an hour. The caller holds mu.
func (r *replays) file(hour int64) (*os.File, error) {
	if f := r.files[hour]; f != nil {
		return f, nil
	}
	if len(r.files) >= keptHours {
		r.closeFiles()
	}
	name := time.Unix(hour*3600, 0).UTC().Format(hourForm) + suffix
	f, err := os.OpenFile(filepath.Join(r.dir, name), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", f.Name())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	r.files[hour] = f
	return f, nil
}

// sweep removes the files of long ago, once in an hour. The caller holds mu.
func (r *replays) sweep(hour int64) {
	if r.swept == hour {
		return
	}
	r.swept = hour
	for at, f := range r.files {
		if at < hour-keptHours {
			f.Close()
			delete(r.files, at)
		}
	}
	all, _ := os.ReadDir(r.dir) // what cannot be removed is only in the way
	for _, e := range all {
		text, ok := strings.CutSuffix(e.Name(), suffix)
		if t, err := time.Parse(hourForm, text); ok && err == nil && hourOf(t) < hour-keptHours {
			os.Remove(filepath.Join(r.dir, e.Name()))
		}
	}
}

func (r *replays) closeFiles() {
	for _, f := range r.files {
		f.Close()
	}
	clear(r.files)
}

func (r *replays) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lock == nil {
		return nil
	}
	r.closeFiles()
	err := r.lock.Close()
	r.lock = nil
	return err
}
