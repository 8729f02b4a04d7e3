package keys

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// A Store is a directory of key files. Its methods may be called at the same time,
// by several processes too. It touches no file before a method is called.
type Store struct{ Dir string }

// Paths returns the paths of the two halves of the key name.
func (s Store) Paths(name string) (private, public string) { return s.keyPath(name), s.pubPath(name) }

func (s Store) keyPath(name string) string { return filepath.Join(s.Dir, name+".key") }
func (s Store) pubPath(name string) string { return filepath.Join(s.Dir, name+".pub") }

// Generate makes the identity name of owner, who may be "". The seed is encrypted
// with passphrase; nil: it is stored plain. The store's directory is created if it
// is missing, with mode 0700.
//
// The error wraps [fs.ErrExist] if either file exists. There is one exception: a
// .key without its .pub, as a crash between the two leaves it. If passphrase opens
// it, Generate writes its .pub and succeeds.
func (s Store) Generate(name, owner string, passphrase []byte) (*Public, error) {
	if passphrase != nil && len(passphrase) == 0 {
		return nil, errors.New("an empty passphrase protects nothing")
	}
	pub, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	p := &Public{Name: name, Owner: owner, Key: pub, Created: now(), Private: true, Encrypted: passphrase != nil}
	return s.create(p, func() []byte {
		if p.Encrypted {
			return seal(name, private.Seed(), passphrase, defaultKDF)
		}
		return formatSecret(name, private.Seed())
	}, func() (*Public, error) { return s.finish(name, owner, passphrase) })
}

// create writes the two halves of a key. half completes a key whose .pub is
// missing.
func (s Store) create(p *Public, private func() []byte, half func() (*Public, error)) (*Public, error) {
	if err := checkName(p.Name); err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	unlock, err := s.lock(lockPatience)
	if err != nil {
		return nil, err
	}
	defer unlock()

	haveKey, havePub := exists(s.keyPath(p.Name)), exists(s.pubPath(p.Name))
	switch {
	case haveKey && !havePub:
		return half()
	case haveKey || havePub:
		return nil, taken(p.Name)
	case exists(s.sourcePath(p.Name)):
		return nil, &FileError{s.sourcePath(p.Name), "its key no longer exists", "delete this file first"}
	}
	if err := durable.WriteNew(s.keyPath(p.Name), private(), 0o600); err != nil {
		return nil, err
	}
	if err := durable.WriteNew(s.pubPath(p.Name), FormatPublic(p), 0o644); err != nil {
		os.Remove(s.keyPath(p.Name)) // made just now, and not used yet
		return nil, err
	}
	return p, nil
}

func taken(name string) error { return fmt.Errorf("key %q: %w", name, fs.ErrExist) }

// finish is restore for a key that matches the arguments of Generate.
func (s Store) finish(name, owner string, passphrase []byte) (*Public, error) {
	sec, _, err := s.secret(name)
	if err != nil || sec.held != nil || sec.encrypted() != (passphrase != nil) {
		return nil, taken(name)
	}
	p, err := s.restore(sec, owner, func() ([]byte, error) { return passphrase, nil })
	if errors.Is(err, ErrWrongPassphrase) {
		return nil, taken(name)
	}
	return p, err
}

// Restore writes the missing .pub of the key name, from its .key. passphrase is
// called for an encrypted one.
//
// The error wraps [ErrNoKey] if there is no .key, and [fs.ErrExist] if there is a
// .pub. Other errors are those of Load.
func (s Store) Restore(name, owner string, passphrase func() ([]byte, error)) (*Public, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	sec, _, err := s.secret(name)
	if errors.Is(err, ErrNoKey) {
		return nil, err
	}
	if exists(s.pubPath(name)) { // whatever is in the .key
		return nil, taken(name)
	}
	if err != nil {
		return nil, err
	}
	return s.restore(sec, owner, passphrase)
}

func (s Store) restore(sec *secret, owner string, passphrase func() ([]byte, error)) (*Public, error) {
	p := sec.public()
	if p == nil {
		seed, err := unlockSeed(sec, passphrase)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", sec.name, err)
		}
		p = &Public{Name: sec.name, Key: publicOf(seed), Private: true, Encrypted: true}
	}
	p.Owner, p.Created = owner, now()
	if err := durable.WriteNew(s.pubPath(sec.name), FormatPublic(p), 0o644); err != nil {
		return nil, err
	}
	return p, nil
}

