package chain

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

// dayFileState is what an append finds when it has the locks.
type dayFileState struct {
	clock  time.Time // the time that the clock says
	newest string    // day file; "" in an empty log
	target string    // the day file to write: never one older than the newest
	fresh  bool      // names in the directory may be other files than before
}

// settle takes the locks: that of all our writers and those of the reference, for
// the newest day file and the one to write.
func (l *Log) settle() (s dayFileState, err error) {
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
		s = dayFileState{clock: l.o.Now(), fresh: s.fresh || changed}
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
			if !moved && !(l.seen.packed[s.newest] && s.target == s.newest) {
				return s, nil
			}
			if !moved { // somebody has compressed the day that goes on
				if err := restore(filepath.Join(l.dir, s.newest)); err != nil && !errors.Is(err, fs.ErrExist) {
					return s, fmt.Errorf("expand %s%s: %w", s.newest, packedSuffix, err)
				}
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
		// Another writer may have begun a newer file before we got the locks.
	}
}

// acquire takes the locks that this Log has opened, that of all our writers first.
// opened says that one of them was opened just now.
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

// locksNamed says whether the locks that are held are valid: their files still have
// their names.
func (l *Log) locksNamed() bool {
	return l.lock.named() && !slices.ContainsFunc(l.days, func(d *fileLock) bool { return !d.named() })
}

// release lets other writers have the locks.
func (l *Log) release() {
	for _, d := range l.days {
		d.release()
	}
	l.lock.release()
}

// racyMargin is the time in which a directory can change twice with one
// modification time. FAT counts in two seconds, the others are finer.
const racyMargin = 2 * time.Second

// look updates l.seen. It reads the directory only if must is set, if the directory
// is another one or has changed, or if it changed so recently that its time may not
// show the last change. changed says whether it was read. If not, each name is
// still the same file.
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
