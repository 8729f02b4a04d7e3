package event

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParseHash(t *testing.T) {
	good := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	if h, err := ParseHash(good); err != nil || h.String() != good {
		t.Errorf("%v, %v", h, err)
	}
	for _, bad := range []string{"", good[1:], good + "0", good[:70], strings.ToUpper(good),
		strings.Replace(good, "a", "A", 1), strings.Replace(good, "f", "g", 1), strings.Replace(good, ":", "-", 1)} {
		if _, err := ParseHash(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestHashJSON: in JSON a hash is its text, and nothing else is one.
func TestHashJSON(t *testing.T) {
	type object struct {
		Hash  Hash
		Maybe Hash `json:",omitzero"`
	}
	want := object{Hash: HashOf([]byte("a"))}
	b, err := json.Marshal(want)
	if err != nil || string(b) != `{"Hash":"sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"}` {
		t.Fatalf("%s, %v", b, err)
	}
	var got object
	if err := json.Unmarshal(b, &got); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"Hash":"sha256:"}`), &got); err == nil {
		t.Error("half a hash was taken")
	}
}
