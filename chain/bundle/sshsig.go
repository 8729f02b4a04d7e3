package bundle

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/signet-wrap/signet-wrap/keys"
)

// Namespace is what signatures of bundles are for, in the terms of ssh-keygen -Y. It is
// that of trust files, so that one file serves both programs.
const Namespace = keys.TrustNamespace

// A Signature is one by OpenSSH's format (PROTOCOL.sshsig), with an Ed25519 key.
type Signature struct {
	Key ed25519.PublicKey
	sig []byte
}

const (
	sshMagic = "SSHSIG"
	sshKey   = "ssh-ed25519"
	sshHash  = "sha512"
	sshBegin = "-----BEGIN SSH SIGNATURE-----\n"
	sshEnd   = "-----END SSH SIGNATURE-----\n"
	maxSSH   = 4 << 10 // bytes of an armored signature: ours have some 300
)

func sshString(parts ...string) (b []byte) {
	for _, p := range parts {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(p))), p...)
	}
	return b
}

// sshMessage is what the key signs, for a file with this SHA-512.
func sshMessage(sum [sha512.Size]byte) []byte {
	return append([]byte(sshMagic), sshString(Namespace, "", sshHash, string(sum[:]))...)
}

// sshSign signs a file by its SHA-512. key is an Ed25519 key.
func sshSign(key crypto.Signer, sum [sha512.Size]byte) ([]byte, error) {
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("not an Ed25519 key")
	}
	sig, err := key.Sign(rand.Reader, sshMessage(sum), crypto.Hash(0))
	if err != nil {
		return nil, err
	}
	s := Signature{pub, sig}
	if !s.Good(sum) {
		return nil, errors.New("the key has made a signature that is not its own")
	}
	return s.format(), nil
}

func (s *Signature) format() []byte {
	blob := binary.BigEndian.AppendUint32([]byte(sshMagic), 1)
	blob = append(blob, sshString(string(sshString(sshKey, string(s.Key))), Namespace, "", sshHash, string(sshString(sshKey, string(s.sig))))...)
	var b bytes.Buffer
	b.WriteString(sshBegin)
	for text := base64.StdEncoding.EncodeToString(blob); text != ""; {
		n := min(70, len(text))
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	b.WriteString(sshEnd)
	return b.Bytes()
}

var errSSH = fmt.Errorf("not a signature of ssh-keygen with an Ed25519 key for the namespace %q", Namespace)

// parseSSH reads an armored signature, in the one spelling that there is of it.
func parseSSH(b []byte) (*Signature, error) {
	text, ok := strings.CutPrefix(string(b), sshBegin)
	text, end := strings.CutSuffix(text, sshEnd)
	blob, err := base64.StdEncoding.DecodeString(text) // which passes over newlines
	if !ok || !end || err != nil || len(b) > maxSSH {
		return nil, errSSH
	}
	const keyAt = len(sshMagic) + 4 + 4 + 4 + len(sshKey) + 4
	if len(blob) < keyAt+ed25519.PublicKeySize+ed25519.SignatureSize {
		return nil, errSSH
	}
	s := &Signature{Key: blob[keyAt : keyAt+ed25519.PublicKeySize], sig: blob[len(blob)-ed25519.SignatureSize:]}
	if !bytes.Equal(s.format(), b) {
		return nil, errSSH
	}
	return s, nil
}

// Good says whether it is the key's signature of a file with this SHA-512.
func (s *Signature) Good(sum [sha512.Size]byte) bool {
	return len(s.Key) == ed25519.PublicKeySize && ed25519.Verify(s.Key, sshMessage(sum), s.sig)
}
