// Package toolstore keeps the definitions of tools as servers listed them, each
// once, in a file that has its hash as its name. The log has only these hashes. After an
// incident the files show what a server said to the agent.
//
// A file, <64 hex digits>.json, holds the bytes whose SHA-256 is its name: the
// definition in canonical form (RFC 8785), or its bytes as sent where the log says
// so. `sha256sum` checks it. Nothing is signed: what a file says counts because the
// log has its hash.
//
// Files are not synced, because calls wait for the same disk. A file that a crash has
// truncated is written again when its definition is listed again.
package toolstore

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Bounds of the store, in files and bytes, and of one definition. A full store
// takes nothing more, so that a server cannot push out what it listed before.
const (
	maxFiles      = 20_000
	maxBytes      = 256 << 20
	MaxDefinition = 256 << 10 // as internal/mcpwire keeps
)

// ErrFull reports a store that takes no more.
var ErrFull = errors.New("the store of tool definitions is full")

// ErrAltered reports a file that does not hold what its name says.
var ErrAltered = errors.New("the file is not what was listed: its hash is another")

// A Store is a directory of definitions. It may be used by several goroutines, and
// by several processes.
type Store struct {
	dir string

	mu    sync.Mutex // guards all below
	files int        // in dir when it was read, and written since
	bytes int64      // of these
	read  bool
}

// New returns the store in dir, which need not exist. It touches nothing.
func New(dir string) *Store { return &Store{dir: dir} }

func (s *Store) path(hash event.Hash) string {
	return filepath.Join(s.dir, hex.EncodeToString(hash[:])+".json")
}

// Keep keeps a definition. It makes the directory if it is not there.
func (s *Store) Keep(definition []byte) error {
	if len(definition) > MaxDefinition {
		return nil
	}
	path := s.path(event.HashOf(definition))
	if st, err := os.Lstat(path); err == nil && st.Mode().IsRegular() && st.Size() == int64(len(definition)) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.measure(); err != nil {
		return err
	}
	if s.files >= maxFiles || s.bytes+int64(len(definition)) > maxBytes {
		return fmt.Errorf("%s: %w", s.dir, ErrFull)
	}
	if err := write(path, definition); err != nil {
		return err
	}
	s.files, s.bytes = s.files+1, s.bytes+int64(len(definition))
	return nil
}

// measure makes the directory, if need be, and finds out how much is in it. It
// needs mu.
func (s *Store) measure() error {
	if s.read {
		return nil
	}
	if err := durable.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	s.read = true
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			s.files, s.bytes = s.files+1, s.bytes+info.Size()
		}
	}
	return nil
}

// write puts a file at path in one step.
func write(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*") // for its owner alone
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Get is the definition with this hash. The error is fs.ErrNotExist if it was not
// kept, and [ErrAltered] if the file has been changed.
func (s *Store) Get(hash event.Hash) ([]byte, error) {
	path := s.path(hash)
	switch st, err := os.Lstat(path); {
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular() || st.Size() > MaxDefinition:
		return nil, fmt.Errorf("%s: %w", path, ErrAltered)
	}
	b, err := os.ReadFile(path)
	if err == nil && event.HashOf(b) != hash {
		err = fmt.Errorf("%s: %w", path, ErrAltered)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}
