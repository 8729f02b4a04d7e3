package keys

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/sshagent"
)

// SSHAgent is the value of [Public].Agent for a key that an SSH agent holds:
// FORMAT.md, "A key that an agent holds".
const SSHAgent = "ssh"

// held is a private half that an SSH agent holds.
type held struct {
	key    ed25519.PublicKey
	socket string // an absolute path; "": from the environment
}

// find returns the agent's socket.
func (h *held) find() (string, error) {
	if h.socket != "" {
		return h.socket, nil
	}
	socket, err := sshagent.Default(os.Getenv)
	if err != nil {
		return "", fmt.Errorf("%w: %w", sshagent.ErrUnreachable, err)
	}
	return socket, nil
}

// sign makes the agent sign. Each signature has its own connection: agents come and
// go while a wrapper runs.
func (h *held) sign(message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != 0 {
		return nil, errors.New("an SSH agent signs messages that are not hashed: opts must be crypto.Hash(0)")
	}
	socket, err := h.find()
	var sig []byte
	if err == nil {
		sig, err = sshagent.Sign(context.Background(), socket, h.key, message)
	}
	if do := adviceOfAgent(err); do != "" {
		err = fmt.Errorf("%w: %s", err, do)
	}
	return sig, err
}

// adviceOfAgent says what the user can do about an error of an agent. It is part of
// the error, because the client shows it to the person who waits for the call.
func adviceOfAgent(err error) string {
	switch {
	case errors.Is(err, sshagent.ErrUnreachable):
		return "start the agent, and name its socket in $SSH_AUTH_SOCK"
	case errors.Is(err, sshagent.ErrNoKey):
		return "unlock the agent (ssh-add -X), or add the key again (ssh-add FILE)"
	case errors.Is(err, sshagent.ErrRefused):
		return "confirm if it asks (ssh-add -c); a key limited to hosts (ssh-add -h) cannot be used"
	}
	return ""
}

// parseHeld reads the members that only the .key file of a key in an agent has.
func parseHeld(o *object) *held {
	o.is("agent", SSHAgent)
	for _, member := range []string{"seed", "kdf", "cipher", "ciphertext"} {
		if o.has(member) {
			o.fail("both held by an agent and in the file")
		}
	}
	h := &held{key: o.bytes("pubkey", ed25519.PublicKeySize)}
	if o.has("socket") {
		if h.socket = o.str("socket"); !validSocket(h.socket) {
			o.fail(`"socket" is not an absolute path`)
		}
	}
	return h
}

func validSocket(path string) bool {
	return filepath.IsAbs(path) && len(path) < 1024 && !strings.ContainsRune(path, 0)
}

func formatHeld(name string, h *held) []byte {
	b := fmt.Appendf(nil, `{"v":1,"algorithm":"ed25519","name":%q,"agent":%q,"pubkey":%q`, name, SSHAgent, b64(h.key))
	if h.socket != "" {
		b = canon.AppendString(append(b, `,"socket":`...), h.socket)
	}
	return indent(append(b, '}'))
}

// AddHeld makes the identity name of owner, who may be "", of a key that an SSH
// agent holds. socket is the agent's socket, an absolute path; "": $SSH_AUTH_SOCK
// at each signature. It does not ask the agent. The errors are those of Generate.
func (s Store) AddHeld(name, owner string, key ed25519.PublicKey, socket string) (*Public, error) {
	if socket != "" && !validSocket(socket) {
		return nil, fmt.Errorf("the agent's socket %q is not an absolute path", socket)
	}
	p := &Public{Name: name, Owner: owner, Key: key, Created: now(), Private: true, Agent: SSHAgent}
	return s.create(p, func() []byte { return formatHeld(name, &held{key, socket}) }, func() (*Public, error) {
		sec, _, err := s.secret(name)
		if err != nil || sec.held == nil || !sec.held.key.Equal(key) {
			return nil, taken(name)
		}
		return s.restore(sec, owner, nil)
	})
}