// now is the time as a .pub has it: UTC, in milliseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// Load opens the key name. passphrase is called only for an encrypted key; it may
// be nil. For a key that an SSH agent holds, Load does not ask the agent; Sign
// does.
//
// The error is [ErrNoKey], [ErrPassphraseNeeded], [ErrWrongPassphrase], an error of
// passphrase, or a [*FileError]: for an invalid file, a .pub of another key, or a
// .key that is missing beside its .pub. A missing .pub and lax permissions are
// warnings: see [Key]. [Store.Advice] says what the user can do.
func (s Store) Load(name string, passphrase func() ([]byte, error)) (*Key, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	sec, warnings, err := s.secret(name)
	if errors.Is(err, ErrNoKey) && exists(s.pubPath(name)) {
		// It may have been made just now: the .key is written first.
		if sec, warnings, err = s.secret(name); errors.Is(err, ErrNoKey) {
			return nil, &FileError{s.keyPath(name), publicOnly, s.recover(name)}
		}
	}
	if err != nil {
		return nil, err
	}
	pub, err := s.readPublic(name)
	if errors.Is(err, fs.ErrNotExist) {
		// It may be in the making: the .key is written first.
		if unlock, lerr := s.lock(pubPatience); lerr == nil {
			unlock()
			pub, err = s.readPublic(name)
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		warnings = append(warnings, fmt.Sprintf("%s is missing, and verification will not know this key: restore it with %s", s.pubPath(name), s.generate(name)))
	case err != nil:
		return nil, err
	}

	k := &Key{Name: name, Warnings: warnings, held: sec.held}
	if sec.held == nil {
		seed := sec.seed
		if sec.encrypted() {
			if seed, err = unlockSeed(sec, passphrase); err != nil {
				return nil, fmt.Errorf("key %q: %w", name, err)
			}
		}
		private := ed25519.NewKeyFromSeed(seed)
		k.private = func() ed25519.PrivateKey { return private }
	}
	if pub != nil {
		if !pub.Key.Equal(k.Public()) {
			return nil, s.foreign(name)
		}
		k.Owner = pub.Owner
	}
	return k, nil
}

func unlockSeed(sec *secret, passphrase func() ([]byte, error)) ([]byte, error) {
	if passphrase == nil {
		return nil, ErrPassphraseNeeded
	}
	p, err := passphrase()
	if err != nil {
		return nil, err
	}
	return sec.open(p)
}

// Public reads the public half of the key name, without a passphrase. A .pub is
// valid without a .key, or with an invalid one: it can still verify. The error is
// [ErrNoKey], or a [*FileError] for a .pub that is invalid, belongs to another
// (plain) key, or is missing beside an encrypted .key.
func (s Store) Public(name string) (*Public, error) {
	p, err := s.look(name)
	if p == nil {
		return nil, err
	}
	return p, nil
}

// look is Public, but also returns what is wrong with the .key beside a valid .pub.
func (s Store) look(name string) (*Public, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	pub, err := s.readPublic(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	sec, _, err := s.secret(name)
	switch {
	case errors.Is(err, ErrNoKey) && pub != nil:
		return pub, nil
	case err != nil:
		return pub, err
	case pub == nil && sec.encrypted():
		return nil, &FileError{s.pubPath(name), "it is missing", "restore it with " + s.generate(name) + ", which asks for its passphrase"}
	}
	found := sec.public()
	if pub == nil {
		return found, nil
	}
	if found != nil && !pub.Key.Equal(found.Key) {
		return nil, s.foreign(name)
	}
	pub.Private, pub.Encrypted = true, sec.encrypted()
	if found != nil {
		pub.Agent = found.Agent
	}
	return pub, nil
}

// List returns what Public returns for every key in the store, by name. The error
// joins ([errors.Join]) all errors; the list is valid anyway. A missing store is
// empty.
func (s Store) List() ([]Public, error) {
	names, err := s.Names()
	if err != nil {
		return nil, err
	}
	var list []Public
	var errs []error
	for _, name := range names {
		p, err := s.look(name)
		if p != nil {
			list = append(list, *p)
		}
		errs = append(errs, err)
	}
	return list, errors.Join(errs...)
}

// Names returns the names of all keys of which the store has a file, valid or not,
// in order.
func (s Store) Names() (names []string, err error) {
	es, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range es {
		name, ext := strings.CutSuffix(e.Name(), ".key")
		if !ext {
			name, ext = strings.CutSuffix(e.Name(), ".pub")
		}
		if ext && ValidName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// secret reads the .key of name. It also returns warnings about the file.
func (s Store) secret(name string) (*secret, []string, error) {
	path := s.keyPath(name)
	b, mode, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) && link(path) { // a new file could not be created there
		return nil, nil, &FileError{path, deadLink, "restore the file, or move the link away"}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("key %q in %s: %w", name, s.Dir, ErrNoKey)
	}
	if err != nil {
		return nil, nil, err
	}
	defer clear(b)
	sec, reason := parseSecret(b, name)
	if reason != "" {
		return nil, nil, &FileError{path, reason, s.recover(name)}
	}
	return sec, s.lax(path, mode), nil
}

// lax returns warnings about permissions that let others read or replace the key.
// Windows has no such bits: a home directory there belongs to its user.
func (s Store) lax(path string, mode fs.FileMode) (warnings []string) {
	if runtime.GOOS == "windows" {
		return nil
	}
	if mode&0o077 != 0 {
		warnings = append(warnings, fmt.Sprintf("others have access to %s (mode %04o): chmod 600 it", path, mode))
	}
	if st, err := os.Stat(s.Dir); err == nil && st.Mode()&0o022 != 0 {
		warnings = append(warnings, fmt.Sprintf("others can change %s (mode %04o): chmod 700 it", s.Dir, st.Mode().Perm()))
	}
	return warnings
}

// readPublic reads the .pub of name, without its .key.
func (s Store) readPublic(name string) (*Public, error) {
	path := s.pubPath(name)
	b, _, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) && link(path) {
		err = &FileError{Path: path, Reason: deadLink}
	}
	if bad := (*FileError)(nil); errors.As(err, &bad) {
		bad.Do = s.replacePublic(name)
	}
	if err != nil {
		return nil, err
	}
	p, reason := parsePublic(b)
	if reason == "" && p.Name != name {
		reason = `"name" does not match the file's name`
	}
	if reason != "" {
		return nil, &FileError{path, reason, s.replacePublic(name)}
	}
	return p, nil
}

// deadLink says what is wrong with a symbolic link to a missing file.
const deadLink = "a link to a missing file"

func link(path string) bool {
	_, err := os.Readlink(path)
	return err == nil
}

func (s Store) foreign(name string) error {
	return &FileError{s.pubPath(name), fmt.Sprintf("not the public key of %s.key", name), s.replacePublic(name)}
}

// How long to wait for the lock. A program that makes a key holds it for some syncs
// of the disk, so one that holds it for lockPatience hangs. A call with a missing
// .pub waits only for pubPatience, because perhaps nobody makes it.
var (
	lockPatience = 5 * time.Second
	pubPatience  = time.Second
)

// lock keeps others from making or changing keys until unlock is called. The error
// is a *FileError if it could not be taken within patience.
func (s Store) lock(patience time.Duration) (unlock func(), err error) {
	path := filepath.Join(s.Dir, ".lock")
	f, err := openLock(path)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, &FileError{path, "not a regular file", "move it away: it is created again"}
	}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		got, err := durable.TryLock(f)
		if got {
			return func() { f.Close() }, nil // closing unlocks
		}
		if err == nil && time.Now().After(end) {
			err = &FileError{path, fmt.Sprintf("another program has held this lock for %v", patience),
				"find the program that has it open (lsof, fuser, or Resource Monitor) and end it"}
		}
		if err != nil {
			f.Close()
			return nil, err
		}
	}
}

func checkName(name string) error {
	if !ValidName(name) {
		return fmt.Errorf("%q cannot be the name of a key: 1 to %d of A-Z a-z 0-9 _ -", name, maxName)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func publicOf(seed []byte) ed25519.PublicKey {
	return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
}

// SetOwner changes the owner in the .pub of the key name, which is written again. The
// errors are those of Public.
func (s Store) SetOwner(name, owner string) error {
	if err := checkName(name); err != nil {
		return err
	}
	unlock, err := s.lock(lockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	p, err := s.look(name)
	if p == nil {
		return err
	}
	path := s.pubPath(name)
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) { // a plain key signs without one
		p.Owner, p.Created = owner, now()
		return durable.WriteNew(path, FormatPublic(p), 0o644)
	}
	if err != nil {
		return err
	}
	p.Owner = owner
	_, err = durable.Replace(path, old, FormatPublic(p))
	return err
}
