package check

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/keys"
)

// A Trust says whether a key may have signed a receipt of the time at, which is
// presented now. It returns what the key is called here. The error is
// [ErrUnknownKey], [ErrKeyNotValid], or one that says why it cannot be known. It is
// called by several goroutines at once.
type Trust func(key ed25519.PublicKey, at, now time.Time) (who string, err error)

var (
	// ErrUnknownKey says that a key is not trusted at any time.
	ErrUnknownKey = errors.New("the key is not known")
	// ErrKeyNotValid says that a key is trusted, but not for this time.
	ErrKeyNotValid = errors.New("the key is not trusted for this time")
)

// Keys trusts these keys, at any time.
func Keys(trusted ...ed25519.PublicKey) Trust {
	return func(key ed25519.PublicKey, _, _ time.Time) (string, error) {
		if slices.ContainsFunc(trusted, func(k ed25519.PublicKey) bool { return k.Equal(key) }) {
			return FormatKey(key), nil
		}
		return "", ErrUnknownKey
	}
}

// AnyOf trusts what one of several trusts. If none does, the error is the gravest of
// theirs: that something cannot be known, before that a key is not valid now.
func AnyOf(several ...Trust) Trust {
	return func(key ed25519.PublicKey, at, now time.Time) (string, error) {
		name, worst := "", ErrUnknownKey
		for _, trust := range several {
			who, err := trust(key, at, now)
			switch {
			case err == nil:
				return who, nil
			case errors.Is(err, ErrUnknownKey):
			case errors.Is(err, ErrKeyNotValid) && !errors.Is(worst, ErrUnknownKey):
			default:
				name, worst = who, err
			}
		}
		return name, worst
	}
}

// TrustFile trusts the keys in a trust file (keys/FORMAT.md, "Trust files"), each
// from its valid-after until its valid-before. After valid-before no receipt of the
// key passes, whatever time it claims. The file is read at the first call, and again
// when it has changed. As long as it cannot be read, no call passes.
func TrustFile(path string) Trust {
	f := &trustFile{path: path}
	return f.trust
}

type trustFile struct {
	path string

	mu    sync.Mutex // guards all below
	stamp os.FileInfo
	lines []keys.TrustLine
}

func (f *trustFile) trust(key ed25519.PublicKey, at, now time.Time) (string, error) {
	lines, err := f.read()
	if err != nil {
		return "", err
	}
	return Granted(lines, key, at, now)
}

// Granted is the decision of [TrustFile] for the lines of a trust file.
func Granted(lines []keys.TrustLine, key ed25519.PublicKey, at, now time.Time) (who string, err error) {
	err = ErrUnknownKey
	for _, l := range lines {
		if !l.Key.Equal(key) {
			continue
		}
		who = strings.Join(l.Principals, ", ")
		if !at.Before(l.After) && (l.Before.IsZero() || !at.After(l.Before) && !now.After(l.Before)) {
			return who, nil
		}
		err = ErrKeyNotValid
	}
	return who, err
}

// read returns the lines of the file as it is now.
func (f *trustFile) read() ([]keys.TrustLine, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	st, err := os.Stat(f.path)
	if err != nil {
		f.stamp = nil
		return nil, err
	}
	if s := f.stamp; s != nil && os.SameFile(s, st) && s.Size() == st.Size() && s.ModTime().Equal(st.ModTime()) {
		return f.lines, nil
	}
	f.stamp = nil
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, keys.MaxTrust+1))
	if err != nil {
		return nil, err
	}
	lines, err := keys.ParseTrust(b)
	if err != nil {
		return nil, fmt.Errorf("the trust file %s: %w", f.path, err)
	}
	f.stamp, f.lines = st, lines
	return lines, nil
}

// FormatKey is a public key as receipts have it.
func FormatKey(key ed25519.PublicKey) string {
	return "ed25519:" + base64.StdEncoding.EncodeToString(key)
}
