package edverify

import (
	"crypto/ed25519"
	"encoding/binary"
	"math/big"
	"slices"
	"testing"

	"filippo.io/edwards25519"
)

// A table is right if it multiplies as the library does.
func TestTableMultiplies(t *testing.T) {
	random := random()
	points := append(torsion(t), edwards25519.NewGeneratorPoint())
	for range 4 {
		p := new(edwards25519.Point).ScalarBaseMult(scalar(t, little(new(big.Int).Mod(number(randomBytes(random, 32)), order))))
		points = append(points, p, new(edwards25519.Point).Add(p, points[3]))
	}
	var scalars []*edwards25519.Scalar
	for bit := range uint(253) { // around each digit and each carry
		for d := range int64(3) {
			n := new(big.Int).Lsh(big.NewInt(1), bit)
			n.Add(n, big.NewInt(d-1))
			scalars = append(scalars, scalar(t, little(n.Mod(n, order))))
		}
	}
	for _, b := range []byte{0x7f, 0x80, 0x81, 0xff} {
		s := slices.Repeat([]byte{b}, 32)
		s[31] = 0x0f
		scalars = append(scalars, scalar(t, s))
	}
	for n := range int64(600) {
		scalars = append(scalars, scalar(t, little(big.NewInt(n))), scalar(t, little(new(big.Int).Sub(order, big.NewInt(n+1)))))
	}
	for range 200 {
		scalars = append(scalars, scalar(t, little(new(big.Int).Mod(number(randomBytes(random, 32)), order))))
	}
	step := 1
	if testing.Short() {
		step = 19
	}
	for i, p := range points {
		table := newTable(p)
		for j := i % step; j < len(scalars); j += step {
			s := scalars[j]
			sum := newSum()
			table.addTo(sum, s)
			if got, err := sum.point(); err != nil || got.Equal(new(edwards25519.Point).ScalarMult(s, p)) != 1 {
				t.Fatalf("point %d: %x times %x is %+v, %v", i, s.Bytes(), p.Bytes(), sum, err)
			}
		}
	}
}

// Each entry of a table by itself, for a random scalar meets few.
func TestTableEntries(t *testing.T) {
	a, err := new(edwards25519.Point).SetBytes(publicOf(3))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*edwards25519.Point{edwards25519.NewGeneratorPoint(), a.Negate(a)} {
		table, want, row := newTable(p), edwards25519.NewIdentityPoint(), new(edwards25519.Point).Set(p)
		for i := range table {
			for j := range table[i] {
				want.Add(want, row)
				sum := newSum()
				sum.add(&table[i][j], false)
				if got, err := sum.point(); err != nil || got.Equal(want) != 1 {
					t.Fatalf("row %d, entry %d: %+v, %v", i, j, table[i][j], err)
				}
				sum.add(&table[i][j], true)
				if got, err := sum.point(); err != nil || got.Equal(edwards25519.NewIdentityPoint()) != 1 {
					t.Fatalf("row %d, entry %d, taken away again: %v", i, j, err)
				}
			}
			for range 8 {
				row.Double(row)
			}
			want = edwards25519.NewIdentityPoint()
		}
	}
}

func privateOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(slices.Repeat([]byte{n}, ed25519.SeedSize))
}

func publicOf(n byte) ed25519.PublicKey { return privateOf(n).Public().(ed25519.PublicKey) }

// Honest signatures, and the same with something changed.
func TestSameVerdict(t *testing.T) {
	random := random()
	c := comparer{t: t}
	other := newKeyTable(publicOf(255))
	messages := 120
	if testing.Short() {
		messages = 10
	}
	for n := range byte(20) {
		private := privateOf(n)
		c.use(publicOf(n))
		for i := range messages {
			message := randomBytes(random, i*7)
			sig := ed25519.Sign(private, message)
			if !c.same(message, sig) {
				t.Fatal("an honest signature is refused")
			}
			if other.accepts(publicOf(255), message, sig) {
				t.Fatal("accepted as another key's")
			}
			bit := binary.LittleEndian.Uint32(randomBytes(random, 4)) % 512
			sig[bit/8] ^= 1 << (bit % 8)
			if c.same(message, sig) {
				t.Fatalf("accepted with bit %d changed", bit)
			}
			sig[bit/8] ^= 1 << (bit % 8)
			c.same(append(slices.Clone(message), 0), sig)
			c.same(message, sig[:63])
			c.same(message, append(slices.Clone(sig), 0))
			c.same(message, randomBytes(random, 64))
		}
	}
	// Every bit of one signature.
	message := []byte("every bit")
	sig := ed25519.Sign(privateOf(19), message)
	for bit := range 512 {
		sig[bit/8] ^= 1 << (bit % 8)
		c.same(message, sig)
		sig[bit/8] ^= 1 << (bit % 8)
	}
	if c.good != 20*messages || c.decodes != 20 {
		t.Errorf("%+v", c)
	}
}

