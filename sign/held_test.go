package sign

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
)

// heldKey is a key that somebody else holds.
type heldKey struct{ ed25519.PrivateKey }

func (heldKey) Held() bool { return true }

// TestHeldKey: with a key in an agent, arguments above 32 KiB are left out, so that
// what is signed stays short; else the receipt is what any key signs.
func TestHeldKey(t *testing.T) {
	s, err := NewSigner(heldKey{key(7)}, "agent", "alice")
	if err != nil || !s.Held() || testSigner(t).Held() {
		t.Fatal(s, err)
	}
	for _, n := range []int{0, 30 << 10, 33 << 10, 500 << 10, 2 << 20} {
		a := Action{Tool: "t", Arguments: []byte(`{"a":"` + strings.Repeat("x", n) + `"}`), Target: "mcp://t"}
		d, err := s.Prepare(a)
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.SignAt(testTime, Hash{})
		if err != nil {
			t.Fatal(err)
		}
		same, err := prepare(t, a).SignAt(testTime, Hash{})
		if err != nil {
			t.Fatal(err)
		}
		apart := n > 32<<10
		if v := wantValid(t, r.Record); v.Apart != apart || !v.Covers(a.Arguments) {
			t.Errorf("%d bytes: apart %v", n, v.Apart)
		}
		if apart && len(r.JSON) > 1<<10 || !apart && !bytes.Equal(r.JSON, same.JSON) {
			t.Errorf("%d bytes: a receipt of %d bytes, %d by a key file", n, len(r.JSON), len(same.JSON))
		}
	}
}

// TestOnlyObjects: nothing is signed that SSH could take for its own.
func TestOnlyObjects(t *testing.T) {
	for _, message := range []string{"", "SSHSIG\x00", "\x00\x00\x00\x20session", " {}", "[]"} {
		if err := new(seal).sign("rec_", key(7), []byte(message)); err == nil {
			t.Errorf("%q was signed", message)
		}
	}
}
