package verify

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// A log in an archive gets the verdict that it gets in its directory.
func TestLogInArchive(t *testing.T) {
	home := t.TempDir()
	if err := testlog.Write(home, testlog.Options{Records: 2000}); err != nil {
		t.Fatal(err)
	}
	audit := filepath.Join(home, "audit")
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := w.AddFS(os.DirFS(audit)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	zipped, err := chain.TakeSnapshotFS(archive)
	if err != nil {
		t.Fatal(err)
	}
	known, now := Keys{}, time.Now()
	known.Add(testlog.Key().Public().(ed25519.PublicKey), "testlog")
	want, err := CheckLog(t.Context(), snapshot(t, audit), known, Options{Now: now})
	if err != nil || want.Verdict != Valid {
		t.Fatal(want, err)
	}
	got, err := CheckLog(t.Context(), zipped, known, Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	got.Dir = want.Dir
	if !reflect.DeepEqual(got, want) {
		t.Errorf("in the archive %+v, in the directory %+v", got, want)
	}
}
