package wrap

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/sshagent"
	"github.com/signet-wrap/signet-wrap/sign"
)

// heldKey is a key that something else holds, which signs as sign does.
type heldKey struct {
	ed25519.PrivateKey
	sign func() error
}

func (heldKey) Held() bool { return true }

func (k heldKey) Sign(r io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	if err := k.sign(); err != nil {
		return nil, err
	}
	return k.PrivateKey.Sign(r, message, o)
}

func holds(o *Options, sign_ func() error) {
	key := heldKey{ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), sign_}
	o.Signer = func() (*sign.Signer, error) { return sign.NewSigner(key, "test", "") }
}

// TestSilentHolder: a call for which the holder of the key did not respond in time is
// refused, with FailOpen too. One that the holder could not sign is forwarded then.
func TestSilentHolder(t *testing.T) {
	for _, c := range []struct {
		err  error
		code string // of the reply; "": the call is forwarded
	}{
		{fmt.Errorf("asking: %w", sshagent.ErrSilent), "-32603 1"},
		{sshagent.ErrUnreachable, ""},
	} {
		t.Run(c.err.Error(), func(t *testing.T) {
			p := startPump(t, func(_ *piped, o *Options) {
				o.FailOpen = true
				holds(o, func() error { return c.err })
			})
			p.send(callLine(1) + pingLine(2))
			got, replied := p.end()
			if c.code == "" {
				if !slices.Equal(got, []string{callLine(1), pingLine(2)}) || len(replied) > 0 {
					t.Errorf("the server got %q, the client %q", got, replied)
				}
				return
			}
			if !slices.Equal(got, []string{pingLine(2)}) || len(replied) != 1 || errorCode(replied[0]) != c.code {
				t.Errorf("the server got %q, the client %q", got, replied)
			}
			if said := p.stderr(); !strings.Contains(said, "did not respond within") || strings.Contains(said, "UNSIGNED") {
				t.Errorf("on stderr: %q", said)
			}
		})
	}
}

// TestCancelledTogether: a call whose cancellation came in the same read, while
// something else holds the key, is not forwarded. A cancellation before it is of
// another request.
func TestCancelledTogether(t *testing.T) {
	cancel := func(i int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, i)
	}
	p := startPump(t, func(_ *piped, o *Options) { holds(o, func() error { return nil }) })
	lines := []string{cancel(1) + "\n", callLine(1), callLine(2), callLine(3), cancel(2) + "\n", "[" + cancel(3) + "]\n"}
	p.send(strings.Join(lines, ""))
	got, replied := p.end()
	if len(got) != 4 || got[0] != lines[0] || carriedID(got[1]) == "" || !slices.Equal(got[2:], lines[4:]) {
		t.Errorf("the server got %q", got)
	}
	if len(replied) != 2 || errorCode(replied[0]) != "-32603 2" || errorCode(replied[1]) != "-32603 3" {
		t.Errorf("the client got %q", replied)
	}
}
