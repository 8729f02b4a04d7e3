package canon

import (
	"encoding/json"
	"os"
	"testing"
)

// The reference's own hashes of JSON texts.
func TestContentHashVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/content-hash.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ JSON, Hash string }
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors) != 20 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		t.Run(v.JSON, func(t *testing.T) {
			c, err := Canonicalize([]byte(v.JSON))
			if err != nil {
				t.Fatal(err)
			}
			if got := Hash(c); got != v.Hash {
				t.Errorf("canonical form %s has hash %s, want %s", c, got, v.Hash)
			}
			if !IsCanonical(c) {
				t.Errorf("IsCanonical(%s) = false", c)
			}
		})
	}
}
