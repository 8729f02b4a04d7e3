package home_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/wrap/home"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add"}}`

// TestOpen: the key and the log are the home's, the default key is made, and an
// encrypted one opens by $SIGNET_PASSPHRASE alone.
func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	t.Setenv("SIGNET_HOME", dir)
	t.Setenv("SIGNET_PASSPHRASE", "")
	try := func(key string) error {
		t.Helper()
		r, err := home.Open(key, record.Options{NoHeads: true})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Request([]byte(call))
		return errors.Join(err, r.Close())
	}
	if r, err := home.Open("default", record.Options{}); err != nil || r.Close() != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dir); err == nil {
		t.Error("a session without a call has left something")
	}
	if err := try("default"); err != nil {
		t.Fatal(err)
	}
	if err := try("other"); !errors.Is(err, keys.ErrNoKey) {
		t.Errorf("the error is %v", err)
	}
	if _, err := (keys.Store{Dir: filepath.Join(dir, "keys")}).Generate("locked", "", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if err := try("locked"); !errors.Is(err, keys.ErrPassphraseNeeded) {
		t.Errorf("the error is %v", err)
	}
	t.Setenv("SIGNET_PASSPHRASE", "secret")
	if err := try("locked"); err != nil {
		t.Error(err)
	}
	r, err := testlog.Verify(t.Context(), filepath.Join(dir, "audit"), chain.VerifyOptions[struct{}]{})
	if err != nil || r.Damaged > 0 {
		t.Errorf("the log: %v, %+v", err, r)
	}
}

// TestNoHome: the error of Open is that there is none.
func TestNoHome(t *testing.T) {
	t.Setenv("SIGNET_HOME", "${HOME}/.signet")
	if _, err := home.Open("default", record.Options{}); err == nil {
		t.Error("no error")
	}
}
