package sign

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A seal is what signing adds to a receipt, as written in JSON. All of it has a
// fixed length. Its methods append the members in their canonical order: id, nonce,
// sig, and at the end signer, ts and v. If there is a params_raw, it is between
// nonce and sig.
type seal struct {
	id    [4 + 32]byte // "rec_" or "evt_", and 128 bits in hex
	nonce [4 + 32]byte // "rnd_", and 128 bits in hex
	sig   [8 + 88]byte // "ed25519:", and 64 bytes in base64
	ts    [len(event.TimeForm)]byte
}

// sealLen is the length of all that a seal appends, without the value of signer, in
// bytes.
const sealLen = len(`,"id":"","nonce":"","sig":"","signer":,"ts":"","v":1}`) + 2*(4+32) + (8 + 88) + len(event.TimeForm)

// open sets the time and a new nonce: a random one if prev is nil, else the nonce
// of the record after prev in a log (FORMAT.md, "Nonce").
func (x *seal) open(now time.Time, s *Signer, prev *Hash) error {
	now = now.UTC()
	if y := now.Year(); y < 0 || y > 9999 {
		return fmt.Errorf("sign at %v: not an RFC 3339 time", now)
	}
	var buf [len(event.TimeForm) + 6]byte // AppendFormat writes all 9 digits and takes back 6
	copy(x.ts[:], now.AppendFormat(buf[:0], event.TimeForm))
	copy(x.nonce[:], "rnd_")
	if prev != nil {
		placed := placedNonce(*prev, s.pubkey, x.ts[:])
		copy(x.nonce[4:], placed[:])
		return nil
	}
	var random [16]byte
	rand.Read(random[:]) // never fails, by its documentation
	hex.Encode(x.nonce[4:], random[:])
	return nil
}

// placedNonce is the nonce, without "rnd_", of the record after the record with the
// hash prev. It serves as well as a random one, because each record's hash covers a
// signature.
func placedNonce[K, T string | []byte](prev Hash, pubkey K, ts T) (nonce [32]byte) {
	var room [256]byte // without an allocation: verification does this for each call
	b, _ := prev.AppendText(append(room[:0], "signet-wrap nonce\n"...))
	b = append(append(append(append(b, '\n'), pubkey...), '\n'), ts...)
	sum := sha256.Sum256(b)
	hex.Encode(nonce[:], sum[:16])
	return nonce
}

// sign sets sig, and id, which is derived from it.
func (x *seal) sign(prefix string, key crypto.Signer, message []byte) error {
	// What SSH has its keys sign begins otherwise. So a key in an SSH agent signs no
	// receipt that passes for a login, a certificate or an SSHSIG, nor the reverse.
	if len(message) == 0 || message[0] != '{' {
		return errors.New("sign a receipt: what is to be signed is not a JSON object")
	}
	sig, err := key.Sign(rand.Reader, message, crypto.Hash(0))
	if err != nil {
		return fmt.Errorf("sign a receipt: %w", err)
	}
	if len(sig) != ed25519.SignatureSize {
		return fmt.Errorf("sign a receipt: the key returned a signature of %d bytes", len(sig))
	}
	copy(x.sig[:], "ed25519:")
	base64.StdEncoding.Encode(x.sig[8:], sig)
	copy(x.id[:], prefix)
	copy(x.id[4:], idOf(sig))
	return nil
}

// idOf returns the id, without its prefix, of the receipt or event with this
// signature.
func idOf(sig []byte) string {
	sum := sha256.Sum256(sig)
	return hex.EncodeToString(sum[:16])
}

func (x *seal) appendID(b []byte) []byte {
	b = append(append(b, `,"id":"`...), x.id[:]...)
	return x.appendNonce(append(b, '"'))
}

func (x *seal) appendNonce(b []byte) []byte {
	b = append(append(b, `,"nonce":"`...), x.nonce[:]...)
	return append(b, '"')
}

func (x *seal) appendSig(b []byte) []byte {
	b = append(append(b, `,"sig":"`...), x.sig[:]...)
	return append(b, '"')
}

func (x *seal) appendEnd(b []byte, s *Signer) []byte {
	b = append(append(b, `,"signer":`...), s.signer...)
	b = append(append(b, `,"ts":"`...), x.ts[:]...)
	return append(b, `","v":1}`...)
}
