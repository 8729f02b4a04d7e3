package report

// A Program is what verifies a report in a browser. `make wasm` makes its parts, from
// internal/wasm and from the Go distribution.
type Program struct {
	WASM    []byte // compressed by gzip
	Support string // wasm_exec.js of the Go that compiled WASM
}
