package page

import (
	_ "embed" // for the page

	"github.com/signet-wrap/signet-wrap/internal/page/assets"
)

var (
	//go:embed assets/page.html
	pageHTML string
	//go:embed assets/page.css
	pageCSS string
	//go:embed assets/page.js
	pageJS string
)

type asset struct{ kind, content string }

// files are all that can be had without a token.
var files = map[string]asset{
	"/{$}":        {"text/html; charset=utf-8", pageHTML},
	"/common.css": {"text/css; charset=utf-8", assets.CommonCSS},
	"/common.js":  {"text/javascript; charset=utf-8", assets.CommonJS},
	"/page.css":   {"text/css; charset=utf-8", pageCSS},
	"/page.js":    {"text/javascript; charset=utf-8", pageJS},
}
