package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// node returns the command line of a script in node/, with what package.json
// names installed beside it.
func node(t testing.TB, script string, args ...string) []string {
	t.Helper()
	program, err := exec.LookPath("node")
	if err != nil {
		missing(t, "this test needs Node.js and npm: %v", err)
	}
	if _, err := exec.LookPath("npm"); err != nil {
		missing(t, "this test needs npm: %v", err)
	}
	if err := installed(); err != nil {
		missing(t, "%v", err)
	}
	path, err := filepath.Abs(filepath.Join("node", filepath.FromSlash(script)))
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{program, path}, args...)
}

// module is the path, for node, of a file in an installed package.
func module(name string) string { return "node_modules/" + name }

// installed runs npm ci, once for each state of the lock file, and not beside
// another test run in the same directory, which would pull the packages from under
// it.
var installed = sync.OnceValue(func() error {
	lock, err := os.Open(filepath.Join("node", "package-lock.json"))
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := durable.Lock(lock); err != nil {
		return err
	}
	defer durable.Unlock(lock)
	stamp := filepath.Join("node", "node_modules", ".signet-wrap-stamp")
	want, err := lockHash()
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(stamp); err == nil && string(have) == want {
		return nil
	}
	if st, err := os.Lstat(filepath.Dir(stamp)); err == nil && st.Mode()&os.ModeSymlink != 0 {
		// npm would empty the directory of another checkout and put one here.
		return errors.New("integration/node/node_modules is a link to packages that are not those of the lock file: run a test there first")
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = "node"
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.New("npm ci in integration/node: " + err.Error() + "\n" + string(out))
	}
	return os.WriteFile(stamp, []byte(want), 0o644)
})

func lockHash() (string, error) {
	h := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join("node", name))
		if err != nil {
			return "", err
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
