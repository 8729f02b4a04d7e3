package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // for the page's own files
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/page/assets"
	"github.com/signet-wrap/signet-wrap/internal/terminal"
)

//go:embed assets/page.html.tmpl
var pageTemplate string

//go:embed assets/page.css
var reportStyle string

//go:embed assets/page.js
var reportScript string

//go:embed assets/worker.js
var workerScript string

// maxStatic is how many calls a reader without JavaScript is shown, the newest.
const maxStatic = 100

// chunk is how much of the evidence is in one element, in bytes: a multiple of 3, so
// that the base64 of no chunk but the last is padded. One element for all would be a
// string that browsers refuse from 512 MB on.
const chunk = 6 << 20

// Render writes the page of a bundle, of which core is all but the page, and which becomes
// part of it. The same core and program give the same page. p verifies it in a browser:
// that of [Embedded]. nil: the page says that it does not verify itself.
func Render(ctx context.Context, w io.Writer, core *bundle.Bundle, p *Program) error {
	var calls []*history.View // the newest, as a ring
	n := 0
	// No clock is in the page. What is yet to come is said where it is read.
	found, err := Check(ctx, core, Options{Now: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		return err
	}
	did, err := List(ctx, core, Options{}, func(x *history.View) error {
		if len(calls) < maxStatic {
			calls = append(calls, x)
		} else {
			calls[n%maxStatic] = x
		}
		n++
		return nil
	})
	if err != nil {
		return err
	}
	style, script := assets.CommonCSS+reportStyle, assets.CommonJS+reportScript
	page := &htmlPage{
		Manifest: &core.Manifest, Command: "signet-wrap verify REPORT.zip --trust FILE", Style: template.CSS(style), Claim: &claim{found, did}, Verifies: p != nil,
	}
	for i := range calls {
		page.Calls = append(page.Calls, calls[(n-1-i)%maxStatic])
	}
	page.Policy = fmt.Sprintf("default-src 'none'; script-src '%s' 'wasm-unsafe-eval'; style-src '%s'; worker-src blob:; base-uri 'none'; form-action 'none'",
		hashOf(script), hashOf(style))
	t, err := template.New("page").Funcs(template.FuncMap{"visible": visible, "arguments": arguments}).Parse(pageTemplate)
	if err != nil {
		return err
	}
	if err := t.Execute(w, page); err != nil {
		return err
	}
	data := func(class string, r io.Reader) {
		if err == nil {
			err = writeData(w, class, r)
		}
	}
	evidence, _, err := core.Core()
	data("evidence", evidence)
	if p != nil {
		data("program", bytes.NewReader(p.WASM))
		data("worker", strings.NewReader(p.Support+"\n"+workerScript))
	}
	if err != nil {
		return err
	}
	// The script's text must be what its hash is of, and nothing may end it early.
	if strings.Contains(strings.ToLower(script), "</script") {
		return errors.New("the page's script has the end of a script in it")
	}
	_, err = fmt.Fprintf(w, "<script>%s</script>\n</body>\n</html>\n", script)
	return err
}

// A claim is what the maker of a page found.
type claim struct {
	*Finding
	Did *Did `json:"did"`
}

// An htmlPage is what assets/page.html.tmpl shows.
type htmlPage struct {
	Manifest        *bundle.Manifest
	Command, Policy string

	Style    template.CSS
	Claim    *claim
	Calls    []*history.View
	Verifies bool
}

func hashOf(script string) string {
	h := sha256.Sum256([]byte(script))
	return "sha256-" + base64.StdEncoding.EncodeToString(h[:])
}

// writeData writes what r has as base64, in elements of a class that no browser runs.
func writeData(w io.Writer, class string, r io.Reader) error {
	buf, text := make([]byte, chunk), make([]byte, base64.StdEncoding.EncodedLen(chunk))
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			text = text[:base64.StdEncoding.EncodedLen(n)]
			base64.StdEncoding.Encode(text, buf[:n])
			if _, err := fmt.Fprintf(w, "<script type=\"application/octet-stream\" class=%q>%s</script>\n", class, text); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// arguments are those of a call for one cell.
func arguments(x *history.View) string {
	switch {
	case x.HashOnly:
		return "(only their hash was recorded)"
	case x.ArgumentsBytes != nil:
		return clip(string(x.ArgumentsBytes))
	}
	return clip(string(x.Arguments))
}

// visible is s with escapes for what does not show, or turns the direction of text.
func visible(s any) string { return terminal.Clean(fmt.Sprint(s)) }
