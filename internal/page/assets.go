package page

import _ "embed"

// CommonCSS and CommonJS are the style and the code that the page of `audit view` and
// report.html have in common: colours, tables, and how verdicts, calls and changes are
// shown. The code defines one name, ui.
var (
	//go:embed assets/common.css
	CommonCSS string
	//go:embed assets/common.js
	CommonJS string
)
