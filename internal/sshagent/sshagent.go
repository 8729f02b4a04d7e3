// Package sshagent asks an SSH agent (draft-ietf-sshm-ssh-agent) which keys it
// holds, and for signatures by Ed25519 keys. An agent's signature with such a key
// is the plain one of RFC 8032 over the message (RFC 8709, section 4), so what it
// signs verifies like anything else.
//
// golang.org/x/crypto/ssh/agent does that, too, and brings the whole of SSH along;
// of the protocol two requests are needed here. An agent may be hostile: all that
// it sends is bounded in length and time, and a signature that does not verify is
// an error.
package sshagent

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Bounds of a conversation. Longest is the longest message that is sent, in bytes:
// gpg-agent drops requests of more than 64 KB, that of OpenSSH of more than 256 KiB.
// Patience is for all of it: a person may be asked.
const (
	Longest     = 60 << 10
	Patience    = 20 * time.Second
	maxResponse = 256 << 10
)

// Errors that a caller acts on. Those of this package wrap them.
var (
	// ErrUnreachable: nothing listens there.
	ErrUnreachable = errors.New("the SSH agent cannot be reached")
	// ErrNoKey: the agent does not hold the key now. It may be locked.
	ErrNoKey = errors.New("the SSH agent does not hold the key")
	// ErrRefused: it holds the key and does not sign: somebody who was asked said
	// no, or the key is limited to hosts.
	ErrRefused = errors.New("the SSH agent refused to sign")
	// ErrSilent: it did not respond within Patience.
	ErrSilent = fmt.Errorf("the SSH agent did not respond within %v", Patience)
)

// Key is a key that an agent holds, of whatever kind.
type Key struct {
	Type    string // such as "ssh-ed25519"
	Comment string
	blob    []byte
}

// Ed25519 is the key, if it is a plain Ed25519 key.
func (k Key) Ed25519() (ed25519.PublicKey, bool) {
	r := reader{rest: k.blob}
	kind, key := r.string(), r.string()
	if string(kind) != keyType || len(key) != ed25519.PublicKeySize || !r.ended() {
		return nil, false
	}
	return ed25519.PublicKey(key), true
}

// Fingerprint is what ssh-add -l prints.
func (k Key) Fingerprint() string { return fingerprint(k.blob) }

// Fingerprint is what ssh-add -l prints for key.
func Fingerprint(key ed25519.PublicKey) string { return fingerprint(Blob(key)) }

