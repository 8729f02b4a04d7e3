package chain

import (
	"context"
	"fmt"
	"io"
	"slices"
)

// Files returns the names of the files that a copy of the log must have: the day files,
// oldest first, and the quarantined partial records.
func (s *Snapshot) Files() []string { return slices.Concat(s.days, s.torn, s.pending) }

// CopyFile writes one of [Snapshot.Files] to w, as it stands: a day file as far as it
// belongs to the snapshot, and a compressed one uncompressed.
func (s *Snapshot) CopyFile(w io.Writer, name string) error {
	if i := slices.Index(s.days, name); i >= 0 {
		r, size, err := s.open(context.Background(), i, false)
		if err != nil {
			return err
		}
		defer r.Close()
		if _, err = io.Copy(w, io.NewSectionReader(r, 0, size)); err == nil && damage(r) != nil {
			err = damaged(damage(r))
		}
		return err
	}
	if !slices.Contains(s.torn, name) && !slices.Contains(s.pending, name) {
		return fmt.Errorf("%q is no file of the log", name)
	}
	f, _, err := openFile(s.fsys, name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
