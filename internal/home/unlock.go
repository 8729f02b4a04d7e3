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

// commandLimit bounds what finds a passphrase: a client waits for the call.
const commandLimit = 5 * time.Second

// Unlock finds the passphrase of a key without asking anybody: in File, which a
// flag named; else where the key's own source says, and then nowhere else; else
// in $SIGNET_PASSPHRASE.
type Unlock struct {
	Home   Dir // where to find Key's source
	Key    string
	File   string // "": no flag
	Getenv func(string) string
	Env    []string  // of a passphrase command; nil: ours
	Stderr io.Writer // of a passphrase command; nil: ours
}

// Passphrase looks for it. The error is keys.ErrPassphraseNeeded if there is no
// place to look.
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

// From is the passphrase that src gives. The keychain is asked by this program,
// run again: so its client, and D-Bus with it, stays out of the process that
// stands between a client and a server, and can be given up.
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
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("asking the keychain: %w", err)
	}
	said := &bounded{}
	p, err := l.run(src.String(), []string{self, "identity", "passphrase", "--home", string(l.Home), "--name", l.Key}, said)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		// What it said is the reason, which belongs into the reply to the call.
		line, _, _ := strings.Cut(string(said.b), "\n")
		return nil, fmt.Errorf("no passphrase from %s: %s", src, strings.TrimPrefix(line, "signet-wrap: "))
	}
	return p, err
}

// run runs a command for the first line that it prints, in the home directory: a
// relative path means the same whoever starts it. Its stdin is empty and its stdout
// a pipe of its own. No error quotes its output.
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

// bounded keeps what is written to it, up to maxPassphrase bytes.
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
