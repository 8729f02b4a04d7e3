// Package edverify verifies Ed25519 signatures faster than crypto/ed25519 where
// few keys made many of them, as in a log. It is the only package that does
// arithmetic with points.
//
// A signature (R, S) of a message M by the key A is good if the point
// [S]B - [k]A, where k is SHA-512(R, A, M), has the encoding R: that is what
// crypto/ed25519 computes, without the cofactor, and what is computed here. The
// same A is met again and again in a log, and B always is the same, so tables of
// their multiples are made once, and what takes crypto/ed25519 250 doublings and
// 70 additions takes 64 additions. Tables of A also save decoding it.
//
// # Why a signature that is accepted is good
//
// Nothing here decides that a signature is false: what the tables do not accept
// is asked of crypto/ed25519, whose word counts. And to be accepted, S must be
// reduced (below the group's order), and the point must encode to R, byte for
// byte, exactly as there; a table that were wrong would give another point, and
// R is hashed into k, so that it cannot be chosen to suit. So what remains to be
// shown is that the tables and their addition are right. Numbers, scalars and the
// decoding and encoding of points are those of filippo.io/edwards25519, which
// Go's own implementation is made from. The addition is the one of RFC 8032, and
// the tests compare it with the library's for each entry of a table, and for
// each digit and carry of a scalar. And they compare the verdicts, without the
// second question, on keys and signatures of every kind that is treated
// differently somewhere.
package edverify

import (
	"crypto/ed25519"
	"maps"
	"sync"
	"sync/atomic"
)

const (
	// oftenEnough is how many signatures by a key are verified before it gets
	// a table. A table costs what some 30 verifications do, so that even keys
	// that are not met again make little difference.
	oftenEnough = 200
	// maxTables bounds memory, with some 660 kB a table, and maxSeen the keys
	// that are counted. A log can be full of keys. If there are more, all is
	// forgotten, so that the keys of a log's last year are not worse off for
	// those of the years before.
	maxTables = 16
	maxSeen   = 1024
)

// A Verifier verifies signatures and learns which keys are met often. The zero
// value is ready. It may be used by several goroutines at once.
type Verifier struct {
	tables atomic.Pointer[map[publicKey]*table] // the map is never changed, only replaced

	mu   sync.Mutex        // of what follows, and of replacing the map
	seen map[publicKey]int // how often a key was met that has no table
}

type publicKey [ed25519.PublicKeySize]byte

// Verify is [ed25519.Verify].
func (v *Verifier) Verify(key ed25519.PublicKey, message, sig []byte) bool {
	if len(key) == ed25519.PublicKeySize {
		if t := v.table(publicKey(key)); t != nil && t.accepts(key, message, sig) {
			return true
		}
	}
	return ed25519.Verify(key, message, sig)
}

// table returns the table of key, nil if it has none so far.
func (v *Verifier) table(key publicKey) *table {
	if tables := v.tables.Load(); tables != nil {
		if t := (*tables)[key]; t != nil {
			return t
		}
	}
	if !v.often(key) {
		return nil
	}
	t := newKeyTable(key[:])
	if t != nil {
		v.keep(key, t)
	}
	return t
}

// often counts key and is true once, when it is time for a table.
func (v *Verifier) often(key publicKey) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen == nil || len(v.seen) >= maxSeen {
		v.seen = map[publicKey]int{}
	}
	v.seen[key]++
	return v.seen[key] == oftenEnough
}

func (v *Verifier) keep(key publicKey, t *table) {
	v.mu.Lock()
	defer v.mu.Unlock()
	tables := map[publicKey]*table{}
	if old := v.tables.Load(); old != nil && len(*old) < maxTables {
		maps.Copy(tables, *old)
	} else if old != nil {
		clear(v.seen)
	}
	tables[key] = t
	v.tables.Store(&tables)
}
