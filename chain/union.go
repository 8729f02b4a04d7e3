package chain

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// With returns the log with the days in other directories, to which days of it were
// moved. Of a day that is in several, the first counts: that of s before all others.
func (s *Snapshot) With(dirs ...string) (*Snapshot, error) {
	all := union{at: map[string]fs.FS{}, first: s.fsys}
	w := &Snapshot{fsys: all, dir: s.dir, listing: s.listing, newest: s.newest}
	w.days, w.torn = slices.Clone(s.days), slices.Clone(s.torn)
	w.packed = map[string]bool{}
	for day := range s.packed {
		w.packed[day] = true
	}
	for _, dir := range dirs {
		fsys := dirFS(dir)
		l, err := list(fsys)
		if err != nil {
			return nil, err
		}
		if len(l.days) == 0 {
			return nil, fmt.Errorf("%s has no day of a log", dir)
		}
		for _, day := range l.days {
			if slices.Contains(w.days, day) {
				continue
			}
			w.days = append(w.days, day)
			if l.packed[day] {
				w.packed[day] = true
			}
			all.at[day], all.at[day+packedSuffix], all.at[day+besideSuffix] = fsys, fsys, fsys
		}
		for _, torn := range l.torn {
			if !slices.Contains(w.torn, torn) {
				w.torn = append(w.torn, torn)
				all.at[torn] = fsys
			}
		}
	}
	slices.Sort(w.days)
	slices.Sort(w.torn)
	if n := len(w.days); n > 0 && (len(s.days) == 0 || w.days[n-1] != s.days[len(s.days)-1]) {
		return nil, errors.New("days in other directories are newer than those of the log")
	}
	return w, nil
}

// union is a log's directory, with files of others.
type union struct {
	first fs.FS
	at    map[string]fs.FS // where a file is that is not in the first
}

func (u union) Open(name string) (fs.File, error) {
	if fsys := u.at[name]; fsys != nil {
		return fsys.Open(name)
	}
	return u.first.Open(name)
}

func (u union) Stat(name string) (fs.FileInfo, error) {
	if fsys := u.at[name]; fsys != nil {
		return fs.Stat(fsys, name)
	}
	return fs.Stat(u.first, name)
}
