package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // for the page's own files
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/page/assets"
	"github.com/signet-wrap/signet-wrap/internal/terminal"
)

// page is the page, with comments where the values of one report go.
//
//go:embed assets/page.html
var page string

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
	// The texts must be what their hashes are of, and nothing may end them early.
	if strings.Contains(strings.ToLower(style), "</style") || strings.Contains(strings.ToLower(script), "</script") {
		return errors.New("the page's style or script has its own end in it")
	}
	claimed := claim{found, did}
	claimedJSON, err := json.Marshal(claimed) // without < and >, as that package has it
	if err != nil {
		return err
	}
	why := "This page verifies itself with JavaScript, which does not run here."
	if p == nil {
		why = "This page cannot verify itself: it was made by a signet-wrap that was built without that part."
	}
	asked := ""
	if core.Manifest.Asked != "" {
		asked = "; asked for: " + core.Manifest.Asked
	}
	var rows markup
	for i := range calls {
		x := calls[(n-1-i)%maxStatic]
		rows.write("<tr><td data-name=\"Time\">%v</td><td class=\"said\" data-name=\"Server\">%v</td><td class=\"said\" data-name=\"Tool\">%v</td><td data-name=\"Outcome\">%v</td><td class=\"said mono\" data-name=\"Arguments\">%v</td></tr>\n",
			x.Time, x.Target, x.Tool, x.Outcome, arguments(x))
	}
	policy := fmt.Sprintf("default-src 'none'; script-src '%s' 'wasm-unsafe-eval'; style-src '%s'; worker-src blob:; base-uri 'none'; form-action 'none'",
		hashOf(script), hashOf(style))
	if _, err := strings.NewReplacer(
		"<!--policy-->", policy, "<!--style-->", style, "<!--verifies-->", fmt.Sprint(p != nil), "<!--asked-->", escape(asked), "<!--program-->", escape(core.Manifest.Program),
		"<!--why-->", why, "<!--claim-->", claimed.markup(), "<!--calls-->", rows.String(), "<!--json-->", string(claimedJSON),
	).WriteString(w, page); err != nil {
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
	_, err = fmt.Fprintf(w, "<script>%s</script>\n</body>\n</html>\n", script)
	return err
}

// A claim is what the maker of a page found.
type claim struct {
	*Finding
	Did *Did `json:"did"`
}

// markup is what a reader without JavaScript is shown of it.
func (c *claim) markup() string {
	var m markup
	m.write("<p>“%v: %v”</p>\n<dl class=\"facts\">\n", c.Words.Badge, c.Words.Says)
	for _, s := range c.Words.Sections {
		m.write("<dt>%v</dt><dd>“%v: %v”", s.Question, s.Word, s.Says)
		for _, l := range s.Lines {
			m.write("<div class=\"said\">%v</div>", l)
		}
		m.write("</dd>\n")
	}
	m.write("<dt>Calls</dt><dd>%v, of which %v failed or were refused, and %v are without an outcome; ", c.Did.Calls, c.Did.Failed, c.Did.Open)
	if c.Did.First != "" {
		m.write("%v to ", c.Did.First)
	}
	m.write(`%v</dd>
</dl>
<h3>Tools</h3>
<div class="wide"><table class="plain"><thead><tr><th scope="col">Tool</th><th scope="col">Server</th><th scope="col" class="number">Calls</th><th scope="col" class="number">Failed</th></tr></thead><tbody>
`, c.Did.Last)
	for _, t := range c.Did.Tools {
		m.write("<tr><td class=\"said\" data-name=\"Tool\">%v</td><td class=\"said\" data-name=\"Server\">%v</td><td class=\"number\" data-name=\"Calls\">%v</td><td class=\"number\" data-name=\"Failed\">%v</td></tr>\n", t.Name, t.Server, t.Calls, t.Failed)
	}
	m.write("</tbody></table></div>\n")
	return m.String()
}

// markup is HTML that is being written.
type markup struct{ strings.Builder }

// write writes a format of HTML, with the values, each a %v, as text.
func (m *markup) write(format string, values ...any) {
	for i, v := range values {
		values[i] = escape(v)
	}
	fmt.Fprintf(m, format, values...)
}

// escape is what shows as the text of v, in an element or in a quoted attribute.
func escape(v any) string { return html.EscapeString(visible(v)) }

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
