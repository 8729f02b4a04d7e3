//go:build !unix

package chain

import "os"

// openNoFollow: Windows and WASM have no such flag for os.OpenFile, and no pipes in
// directories; openRegular asks for the name itself.
const openNoFollow = 0

// truncate goes by the name: a handle opened for appending may not truncate.
func truncate(f *os.File, size int64) error { return os.Truncate(f.Name(), size) }
