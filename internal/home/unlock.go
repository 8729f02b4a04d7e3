package home

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/keys"
)

// commandLimit is the time limit for finding a passphrase: a client waits for the
// call.
const commandLimit = 5 * time.Second

// Unlock finds the passphrase of a key without asking anybody: in File, if a flag
// named it; else from the key's own source, if it has one; else in
// $SIGNET_PASSPHRASE.
type Unlock struct {
	Home   Dir // where to find Key's source
	Key    string
	File   string // "": no flag
	Getenv func(string) string
	Env    []string  // of a passphrase command; nil: that of this process
	Stderr io.Writer // of a passphrase command; nil: ours

	// Program is signet-wrap, a path or a name in PATH, which is run to ask the
	// keychain. "": this program.
	Program string
}

// Passphrase finds the passphrase. The error is keys.ErrPassphraseNeeded if there
// is no place to look for it.
func (l Unlock) Passphrase() ([]byte, error) {
	if l.File == "" {
		src, err := l.Home.Keys().Source(l.Key)
		if err == nil {
			return l.From(src)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return Passphrase(l.File, l.Getenv)
}

// From returns the passphrase that src gives. This program, or Program, is run to ask
// the keychain: so the keychain's client, and D-Bus, stay out of the process between
// client and server, and can be stopped.
func (l Unlock) From(src *keys.Source) ([]byte, error) {
	switch src.Kind {
	case keys.PassphraseFile:
		return Passphrase(src.File, nil)
	case keys.PassphraseCommand:
		var stderr io.Writer = os.Stderr
		if l.Stderr != nil {
			stderr = l.Stderr
		}
		return l.run(src.String(), src.Command, stderr)
	}
	self := l.Program
	if self == "" {
		var err error
		if self, err = os.Executable(); err != nil {
			return nil, fmt.Errorf("asking the keychain: %w", err)
		}
	}
	said := &bounded{}
	p, err := l.run(src.String(), []string{self, "identity", "passphrase", "--home", string(l.Home), "--name", l.Key}, said)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		// Its message is the reason, and goes into the reply to the call.
		line, _, _ := strings.Cut(string(said.b), "\n")
		return nil, fmt.Errorf("no passphrase from %s: %s", src, strings.TrimPrefix(line, "signet-wrap: "))
	}
	return p, err
}

// run runs a command and returns the first line of its output. It runs in the home
// directory, so that a relative path always means the same. Its stdin is empty and
// its stdout a pipe of its own. No error quotes its output.
func (l Unlock) run(what string, argv []string, stderr io.Writer) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	out := &bounded{}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = string(l.Home), l.Env, out, stderr
	setGroup(cmd)
	cmd.Cancel = func() error { return killGroup(cmd) }
	cmd.WaitDelay = 100 * time.Millisecond // for a daemon that kept its stdout
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("the passphrase did not come from %s within %v", what, commandLimit)
	case out.over:
		return nil, fmt.Errorf("%s gave more than %d bytes for a passphrase", what, maxPassphrase)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return nil, fmt.Errorf("no passphrase from %s: %w", what, err)
	}
	return firstLine(what, out.b)
}

// bounded keeps the first maxPassphrase bytes that are written to it.
type bounded struct {
	b    []byte
	over bool
}

func (w *bounded) Write(b []byte) (int, error) {
	if len(w.b)+len(b) > maxPassphrase {
		w.over = true
		return 0, errors.New("too long")
	}
	w.b = append(w.b, b...)
	return len(b), nil
}
