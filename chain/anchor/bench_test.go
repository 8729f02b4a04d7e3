package anchor

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// benchLog is a log of SIGNET_WRAP_RECORDS records, or 10,000, and a store.
func benchLog(b *testing.B) (log string, s *Store, records int) {
	b.Helper()
	records = 10_000
	if n, err := strconv.Atoi(os.Getenv("SIGNET_WRAP_RECORDS")); err == nil {
		records = n
	}
	home := b.TempDir()
	if err := testlog.Write(home, testlog.Options{Records: records}); err != nil {
		b.Fatal(err)
	}
	s, err := Create(filepath.Join(home, "anchor"), Settings{Origin: "example.com/log"})
	if err != nil {
		b.Fatal(err)
	}
	return filepath.Join(home, "audit"), s, records
}

func anchorNow(b *testing.B, s *Store, log string) {
	b.Helper()
	if r, err := s.Anchor(context.Background(), Options{Log: log, Own: true}); err != nil || r.Finding != nil {
		b.Fatal(r, err)
	}
}

// The first "anchor now" of a log reads all of it.
func BenchmarkFirst(b *testing.B) {
	log, s, records := benchLog(b)
	for b.Loop() {
		for _, name := range []string{hashesName, checkpointName, stateName} {
			os.Remove(filepath.Join(s.Dir, name))
		}
		anchorNow(b, s, log)
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(records), "ns/record")
}

// Another reads what is new.
func BenchmarkAgain(b *testing.B) {
	log, s, _ := benchLog(b)
	anchorNow(b, s, log)
	for b.Loop() {
		anchorNow(b, s, log)
	}
}

func BenchmarkProve(b *testing.B) {
	log, s, records := benchLog(b)
	anchorNow(b, s, log)
	var hash [32]byte
	n := 0
	snapshot, err := chain.TakeSnapshot(log)
	if err != nil {
		b.Fatal(err)
	}
	for e, err := range snapshot.Records(context.Background(), chain.ReadOptions{}) {
		if err != nil {
			b.Fatal(err)
		}
		if n++; n == records/2 {
			hash = e.RecordHash
			break
		}
	}
	size := 0
	for b.Loop() {
		p, _, _, err := s.Prove(hash)
		if err != nil {
			b.Fatal(err)
		}
		size = len(p.Format())
	}
	b.ReportMetric(float64(size), "bytes/proof")
}
