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
// rows need; so a list of any length is printed as it is read. On a screen, a
// column that says the same in all rows, or finds no room, is left out, and what it
// would say is below the table.
type auditTable struct {
	w     io.Writer
	width int // of the screen, in characters; 0: not a screen
	rows  []auditRow
	cols  []int // widths, -1: not shown; nil: not yet known
	err   error

	clock bool            // the time column has the time of day alone
	zone  *time.Location  // of all times
	only  [columns]string // of a column that is not shown: what it says in all rows so far
	mixed [columns]bool   // it does not say the same in all rows
	noted [columns]bool   // only says something
	known map[string]bool // keys; nil: nothing is known of any
}

// The columns, but for the last, "arguments", which takes what is left of the
// screen.
const (
	timeColumn = iota
	toolColumn
	serverColumn
	outcomeColumn
	tookColumn
	clientColumn
	signerColumn
	ownerColumn
	whereColumn
	sessionColumn
	idColumn
	columns
)

// auditRow is a row of the table.
type auditRow struct {
	cells     [columns]string
	arguments string
	event     bool // not a call or a response: it may have no context
}

var (
	auditHead = auditRow{[columns]string{"TIME", "TOOL", "SERVER", "OUTCOME", "TOOK", "CLIENT", "SIGNER", "OWNER", "WHERE", "SESSION", "ID"}, "ARGUMENTS", false}
	auditMost = [columns]int{19, 28, 24, 12, 8, 20, 16, 20, 24, 8, 8} // the widest that columns get
	auditLess = [columns]int{19, 12, 10, 8, 8, 10, 8, 10, 10, 8, 8}   // the narrowest
	// auditSame are columns that are left out, if there is no room, where they say
	// the same in all rows: then one line says it. auditGive give way in turn after
	// that: "audit show" has them.
	auditSame = []int{whereColumn, ownerColumn, clientColumn, signerColumn, serverColumn}
	auditGive = []int{sessionColumn, tookColumn, whereColumn, ownerColumn, clientColumn, signerColumn, serverColumn}
)

const (
	sizingRows   = 500
	minArguments = 20  // on a narrow screen
	offScreen    = 200 // and where there is none
)

func newAuditTable(w io.Writer, width int) *auditTable {
	return &auditTable{w: w, width: width, zone: localZone()}
}

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
	o.Contexts = true
	sum, err := history.List(ctx, log, o, func(row *history.Row) error {
		bar.giveWay()
		return t.put(row)
	})
	bar.giveWay()
	ferr := t.flush()
	t.say()
	if err == nil {
		err = ferr // else it would be said twice
	}
	return sum, err
}

// knownKeys are the keys in the home directory; nil if there are none, so that
// nothing is known of any.
func knownKeys(h home.Dir) map[string]bool {
	list, _ := h.Keys().Known() // verify and doctor say what is wrong with one
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
	t.cols = make([]int, columns)
	for _, r := range t.rows {
		for i, cell := range r.cells {
			t.cols[i] = min(max(t.cols[i], utf8.RuneCountInString(cell)), auditMost[i])
		}
	}
	for i, head := range auditHead.cells {
		if optional := i >= clientColumn && i <= whereColumn; optional && t.cols[i] == 0 {
			t.cols[i] = -1 // nothing is known
			continue
		}
		t.cols[i] = max(t.cols[i], len(head))
	}
	t.fit()
	for _, r := range slices.Insert(t.rows, 0, auditHead) {
		t.print(r)
	}
	t.rows = nil
	return t.err
}

// over is how many characters the columns take too many.
func (t *auditTable) over() int {
	over := minArguments - t.width
	for _, w := range t.cols {
		if w >= 0 {
			over += w + 2
		}
	}
	return over
}

// fit has columns give way on a screen with no room for some of the arguments:
// those that say nothing new, those that matter least, then width, then the others.
func (t *auditTable) fit() {
	if t.width == 0 {
		return
	}
	same := func(i int, of func(string) string) bool {
		first, seen := "", false
		for _, r := range t.rows {
			switch cell := of(r.cells[i]); {
			case cell == "" && r.event:
			case !seen:
				first, seen = cell, true
			case cell != first:
				return false
			}
		}
		return first != ""
	}
	whole := func(cell string) string { return cell }
	for _, i := range auditSame {
		if t.over() > 0 && t.cols[i] >= 0 && same(i, whole) {
			t.cols[i] = -1
		}
	}
	give := slices.Clone(auditGive)
	for _, i := range give[:2] {
		if t.over() > 0 {
			t.cols[i] = -1
		}
	}
	if t.over() > 0 && same(timeColumn, day) {
		t.clock, t.cols[timeColumn] = true, len("15:04:05")
	}
	t.squeeze()
	for _, i := range give[2:] {
		if t.over() > 0 {
			t.cols[i] = -1
			t.squeeze()
		}
	}
}

