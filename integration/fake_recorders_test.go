package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// fakeRecorders is a fake that records calls over the last midnight: HOME CALLS.
func fakeRecorders(args []string) int {
	n := 0
	fmt.Sscan(args[1], &n)
	var step atomic.Int64
	before := time.Now().UTC().Truncate(24 * time.Hour).Add(-time.Duration(n) * 5 * time.Millisecond)
	r := record.New(record.Options{
		Audit: filepath.Join(args[0], "audit"), Signer: signerIn(args[0]), Target: "mcp://x",
		Now: func() time.Time { return before.Add(time.Duration(step.Add(10)) * time.Millisecond) },
	})
	for i := range n {
		if _, err := r.Calls([]record.Call{{ID: fmt.Append(nil, i), Tool: "x", Arguments: []byte(`{}`)}}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if err := r.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// signerIn signs with the key of a home.
func signerIn(home string) func() (*sign.Signer, error) {
	return func() (*sign.Signer, error) {
		key, err := keys.Store{Dir: filepath.Join(home, "keys")}.Load("default", nil)
		if err != nil {
			return nil, err
		}
		return sign.NewSigner(key, key.Name, key.Owner)
	}
}
