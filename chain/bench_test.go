package chain

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// benchReceipt is as large as that of a small call.
var benchReceipt = fmt.Appendf(nil, `{"action":{"call_id":"n:1","params":{"path":"/tmp/notes.txt","text":"%0100d"},"params_hash":"%v",`+
	`"session":"ses_%032d","target":"mcp://filesystem","tool":"write_file","transport":"stdio"},"id":"rec_%032d","nonce":"rnd_%032d",`+
	`"sig":"ed25519:%088d","signer":{"name":"default","owner":"","pubkey":"ed25519:%044d"},"ts":"2026-06-01T12:00:00.000Z","v":1}`,
	0, genesis, 0, 0, 0, 0, 0)

func build(int, At) ([]byte, error) { return benchReceipt, nil }

// benchLog makes a log of n records in one day.
func benchLog(b *testing.B, n int) string {
	dir := b.TempDir()
	var buf []byte
	var prev Hash
	f, err := os.Create(filepath.Join(dir, dayFile(day0)))
	if err != nil {
		b.Fatal(err)
	}
	for range n {
		buf, prev = appendRecord(buf[:0], benchReceipt, prev)
		if _, err := f.Write(buf); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return dir
}

func BenchmarkAppend(b *testing.B) {
	for _, noSync := range []bool{true, false} {
		for _, n := range []int{1_000, 100_000} {
			b.Run(fmt.Sprintf("sync=%v/records=%d", !noSync, n), func(b *testing.B) {
				l := New(benchLog(b, n), Options{NoSync: noSync, Now: (&clock{day0}).now})
				defer l.Close()
				settled(b, l)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := l.Append(1, build); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// settled makes l's folder one that has not changed for a while, as it is but for
// the first two seconds of a day.
func settled(b *testing.B, l *Log) {
	b.Helper()
	if _, err := l.Append(1, build); err != nil { // which makes lock files
		b.Fatal(err)
	}
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(l.dir, old, old); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkAppendBehind: another process has written since.
func BenchmarkAppendBehind(b *testing.B) {
	dir := benchLog(b, 1_000)
	o := Options{NoSync: true, Now: (&clock{day0}).now}
	l, other := New(dir, o), New(dir, o)
	defer l.Close()
	defer other.Close()
	settled(b, l)
	for b.Loop() {
		if err := errors.Join(failed(l.Append(1, build)), failed(other.Append(1, build))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendBatch(b *testing.B) {
	for _, n := range []int{10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := New(b.TempDir(), Options{Now: (&clock{day0}).now})
			defer l.Close()
			settled(b, l)
			for b.Loop() {
				if _, err := l.Append(n, build); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*float64(n)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// BenchmarkVerify: the chain alone, and with one Ed25519 verification a record,
// on one core and on all.
func BenchmarkVerify(b *testing.B) {
	const n = 20_000
	dir := benchLog(b, n)
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	sig := ed25519.Sign(private, benchReceipt)
	check := func(receipt []byte, _ Hash) (c Checked[struct{}]) {
		if !ed25519.Verify(public, receipt, sig) {
			c.Bad = errors.New("invalid")
		}
		return c
	}
	for _, bm := range []struct {
		name string
		o    VerifyOptions[struct{}]
	}{
		{"chain/one", VerifyOptions[struct{}]{Workers: 1}},
		{"chain/all", VerifyOptions[struct{}]{}},
		{"signed/one", VerifyOptions[struct{}]{Workers: 1, Check: check}},
		{"signed/all", VerifyOptions[struct{}]{Check: check}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			for b.Loop() {
				r, err := verifyDir(context.Background(), dir, bm.o)
				if err != nil || r.Damaged != 0 || r.Records != n {
					b.Fatal(r, err)
				}
			}
			b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "records/s")
		})
	}
}
