package sshagent

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
)

// ErrEncrypted says that a key file has a passphrase. An agent can hold such a key.
var ErrEncrypted = errors.New("it has a passphrase")

var errNotKeyFile = errors.New("not an Ed25519 key of ssh-keygen")

// ParsePrivate reads a file with a private key, as `ssh-keygen -t ed25519` makes it
// (PROTOCOL.key of OpenSSH), without a passphrase.
func ParsePrivate(file []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(file)
	if block == nil || block.Type != "OPENSSH PRIVATE KEY" {
		return nil, errNotKeyFile
	}
	body, ok := bytes.CutPrefix(block.Bytes, []byte("openssh-key-v1\x00"))
	r := &reader{rest: body}
	cipher := r.string()
	r.string() // how the passphrase is made into a key
	r.string()
	n := r.uint32()
	blob := r.string()
	private := r.string()
	switch {
	case !ok || !r.ended() || n != 1:
		return nil, errNotKeyFile
	case string(cipher) != "none":
		return nil, ErrEncrypted
	}
	pub, ok := ParseBlob(blob)
	r = &reader{rest: private}
	check := r.uint32()
	ok = ok && r.uint32() == check && string(r.string()) == keyType && bytes.Equal(r.string(), pub)
	key := ed25519.PrivateKey(bytes.Clone(r.string()))
	if r.string(); !ok || r.bad || len(key) != ed25519.PrivateKeySize || !bytes.Equal(ed25519.NewKeyFromSeed(key.Seed()), key) || !bytes.Equal(key[32:], pub) {
		return nil, errNotKeyFile
	}
	return key, nil
}
