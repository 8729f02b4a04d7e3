package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

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
	waiting
	rows []auditRow
	cols []int // widths, -1: not shown; nil: not yet known
	err  error

	clock bool            // the time column has the time of day alone
	zone  *time.Location  // of all times
	only  [columns]string // of a column that is not shown: what it says in all rows so far
	mixed [columns]bool   // it does not say the same in all rows
	noted [columns]bool   // only says something
	known map[string]bool // keys; nil: nothing is known of any

	live  bool                             // it is followed: it has no end
	paint func(colour, word string) string // nil: there are no colours
	day   string                           // of the last row of a live table whose times have no day

	chosen []int // columns, in their order; nil: those that fit
}

// The columns. Arguments, the last, take what is left of the screen.
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
	viaColumn
	sessionColumn
	idColumn
	columns
	argumentsColumn = columns
)

// auditRow is a row of the table.
type auditRow struct {
	cells     [columns]string
	arguments string
	event     bool // not a call or a response: it may have no context
}

var (
	auditHead = auditRow{[columns]string{"TIME", "TOOL", "SERVER", "OUTCOME", "TOOK", "CLIENT", "SIGNER", "OWNER", "WHERE", "VIA", "SESSION", "ID"}, "ARGUMENTS", false}
	auditMost = [columns]int{19, 28, 24, 12, 8, 20, 16, 20, 24, 12, 8, 8} // the widest that columns get
	auditLess = [columns]int{19, 10, 8, 8, 8, 8, 8, 10, 10, 5, 8, 8}      // the narrowest
	// auditSame are columns that are left out, if there is no room, where they say
	// the same in all rows: then one line says it. auditGive give way in turn after
	// that: "audit show" has them.
	auditSame = []int{whereColumn, ownerColumn, clientColumn, signerColumn, serverColumn}
	auditGive = []int{sessionColumn, tookColumn, whereColumn, ownerColumn, viaColumn, signerColumn, clientColumn, serverColumn}
)

// auditNames are the names of all columns.
func auditNames() []string {
	var names []string
	for _, head := range append(auditHead.cells[:], auditHead.arguments) {
		names = append(names, strings.ToLower(head))
	}
	return names
}

const (
	sizingRows   = 500
	minArguments = 16  // on a narrow screen
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
	t.begin()
	if t.rows = append(t.rows, r); len(t.rows) == sizingRows {
		return t.flush()
	}
	return nil
}

// flush sizes the columns, if that is still to be done, and prints what has
// been waiting for it.
func (t *auditTable) flush() error {
	t.waiting = waiting{}
	if t.cols != nil || len(t.rows) == 0 && !t.live {
		return t.err
	}
	t.cols = make([]int, columns)
	for i := range t.cols {
		t.cols[i] = t.widest(i)
	}
	for i, head := range auditHead.cells {
		if optional := i >= clientColumn && i <= viaColumn; optional && t.cols[i] == 0 || i == viaColumn && !t.several(i) {
			t.cols[i] = -1 // nothing is known, or all came the usual way
			continue
		}
		t.cols[i] = max(t.cols[i], len(head))
	}
	if t.live {
		t.foresee()
	}
	if t.chosen == nil {
		t.fit()
	} else {
		t.choose()
	}
	for _, r := range slices.Insert(t.rows, 0, auditHead) {
		t.print(r)
	}
	t.rows = nil
	return t.err
}

// widest is how many characters the first rows need in a column.
func (t *auditTable) widest(i int) (w int) {
	for _, r := range t.rows {
		w = max(w, utf8.RuneCountInString(r.cells[i]))
	}
	return min(w, auditMost[i])
}

// over is how many characters the columns take too many.
func (t *auditTable) over() int {
	over := minArguments - t.width
	if t.chosen != nil && !slices.Contains(t.chosen, argumentsColumn) {
		over = -t.width
	}
	for _, w := range t.cols {
		if w >= 0 {
			over += w + 2
		}
	}
	return over
}

// foresee makes columns as wide as what is still to come may need.
func (t *auditTable) foresee() {
	for i, w := range [columns]int{timeColumn: 19, toolColumn: 18, serverColumn: 12, outcomeColumn: 11, tookColumn: 6, clientColumn: 12, signerColumn: 8, sessionColumn: 8, idColumn: 8} {
		if w > 0 && (i != clientColumn || len(t.rows) == 0 || t.cols[i] > 0) {
			t.cols[i] = max(t.cols[i], w)
		}
	}
}

