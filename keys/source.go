package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// The kinds of Source, as in FORMAT.md, "The source".
const (
	Keychain          = "keychain"
	PassphraseFile    = "passphrase-file"
	PassphraseCommand = "passphrase-command"
)

// Source says where the passphrase of an encrypted key comes from when nobody can
// be asked. It never has the passphrase itself.
type Source struct {
	Kind    string   // Keychain, PassphraseFile or PassphraseCommand
	Entry   string   // Keychain: the account in the keychain
	File    string   // PassphraseFile: an absolute path; the first line is the passphrase
	Command []string // PassphraseCommand: an absolute path and arguments; the first line of the output is the passphrase
}

// String describes the source for people.
func (s *Source) String() string {
	switch s.Kind {
	case PassphraseFile:
		return fmt.Sprintf("the file %q", s.File)
	case PassphraseCommand:
		return fmt.Sprintf("the command %q", s.Command[0]) // its arguments may be private
	}
	return "the keychain"
}

// maxArguments is the maximum number of words of a passphrase command.
const maxArguments = 64

// bad says what is wrong with s; "" if nothing is.
func (s *Source) bad() string {
	var want Source
	switch s.Kind {
	case Keychain:
		want = Source{Entry: s.Entry}
		if s.Entry == "" || len(s.Entry) > 256 {
			return `"entry" is not 1 to 256 bytes`
		}
	case PassphraseFile:
		want = Source{File: s.File}
		if !filepath.IsAbs(s.File) || strings.ContainsRune(s.File, 0) {
			return `"file" is not an absolute path`
		}
	case PassphraseCommand:
		want = Source{Command: s.Command}
		if len(s.Command) == 0 || len(s.Command) > maxArguments || !filepath.IsAbs(s.Command[0]) {
			return `"command" is not an absolute path and up to 63 arguments`
		}
		if strings.ContainsRune(strings.Join(s.Command, ""), 0) {
			return `"command" has a NUL`
		}
	default:
		return `"source" is not known; known are keychain, passphrase-file, passphrase-command`
	}
	if s.Entry != want.Entry || s.File != want.File || !slices.Equal(s.Command, want.Command) {
		return "it has a member of another source"
	}
	return ""
}

func (s Store) sourcePath(name string) string { return filepath.Join(s.Dir, name+".unlock.json") }

// Source returns where the passphrase of the key name comes from. The error wraps
// [fs.ErrNotExist] if the key has no source. It is a [*FileError] for an invalid
// file, or one that others can change, because it may name a command.
func (s Store) Source(name string) (*Source, error) {
	src, _, err := s.readSource(name)
	return src, err
}

func (s Store) readSource(name string) (*Source, []byte, error) {
	if err := checkName(name); err != nil {
		return nil, nil, err
	}
	path := s.sourcePath(name)
	b, mode, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	if runtime.GOOS != "windows" { // Windows has no such bits
		if mode&0o022 != 0 {
			return nil, nil, &FileError{path, fmt.Sprintf("others can change it (mode %04o)", mode), "chmod 600 it"}
		}
		if st, err := os.Stat(s.Dir); err == nil && st.Mode()&0o022 != 0 {
			return nil, nil, &FileError{path, fmt.Sprintf("others can change its directory (mode %04o)", st.Mode().Perm()), "chmod 700 that"}
		}
	}
	src, reason := parseSource(b, name)
	if reason != "" {
		return nil, nil, &FileError{path, reason, "delete it, and protect the key again: signet-wrap identity protect --help"}
	}
	return src, b, nil
}

// parseSource reads the .unlock.json file of name.
func parseSource(b []byte, name string) (*Source, string) {
	known := []string{"v", "name", "source", "entry", "file", "command"}
	o := parseObject(b, known...)
	for member := range o.member {
		if !slices.Contains(known, member) {
			o.fail("it has an unknown member")
		}
	}
	if o.uint("v") != 1 {
		o.fail(`"v" is not 1, the only version known`)
	}
	if o.str("name") != name {
		o.fail(`"name" does not match the file's name`)
	}
	s := &Source{Kind: o.str("source")}
	if o.has("entry") {
		s.Entry = o.str("entry")
	}
	if o.has("file") {
		s.File = o.str("file")
	}
	if o.has("command") {
		s.Command = o.strs("command")
	}
	if o.reason == "" {
		o.fail(s.bad())
	}
	return s, o.reason
}

// strs returns the member name, an array of strings.
func (o *object) strs(name string) (list []string) {
	d := jsontext.NewDecoder(bytes.NewReader(o.member[name]))
	if d.PeekKind() != '[' {
		o.fail(fmt.Sprintf("%q is not an array", name))
		return nil
	}
	d.ReadToken()
	for d.PeekKind() == '"' {
		tok, _ := d.ReadToken() // no error: parseObject has read it all
		list = append(list, tok.String())
	}
	if d.PeekKind() != ']' {
		o.fail(fmt.Sprintf("%q has an element that is not a string", name))
	}
	return list
}

