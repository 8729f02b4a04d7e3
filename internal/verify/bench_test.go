package verify

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/keys"
)

// BenchmarkLog verifies a log as wrappers write it, calls and responses; and its day
// compressed.
func BenchmarkLog(b *testing.B) {
	b.Run("plain", func(b *testing.B) { benchmarkLog(b, false) })
	b.Run("compressed", func(b *testing.B) { benchmarkLog(b, true) })
}

func benchmarkLog(b *testing.B, packed bool) {
	const n = 50_000
	home := b.TempDir()
	if err := testlog.Write(home, testlog.Options{Records: n}); err != nil {
		b.Fatal(err)
	}
	if packed {
		compress(b, filepath.Join(home, "audit"))
	}
	list, err := (keys.Store{Dir: filepath.Join(home, "keys")}).List()
	if err != nil {
		b.Fatal(err)
	}
	known := Keys{}
	for _, p := range list {
		known.Add(p.Key, p.Name)
	}
	for b.Loop() {
		f, err := CheckLog(b.Context(), snapshot(b, filepath.Join(home, "audit")), known, Options{Now: time.Now()})
		if err != nil || f.Verdict != Valid || f.Records != n {
			b.Fatal(f, err)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "records/s")
}
