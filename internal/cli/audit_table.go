package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/signet-wrap/signet-wrap/sign"
)

// auditTable prints records as rows. The columns are made as wide as the first
// rows need; so a list of any length is printed as it is read. A screen of 80
// characters is wide enough: columns are left out there.
type auditTable struct {
	w     io.Writer
	width int // of the screen, in characters; 0: not a screen
	rows  []auditRow
	cols  []int // widths, -1: not shown; nil: not yet known
	err   error
}

// auditRow is a row without its last column; "arguments" takes what is left of
// the screen.
type auditRow struct {
	cells     [8]string
	arguments string
}

var (
	auditHead = auditRow{[8]string{"TIME", "TOOL", "SERVER", "OUTCOME", "TOOK", "SIGNER", "SESSION", "ID"}, "ARGUMENTS"}
	auditMost = [8]int{19, 28, 24, 12, 8, 16, 8, 8} // the widest that columns get
	auditLess = []int{6, 5, 4, 2}                   // those that a narrow screen goes without, in turn: "audit show" has them
)

const (
	sizingRows   = 500
	minArguments = 20  // on a narrow screen
	minTool      = 12  // likewise
	offScreen    = 200 // and where there is none
)

func newAuditTable(w io.Writer, width int) *auditTable { return &auditTable{w: w, width: width} }

// width is that of the screen on which results appear, 0 if there is none.
func (c *command) width() int {
	if !isTerminal(c.Stdout) {
		return 0
	}
	w, _, err := term.GetSize(int(c.Stdout.(*os.File).Fd()))
	if err != nil {
		return 80
	}
	return w
}

func (t *auditTable) records() bool { return false }

func (t *auditTable) put(d *deed) error {
	r := newAuditRow(d)
	if t.cols != nil {
		t.print(r)
		return t.err
	}
	if t.rows = append(t.rows, r); len(t.rows) == sizingRows {
		return t.flush()
	}
	return nil
}

// flush sizes the columns, if that is still to be done, and prints what has
// been waiting for it.
func (t *auditTable) flush() error {
	if t.cols != nil || len(t.rows) == 0 {
		return t.err
	}
	t.rows = slices.Insert(t.rows, 0, auditHead)
	t.cols = make([]int, len(auditMost))
	for _, r := range t.rows {
		for i, cell := range r.cells {
			t.cols[i] = min(max(t.cols[i], utf8.RuneCountInString(cell)), auditMost[i])
		}
	}
	t.fit()
	for _, r := range t.rows {
		t.print(r)
	}
	t.rows = nil
	return t.err
}

// fit has columns give way on a screen with no room for some of the arguments.
func (t *auditTable) fit() {
	if t.width == 0 {
		return
	}
	over := minArguments - t.width
	for _, w := range t.cols {
		over += w + 2
	}
	tool := &t.cols[1]
	spare := *tool - min(*tool, minTool)
	for _, i := range auditLess {
		if over > spare {
			over -= t.cols[i] + 2
			t.cols[i] = -1
		}
	}
	*tool -= min(max(over, 0), spare)
}

func (t *auditTable) print(r auditRow) {
	var line strings.Builder
	for i, cell := range r.cells {
		if t.cols[i] < 0 {
			continue
		}
		cell = shorten(cell, t.cols[i])
		line.WriteString(cell)
		line.WriteString(strings.Repeat(" ", t.cols[i]-utf8.RuneCountInString(cell)+2))
	}
	room := offScreen
	if t.width > 0 {
		room = max(t.width-utf8.RuneCountInString(line.String()), minArguments)
	}
	line.WriteString(shorten(r.arguments, room))
	if _, err := fmt.Fprintln(t.w, strings.TrimRight(line.String(), " ")); t.err == nil {
		t.err = err
	}
}

// shorten cuts s to n characters.
func shorten(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:max(n-1, 0)]) + "…"
}

// glance is clean for the beginning of what may be megabytes.
func glance(b []byte) string {
	const most = 4 * 1024
	return clean(string(b[:min(len(b), most)]))
}

func newAuditRow(d *deed) auditRow {
	v := d.v
	if v == nil {
		return auditRow{[8]string{1: "(not a receipt)"}, glance(d.e.Receipt)}
	}
	r := auditRow{cells: [8]string{
		"", clean(v.Tool), clean(strings.TrimPrefix(v.Target, "mcp://")), clean(d.outcome()), d.took(), "", shortID(v.Session), shortID(v.ID),
	}}
	if !v.Time.IsZero() {
		r.cells[0] = v.Time.Local().Format(time.DateTime)
	}
	if len(v.Signers) > 0 {
		r.cells[5] = clean(v.Signers[0].Name)
	}
	switch {
	case v.Type != "":
		members, session := eventMembers(d.e.Receipt)
		r.cells[1], r.cells[6], r.arguments = "("+clean(v.Type)+")", shortID(session), members
	case isAnswer(v):
		r.arguments = "answer to " + shortID(v.ParentID) + ", which is not in this list"
	case v.HashOnly:
		r.arguments = "(hash only)"
	default:
		r.arguments = glance(v.Arguments())
	}
	return r
}

// shortID is enough of an id or session to find it again: eight characters, with
// no "…", which nobody could type.
func shortID(id string) string {
	if _, hex, found := strings.Cut(id, "_"); found {
		id = hex
	}
	r := []rune(glance([]byte(id)))
	return string(r[:min(len(r), 8)])
}

func outcomeText(v *sign.Verified) string {
	text := v.Outcome.Status
	if text == "" {
		text = "no outcome stated"
	}
	for _, more := range []string{v.Outcome.Reason, v.Outcome.Error} {
		if more != "" {
			text += ", " + more
		}
	}
	return text
}

// eventMembers is what an event says, less what every event has, and its session.
func eventMembers(receipt []byte) (text, session string) {
	var members map[string]json.RawMessage
	if json.Unmarshal(receipt, &members) != nil {
		return glance(receipt), ""
	}
	if json.Unmarshal(members["session"], &session) == nil {
		delete(members, "session")
	}
	for _, name := range []string{"v", "type", "id", "ts", "nonce", "signer", "sig"} {
		delete(members, name)
	}
	b, err := json.Marshal(members)
	if err != nil {
		return glance(receipt), session
	}
	return glance(bytes.Trim(b, "{}")), session
}
