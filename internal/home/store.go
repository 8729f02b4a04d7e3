package home

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// storeFile names the directory of the store of anchors, if it is not in the home:
// an absolute path and a newline.
func (d Dir) storeFile() string { return filepath.Join(string(d), "anchor-store") }

// maxPath bounds a path, in bytes.
const maxPath = 4096

// Store is the directory of the store of anchors: the one that [Dir.SetStore] has
// named, else [Dir.Anchor].
func (d Dir) Store() (dir string, inHome bool) {
	st, err := os.Lstat(d.storeFile())
	if err != nil || !st.Mode().IsRegular() || st.Size() > maxPath {
		return d.Anchor(), true
	}
	b, err := os.ReadFile(d.storeFile())
	path, whole := strings.CutSuffix(string(b), "\n")
	if err != nil || !whole || !filepath.IsAbs(path) || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return d.Anchor(), true
	}
	return path, false
}

// SetStore has the home name the directory of its store of anchors. In
// [Dir.Anchor], where it is without a name, none is left.
func (d Dir) SetStore(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if dir == d.Anchor() {
		err := os.Remove(d.storeFile())
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	content := []byte(dir + "\n")
	old, err := os.ReadFile(d.storeFile())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return durable.WriteNew(d.storeFile(), content, 0o600)
	case err != nil || string(old) == string(content):
		return err
	}
	_, err = durable.Replace(d.storeFile(), old, content)
	return err
}
