package bundle_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain/bundle"
)

// BenchmarkBundle is a bundle of a whole log, without a page, and of a tenth of it with
// proofs: to write and to read. MB/s is of records.
func BenchmarkBundle(b *testing.B) {
	for _, records := range []int{10_000, 100_000} {
		for _, kind := range []bundle.Kind{bundle.Log, bundle.Selection} {
			s := source(b, records)
			if kind == bundle.Selection {
				some(b, s, kind, func(n int) bool { return n%10 == 0 })
			}
			made := write(b, s)
			b.Run(fmt.Sprintf("write/%s/%d", kind, records), func(b *testing.B) {
				for b.Loop() {
					write(b, s)
				}
				b.ReportMetric(float64(len(made)), "bytes")
			})
			b.Run(fmt.Sprintf("check/%s/%d", kind, records), func(b *testing.B) {
				for b.Loop() {
					z, err := bundle.Open(bytes.NewReader(made), int64(len(made)))
					if err != nil {
						b.Fatal(err)
					}
					if faults, err := z.Check(context.Background(), nil); err != nil || len(faults) > 0 {
						b.Fatal(faults, err)
					}
				}
			})
		}
	}
}
