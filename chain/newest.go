package chain

import (
	"os"
	"path/filepath"
	"slices"
	"time"
)

// settle finds out which day file is the newest and which one is to be written
// at this time, and takes the reference's locks for both. Newest is "" in an
// empty log. A file older than the newest is never written.
func (l *Log) settle(now time.Time) (newest, target string, err error) {
	for _, d := range l.days {
		if _, err := d.acquire(l.patience); err != nil {
			return "", "", err
		}
	}
	for {
		if err := l.look(); err != nil {
			return "", "", err
		}
		newest = ""
		if n := len(l.seen.days); n > 0 {
			newest = l.seen.days[n-1]
		}
		target = max(newest, dayFile(now))
		want := slices.Compact(slices.DeleteFunc([]string{newest, target}, func(s string) bool { return s == "" }))
		if slices.EqualFunc(l.days, want, func(d *fileLock, name string) bool {
			return d.path == filepath.Join(l.dir, name+lockSuffix)
		}) {
			return newest, target, nil
		}
		for _, d := range l.days {
			d.close()
		}
		l.days = nil
		for _, name := range want {
			d := &fileLock{path: filepath.Join(l.dir, name+lockSuffix)}
			l.days = append(l.days, d)
			if _, err := d.acquire(l.patience); err != nil {
				return "", "", err
			}
		}
		// Somebody may have begun a newer file before the locks were ours.
	}
}

func (l *Log) releaseDays() {
	for _, d := range l.days {
		if d.f != nil && d.wait == nil {
			d.release()
		}
	}
}

// racyMargin: within it a folder can change twice and show one modification
// time. FAT counts in two seconds, the others are finer.
const racyMargin = 2 * time.Second

// look brings l.seen up to date. It reads the folder only if its modification
// time is new, or so recent that it may not show the last change.
func (l *Log) look() error {
	st, err := os.Stat(l.dir)
	if err != nil {
		return err
	}
	if !l.racy && st.ModTime().Equal(l.seenAt) {
		return nil
	}
	start := time.Now()
	if l.seen, err = list(l.dir); err != nil {
		l.racy = true
		return err
	}
	l.seenAt, l.racy = st.ModTime(), start.Sub(st.ModTime()) < racyMargin
	for _, pending := range l.seen.pending {
		if err := l.oweTorn(pending); err != nil {
			return err
		}
	}
	return nil
}
