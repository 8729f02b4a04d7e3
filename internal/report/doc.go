// Package report is report.html: one file that shows what is in a log to a person who
// has nothing but a browser, and verifies it there.
//
// [Check] is the whole of its verification and of what it shows. It runs in two places:
// where the file is made, for what a reader without JavaScript sees, and in the reader's
// browser, as WebAssembly (internal/wasm), whose verdicts are what the page says. So there
// is one implementation, that of `signet-wrap verify`.
//
// Nothing that the maker of the file claims is shown as verified. What a record says
// gets into the page as text only.
package report
