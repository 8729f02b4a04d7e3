package edverify

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"sync"

	"filippo.io/edwards25519"
)

// A table has multiples of a point P such that any other is a sum of 32 of them
// or their negatives: table[i][j] is (j+1)·256^i·P.
type table [32][128]addend

func newTable(p *edwards25519.Point) *table {
	t := new(table)
	unit := new(edwards25519.Point).Set(p)
	for i := range t {
		multiple := new(edwards25519.Point).Set(unit)
		for j := range t[i] {
			t[i][j].set(multiple)
			multiple.Add(multiple, unit)
		}
		for range 8 {
			unit.Double(unit)
		}
	}
	return t
}

// newKeyTable returns the table of -A, where A is the point that key encodes; nil
// if it encodes none. Like crypto/ed25519 it accepts encodings that are not
// canonical.
func newKeyTable(key ed25519.PublicKey) *table {
	a, err := new(edwards25519.Point).SetBytes(key)
	if err != nil {
		return nil
	}
	return newTable(a.Negate(a))
}

// baseTable is the table of B, which all keys share.
var baseTable = sync.OnceValue(func() *table { return newTable(edwards25519.NewGeneratorPoint()) })

// addTo adds n·P to s. The time it takes depends on n, which must not be a
// secret.
func (t *table) addTo(s *sum, n *edwards25519.Scalar) {
	carry := 0
	// Digits from -127 to 128 need only half a table. n is below 2^253, so there
	// is no carry out of the last digit.
	for i, b := range n.Bytes() {
		digit := int(b) + carry
		carry = 0
		if digit > 128 {
			digit -= 256
			carry = 1
		}
		switch {
		case digit > 0:
			s.add(&t[i][digit-1], false)
		case digit < 0:
			s.add(&t[i][-digit-1], true)
		}
	}
}

// accepts says whether sig is a valid signature of message by key, whose table is t
// (RFC 8032, section 5.1.7, without the cofactor). If it is false, ask
// crypto/ed25519.
func (t *table) accepts(key ed25519.PublicKey, message, sig []byte) bool {
	if len(sig) != ed25519.SignatureSize {
		return false
	}
	h := sha512.New()
	h.Write(sig[:32])
	h.Write(key)
	h.Write(message)
	var hash [sha512.Size]byte
	k, err := new(edwards25519.Scalar).SetUniformBytes(h.Sum(hash[:0]))
	if err != nil {
		return false
	}
	n, err := new(edwards25519.Scalar).SetCanonicalBytes(sig[32:])
	if err != nil {
		return false
	}
	r := newSum()
	baseTable().addTo(r, n)
	t.addTo(r, k)
	p, err := r.point()
	return err == nil && bytes.Equal(p.Bytes(), sig[:32])
}
