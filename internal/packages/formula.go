package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
)

// formula writes a formula for a Homebrew tap, which installs the release's
// binaries by their sums.
func (r release) formula() error {
	sums := make(map[string]string)
	for _, p := range platforms {
		program, err := r.read(p)
		if err != nil {
			return err
		}
		sums[p.OS+"_"+p.Arch] = fmt.Sprintf("%x", sha256.Sum256(program))
	}
	text, err := fill("signet-wrap.rb", map[string]any{"Version": r.Version, "Description": description, "Sums": sums})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, "signet-wrap.rb"), text, 0o644)
}
