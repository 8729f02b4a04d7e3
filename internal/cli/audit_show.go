package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
)

const auditShowHelp = `signet-wrap audit show: all about one call

USAGE
  signet-wrap audit show ID [--pubkey KEY]... [--json]

EXAMPLE
  signet-wrap audit show 8daadfb3

FLAGS
  --pubkey KEY   a key that you know: a NAME in the home folder, a .pub FILE, or
                 ed25519:B64; may be repeated. Default: all keys in the home folder
  --json         the same as one object, with the whole records
  --home DIR     keys and log (default: $SIGNET_HOME or ~/.signet)

ID is that of a receipt or an event, with rec_ or without, or as many of its
first characters as make it the only one. The record is checked by itself, its
signature and its hash; its place in the log, "signet-wrap verify --chain" checks.

EXIT STATUS
  0 shown, whatever is wrong with it; 1 not found, or not the only one; 2 bad usage
`

func (c *command) auditShowVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "show",
		CustomHelpTemplate: auditShowHelp,
		OnUsageError:       usageError,
		HideHelpCommand:    true,
		Flags:              []ucli.Flag{&ucli.BoolFlag{Name: "json"}, pubkeyFlag(), homeFlag()},
		Action:             c.auditShow,
	}
}

func (c *command) auditShow(u *ucli.Context) error {
	args := c.args(u)
	if len(args) != 1 {
		return misuse("signet-wrap audit show ID", "one ID is wanted, and there are %d", len(args))
	}
	want, err := parseID(args[0])
	if err != nil {
		return err
	}
	ring, err := c.keyring(u)
	if err != nil {
		return err
	}
	h, err := c.home(u)
	if err != nil {
		return err
	}
	found, answers, err := findRecords(h.audit(), want)
	switch {
	case err != nil:
		return fmt.Errorf("searching the log: %w", err)
	case len(found) == 0:
		return fail("see `signet-wrap audit`", fmt.Errorf("no record in %s has an id that begins with %q", h.audit(), args[0]))
	}
	story := found[0]
	for _, f := range found[1:] {
		if f.v.ID != story.v.ID {
			var ids []string
			for _, f := range found {
				ids = append(ids, clean(f.v.ID))
			}
			return fail("add a character or two", fmt.Errorf("%q begins several ids: %s", args[0], strings.Join(slices.Compact(ids), ", ")))
		}
	}
	answers = slices.DeleteFunc(answers, func(a logged) bool { return a.v.ParentID != story.v.ID && a.v.EmbeddedID != story.v.ID })
	events, err := sessionEvents(h.audit(), story.v)
	if err != nil {
		return fmt.Errorf("searching the log: %w", err)
	}
	if u.Bool("json") {
		return c.showJSON(story, found[1:], answers, events, ring)
	}
	c.tell(story, found[1:], answers, events, ring)
	return nil
}

// wantedID is the beginning of an id.
type wantedID struct{ kind, hex string } // "rec", "evt" or "", and digits

var idForm = regexp.MustCompile(`^(?:(rec|evt)_)?([0-9a-f]{1,32})$`)

func parseID(s string) (wantedID, error) {
	m := idForm.FindStringSubmatch(strings.ToLower(s))
	if m == nil {
		return wantedID{}, misuse("rec_ and hex digits, as `signet-wrap audit` lists them", "%q is not an id", s)
	}
	return wantedID{m[1], m[2]}, nil
}

func (w wantedID) begins(id string) bool {
	kind, hex, _ := strings.Cut(id, "_")
	return (w.kind == "" || w.kind == kind) && strings.HasPrefix(hex, w.hex)
}

// logged is a record, read but not verified.
type logged struct {
	e chain.Entry
	v *sign.Verified
}

// maxFound bounds what a short beginning of an id may find.
const maxFound = 10

// findRecords finds the records with such an id, and those that answer one.
func findRecords(dir string, want wantedID) (found, answers []logged, err error) {
	part := []byte("_" + want.hex)
	for e, err := range chain.Scan(dir, time.Time{}) {
		var bad *chain.LineError
		if errors.As(err, &bad) || err == nil && !bytes.Contains(e.Receipt, part) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		e.Raw, e.Receipt = slices.Clone(e.Raw), slices.Clone(e.Receipt)
		v, err := sign.Read(e.Receipt)
		if err != nil {
			continue
		}
		if want.begins(v.ID) && len(found) < maxFound {
			found = append(found, logged{e, v})
		} else if (want.begins(v.ParentID) || want.begins(v.EmbeddedID)) && len(answers) < 2*maxFound {
			answers = append(answers, logged{e, v})
		}
	}
	return found, answers, nil
}

// sessionEvents finds what the log tells of the session of a call: who was
// asked, the tools as they were listed, and what became of this call.
func sessionEvents(dir string, v *sign.Verified) (events []logged, err error) {
	if v.Session == "" {
		return nil, nil
	}
	session := []byte(`"` + v.Session + `"`)
	for e, err := range chain.Scan(dir, v.Time) {
		var bad *chain.LineError
		if errors.As(err, &bad) || err == nil && (!bytes.Contains(e.Receipt, session) || !bytes.Contains(e.Receipt, []byte(`"type"`))) {
			continue
		}
		if err != nil {
			return nil, err
		}
		e.Raw, e.Receipt = slices.Clone(e.Raw), slices.Clone(e.Receipt)
		event, err := sign.Read(e.Receipt)
		if err != nil || event.Type == "" || event.Type == "unanswered" && !bytes.Contains(e.Receipt, []byte(v.ID)) ||
			event.Type == "task" && !bytes.Contains(e.Receipt, []byte(v.ID)) {
			continue
		}
		if events = append(events, logged{e, event}); len(events) == maxFound {
			break
		}
	}
	return events, nil
}

