package home

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/keys"
)

// maxPassphrase bounds a passphrase file, and what a command prints, in bytes.
const maxPassphrase = 4096

// Passphrase is the first line of the file, or $SIGNET_PASSPHRASE if file is
// "". The error is keys.ErrPassphraseNeeded if neither is given.
func Passphrase(file string, getenv func(string) string) ([]byte, error) {
	if file == "" {
		if p := getenv("SIGNET_PASSPHRASE"); p != "" {
			return []byte(p), nil
		}
		return nil, keys.ErrPassphraseNeeded
	}
	path, err := Expand(file)
	if err != nil {
		return nil, fmt.Errorf("the passphrase file %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPassphrase+1))
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase: %w", err)
	}
	if len(b) > maxPassphrase {
		return nil, fmt.Errorf("the passphrase file %q is longer than %d bytes", file, maxPassphrase)
	}
	return firstLine(fmt.Sprintf("the passphrase file %q", file), b)
}

// firstLine is the passphrase in b, which came from what.
func firstLine(what string, b []byte) ([]byte, error) {
	b, err := text.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase from %s: %w", what, err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, fmt.Errorf("the first line of %s is empty, and should be the passphrase", what)
	}
	return line, nil
}
