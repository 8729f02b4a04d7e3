package sign

import (
	"encoding/json"
	"os"
	"testing"
)

func TestReferenceVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/receipts.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name    string
		Receipt json.RawMessage
		Valid   bool
	}
	if err := json.Unmarshal(data, &vectors); err != nil || len(vectors) != 51 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, vector := range vectors {
		t.Run(vector.Name, func(t *testing.T) {
			_, err := Verify(vector.Receipt)
			if (err == nil) != vector.Valid {
				t.Errorf("Verify: %v; valid: %v", err, vector.Valid)
			}
			t.Log(err)
		})
	}
	for _, name := range []string{"testdata/ts-signed.json", "testdata/python-signed.json"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var vectors map[string]struct{ Receipt json.RawMessage }
		if err := json.Unmarshal(data, &vectors); err != nil || len(vectors) != 4 {
			t.Fatalf("%d vectors, %v", len(vectors), err)
		}
		for version, vector := range vectors {
			t.Run(name+"/"+version, func(t *testing.T) {
				if _, err := Verify(vector.Receipt); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
