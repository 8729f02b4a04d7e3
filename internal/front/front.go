// Package front is `signet-wrap [flags] -- COMMAND`: it reads the flags, finds
// the home folder, opens the key when it is needed, and wraps.
//
// It is apart from package cli so that the command lines that stand in clients'
// configurations need not wait for what the verbs want: see package early.
package front

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap"
)

// DefaultKey is the identity that signs if none is named, and that the first
// call makes if there is none.
const DefaultKey = "default"

// Main wraps command and returns the exit status: the server's own (and by
// its signal, if one killed it), or 125 to 127 with a line on stderr.
func Main(f Flags, command []string) int {
	if len(command) == 0 || command[0] == "" {
		Complain(os.Stderr, `no server command behind "--"`, "signet-wrap -- COMMAND [ARG...]")
		return 125
	}
	home, err := Home(f.Home, os.Getenv)
	if err != nil {
		Complain(os.Stderr, err.Error(), HomeHint)
		return 125
	}
	if f.Key == "" {
		f.Key = DefaultKey
	}
	staySmall()
	exit, err := wrap.Run(wrap.Options{
		Command:    command,
		Audit:      filepath.Join(home, "audit"),
		Signer:     func() (*sign.Signer, error) { return f.signer(home) },
		Target:     f.Target,
		HashOnly:   f.HashOnly,
		FailOpen:   f.FailOpen,
		NoSync:     f.NoSync,
		NoOutcomes: f.NoOutcomes,
		MetaKey:    f.MetaKey,
		MaxCall:    f.MaxCall,
		Verbose:    f.Verbose,
	})
	if start := (*wrap.StartError)(nil); errors.As(err, &start) {
		Complain(os.Stderr, start.Error(), start.Hint)
		return start.Status
	}
	if err != nil {
		Complain(os.Stderr, err.Error(), "")
		return 125
	}
	return exit.Mirror()
}

// staySmall trades a few microseconds a call for memory: thirty wrappers may run
// on a laptop, each beside a server that is idle most of the time.
func staySmall() {
	// What a wrapper keeps is less than 1 MB, so collecting at 2 MB and not at
	// 4 saves most of the difference. It also halves what a call of many
	// megabytes leaves to be collected.
	debug.SetGCPercent(50)
	// Nobody reads the profile, whose table alone takes 1.4 MB.
	runtime.MemProfileRate = 0
}

// signer opens the key that signs, at the first call. It never asks: the
// terminal, if there is one, is not ours while wrapping.
func (f Flags) signer(home string) (*sign.Signer, error) {
	store := Store(home)
	passphrase := Unlock{Home: home, Key: f.Key, File: f.PassphraseFile, Getenv: os.Getenv}.Passphrase
	key, err := store.Load(f.Key, passphrase)
	if errors.Is(err, fs.ErrNotExist) && f.Key == DefaultKey {
		if _, err := store.Generate(DefaultKey, "", nil); err == nil {
			Complain(os.Stderr, fmt.Sprintf("made the key %q, not encrypted, in %s", DefaultKey, store.Dir), "")
		} else if !errors.Is(err, fs.ErrExist) { // another wrapper may have been quicker
			return nil, err
		}
		key, err = store.Load(f.Key, passphrase)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no key %q: make it with `signet-wrap identity generate --name %s`", f.Key, f.Key)
	case errors.Is(err, keys.ErrPassphraseNeeded):
		return nil, fmt.Errorf("the key %q is encrypted: see `signet-wrap identity protect --help`, give --passphrase-file, or set SIGNET_PASSPHRASE in the client's configuration", f.Key)
	case err != nil:
		return nil, err
	}
	for _, w := range key.Warnings {
		Complain(os.Stderr, w, "")
	}
	return sign.NewSigner(key, key.Name, key.Owner)
}

// HomeHint is the way out where Home fails.
const HomeHint = "name a folder with --home DIR or $SIGNET_HOME"

// Home is the folder of keys and log: flag, else $SIGNET_HOME, else ~/.signet,
// as the reference has it. It makes nothing.
func Home(flag string, getenv func(string) string) (string, error) {
	for _, dir := range []string{flag, getenv("SIGNET_HOME")} {
		if dir != "" {
			return filepath.Abs(dir)
		}
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("no home folder: $HOME is not set")
	}
	return filepath.Join(dir, ".signet"), nil
}

// Store is where the keys of home are.
func Store(home string) keys.Store { return keys.Store{Dir: filepath.Join(home, "keys")} }

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

// Complain prints an error as one line and, if hint is not empty, a way out.
func Complain(w io.Writer, msg, hint string) {
	fmt.Fprintf(w, "signet-wrap: %s\n", strings.TrimSpace(msg))
	if hint != "" {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
}
