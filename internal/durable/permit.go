package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/signet-wrap/signet-wrap/internal/text"
)

// Permit says what would allow this user to do what the system refused with err; ""
// if err is not a refusal. It names the file, or the directory that must be opened
// or created.
func Permit(err error) string {
	var at *fs.PathError
	if !errors.Is(err, fs.ErrPermission) || !errors.As(err, &at) || at.Path == "" {
		return ""
	}
	path := at.Path
	st, serr := os.Stat(path)
	for serr != nil && filepath.Dir(path) != path {
		path = filepath.Dir(path)
		st, serr = os.Stat(path)
	}
	mode, name := fs.FileMode(0o600), text.Quote(path)
	if serr == nil && st.IsDir() {
		mode = 0o700
	}
	switch {
	case serr != nil || runtime.GOOS == "windows":
		return "let yourself read and write " + path
	case !IsOurs(st):
		return fmt.Sprintf("it belongs to another user: use another one, or `sudo chown \"$(id -un)\" %s`", name)
	case st.Mode()&mode != mode:
		return fmt.Sprintf("`chmod %o %s`", mode, name)
	}
	return "look at the access list and the attributes of " + path + ": its mode forbids nothing"
}
