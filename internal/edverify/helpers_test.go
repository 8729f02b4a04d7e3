package edverify

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"filippo.io/edwards25519"
)

var (
	order, _ = new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	prime    = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
)

// random is the same in each run.
func random() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{7}) }

func randomBytes(r *rand.ChaCha8, n int) []byte {
	b := make([]byte, n)
	r.Read(b)
	return b
}

// little is n in 32 bytes, the least first.
func little(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

func number(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func scalar(t testing.TB, b []byte) *edwards25519.Scalar {
	t.Helper()
	s, err := new(edwards25519.Scalar).SetCanonicalBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// challenge is k.
func challenge(t testing.TB, r, key, message []byte) *edwards25519.Scalar {
	t.Helper()
	sum := sha512.Sum512(slices.Concat(r, key, message))
	k, err := new(edwards25519.Scalar).SetUniformBytes(sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// torsion are the eight points whose order divides 8.
func torsion(t testing.TB) []*edwards25519.Point {
	t.Helper()
	random := random()
	for {
		p, err := new(edwards25519.Point).SetBytes(randomBytes(random, 32))
		if err != nil {
			continue
		}
		// L·p, which has the part of p that is of small order.
		q := new(edwards25519.Point).ScalarMult(scalar(t, little(new(big.Int).Sub(order, big.NewInt(1)))), p)
		q.Add(q, p)
		all := []*edwards25519.Point{edwards25519.NewIdentityPoint()}
		for next := q; next.Equal(all[0]) == 0; next = new(edwards25519.Point).Add(next, q) {
			all = append(all, next)
		}
		if len(all) == 8 {
			return all
		}
	}
}

// oddEncodings are those of the points of small order, each with either sign,
// and every one whose y is not reduced, whether it is a point or not.
func oddEncodings(t testing.TB) [][]byte {
	t.Helper()
	var all [][]byte
	add := func(b []byte) {
		for _, sign := range []byte{0, 0x80} {
			c := slices.Clone(b)
			c[31] ^= sign
			if !slices.ContainsFunc(all, func(x []byte) bool { return bytes.Equal(x, c) }) {
				all = append(all, c)
			}
		}
	}
	for _, p := range torsion(t) {
		add(p.Bytes())
	}
	for y := range int64(19) {
		add(little(new(big.Int).Add(prime, big.NewInt(y))))
	}
	return all
}

// A comparer asks the tables and crypto/ed25519.
type comparer struct {
	t              testing.TB
	key            ed25519.PublicKey
	table          *table
	good, bad      int
	decodes, fails int // keys
}

func (c *comparer) use(key []byte) {
	c.key, c.table = key, newKeyTable(key)
	if c.decodes++; c.table == nil {
		c.decodes--
		c.fails++
	}
}

// same checks that both give the same verdict, and returns it.
func (c *comparer) same(message, sig []byte) bool {
	c.t.Helper()
	want := ed25519.Verify(c.key, message, sig)
	if got := c.table != nil && c.table.accepts(c.key, message, sig); got != want {
		c.t.Fatalf("%v, and crypto/ed25519 says %v: key %x, message %x, signature %x", got, want, c.key, message, sig)
	}
	if want {
		c.good++
	} else {
		c.bad++
	}
	return want
}
