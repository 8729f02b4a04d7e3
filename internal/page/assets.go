package page

import "github.com/signet-wrap/signet-wrap/internal/page/assets"

// CommonCSS and CommonJS are those of package assets.
var (
	CommonCSS = assets.CommonCSS
	CommonJS  = assets.CommonJS
)