// examine verifies a record by itself.
func (l logged) examine(ring keyring) (f finding, fits error) {
	v, err := sign.Verify(l.e.Receipt)
	var invalid *sign.InvalidError
	switch {
	case errors.As(err, &invalid):
		f = finding{Verdict: "tampered", Reasons: []string{invalid.Reason}}
	case errors.Is(err, sign.ErrUnsigned):
		f = finding{Verdict: "unconfirmed", Reasons: []string{"an event without a signature, which any program could have written"}}
	case err != nil:
		f = finding{Verdict: "unconfirmed", Reasons: []string{err.Error()}}
	default:
		f = judge(v, ring, time.Now())
	}
	return f, l.e.Check()
}

func (l logged) place() string { return fmt.Sprintf("%s:%d", l.e.File, l.e.Line) }

// tell tells a person the whole story of a record.
func (c *command) tell(l logged, twins, answers, events []logged, ring keyring) {
	v := l.v
	row := func(name, format string, a ...any) {
		fmt.Fprintf(c.Stdout, "  %-10s %s\n", name, clean(fmt.Sprintf(format, a...)))
	}
	f, fits := l.examine(ring)
	switch {
	case len(f.Signers) > 0:
		c.printFinding(f)
	case f.Verdict == "tampered":
		c.printFinding(f)
		row("it says", "%s, %s", v.Tool, formatTime(v.Time))
	default: // nothing could be verified
		fmt.Fprintf(c.Stdout, "%s: %s\n", c.paint(yellow, f.Verdict), clean(f.Reasons[0]))
	}
	if !v.Time.IsZero() {
		row("local time", "%s", v.Time.Local().Format("Mon 2006-01-02 15:04:05.000 -0700"))
	}
	for _, m := range []struct{ name, value string }{
		{"session", v.Session}, {"call id", v.CallID}, {"trace", v.TraceID}, {"parent", v.ParentID}, {"embeds", v.EmbeddedID}, {"answer", v.ResponseHash},
	} {
		if m.value != "" {
			row(m.name, "%s", m.value)
		}
	}
	for _, a := range answers {
		af, _ := a.examine(ring)
		after := ""
		if d := a.v.Responded.Sub(v.Time); !a.v.Responded.IsZero() && d >= 0 {
			after = fmt.Sprintf(" after %v", d)
		}
		if a.v.Version == 1 {
			row("retried", "as %s (%s, at %s)", a.v.ID, af.Verdict, a.place())
			continue
		}
		row("answered", "%s%s (%s, %s, at %s)", outcomeText(a.v), after, a.v.ID, af.Verdict, a.place())
	}
	for _, e := range events {
		ef, _ := e.examine(ring)
		text, _ := eventMembers(e.e.Receipt)
		if e.v.Type == "unanswered" {
			text = unansweredCalls(e.e.Receipt)[v.ID]
		}
		row(e.v.Type, "%s (%s, at %s)", shorten(text, mostOfEvent), ef.Verdict, e.place())
	}
	if fits == nil {
		row("log", "%s, and its hash fits: %s", l.place(), l.e.RecordHash)
	} else {
		row("log", "%s: %v", l.place(), fits)
	}
	for _, t := range twins {
		row("", "the same id stands at %s too", t.place())
	}
	if v.Type != "" {
		text, _ := eventMembers(l.e.Receipt)
		row("says", "%s", text)
	}
	c.printArguments(v.Arguments())
}

// mostOfEvent is how much of an event is told beside a call, in characters.
const mostOfEvent = 300

// printArguments prints JSON so that a person can read it, but not a megabyte of
// it.
func (c *command) printArguments(args []byte) {
	const most = 16 << 10
	if args == nil {
		return
	}
	fmt.Fprintf(c.Stdout, "\n")
	text := jsontext.Value(slices.Clone(args))
	if len(args) > most || text.Indent(jsontext.WithIndent("  ")) != nil {
		text = args[:min(len(args), most)]
	}
	for line := range strings.Lines(string(text)) {
		fmt.Fprintf(c.Stdout, "  %s\n", clean(strings.TrimSuffix(line, "\n")))
	}
	if more := len(args) - most; more > 0 {
		fmt.Fprintf(c.Stdout, "  ... and %s more: --json has them\n", count(int64(more), "byte"))
	}
}

// shownRecord is a record in the answer of audit show --json.
type shownRecord struct {
	File   string          `json:"file"`
	Line   int             `json:"line"`
	Fits   bool            `json:"fits"` // the record_hash is that of the record
	Check  finding         `json:"check"`
	Record json.RawMessage `json:"record"`
}

func (l logged) shown(ring keyring) shownRecord {
	f, fits := l.examine(ring)
	return shownRecord{l.e.File, l.e.Line, fits == nil, f, l.e.Raw}
}

func (c *command) showJSON(l logged, twins, answers, events []logged, ring keyring) error {
	out := struct {
		shownRecord
		Twins   []shownRecord `json:"twins,omitempty"` // with the same id
		Answers []shownRecord `json:"answers,omitempty"`
		Events  []shownRecord `json:"events,omitempty"` // of its session
	}{shownRecord: l.shown(ring)}
	for _, t := range twins {
		out.Twins = append(out.Twins, t.shown(ring))
	}
	for _, a := range answers {
		out.Answers = append(out.Answers, a.shown(ring))
	}
	for _, e := range events {
		out.Events = append(out.Events, e.shown(ring))
	}
	b, err := json.Marshal(out)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Stdout, "%s\n", b)
	return err
}
