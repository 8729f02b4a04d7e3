package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// retiredDir is where the public halves of keys are that sign no more: what they have
// signed stays known. A name may stand there several times.
func (s Store) retiredDir() string { return filepath.Join(s.Dir, "retired") }

// RetiredPath is where the public half of the key name is kept once it signs no more.
func (s Store) RetiredPath(name string, key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return filepath.Join(s.retiredDir(), name+"."+hex.EncodeToString(sum[:8])+".pub")
}

// Retired are the keys that sign no more, in the order of their files. The error joins
// all that is wrong with files; the list is good all the same.
func (s Store) Retired() (list []Public, err error) {
	entries, err := os.ReadDir(s.retiredDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var errs []error
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".pub") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		path := filepath.Join(s.retiredDir(), e.Name())
		b, _, err := readFile(path)
		if err == nil {
			p, reason := parsePublic(b)
			if reason == "" && s.RetiredPath(p.Name, p.Key) != path {
				reason = "its name is not that of the key in it"
			}
			if reason == "" {
				p.Retired = true
				list = append(list, *p)
				continue
			}
			err = &FileError{path, reason, "move it away"}
		}
		errs = append(errs, err)
	}
	return list, errors.Join(errs...)
}

// Known are the keys of the store and those that are retired, by which it is known who
// signed.
func (s Store) Known() ([]Public, error) {
	list, err := s.List()
	retired, rerr := s.Retired()
	if rerr != nil {
		err = errors.Join(err, rerr)
	}
	return append(list, retired...), err
}

// Retire has the key name sign no more: its public half moves to where Retired finds
// it, and its private half is deleted. A crash leaves it as it was, or without its
// private half; then Retire goes on.
func (s Store) Retire(name string) (*Public, error) {
	p, err := s.Public(name)
	if err != nil {
		return nil, err
	}
	unlock, err := s.lock(lockPatience)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := s.keepPublic(p); err != nil {
		return nil, err
	}
	for _, path := range []string{s.keyPath(name), s.sourcePath(name), s.pubPath(name)} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return p, durable.SyncDir(s.Dir)
}

// keepPublic writes a public half to where Retired finds it.
func (s Store) keepPublic(p *Public) error {
	if err := durable.MkdirAll(s.retiredDir(), 0o700); err != nil {
		return err
	}
	if p.Created.IsZero() {
		p.Created = now()
	}
	err := durable.WriteNew(s.RetiredPath(p.Name, p.Key), FormatPublic(p), 0o644)
	if errors.Is(err, fs.ErrExist) { // by a try that was cut short
		return nil
	}
	return err
}

// HeldKey is a key that an SSH agent holds: see AddHeld.
type HeldKey struct {
	Key    ed25519.PublicKey
	Socket string
}

// Rotate puts a new key in the place of the key name and retires that. The new one is
// next, if that is not nil; else it is made, and protected as the old one is: plain, or
// encrypted with the same passphrase, whose source stays. It returns the old key, which
// signs for the last time that it has a successor, and the new one.
//
// A crash leaves the old key or the new one, perhaps without its public half; Generate
// restores that.
func (s Store) Rotate(name string, next *HeldKey, passphrase func() ([]byte, error)) (old *Key, p *Public, err error) {
	var given []byte
	old, err = s.Load(name, func() ([]byte, error) {
		if passphrase == nil {
			return nil, ErrPassphraseNeeded
		}
		given, err = passphrase()
		return given, err
	})
	if err != nil {
		return nil, nil, err
	}
	before, err := s.Public(name)
	if err != nil {
		return nil, nil, err
	}
	unlock, err := s.lock(lockPatience)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	b, _, err := readFile(s.keyPath(name))
	if err != nil {
		return nil, nil, err
	}
	defer clear(b)
	p = &Public{Name: name, Owner: old.Owner, Created: now(), Private: true}
	var private []byte
	switch {
	case next != nil:
		if next.Key.Equal(old.Public()) {
			return nil, nil, fmt.Errorf("the key %q is that one already", name)
		}
		p.Key, p.Agent = next.Key, SSHAgent
		private = formatHeld(name, &held{next.Key, next.Socket})
	case old.held != nil:
		return nil, nil, fmt.Errorf("the key %q: %w", name, ErrHeld)
	default:
		var fresh ed25519.PrivateKey
		if p.Key, fresh, err = ed25519.GenerateKey(nil); err != nil {
			return nil, nil, err
		}
		private = formatSecret(name, fresh.Seed())
		if p.Encrypted = before.Encrypted; p.Encrypted {
			if private, err = sealed(name, fresh.Seed(), bytes.Clone(given)); err != nil {
				return nil, nil, err
			}
		}
	}
	if err := s.keepPublic(before); err != nil {
		return nil, nil, err
	}
	// Who loads the key meanwhile waits for the lock, for want of the public half.
	if err := os.Remove(s.pubPath(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	if _, err := durable.Replace(s.keyPath(name), b, private); err != nil {
		return nil, nil, errors.Join(err, durable.WriteNew(s.pubPath(name), FormatPublic(before), 0o644))
	}
	if err := durable.WriteNew(s.pubPath(name), FormatPublic(p), 0o644); err != nil {
		return nil, nil, err
	}
	if next != nil {
		if err := os.Remove(s.sourcePath(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
	}
	return old, p, nil
}
