package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/terminal"
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

	known map[string]bool // keys; nil: nothing is known of any
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
	screen := terminal.File(c.Stdout)
	if screen == nil {
		return 0
	}
	w, _, err := term.GetSize(int(screen.Fd()))
	if err != nil {
		return 80
	}
	return w
}

// listRows lists rows for a person.
func (c *command) listRows(ctx context.Context, log *chain.Snapshot, o history.Options, h home.Dir, bar *bar) (history.Summary, error) {
	t := newAuditTable(c.Stdout, c.width())
	t.known = knownKeys(h)
	sum, err := history.List(ctx, log, o, func(row *history.Row) error {
		bar.giveWay()
		return t.put(row)
	})
	bar.giveWay()
	if ferr := t.flush(); err == nil {
		err = ferr // else it would be said twice
	}
	return sum, err
}

// knownKeys are the keys in the home directory; nil if there are none, so that
// nothing is known of any.
func knownKeys(h home.Dir) map[string]bool {
	list, _ := h.Keys().List() // verify and doctor say what is wrong with one
	var known map[string]bool
	for _, p := range list {
		if known == nil {
			known = map[string]bool{}
		}
		known[string(p.Key)] = true
	}
	return known
}

func (t *auditTable) put(row *history.Row) error {
	r := t.row(row)
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

// glance is clean for the beginning of what may be megabytes: as much as a column
// may show.
func glance[T string | []byte](s T) string {
	const most = 4 * offScreen
	return shorten(clean(string(s[:min(len(s), most)])), offScreen)
}

func (t *auditTable) row(row *history.Row) auditRow {
	v := row.Says
	if v == nil {
		return auditRow{[8]string{1: "(not a receipt)"}, glance(row.Receipt)}
	}
	r := auditRow{cells: [8]string{
		"", glance(v.Tool), glance(strings.TrimPrefix(v.Target, "mcp://")), outcomeWords(row), "", "", shortID(v.Session), shortID(v.ID),
	}}
	if !v.Time.IsZero() {
		r.cells[0] = v.Time.Local().Format(time.DateTime)
	}
	if took, ok := row.Took(); ok {
		r.cells[4] = duration(took)
	}
	if row.Believed() && len(v.Signers) > 0 { // else it is nobody's word
		by := v.Signers[len(v.Signers)-1]
		if r.cells[5] = glance(by.Name); t.known != nil && !t.known[string(by.Key)] {
			r.cells[5] = shorten(r.cells[5], auditMost[5]-1) + "?"
		}
	}
	if v.Type != "" {
		r.cells[1] = "(" + glance(v.Type) + ")"
	}
	switch {
	case row.Err != nil && !errors.Is(row.Err, sign.ErrUnsigned):
		r.arguments = glance(row.Err.Error())
	case v.Type != "" && row.Verdict == history.Disagrees:
		r.arguments = "of calls of another signer or session: not counted"
	case v.Type != "":
		r.arguments = glance(eventMembers(v))
	case row.Verdict == history.NoCall:
		r.arguments = "response to " + shortID(v.ParentID) + ", which is not in this list"
	case row.Verdict == history.Further:
		r.arguments = "further response to " + shortID(v.ParentID) + ", of which the first counts"
	case row.Verdict == history.Disagrees:
		r.arguments = "response to " + shortID(v.ParentID) + " that does not agree with it: not counted"
	case v.HashOnly:
		r.arguments = "(hash only)"
	default:
		r.arguments = glance(v.Arguments())
	}
	return r
}

// outcomeWords is how a call ended, or why a record does not count as what it
// says, in two words at most.
func outcomeWords(row *history.Row) string {
	switch {
	case errors.Is(row.Err, sign.ErrUnsigned):
		return "unsigned"
	case row.Err != nil:
		return "invalid"
	case row.Verdict == history.NoCall:
		return "no call"
	case row.Verdict == history.Further:
		return "further"
	case row.Verdict == history.Disagrees:
		return "disagrees"
	case row.Open() && row.Unanswered != "":
		return "no response"
	case row.Open():
		return "open"
	case row.Response == nil:
		return ""
	}
	switch s := row.Response.Says.Outcome.Status; s {
	case "requires_approval":
		return "wants input"
	case "":
		return "responded"
	default:
		return s
	}
}

// duration is a time from call to response, as a person says it.
func duration(t time.Duration) string {
	switch {
	case t < time.Second:
		return t.Round(time.Millisecond).String()
	case t < time.Minute:
		return t.Round(100 * time.Millisecond).String()
	}
	return t.Round(time.Second).String()
}

// shortID is enough of an id or session to find it again: eight characters, with
// no "…", which nobody could type.
func shortID(id string) string {
	if _, hex, found := strings.Cut(id, "_"); found {
		id = hex
	}
	r := []rune(glance(id))
	return string(r[:min(len(r), 8)])
}

// eventMembers is what an event says, less what every event has, and its session.
func eventMembers(v *sign.Verified) string {
	var members []string
	for _, m := range v.Event.Members() {
		if m.Name != "session" {
			members = append(members, fmt.Sprintf("%q:%.*s", m.Name, 4*offScreen, m.Value))
		}
	}
	return strings.Join(members, ",")
}
