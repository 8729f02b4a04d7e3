package anchor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// epochDir is the directory of the n-th ended epoch, from 1.
func (s *Store) epochDir(n int) string { return filepath.Join(s.Dir, fmt.Sprintf("epoch-%d", n)) }

// epochs are the directories of the ended epochs, oldest first.
func (s *Store) epochs() (dirs []string) {
	for n := 1; ; n++ {
		dir := s.epochDir(n)
		if _, err := os.Lstat(filepath.Join(dir, policyName)); err != nil {
			return dirs
		}
		dirs = append(dirs, dir)
	}
}

// NewEpoch ends the store's epoch and begins a new one, with the same witnesses and
// another origin and key. It is for a log that does not continue what was anchored.
// The old files go to a directory epoch-N in the store, and verification still
// reports them. It returns the new store. The error is [ErrBusy], or says that
// origin is the same as before, or that files cannot be moved.
func (s *Store) NewEpoch(origin string) (*Store, error) {
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	o := Settings{Origin: origin, Witnesses: s.Policy.Witnesses, Quorum: s.Policy.Need(), TSARoots: s.roots, Config: s.Config}
	if origin == s.Policy.Log.Name() {
		return nil, errors.New("a new epoch must have a new origin: its witnesses know this one")
	}
	old := s.epochDir(len(s.epochs()) + 1)
	if err := durable.MkdirAll(old, 0o755); err != nil {
		return nil, err
	}
	// The key goes first, so that nothing is signed in between, and the policy
	// last: with it there the epoch has ended.
	for _, name := range []string{keyName, vkeyName, hashesName, checkpointName, historyName, stateName, policyName} {
		err := os.Rename(filepath.Join(s.Dir, name), filepath.Join(old, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if err := durable.SyncDir(old); err != nil {
		return nil, err
	}
	return Create(s.Dir, o)
}
