package chain

import (
	"context"
	"fmt"
	"io"
	"slices"
)

// Files returns the names of the files that a copy of the log must have: the day files,
// oldest first, the quarantined partial records, and the ends of days that were archived.
func (s *Snapshot) Files() []string { return slices.Concat(s.days, s.torn, s.pending, s.endsFiles()) }

func (s *Snapshot) endsFiles() (all []string) {
	for _, day := range s.ends {
		all = append(all, EndsFile(day))
	}
	return all
}

// Archived calls take for each record of the days that were archived and are not there
// ([Snapshot.Gone]), oldest first: of its day's ends.
func (s *Snapshot) Archived(ctx context.Context, take func(RecordEnd) error) error {
	for _, day := range s.Gone() {
		if err := s.readEnds(ctx, day, take); err != nil {
			return fmt.Errorf("%s: %w", EndsFile(day), err)
		}
	}
	return nil
}

// CopyFile writes one of [Snapshot.Files] to w: a day file as far as it
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
	if !slices.Contains(s.Files(), name) {
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