func formatSource(name string, s *Source) []byte {
	b := fmt.Appendf(nil, `{"v":1,"name":%q,"source":%q`, name, s.Kind)
	switch s.Kind {
	case Keychain:
		b = canon.AppendString(append(b, `,"entry":`...), s.Entry)
	case PassphraseFile:
		b = canon.AppendString(append(b, `,"file":`...), s.File)
	case PassphraseCommand:
		b = append(b, `,"command":`...)
		for i, word := range s.Command {
			b = canon.AppendString(append(b, "[,"[min(i, 1)]), word)
		}
		b = append(b, ']')
	}
	return indent(append(b, '}'))
}

// Protect encrypts the key name with passphrase, and sets src as the source that
// gives it. A key that is encrypted with another passphrase is encrypted again; old
// returns that passphrase. If passphrase already opens the key, only the source is
// set.
//
// The key can be opened at all times: the source is on the disk before the key is
// encrypted with its passphrase, and the new key file was opened before it replaces
// the old one.
//
// The error is one of those of Load, [ErrHeld], or a [*FileError] for a key file
// that others have access to. After an error the key and its source are unchanged,
// unless the disk cannot say whether the key file was replaced: then both are the
// new ones.
func (s Store) Protect(name string, src *Source, passphrase []byte, old func() ([]byte, error)) error {
	if len(passphrase) == 0 {
		return errors.New("an empty passphrase protects nothing")
	}
	if reason := src.bad(); reason != "" {
		return fmt.Errorf("the source of the passphrase: %s", reason)
	}
	return s.rewrite(name, func(sec *secret, before []byte) error {
		opens := false
		if sec.encrypted() {
			_, err := sec.open(passphrase)
			opens = err == nil
		}
		var after []byte
		if !opens {
			seed, err := s.seed(sec, old)
			if err != nil {
				return err
			}
			if after, err = sealed(name, seed, passphrase); err != nil {
				return err
			}
		}
		undo, err := s.setSource(name, src)
		if err != nil || opens {
			return err
		}
		_, err = durable.Replace(s.keyPath(name), before, after)
		if err == nil {
			return nil
		}
		// Restore the old source only if the old key is certainly there.
		if now, _, rerr := readFile(s.keyPath(name)); rerr == nil && bytes.Equal(now, before) {
			err = errors.Join(err, undo())
		}
		return err
	})
}

// Unprotect makes the key name a plain file again and removes its source. old
// returns the passphrase of an encrypted key. The caller removes what a keychain
// has. After a crash the key is plain or unchanged. The errors are those of
// Protect.
func (s Store) Unprotect(name string, old func() ([]byte, error)) error {
	return s.rewrite(name, func(sec *secret, before []byte) error {
		if sec.encrypted() {
			seed, err := s.seed(sec, old)
			if err != nil {
				return err
			}
			if _, err := durable.Replace(s.keyPath(name), before, formatSecret(name, seed)); err != nil {
				return err
			}
		}
		err := os.Remove(s.sourcePath(name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return errors.Join(err, durable.SyncDir(s.Dir))
	})
}

// rewrite calls change with the .key file of name, under the lock of the store.
func (s Store) rewrite(name string, change func(*secret, []byte) error) error {
	if err := checkName(name); err != nil {
		return err
	}
	if _, _, err := s.secret(name); err != nil { // before a lock file is made
		return err
	}
	unlock, err := s.lock(lockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	path := s.keyPath(name)
	b, mode, err := readFile(path)
	if err != nil {
		return err
	}
	defer clear(b)
	if runtime.GOOS != "windows" && mode&0o077 != 0 {
		return &FileError{path, fmt.Sprintf("others have access to it (mode %04o)", mode), "chmod 600 it"}
	}
	sec, reason := parseSecret(b, name)
	if reason != "" {
		return &FileError{path, reason, s.recover(name)}
	}
	if sec.held != nil {
		return fmt.Errorf("key %q: %w", name, ErrHeld)
	}
	return change(sec, b)
}

// seed returns the seed of sec, checked against the public half.
func (s Store) seed(sec *secret, passphrase func() ([]byte, error)) (seed []byte, err error) {
	seed = sec.seed
	if sec.encrypted() {
		if seed, err = unlockSeed(sec, passphrase); err != nil {
			return nil, fmt.Errorf("key %q: %w", sec.name, err)
		}
	}
	pub, err := s.readPublic(sec.name)
	if errors.Is(err, fs.ErrNotExist) {
		return seed, nil
	}
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(pub.Key, publicOf(seed)) {
		return nil, s.foreign(sec.name)
	}
	return seed, nil
}

// sealed is seal with a check that the result can be opened.
func sealed(name string, seed, passphrase []byte) ([]byte, error) {
	b := seal(name, seed, passphrase, defaultKDF)
	sec, reason := parseSecret(b, name)
	if reason != "" {
		return nil, fmt.Errorf("the key would not be readable: %s", reason)
	}
	again, err := sec.open(passphrase)
	if err != nil || !bytes.Equal(seed, again) {
		return nil, errors.New("the encrypted key could not be opened; the key is unchanged")
	}
	return b, nil
}

// setSource writes the source of name; undo restores the one before.
func (s Store) setSource(name string, src *Source) (undo func() error, err error) {
	path, b := s.sourcePath(name), formatSource(name, src)
	_, former, err := s.readSource(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return func() error { return os.Remove(path) }, durable.WriteNew(path, b, 0o600)
	case err != nil:
		return nil, err
	}
	_, err = durable.Replace(path, former, b)
	return func() error { _, err := durable.Replace(path, b, former); return err }, err
}
