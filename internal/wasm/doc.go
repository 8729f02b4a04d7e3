// Command wasm is the program in report.html: it verifies the report's evidence in the
// reader's browser, by the same packages as signet-wrap itself. `make wasm` builds it.
// internal/report/assets/worker.js calls it, in a worker.
package main
