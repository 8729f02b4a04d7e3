package cli

import (
	"bufio"
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
)

// An auditOutput is a form in which rows are listed. What it holds back, so that
// columns fit or writes are few, flush writes.
type auditOutput interface {
	put(*history.Row) error
	waits(time.Duration) bool // something has been held back for that long
	flush() error
}

// auditPatience is how long a row may be held back while others are looked for.
const auditPatience = 300 * time.Millisecond

// waiting is since when something is held back; zero: nothing is.
type waiting struct{ since time.Time }

func (w *waiting) begin() {
	if w.since.IsZero() {
		w.since = time.Now()
	}
}

func (w *waiting) waits(long time.Duration) bool {
	return !w.since.IsZero() && time.Since(w.since) >= long
}

// auditRecords lists the records of rows as they are in the log: each call, and after
// it the response that counts.
type auditRecords struct {
	waiting
	w *bufio.Writer
	n int64 // written

	// begun are calls that were listed when they began, of a log that is followed;
	// else nil.
	begun map[chain.Position]bool
}

// maxBegun bounds what is remembered of calls that never end.
const maxBegun = 100_000

func newAuditRecords(w io.Writer) *auditRecords { return &auditRecords{w: bufio.NewWriter(w)} }

func (a *auditRecords) put(row *history.Row) error {
	at := row.Position()
	var err error
	if !a.begun[at] {
		err = a.write(&row.Entry)
	}
	if row.Response != nil && row.Response != row.Record {
		err = a.write(&row.Response.Entry)
	}
	if a.begun == nil {
		return err
	}
	if delete(a.begun, at); row.Outcome() == history.Open {
		if len(a.begun) >= maxBegun {
			clear(a.begun)
		}
		a.begun[at] = true
	}
	return err
}

func (a *auditRecords) write(e *chain.Entry) error {
	a.begin()
	a.n++
	a.w.Write(e.Raw)
	return a.w.WriteByte('\n')
}

func (a *auditRecords) flush() error {
	a.waiting = waiting{}
	return a.w.Flush()
}

// auditJSON lists an object a row.
type auditJSON struct {
	waiting
	w     *bufio.Writer
	known map[string]bool // keys; nil: nothing is known of any
	line  []byte
}

func newAuditJSON(w io.Writer, known map[string]bool) *auditJSON {
	return &auditJSON{w: bufio.NewWriter(w), known: known}
}

func (a *auditJSON) put(row *history.Row) error {
	a.begin()
	view := row.View()
	if view.Signer != nil && a.known != nil {
		known := a.known[string(row.Says.Signers[len(row.Says.Signers)-1].Key)]
		view.Signer.Known = &known
	}
	line, err := view.AppendJSON(a.line[:0])
	if err != nil {
		return err
	}
	if a.line = line[:0]; cap(line) > 1<<20 {
		a.line = nil
	}
	a.w.Write(line)
	return a.w.WriteByte('\n')
}

func (a *auditJSON) flush() error {
	a.waiting = waiting{}
	return a.w.Flush()
}

// auditCSV lists rows for spreadsheets (RFC 4180). A cell is what it says, but that
// one which a spreadsheet would compute has an apostrophe before it.
type auditCSV struct {
	waiting
	w       *csv.Writer
	columns []int
	begun   bool
}

func newAuditCSV(w io.Writer, columns []int) *auditCSV {
	if columns == nil {
		for i := range auditNames() {
			columns = append(columns, i)
		}
	}
	return &auditCSV{w: csv.NewWriter(w), columns: columns}
}

func (a *auditCSV) put(row *history.Row) error {
	a.begin()
	a.head()
	cells := a.cells(row)
	line := make([]string, len(a.columns))
	for i, column := range a.columns {
		line[i] = inert(cells[column])
	}
	return a.w.Write(line)
}

// head writes the names of the columns, once.
func (a *auditCSV) head() {
	if a.begun {
		return
	}
	a.begun = true
	var line []string
	for _, column := range a.columns {
		line = append(line, auditNames()[column])
	}
	a.w.Write(line) // whose error Flush has
}

// cells are all cells of a row.
func (a *auditCSV) cells(row *history.Row) []string {
	cells := make([]string, len(auditNames()))
	v := row.Says
	if v == nil {
		cells[toolColumn] = "(not a receipt)"
		return cells
	}
	view := row.View()
	cells[timeColumn] = view.Time
	cells[toolColumn] = view.Tool
	if v.Type != "" {
		cells[toolColumn] = "(" + v.Type + ")"
	}
	cells[serverColumn] = strings.TrimPrefix(view.Target, "mcp://")
	cells[outcomeColumn] = string(view.Outcome)
	if view.Took != nil {
		cells[tookColumn] = strconv.FormatInt(*view.Took, 10)
	}
	if view.Signer != nil {
		cells[signerColumn] = view.Signer.Name
	}
	cells[clientColumn], cells[ownerColumn], cells[whereColumn] = row.Context.ClientName(), row.Context.Owner, row.Context.Where()
	cells[viaColumn], cells[sessionColumn], cells[idColumn] = view.Via, view.Session, view.ID
	if v.Type != "" {
		cells[argumentsColumn] = eventMembers(v)
	} else if arguments := v.Arguments(); utf8.Valid(arguments) {
		cells[argumentsColumn] = string(arguments)
	} else {
		cells[argumentsColumn] = strings.ToValidUTF8(string(arguments), "\uFFFD")
	}
	return cells
}

func (a *auditCSV) flush() error {
	a.waiting = waiting{}
	a.head()
	a.w.Flush()
	return a.w.Error()
}

// inert is a cell that no spreadsheet computes.
func inert(cell string) string {
	if strings.IndexAny(strings.TrimLeft(cell, " "), "=+-@\t\r\n＝＋－＠") == 0 || strings.IndexAny(cell, "\t\r\n") == 0 {
		return "'" + cell
	}
	return cell
}
