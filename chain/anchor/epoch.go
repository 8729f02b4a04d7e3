package anchor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// epochDir is where the files of an epoch go when it has ended; the first is 1.
func (s *Store) epochDir(n int) string { return filepath.Join(s.Dir, fmt.Sprintf("epoch-%d", n)) }

// epochs are the directories of those that have ended, oldest first.
func (s *Store) epochs() (dirs []string) {
	for n := 1; ; n++ {
		dir := s.epochDir(n)
		if _, err := os.Lstat(filepath.Join(dir, policyName)); err != nil {
			return dirs
		}
		dirs = append(dirs, dir)
	}
}

// NewEpoch puts away all that the store has of the log so far, and begins anew
// with the same witnesses under another origin and key: for a log that does not
// go on from what was anchored. What was there stays in a directory of its own,
// and verification goes on telling of it.
func (s *Store) NewEpoch(origin string) (*Store, error) {
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	o := Settings{Origin: origin, Witnesses: s.Policy.Witnesses, Quorum: s.Policy.Need(), TSARoots: s.roots, Config: s.Config}
	if origin == s.Policy.Log.Name() {
		return nil, errors.New("a new epoch has another origin: its witnesses know this one")
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
