package chain

import "io"

// TakeSnapshotUnlocked is [TakeSnapshot] for those who look again and again, and must
// keep no writer waiting: it takes no lock. The snapshot ends with the last whole line
// that is there. A writer takes its records away again if it could not sync them, so the
// newest may be gone when it is taken the next time.
func TakeSnapshotUnlocked(dir string) (*Snapshot, error) {
	s := &Snapshot{fsys: dirFS(dir), dir: dir}
	var err error
	if s.listing, err = list(s.fsys); err != nil {
		return nil, err
	}
	if err := s.measure(); err != nil {
		return nil, err
	}
	if len(s.days) == 0 || s.newest == unknownSize {
		return s, nil
	}
	f, size, err := openFile(s.fsys, s.days[len(s.days)-1])
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s.newest, err = wholeLines(f.(io.ReaderAt), size)
	return s, err
}

// End is where the snapshot ends: what is appended later is after it.
func (s *Snapshot) End() Position {
	if len(s.days) == 0 {
		return Position{}
	}
	return Position{s.days[len(s.days)-1], s.newest}
}
