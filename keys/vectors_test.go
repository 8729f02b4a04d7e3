package keys

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"
)

type vector struct {
	Name       string
	Passphrase *string
	Seed       string
	Pubkey     string
}

func vectors(t *testing.T) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/index.json")
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(b, &vs); err != nil || len(vs) != 4 {
		t.Fatalf("%d vectors, %v", len(vs), err)
	}
	return vs
}

// The key files of the vectors were made with libsodium.
func TestVectors(t *testing.T) {
	s := Store{"testdata"}
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			asked := 0
			k, err := s.Load(v.Name, func() ([]byte, error) {
				asked++
				return []byte(*v.Passphrase), nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := base64.StdEncoding.EncodeToString(k.private().Seed()); got != v.Seed {
				t.Errorf("seed %s, want %s", got, v.Seed)
			}
			p, err := s.Public(v.Name)
			if err != nil {
				t.Fatal(err)
			}
			if got := base64.StdEncoding.EncodeToString(p.Key); got != v.Pubkey {
				t.Errorf("public key %s, want %s", got, v.Pubkey)
			}
			encrypted := v.Passphrase != nil
			if !p.Private || p.Encrypted != encrypted || (asked == 1) != encrypted {
				t.Errorf("private %v, encrypted %v, asked %d times; passphrase there: %v", p.Private, p.Encrypted, asked, encrypted)
			}
			if k.Owner != p.Owner || p.Created.Format("2006-01-02") != "2026-05-01" {
				t.Errorf("owner %q and %q, created %v", k.Owner, p.Owner, p.Created)
			}
		})
	}
}
