package sign

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// readSigner reads signer, nonce and id.
func (d *document) readSigner(v *Verified) error {
	agent, err := readParty(d.signer, "signer", v.Type == event.Head{}.Type())
	if err != nil {
		return err
	}
	v.Signers = append(v.Signers, agent)
	return d.readSeal(v)
}

// readSeal reads nonce and id. checkSignature reads sig.
func (d *document) readSeal(v *Verified) error {
	nonce, ok := canon.PlainText(d.nonce)
	if !ok || len(nonce) == 0 {
		return invalid("it has no nonce")
	}
	if v.Version == 1 || v.Version == 4 {
		ts, _ := canon.PlainText(d.ts)
		v.nonce, v.ts = string(nonce), string(ts)
	}
	id, ok := canon.PlainText(d.id)
	if !ok {
		return invalid("it has no id")
	}
	v.ID = string(id)
	return nil
}

// checkSignature checks sig and id: the last of v.Signers must have signed message.
func (d *document) checkSignature(v *Verified, check verify, message []byte) error {
	var sig [ed25519.SignatureSize]byte
	if !decodePrefixed(sig[:], d.sig) {
		return invalid("sig is not \"ed25519:\" and the base64 of 64 bytes")
	}
	prefix := "rec_"
	if d.typ != nil {
		prefix = "evt_"
	}
	if id, ok := strings.CutPrefix(v.ID, prefix); !ok || id != idOf(sig[:]) {
		return invalid("id does not match the signature")
	}
	if !check(v.Signers[len(v.Signers)-1].Key, message, sig[:]) {
		return invalid("it is not what was signed, or not signed with this key")
	}
	return nil
}

// readParty reads the value of the member signer or server. With keyOnly it needs
// only the key.
func readParty(value []byte, member string, keyOnly bool) (Party, error) {
	p := Party{Role: "agent"}
	named, owned := keyOnly, keyOnly
	if member == "server" { // a server has no owner
		p.Role, owned = "server", true
	}
	if !canon.IsObject(value) {
		return p, invalid("it has no %s", member)
	}
	for cur := canon.Members(value); cur.Next(); {
		switch string(cur.Name) {
		case "name":
			p.Name, named = canon.Text(cur.Value)
		case "owner":
			p.Owner, owned = canon.Text(cur.Value)
		case "pubkey":
			p.Key = readKey(cur.Value)
		}
	}
	switch {
	case p.Key == nil:
		return p, invalid("%s.pubkey is not \"ed25519:\" and the base64 of 32 bytes", member)
	case !named:
		return p, invalid("%s.name is not a string", member)
	case !owned:
		return p, invalid("%s.owner is not a string", member)
	}
	return p, nil
}

// readKey returns nil if value is not a key.
func readKey(value []byte) ed25519.PublicKey {
	key := make([]byte, ed25519.PublicKeySize)
	if !decodePrefixed(key, value) {
		return nil
	}
	return key
}

// decodePrefixed decodes the JSON string value: "ed25519:" and the standard base64,
// with padding, of exactly len(dst) bytes.
func decodePrefixed(dst, value []byte) bool {
	s, ok := canon.PlainText(value)
	if !ok {
		return false
	}
	s, ok = bytes.CutPrefix(s, []byte("ed25519:"))
	if !ok || len(s) != base64Strict.EncodedLen(len(dst)) {
		return false
	}
	var buf [ed25519.SignatureSize + 2]byte // Decode may need room for the padding
	n, err := base64Strict.Decode(buf[:], s)
	return err == nil && n == len(dst) && copy(dst, buf[:n]) == n
}

// Without Strict, each of 16 last characters would decode to the same bytes.
var base64Strict = base64.StdEncoding.Strict()
