package testlog_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
)

// A log that is made verifies, record by record.
func TestWrite(t *testing.T) {
	const n = 2*testlog.PerSession + 700 // into a second session
	home := t.TempDir()
	if err := testlog.Write(home, testlog.Options{Records: n}); err != nil {
		t.Fatal(err)
	}
	r, err := testlog.Verify(context.Background(), filepath.Join(home, "audit"), chain.VerifyOptions[struct{}]{
		Check: func(receipt []byte, prev chain.Hash) (c chain.Checked[struct{}]) {
			v, err := sign.Verify(receipt, sign.AnyKey)
			if c.Bad = err; err == nil && !v.Follows(prev) {
				c.Bad = chain.ErrDisplaced
			}
			return c
		},
	})
	if err != nil || r.Damaged != 0 || r.Records != n || r.Events != 2 || len(r.Files) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
}