// S that is not reduced is the same scalar, and makes no signature.
func TestSameVerdictOnS(t *testing.T) {
	c := comparer{t: t}
	c.use(publicOf(1))
	for i := range byte(50) {
		message := []byte{i}
		sig := ed25519.Sign(privateOf(1), message)
		s := number(sig[32:])
		for _, try := range []struct {
			s    *big.Int
			good bool
		}{
			{s, true},
			{new(big.Int).Sub(order, s), false},
			{big.NewInt(0), false},
			{big.NewInt(1), false},
			{new(big.Int).Sub(order, big.NewInt(1)), false},
			{order, false},
			{new(big.Int).Add(order, big.NewInt(1)), false},
			{new(big.Int).Add(order, s), false},
			{new(big.Int).Add(new(big.Int).Lsh(order, 1), s), false},
			{new(big.Int).Add(new(big.Int).Mul(order, big.NewInt(14)), s), false},
			{new(big.Int).Lsh(big.NewInt(1), 252), false},
			{new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 253), big.NewInt(1)), false},
			{new(big.Int).Lsh(big.NewInt(1), 253), false},
			{new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 253), s), false},
			{new(big.Int).Lsh(big.NewInt(1), 254), false},
			{new(big.Int).Lsh(big.NewInt(1), 255), false},
			{new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)), false},
		} {
			if got := c.same(message, slices.Concat(sig[:32], little(try.s))); got != try.good {
				t.Fatalf("S = %x: %v", try.s, got)
			}
		}
	}
}

// Points of small order and encodings that are not canonical, as the key and as
// R. Where key and R are of small order, S = 0 is good for one message in eight
// or more: crypto/ed25519 says so, and so must the tables.
func TestSameVerdictOnOddPoints(t *testing.T) {
	c := comparer{t: t}
	odd := oddEncodings(t)
	honest := publicOf(2)
	zero, one, last := little(big.NewInt(0)), little(big.NewInt(1)), little(new(big.Int).Sub(order, big.NewInt(1)))
	base := edwards25519.NewGeneratorPoint().Bytes()
	for i, key := range append(slices.Clone(odd), honest) {
		if testing.Short() && i%4 != 0 {
			continue
		}
		c.use(key)
		for _, r := range append(slices.Clone(odd), honest, base) {
			for i := range byte(16) {
				c.same([]byte{i}, slices.Concat(r, zero))
			}
			c.same(nil, slices.Concat(r, one))
			c.same(nil, slices.Concat(r, last))
			c.same(nil, slices.Concat(r, little(order)))
		}
	}
	if !testing.Short() && (c.good < 200 || c.decodes < 20 || c.fails < 5) {
		t.Errorf("few cases that tell: %d accepted, %d refused, %d keys, %d that are none", c.good, c.bad, c.decodes, c.fails)
	}
}

// Keys A+T, with T of small order: the verdict depends on k modulo 8, and so
// does that on an R with such a part.
func TestSameVerdictOnMixedOrder(t *testing.T) {
	random := random()
	c := comparer{t: t}
	small := torsion(t)
	for _, part := range small {
		a := scalar(t, little(new(big.Int).Mod(number(randomBytes(random, 32)), order)))
		p := new(edwards25519.Point).ScalarBaseMult(a)
		key := p.Add(p, part).Bytes()
		c.use(key)
		for range 6 {
			nonce := scalar(t, little(new(big.Int).Mod(number(randomBytes(random, 32)), order)))
			message := randomBytes(random, 40)
			for _, shift := range small {
				r := new(edwards25519.Point).ScalarBaseMult(nonce)
				encoded := r.Add(r, shift).Bytes()
				s := new(edwards25519.Scalar).MultiplyAdd(challenge(t, encoded, key, message), a, nonce)
				c.same(message, slices.Concat(encoded, s.Bytes()))
			}
		}
	}
	if c.good < 24 || c.bad < 24 {
		t.Errorf("few cases that tell: %d accepted, %d refused", c.good, c.bad)
	}
}

// FuzzSameVerdict: the tables and crypto/ed25519 agree on everything. If sign is
// true the signature is made good first, and mask then changes it.
func FuzzSameVerdict(f *testing.F) {
	f.Add([]byte(publicOf(1)), []byte("message"), make([]byte, 64), true)
	for _, key := range oddEncodings(f) {
		f.Add(key, []byte("message"), slices.Concat(key, make([]byte, 32)), false)
	}
	f.Fuzz(func(t *testing.T, key, message, mask []byte, signed bool) {
		if len(key) != ed25519.PublicKeySize || len(mask) != ed25519.SignatureSize {
			t.Skip()
		}
		sig := mask
		if signed {
			private := ed25519.NewKeyFromSeed(key)
			key = private.Public().(ed25519.PublicKey)
			sig = ed25519.Sign(private, message)
			for i := range sig {
				sig[i] ^= mask[i]
			}
		}
		c := comparer{t: t}
		c.use(key)
		c.same(message, sig)
	})
}
