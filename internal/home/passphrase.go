package home

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

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
	b, err := readPassphrase(path)
	if err != nil {
		return nil, fmt.Errorf("reading the passphrase: %w", err)
	}
	if len(b) > maxPassphrase {
		return nil, fmt.Errorf("the passphrase file %q is longer than %d bytes", file, maxPassphrase)
	}
	return firstLine(fmt.Sprintf("the passphrase file %q", file), b)
}

// pipeLimit bounds the wait for a passphrase file that is a pipe: nobody may ever
// write to it, and a client waits for the call. Somebody may have to type
// something first. Tests lower it.
var pipeLimit = 30 * time.Second

func readPassphrase(path string) ([]byte, error) {
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		f, err := os.Open(path)
		if err != nil {
			done <- result{nil, err}
			return
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, maxPassphrase+1))
		done <- result{b, err}
	}()
	select {
	case r := <-done:
		return r.b, r.err
	case <-time.After(pipeLimit): // the reading goroutine stays: nothing else ends an open
		return nil, fmt.Errorf("nothing came from %q within %v", path, pipeLimit)
	}
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