// squeeze makes columns narrower, the widest first, as far as need be.
func (t *auditTable) squeeze() {
	for t.over() > 0 {
		widest := -1
		for i, w := range t.cols {
			if i != timeColumn && w > auditLess[i] && (widest < 0 || w > t.cols[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		t.cols[widest]--
	}
}

// day is the day of a time cell.
func day(cell string) string {
	day, _, _ := strings.Cut(cell, " ")
	return day
}

func (t *auditTable) print(r auditRow) {
	head := r.cells[timeColumn] == auditHead.cells[timeColumn]
	var line strings.Builder
	for i, cell := range r.cells {
		hidden := t.cols[i] < 0
		if i == timeColumn && head && !t.clock {
			cell += " (" + t.zone.String() + ")"
		}
		if i == timeColumn && t.clock && !head {
			t.note(i, r.event, day(cell))
			_, cell, _ = strings.Cut(cell, " ")
		} else if hidden && !head {
			t.note(i, r.event, cell)
		}
		if hidden {
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

// note takes what a column would say that is not shown.
func (t *auditTable) note(i int, event bool, cell string) {
	switch {
	case cell == "" && event:
	case !t.noted[i]:
		t.only[i], t.noted[i] = cell, true
	case t.only[i] != cell:
		t.mixed[i] = true
	}
}

// say prints, below the table, what columns say that are not shown, where that is
// the same in all rows, and which others there are.
func (t *auditTable) say() {
	var all, more []string
	for i, what := range t.only {
		name := strings.ToLower(auditHead.cells[i])
		if i == timeColumn {
			name = "day"
			if what != "" {
				what += " (" + t.zone.String() + ")"
			}
		}
		switch {
		case i == sessionColumn || i == tookColumn || what == "" && !t.mixed[i]:
		case t.mixed[i]:
			more = append(more, name)
		default:
			all = append(all, name+" "+what)
		}
	}
	t.list("in all rows:", all)
	t.list("not shown on so narrow a screen:", more)
}

// list prints items after a heading, in as many lines as the screen needs.
func (t *auditTable) list(heading string, items []string) {
	if len(items) == 0 {
		return
	}
	line := heading
	for i, item := range items {
		if i < len(items)-1 {
			item += ","
		}
		if n := utf8.RuneCountInString(line) + 1 + utf8.RuneCountInString(item); t.width > 0 && n > t.width && line != heading {
			fmt.Fprintln(t.w, line)
			line = " "
		}
		line += " " + item
	}
	fmt.Fprintln(t.w, line)
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
		return auditRow{[columns]string{toolColumn: "(not a receipt)"}, glance(row.Receipt), true}
	}
	r := auditRow{event: v.Type != "", cells: [columns]string{
		toolColumn: glance(v.Tool), serverColumn: glance(strings.TrimPrefix(v.Target, "mcp://")), outcomeColumn: outcomeWords(row),
		clientColumn: glance(row.Context.ClientName()), ownerColumn: glance(row.Context.Owner), whereColumn: glance(row.Context.Where()),
		sessionColumn: shortID(v.Session), idColumn: shortID(v.ID),
	}}
	if !v.Time.IsZero() {
		r.cells[timeColumn] = v.Time.In(t.zone).Format(time.DateTime)
	}
	if took, ok := row.Took(); ok {
		r.cells[tookColumn] = duration(took)
	}
	if row.Believed() && len(v.Signers) > 0 { // else it is nobody's word
		by := v.Signers[len(v.Signers)-1]
		if r.cells[signerColumn] = glance(by.Name); t.known != nil && !t.known[string(by.Key)] {
			r.cells[signerColumn] = shorten(r.cells[signerColumn], auditMost[signerColumn]-1) + "?"
		}
	}
	if v.Type != "" {
		r.cells[toolColumn] = "(" + glance(v.Type) + ")"
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
