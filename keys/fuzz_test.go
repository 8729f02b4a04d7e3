package keys

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func seedCorpus(f *testing.F, pattern string) {
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(paths) == 0 {
		f.Fatal(paths, err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

// What ParsePublic takes, FormatPublic prints, and it parses as the same.
func FuzzPublic(f *testing.F) {
	seedCorpus(f, "*.pub")
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePublic(b)
		if err != nil {
			return
		}
		printed := FormatPublic(p)
		q, err := ParsePublic(printed)
		if err != nil {
			t.Fatalf("%v:\n%s", err, printed)
		}
		if q.Name != p.Name || q.Owner != p.Owner || !q.Key.Equal(p.Key) || q.Created.UnixMilli() != p.Created.UnixMilli() {
			t.Fatalf("%+v became %+v", p, q)
		}
		if again := FormatPublic(q); !bytes.Equal(printed, again) {
			t.Fatalf("printed as\n%s\nand as\n%s", printed, again)
		}
	})
}

// What parseSecret takes is within bounds; a plain file prints as the same seed.
func FuzzSecret(f *testing.F) {
	seedCorpus(f, "*.key")
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, name := range []string{"plain", "default-params", "light-params"} {
			s, reason := parseSecret(b, name)
			if reason != "" {
				if strings.Contains(reason, "Pk0B") {
					t.Fatalf("the reason quotes the file: %s", reason)
				}
				continue
			}
			if s.encrypted() {
				if s.kdf.bad() != "" || len(s.salt) != 16 || len(s.nonce) != 24 || len(s.ciphertext) != 48 {
					t.Fatalf("accepted %+v", s)
				}
				continue
			}
			again, reason := parseSecret(formatSecret(name, s.seed), name)
			if reason != "" || !bytes.Equal(again.seed, s.seed) {
				t.Fatalf("seed became another: %s", reason)
			}
		}
	})
}
