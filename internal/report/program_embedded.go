//go:build browser

package report

import _ "embed" // for the program

// If the compiler finds no such files: run `make wasm`, or build without the tag browser.
var (
	//go:embed generated/verify.wasm.gz
	program []byte
	//go:embed generated/wasm_exec.js
	programSupport string
)

// Embedded is the program in this binary; nil: it was built without the tag browser, and
// reports do not verify themselves.
func Embedded() *Program { return &Program{program, programSupport} }
