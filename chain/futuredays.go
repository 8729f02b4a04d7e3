package chain

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// Limits for day files of the future: how many are moved before the directory is
// read again, and how many lines of one are read.
const (
	maxFuture      = 1000
	maxFutureLines = 100
)

// quarantineFuture moves day files of days that the clock has not reached away from
// the log's end, unless a writer of this home has begun them. Such a file was
// planted, or a writer with a wrong clock died before it wrote anything; a writer
// that continued it would write no other file until that day. Each becomes a torn
// line, with an event. Files that a writer of this home has begun are continued;
// then the clock was set back: see watchClock.
func (l *Log) quarantineFuture(s dayFileState) (moved bool, err error) {
	if l.o.Check == nil || !s.fresh {
		return false, nil
	}
	now := s.clock.Add(clockSlack)
	for i := len(l.seen.days) - 1; i >= max(0, len(l.seen.days)-maxFuture) && dayOf(l.seen.days[i]).After(now); i-- {
		name := l.seen.days[i]
		var begun bool
		var stray place
		if l.seen.packed[name] {
			name += packedSuffix // no writer compresses a day to come
		} else {
			begun, stray, err = l.begun(name)
		}
		if err != nil {
			return moved, err
		}
		if begun {
			break
		}
		to, err := unused(filepath.Join(l.dir, l.seen.days[i]+tornInfix+"0"))
		if err != nil {
			return moved, err
		}
		if err := os.Rename(filepath.Join(l.dir, name), to); err != nil {
			return moved, err
		}
		if moved = true; stray.File != "" {
			l.stray = stray
		}
	}
	if moved {
		err = durable.SyncDir(l.dir)
	}
	return moved, err
}

// begun says whether a writer of this home has begun a day file: one of its first
// records is signed by a known key, and has a time of that day. Older records may
// have been copied there, or the file of another day renamed. stray is the newest
// of these that was signed for the place where it is: the log may lack it.
func (l *Log) begun(name string) (begun bool, stray place, err error) {
	f, st, err := openRegular(filepath.Join(l.dir, name), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrPermission) {
		return false, stray, nil
	}
	if err != nil {
		return false, stray, err
	}
	defer f.Close()
	left := int64(maxBack)
	b := blocks{f: limitedReaderAt{f, &left}, size: st.Size()}
	buf := make([]byte, tailChunk)
	for n := 0; n < maxFutureLines; {
		block, end, err := b.next(buf)
		var long *tooLong
		switch {
		case err == io.EOF, errors.Is(err, errTooFar):
			return false, stray, nil
		case errors.As(err, &long):
			n++
			continue
		case err != nil:
			return false, stray, err
		}
		for line := range bytes.Lines(block) {
			n, end = n+1, end+int64(len(line))
			r, err := parseRecord(bytes.TrimSuffix(line, []byte{'\n'}))
			if err != nil || !r.intact() {
				continue
			}
			if _, known := l.o.Check(r.receipt, r.prev); !known {
				continue
			}
			if dayFile(r.latest()) == name {
				return true, stray, nil
			}
			if elsewhere, _ := l.o.Check(r.receipt, r.hash); !elsewhere {
				stray = place{Position{name, end}, r.hash}
			}
		}
	}
	return false, stray, nil
}