// several says whether a column tells several things in the first rows.
func (t *auditTable) several(i int) bool {
	first := ""
	for _, r := range t.rows {
		if cell := r.cells[i]; cell != "" && first != "" && cell != first {
			return true
		} else if cell != "" {
			first = cell
		}
	}
	return false
}

// same says whether a column, or what of makes of it, is the same in the first rows,
// but for events that have nothing there.
func (t *auditTable) same(i int, of func(string) string) bool {
	first, seen := "", false
	for _, r := range t.rows {
		cell := r.cells[i]
		if of != nil {
			cell = of(cell)
		}
		switch {
		case cell == "" && r.event:
		case !seen:
			first, seen = cell, true
		case cell != first:
			return false
		}
	}
	return first != ""
}

// choose shows the columns that are chosen, and no other.
func (t *auditTable) choose() {
	for i := range t.cols {
		switch {
		case !slices.Contains(t.chosen, i):
			t.cols[i] = -1
		case t.cols[i] < 0:
			t.cols[i] = max(t.widest(i), auditLess[i])
		}
	}
	if t.width > 0 {
		t.squeeze()
	}
}

// order are the columns in the order in which they are shown, but for the arguments.
func (t *auditTable) order() []int {
	if t.chosen != nil {
		return slices.DeleteFunc(slices.Clone(t.chosen), func(i int) bool { return i == argumentsColumn })
	}
	all := make([]int, columns)
	for i := range all {
		all[i] = i
	}
	return all
}

// fit has columns give way on a screen with no room for some of the arguments:
// those that say nothing new, those that matter least, then width, then the others.
func (t *auditTable) fit() {
	if t.width == 0 {
		return
	}
	for _, i := range auditSame {
		if t.over() > 0 && t.cols[i] >= 0 && t.same(i, nil) && !(t.live && i == serverColumn) {
			t.cols[i] = -1
		}
	}
	give := slices.Clone(auditGive)
	for _, i := range give[:2] {
		if t.over() > 0 {
			t.cols[i] = -1
		}
	}
	if t.over() > 0 && (t.live || t.same(timeColumn, day)) {
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
	used := 0 // characters of the screen
	for _, i := range t.order() {
		cell, hidden := r.cells[i], t.cols[i] < 0
		if i == timeColumn && head && !t.clock {
			cell += " (" + t.zone.String() + ")"
		}
		if i == timeColumn && t.clock && !head {
			t.note(i, r.event, day(cell))
			if today := day(cell); t.live && today != "" && today != t.day {
				t.day = today
				line.WriteString(today + " (" + t.zone.String() + ")\n")
			}
			_, cell, _ = strings.Cut(cell, " ")
		} else if hidden && !head {
			t.note(i, r.event, cell)
		}
		if hidden {
			continue
		}
		cell = shorten(cell, t.cols[i])
		pad := strings.Repeat(" ", t.cols[i]-utf8.RuneCountInString(cell)+2)
		used += t.cols[i] + 2
		if i == outcomeColumn && !head && t.paint != nil && cell != "" {
			cell = t.paint(outcomeColour(r.cells[i]), cell)
		}
		line.WriteString(cell)
		line.WriteString(pad)
	}
	if t.chosen != nil && !slices.Contains(t.chosen, argumentsColumn) {
		r.arguments = ""
	}
	room := offScreen
	if t.width > 0 {
		room = max(t.width-used, minArguments)
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
	if t.chosen != nil {
		return // the others are not wanted
	}
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
		case i == sessionColumn || i == tookColumn || i == viaColumn && !t.mixed[i] || what == "" && !t.mixed[i]:
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
		toolColumn: glance(v.Tool), serverColumn: glance(strings.TrimPrefix(v.Target, "mcp://")), outcomeColumn: outcomeName(row.Outcome()),
		clientColumn: glance(row.Context.ClientName()), ownerColumn: glance(row.Context.Owner), whereColumn: glance(row.Context.Where()), viaColumn: glance(row.Context.Via),
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
	case v.Type == "call_refused":
		r.arguments = glance(eventText(v, ""))
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

// outcomeName is an outcome in two words at most.
func outcomeName(o history.Outcome) string {
	if o == history.WantsInput {
		return "wants input"
	}
	return strings.ReplaceAll(string(o), "_", " ")
}

// outcomeColour is the colour of an outcome, as a word of it.
func outcomeColour(name string) string {
	switch name {
	case outcomeName(history.Executed), outcomeName(history.Checked):
		return green
	case outcomeName(history.Open), outcomeName(history.NoResponse), outcomeName(history.WantsInput), outcomeName(history.Responded):
		return yellow
	}
	return red
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
