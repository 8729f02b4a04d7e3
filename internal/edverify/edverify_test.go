package edverify

import (
	"crypto/ed25519"
	"encoding/binary"
	"sync"
	"testing"
)

// A table is made for a key that is met often, and the verdicts stay what they
// were.
func TestOften(t *testing.T) {
	var v Verifier
	private, public := privateOf(1), publicOf(1)
	message := []byte("message")
	sig := ed25519.Sign(private, message)
	for i := range 2 * oftenEnough {
		if !v.Verify(public, message, sig) {
			t.Fatalf("refused, the %d. time", i+1)
		}
		if v.Verify(public, message[1:], sig) {
			t.Fatalf("another message accepted, the %d. time", i+1)
		}
		if had := v.tables.Load() != nil; had != (2*(i+1) >= oftenEnough) {
			t.Fatalf("a table: %v, after %d signatures", had, 2*(i+1))
		}
	}
	if (*v.tables.Load())[publicKey(public)] == nil {
		t.Error("it is another key's")
	}
}

// What the tables do not accept is asked of crypto/ed25519: here a table is wrong.
func TestWrongTable(t *testing.T) {
	var v Verifier
	message := []byte("message")
	v.keep(publicKey(publicOf(1)), newKeyTable(publicOf(2)))
	if !v.Verify(publicOf(1), message, ed25519.Sign(privateOf(1), message)) {
		t.Error("a good signature is refused")
	}
	if v.Verify(publicOf(1), message, ed25519.Sign(privateOf(2), message)) {
		t.Error("another key's signature is accepted")
	}
}

// No number of keys takes more than its room, and none is worse off for those
// before it.
func TestManyKeys(t *testing.T) {
	var v Verifier
	for i := range 3 * maxSeen { // no point, or one that is met once
		v.table(publicKey(binary.LittleEndian.AppendUint64(make([]byte, 24), uint64(i))))
	}
	if len(v.seen) > maxSeen || v.tables.Load() != nil {
		t.Errorf("%d keys are counted", len(v.seen))
	}
	for n := range byte(2*maxTables + 3) {
		for range oftenEnough {
			v.table(publicKey(publicOf(n)))
		}
		tables := *v.tables.Load()
		if len(tables) != int(n)%maxTables+1 || tables[publicKey(publicOf(n))] == nil {
			t.Fatalf("key %d: %d tables", n, len(tables))
		}
	}
	if len(v.seen) > maxSeen {
		t.Errorf("%d keys are counted", len(v.seen))
	}
	for range oftenEnough { // its table was forgotten long ago
		v.table(publicKey(publicOf(0)))
	}
	if (*v.tables.Load())[publicKey(publicOf(0))] == nil {
		t.Error("a key that was forgotten does not get a table again")
	}
}

// A key that is no point stays without a table.
func TestNoPoint(t *testing.T) {
	var v Verifier
	key := make(ed25519.PublicKey, 32)
	key[0] = 2
	for range oftenEnough + 1 {
		if v.Verify(key, nil, make([]byte, 64)) {
			t.Fatal("accepted")
		}
	}
	if v.tables.Load() != nil {
		t.Error("it has a table")
	}
}

func TestConcurrent(t *testing.T) {
	var v Verifier
	var all sync.WaitGroup
	for g := range byte(8) {
		all.Go(func() {
			for i := range 2 * oftenEnough {
				n := (g + byte(i)) % 5
				message := []byte{g, byte(i)}
				sig := ed25519.Sign(privateOf(n), message)
				if !v.Verify(publicOf(n), message, sig) || v.Verify(publicOf(n+1), message, sig) {
					t.Error("a wrong verdict")
					return
				}
			}
		})
	}
	all.Wait()
	if n := len(*v.tables.Load()); n != 6 {
		t.Errorf("%d tables", n)
	}
}

func BenchmarkVerify(b *testing.B) {
	private, public := privateOf(1), publicOf(1)
	var messages, sigs [256][]byte // as in a log, no two are the same
	for i := range messages {
		messages[i] = make([]byte, 600)
		messages[i][0] = byte(i)
		sigs[i] = ed25519.Sign(private, messages[i])
	}
	var v Verifier
	for _, bm := range []struct {
		name   string
		verify func(key ed25519.PublicKey, message, sig []byte) bool
	}{{"crypto", ed25519.Verify}, {"table", v.Verify}} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if !bm.verify(public, messages[i%256], sigs[i%256]) {
					b.Fatal("refused")
				}
			}
		})
	}
}

func BenchmarkTable(b *testing.B) {
	for b.Loop() {
		newKeyTable(publicOf(1))
	}
}
