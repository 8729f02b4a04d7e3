package home

import (
	"fmt"
	"io"
	"os"
	"strings"

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
	f, err := os.Open(file)
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
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return nil, fmt.Errorf("the first line of the passphrase file %q is empty", file)
	}
	return []byte(line), nil
}
