// Package edverify verifies Ed25519 signatures faster than crypto/ed25519 if few
// keys made many of them, as in a log. It is the only package with arithmetic on
// points.
//
// A signature (R, S) of a message M by the key A is valid if the point [S]B - [k]A,
// where k is SHA-512(R, A, M), has the encoding R. crypto/ed25519 computes that,
// without the cofactor, and so does this package. In a log the same A occurs many
// times, and B is always the same. So tables of their multiples are made once, and
// 64 additions replace the 250 doublings and 70 additions of crypto/ed25519. A
// table of A also saves its decoding.
//
// # Why an accepted signature is valid
//
// This package never decides that a signature is invalid: what the tables do not
// accept is given to crypto/ed25519, whose result counts. An accepted signature has
// a reduced S (below the group's order), and its point encodes to R, byte for byte,
// as in crypto/ed25519. A wrong table would give another point, and R cannot be
// chosen to match it, because R is hashed into k. So it only remains to show that
// the tables and their addition are right. Numbers, scalars, and the decoding and
// encoding of points are those of filippo.io/edwards25519, from which Go's own
// implementation is made. The addition is that of RFC 8032. The tests compare it
// with the library's for each entry of a table, and for each digit and carry of a
// scalar. They also compare the results, without crypto/ed25519 as a fallback, for
// all kinds of keys and signatures that implementations treat differently.
package edverify

import (
	"crypto/ed25519"
	"maps"
	"sync"
	"sync/atomic"
)

const (
	// oftenEnough is how many signatures by a key are verified before it gets
	// a table. A table costs as much as about 30 verifications, so a key that
	// does not occur again costs little.
	oftenEnough = 200
	// maxTables bounds memory (about 660 kB for each table), and maxSeen the
	// number of keys that are counted: a log can have many. If there are more,
	// all are dropped, so that the keys of a log's last year also get tables.
	maxTables = 16
	maxSeen   = 1024
)

// A Verifier verifies signatures, and makes tables for keys that occur often. The
// zero value is ready to use. It may be used by several goroutines at once.
type Verifier struct {
	tables atomic.Pointer[map[publicKey]*table] // the map is never changed, only replaced

	mu   sync.Mutex        // guards seen, and replacing the map
	seen map[publicKey]int // number of signatures by keys without a table
}

type publicKey [ed25519.PublicKeySize]byte

// Verify has the results of [ed25519.Verify].
func (v *Verifier) Verify(key ed25519.PublicKey, message, sig []byte) bool {
	if len(key) == ed25519.PublicKeySize {
		if t := v.table(publicKey(key)); t != nil && t.accepts(key, message, sig) {
			return true
		}
	}
	return ed25519.Verify(key, message, sig)
}

// table returns the table of key; nil if it has none yet.
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

// often counts key. It returns true once, when the key should get a table.
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
