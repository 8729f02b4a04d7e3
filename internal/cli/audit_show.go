package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
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
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	ctx, stop := c.interruptible()
	defer stop()
	log, err := chain.TakeSnapshot(h.Audit())
	if err != nil {
		return fmt.Errorf("searching the log: %w", err)
	}
	search := finder{ctx, log, c.progress("searching")}
	defer search.bar.clear()
	found, answers, err := search.records(want)
	switch {
	case err != nil:
		return searchFailed(ctx, err)
	case len(found) == 0:
		return fail("see `signet-wrap audit`", fmt.Errorf("no record in %s has an id that begins with %q", h.Audit(), args[0]))
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
	events, err := search.sessionEvents(story.v)
	if err != nil {
		return searchFailed(ctx, err)
	}
	search.bar.clear()
	if u.Bool("json") {
		return c.showJSON(story, found[1:], answers, events, ring)
	}
	c.tell(story, found[1:], answers, events, ring)
	return nil
}

func searchFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return errors.New("interrupted: the log was not searched to its end")
	}
	return fmt.Errorf("searching the log: %w", err)
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

// in says whether such an id, or something that looks like it, stands in a
// receipt.
func (w wantedID) in(receipt []byte) bool {
	part := []byte("_" + w.hex)
	for {
		before, rest, found := bytes.Cut(receipt, part)
		if !found {
			return false
		}
		// Sessions and nonces are many, and look alike.
		if !bytes.HasSuffix(before, []byte(`"ses`)) && !bytes.HasSuffix(before, []byte(`"rnd`)) {
			return true
		}
		receipt = rest
	}
}

// logged is a record, read but not verified.
type logged struct {
	e chain.Entry
	v *sign.Verified
}

// maxFound bounds what a short beginning of an id may find.
const maxFound = 10

// finder looks through one snapshot of the log.
type finder struct {
	ctx context.Context
	log *chain.Snapshot
	bar *bar
}

// find yields the records from the day of since on whose receipts pass and can be
// read.
func (f *finder) find(since time.Time, pass func(receipt []byte) bool) iter.Seq2[logged, error] {
	o := chain.ReadOptions{Since: since, Sift: pass, Progress: f.bar.show}
	return chain.Read(f.ctx, f.log, o, func(e chain.Entry, bad *chain.LineError) (logged, bool) {
		if bad != nil || !e.Canonical && !pass(e.Receipt) {
			return logged{}, false
		}
		e = e.Keep()
		v, err := sign.Read(e.Receipt)
		return logged{e, v}, err == nil
	})
}

// records finds the records with such an id, and those that answer one.
func (f *finder) records(want wantedID) (found, answers []logged, err error) {
	for l, err := range f.find(time.Time{}, want.in) {
		if err != nil {
			return nil, nil, err
		}
		if want.begins(l.v.ID) && len(found) < maxFound {
			found = append(found, l)
		} else if (want.begins(l.v.ParentID) || want.begins(l.v.EmbeddedID)) && len(answers) < 2*maxFound {
			answers = append(answers, l)
		}
	}
	return found, answers, nil
}

// sessionEvents finds what the log tells of the session of a call: who was
// asked, the tools as they were listed, and what became of this call.
func (f *finder) sessionEvents(v *sign.Verified) (events []logged, err error) {
	if v.Session == "" {
		return nil, nil
	}
	session := []byte(`"` + v.Session + `"`)
	inSession := func(receipt []byte) bool {
		return bytes.Contains(receipt, session) && bytes.Contains(receipt, []byte(`"type"`))
	}
	for l, err := range f.find(v.Time, inSession) {
		if err != nil {
			return nil, err
		}
		if !isAbout(l.v.Event, v.ID) {
			continue
		}
		if events = append(events, l); len(events) == maxFound {
			break
		}
	}
	return events, nil
}

// isAbout says whether an event of the session of a call is to be told with it:
// one about other calls is not.
func isAbout(e event.Event, call string) bool {
	switch e := e.(type) {
	case nil:
		return false
	case event.Unanswered:
		return slices.ContainsFunc(e.Calls, func(c event.Call) bool { return c.ID == call })
	case event.Task:
		return e.Call == call
	}
	return true
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
		if never, ok := e.v.Event.(event.Unanswered); ok {
			i := slices.IndexFunc(never.Calls, func(c event.Call) bool { return c.ID == v.ID })
			text = never.Calls[i].Reason // see isAbout
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