func fingerprint(blob []byte) string {
	sum := sha256.Sum256(blob)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

const keyType = "ssh-ed25519"

// Blob is the key as SSH writes it (RFC 8709, section 4).
func Blob(key ed25519.PublicKey) []byte {
	return appendString(appendString(nil, []byte(keyType)), key)
}

// ParseBlob reads what Blob wrote.
func ParseBlob(blob []byte) (ed25519.PublicKey, bool) { return Key{blob: blob}.Ed25519() }

// List are the keys that the agent at socket holds; none if it is locked.
func List(ctx context.Context, socket string) (keys []Key, err error) {
	err = talk(ctx, socket, func(c io.ReadWriter) error {
		keys, err = list(c)
		return err
	})
	return keys, err
}

// Sign has the agent at socket sign message with key. The signature has been
// verified.
func Sign(ctx context.Context, socket string, key ed25519.PublicKey, message []byte) (sig []byte, err error) {
	if len(message) > Longest {
		return nil, fmt.Errorf("sign %d bytes by an SSH agent: agents take %d at most", len(message), Longest)
	}
	err = talk(ctx, socket, func(c io.ReadWriter) error {
		sig, err = sign(c, key, message)
		return err
	})
	return sig, err
}

// talk connects and calls say, and ends both when ctx or Patience does.
func talk(ctx context.Context, socket string, say func(io.ReadWriter) error) error {
	ctx, stop := context.WithTimeout(ctx, Patience)
	defer stop()
	c, err := dial(ctx, socket)
	if err == nil {
		unwatch := context.AfterFunc(ctx, func() { c.Close() })
		err = say(c)
		unwatch()
		c.Close()
	} else {
		err = fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return ErrSilent
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}

// Numbers of messages: draft-ietf-sshm-ssh-agent, section 6.1.
const (
	failure           = 5
	requestIdentities = 11
	identitiesAnswer  = 12
	signRequest       = 13
	signResponse      = 14
)

// errGarbage is the agent's response where it makes no sense.
var errGarbage = errors.New("the SSH agent's response makes no sense")

func list(c io.ReadWriter) ([]Key, error) {
	kind, body, err := ask(c, []byte{requestIdentities})
	switch {
	case err != nil:
		return nil, err
	case kind == failure:
		return nil, nil // gpg-agent, where it has no keys
	case kind != identitiesAnswer:
		return nil, errGarbage
	}
	r := reader{rest: body}
	n := r.uint32()
	var keys []Key
	for i := uint32(0); i < n && !r.bad; i++ {
		blob, comment := r.string(), r.string()
		in := reader{rest: blob}
		keys = append(keys, Key{string(in.string()), string(comment), blob})
		r.bad = r.bad || in.bad
	}
	if !r.ended() {
		return nil, errGarbage
	}
	return keys, nil
}

func sign(c io.ReadWriter, key ed25519.PublicKey, message []byte) ([]byte, error) {
	request := appendString([]byte{signRequest}, Blob(key))
	request = append(appendString(request, message), 0, 0, 0, 0) // no flags
	kind, body, err := ask(c, request)
	switch {
	case err != nil:
		return nil, err
	case kind == failure:
		return nil, why(c, key)
	case kind != signResponse:
		return nil, errGarbage
	}
	outer := reader{rest: body}
	in := reader{rest: outer.string()}
	format, sig := in.string(), in.string()
	if !outer.ended() || !in.ended() || string(format) != keyType || len(sig) != ed25519.SignatureSize {
		return nil, errGarbage
	}
	if !ed25519.Verify(key, message, sig) {
		return nil, errors.New("the SSH agent's signature does not verify")
	}
	return sig, nil
}

// why says why an agent did not sign, as far as it tells: the protocol has one
// failure for all.
func why(c io.ReadWriter, key ed25519.PublicKey) error {
	keys, err := list(c)
	if err != nil {
		return ErrRefused
	}
	for _, k := range keys {
		if held, ok := k.Ed25519(); ok && held.Equal(key) {
			return ErrRefused
		}
	}
	if len(keys) == 0 {
		return fmt.Errorf("%w: it holds none, or is locked", ErrNoKey)
	}
	return ErrNoKey
}

// ask sends a request and reads the response: its kind and what follows.
func ask(c io.ReadWriter, request []byte) (kind byte, body []byte, err error) {
	if _, err := c.Write(appendString(nil, request)); err != nil {
		return 0, nil, fmt.Errorf("asking the SSH agent: %w", err)
	}
	var length [4]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return 0, nil, fmt.Errorf("the SSH agent did not respond: %w", err)
	}
	n := binary.BigEndian.Uint32(length[:])
	if n == 0 || n > maxResponse {
		return 0, nil, errGarbage
	}
	body = make([]byte, n)
	if _, err := io.ReadFull(c, body); err != nil {
		return 0, nil, fmt.Errorf("the SSH agent did not respond: %w", err)
	}
	return body[0], body[1:], nil
}

// appendString appends a string as SSH has it (RFC 4251, section 5).
func appendString(b, s []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// reader reads what SSH writes. Once something is wrong it gives zero values.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uint32() uint32 {
	if r.bad || len(r.rest) < 4 {
		r.bad = true
		return 0
	}
	n := binary.BigEndian.Uint32(r.rest)
	r.rest = r.rest[4:]
	return n
}

func (r *reader) string() []byte {
	n := r.uint32()
	if r.bad || uint64(n) > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) ended() bool { return !r.bad && len(r.rest) == 0 }
