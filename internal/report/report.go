// Package report makes report.html, the page of an evidence bundle.
package report

import (
	"html/template"
	"io"

	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

// Render writes the page of a bundle, of which core is all but the page. The same core
// gives the same page.
func Render(w io.Writer, core *bundle.Bundle) error {
	m := &core.Manifest
	return plain.Execute(w, map[string]any{
		"M": m, "Records": text.Count(m.Records, "record"), "Size": text.Count(m.Size, "record"),
		"First": text.Grouped(m.First + 1), "Last": text.Grouped(m.Last + 1), "Log": m.Log.String(), "Head": m.Head.String(), "Keys": core.Keys(),
	})
}

// plain is the page of a program without WebAssembly inside: it says what the bundle
// claims, and how to find out whether that is so.
var plain = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evidence of what an agent called</title>
<style>
:root { color-scheme: light dark; font: 100%/1.5 system-ui, sans-serif }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }
pre { overflow-x: auto; padding: .7rem; border: 1px solid; white-space: pre-wrap }
dt { font-weight: 600 } dd { margin: 0 0 .6rem }
</style>
</head>
<body>
<main>
<h1>Evidence of what an agent called</h1>
<p><strong>Nothing on this page is verified.</strong> It says what the file that it came in claims. Verify that file:</p>
<pre>signet-wrap verify REPORT.zip --trust FILE</pre>
<p>FILE names the keys that you trust, and must come from somebody else than this file did.
docs/AUDITORS.md of signet-wrap says what each verdict means, and how to verify with OpenSSL and Python alone.</p>
<dl>
<dt>Records</dt><dd>{{.Records}}
{{- if eq .M.Kind "log"}}, the whole log{{else if eq .M.Kind "range"}}: all from record {{.First}} to record {{.Last}} of a log of {{.Size}}{{else}}, picked from a log of {{.Size}}; what lies between is not shown{{end}}</dd>
{{- with .M.Asked}}<dt>Asked for</dt><dd>{{.}}</dd>{{end}}
<dt>The log&#39;s first record</dt><dd><code>{{.Log}}</code></dd>
<dt>The log&#39;s newest record</dt><dd><code>{{.Head}}</code></dd>
{{- range .Keys}}<dt>Key {{.Name}}{{with .Owner}} of {{.}}{{end}}</dt><dd>named in the file alone</dd>{{end}}
<dt>Made by</dt><dd>{{.M.Program}}</dd>
</dl>
</main>
</body>
</html>
`))
