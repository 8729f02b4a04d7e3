//go:build !browser

package report

// Embedded is the program in this binary; nil: it was built without the tag browser, and
// reports do not verify themselves.
func Embedded() *Program { return nil }
