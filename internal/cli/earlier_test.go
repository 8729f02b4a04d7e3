package cli

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEarlierVersion: keys and log of an earlier version, which testdata/earlier/make
// made, are as that version found them, and can be continued.
func TestEarlierVersion(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	if err := os.CopyFS(home, os.DirFS("testdata/earlier/home")); err != nil {
		t.Fatal(err)
	}
	// Not what git keeps of the modes.
	if err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600)
	}); err != nil {
		t.Fatal(err)
	}
	var want struct {
		Commit, Head string
		Records      int64
		Signers      map[string]int64 // the number of records of each
	}
	readJSON(t, "testdata/earlier/verdict.json", &want)
	f, status := verified(t, home)
	if status != 0 || f.Head != want.Head || f.Records != want.Records || f.Authenticity.Unreadable > 0 || len(f.Authenticity.Signers) != len(want.Signers) {
		t.Errorf("of %s: exit status %d, %+v", want.Commit, status, f)
	}
	for _, s := range f.Authenticity.Signers {
		if s.Records != want.Signers[s.KnownAs] {
			t.Errorf("%d records by %s, want %v", s.Records, s.KnownAs, want.Signers)
		}
	}

	status, out, errs := run(t, "audit", "--records", "--home", home)
	calls := map[string]int{}
	for line := range strings.Lines(out) {
		var r struct {
			V      int
			Type   string
			Action struct{ Tool string }
		}
		var record struct{ Receipt json.RawMessage }
		if err := json.Unmarshal([]byte(line), &record); err != nil || json.Unmarshal(record.Receipt, &r) != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if r.V == 1 && r.Type == "" {
			calls[r.Action.Tool]++
		}
	}
	if status != 0 || calls["read"] != 3 || calls["bad"] != 3 || calls["never"] != 3 || calls["by-hand"] != 1 || calls["after"] != 1 {
		t.Errorf("audit: exit status %d, %v\n%s", status, calls, errs)
	}

	// Each key still signs, and the log goes on after what was there.
	passphrase := file(t, []byte("correct horse\n"))
	for _, key := range []string{"default", "bot", "locked"} {
		if status, _, errs := run(t, "sign", "--home", home, "--key", key, "--tool", "later", "--passphrase-file", passphrase); status != 0 {
			t.Errorf("sign --key %s: exit status %d: %s", key, status, errs)
		}
	}
	if f, status := verified(t, home); status != 0 || f.Records != want.Records+3 {
		t.Errorf("continued: exit status %d, %+v", status, f)
	}
}
