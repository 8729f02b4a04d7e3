//go:build !unix

package chain

import "os"

// openNoFollow is nothing on Windows and in WASM. They have no such flag for
// os.OpenFile, and no pipes in directories; openRegular checks the name itself.
const openNoFollow = 0

// truncate uses the name: a handle opened for appending may not truncate.
func truncate(f *os.File, size int64) error { return os.Truncate(f.Name(), size) }
