package chain

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// scene is what an append finds when it has the locks.
type scene struct {
	clock  time.Time // what it says
	newest string    // day file, "" in an empty log
	target string    // the day file to be written: never one older than the newest
	fresh  bool      // names in the directory may stand for other files than before
}

// settle takes the locks: that of all writers and, for the newest day file and
// the one to be written, those of the reference.
func (l *Log) settle() (s scene, err error) {
	for deadline := time.Now().Add(l.patience); ; {
		opened, err := l.acquire()
		if err != nil {
			return s, err
		}
		changed, err := l.look(opened)
		good := !changed || l.locksNamed()
		if err != nil && (good || !errors.Is(err, fs.ErrNotExist)) {
			return s, err
		}
		s = scene{clock: l.o.Now(), fresh: s.fresh || changed}
		if n := len(l.seen.days); n > 0 {
			s.newest = l.seen.days[n-1]
		}
		s.target = max(s.newest, dayFile(s.clock))
		want := []string{s.newest, s.target}
		if s.newest == "" || s.newest == s.target {
			want = want[1:]
		}
		if good && slices.EqualFunc(l.days, want, func(d *fileLock, day string) bool { return d.day == day }) {
			moved, err := l.quarantineFuture(s)
			if err != nil {
				return s, fmt.Errorf("quarantine a day file of the future: %w", err)
			}
			if !moved {
				return s, nil
			}
			l.racy = true
			continue
		}
		if time.Now().After(deadline) {
			return s, l.lock.busy(l.patience)
		}
		for _, d := range l.days {
			d.close()
		}
		l.days = nil
		if !good {
			l.lock.close()
			continue
		}
		for _, day := range want {
			l.days = append(l.days, &fileLock{path: filepath.Join(l.dir, day+lockSuffix), day: day})
		}
		// Somebody may have begun a newer file before the locks were ours.
	}
}

// Bounds of what is done about day files of the future: how many are moved before
// the directory is read again, and about how many lines of one are looked at.
const (
	maxFuture      = 1000
	maxFutureLines = 100
)

// quarantineFuture takes day files of days that the clock has not reached away
// from the log's end, if nothing shows that a writer of this home has begun them:
// they were planted, or a writer whose clock was wrong died before it wrote
// anything, and whoever followed one would write no other file until that day.
// They become torn lines, of which an event tells. Other files are followed; the
// clock, then, is behind: see watchClock.
func (l *Log) quarantineFuture(s scene) (moved bool, err error) {
	if l.o.Check == nil || !s.fresh {
		return false, nil
	}
	now := s.clock.Add(clockSlack)
	for i := len(l.seen.days) - 1; i >= max(0, len(l.seen.days)-maxFuture) && dayOf(l.seen.days[i]).After(now); i-- {
		name := l.seen.days[i]
		begun, stray, err := l.begun(name)
		if err != nil {
			return moved, err
		}
		if begun {
			break
		}
		to, err := unused(filepath.Join(l.dir, name+tornInfix+"0"))
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

// begun says whether a writer of this home has begun a day file: then one of its
// first records is signed by a key that is known, and is of that day. Older ones
// can be copied there, or the file of another day renamed. stray is the newest of
// these that was signed to stand where it stands: the log may miss it.
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
	b := blocks{f: tether{f, &left}, size: st.Size()}
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

// acquire takes the locks that this Log knows of, those of all writers first.
// opened says that one of them is new.
func (l *Log) acquire() (opened bool, err error) {
	opened, err = l.lock.acquire(l.patience)
	for _, d := range l.days {
		if err != nil {
			break
		}
		var first bool
		first, err = d.acquire(l.patience)
		opened = opened || first
	}
	return opened, err
}

// locksNamed says whether the locks that are held count.
func (l *Log) locksNamed() bool {
	return l.lock.named() && !slices.ContainsFunc(l.days, func(d *fileLock) bool { return !d.named() })
}

// release lets others have the locks.
func (l *Log) release() {
	for _, d := range l.days {
		d.release()
	}
	l.lock.release()
}

// racyMargin: within it a directory can change twice and show one modification
// time. FAT counts in two seconds, the others are finer.
const racyMargin = 2 * time.Second

// look brings l.seen up to date. It reads the directory only if that is another
// one or has changed, or has changed so recently that its time may not show the
// last change; or if it must. It says whether it did. If not, each name stands for
// the file that it stood for.
func (l *Log) look(must bool) (changed bool, err error) {
	at, err := stampOf(l.dir)
	if err != nil {
		return true, err
	}
	if !must && !l.racy && at == l.seenAt {
		return false, nil
	}
	start := time.Now()
	if l.seen, err = list(dirFS(l.dir)); err != nil {
		l.racy = true
		return true, err
	}
	l.seenAt, l.racy = at, start.Sub(at.modified()) < racyMargin
	return true, nil
}
