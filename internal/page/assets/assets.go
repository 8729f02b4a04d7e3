// Package assets has the style and the code that the page of `audit view` and report.html
// have in common: colours, tables, and how verdicts, calls and changes are shown. The
// code defines one name, ui.
package assets

import _ "embed" // for the files beside this one

var (
	//go:embed common.css
	CommonCSS string
	//go:embed common.js
	CommonJS string
)
