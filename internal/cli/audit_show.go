package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/terminal"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

const auditShowHelp = `signet-wrap audit show: all about one call

USAGE
  signet-wrap audit show ID [--pubkey KEY]... [--json]

EXAMPLE
  signet-wrap audit show 8daadfb3

FLAGS
  --pubkey KEY   a key whose holder you know: a NAME in the home, a .pub FILE,
                 or ed25519:B64; may be repeated (default: all of the home)
  --json         the same as one object, with the whole records
  --home DIR     keys and log (default: $SIGNET_HOME or ~/.signet)

ID is the ID of a receipt or an event, with or without rec_, or a beginning of
it that no other has. The signature and the hash of the record are checked.
Its place in the log is not: "signet-wrap verify --chain" checks that.

EXIT STATUS
  0 shown, valid or not; 1 not found, or more than one found; 2 bad usage
`

func (c *command) auditShowVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "show",
		CustomHelpTemplate: auditShowHelp,
		Flags:              []ucli.Flag{&ucli.BoolFlag{Name: "json"}, pubkeyFlag(), homeFlag()},
		Action:             c.auditShow,
	}
}

func (c *command) auditShow(u *ucli.Context) error {
	args := c.args(u)
	if len(args) != 1 {
		return misuse("signet-wrap audit show ID", "audit show takes one ID (got %d)", len(args))
	}
	ring, err := c.keyring(u)
	if err != nil {
		return err
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	story, err := c.find(h.Audit(), args[0])
	if err != nil {
		return err
	}
	if u.Bool("json") {
		return c.showJSON(story, ring)
	}
	c.tell(story, ring)
	return nil
}

// find is what the log in the directory audit, with the days that were moved to others,
// says about the record whose id begins so.
func (c *command) find(audit, id string, moved ...string) (*history.Story, error) {
	want, ok := history.ParsePrefix(id)
	if !ok {
		return nil, misuse("rec_ and hex digits, as `signet-wrap audit` lists them", "%q is not an ID", id)
	}
	ctx, stop := c.interruptible()
	defer stop()
	bar := c.progress("searching")
	defer bar.clear()
	log, err := chain.TakeSnapshot(audit)
	if err == nil && len(moved) > 0 {
		log, err = log.With(moved...)
	}
	if err != nil {
		return nil, fmt.Errorf("searching the log: %w", err)
	}
	story, err := history.Find(ctx, log, want, bar.show)
	var several *history.AmbiguousError
	switch {
	case errors.As(err, &several):
		return nil, fail("add a character or two", fmt.Errorf("%q begins several ids: %s", id, briefly(several.IDs)))
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return nil, errors.New("interrupted: the log was not searched to its end")
	case err != nil:
		return nil, fmt.Errorf("searching the log: %w", err)
	case story == nil:
		return nil, fail("see `signet-wrap audit`", fmt.Errorf("no record in %s has an id that begins with %q", audit, id))
	}
	return story, nil
}

func place(r *history.Record) string { return fmt.Sprintf("%s:%d", r.File, r.Line) }

// tell tells a person the whole story of a record.
func (c *command) tell(s *history.Story, ring keyring) {
	v := s.Says
	row := func(name, format string, a ...any) { // with texts that are brief
		fmt.Fprintf(c.Stdout, "  %-10s %s\n", brief(name), terminal.Clean(fmt.Sprintf(format, a...)))
	}
	ref := func(r *history.Record) string {
		return fmt.Sprintf("(%s, %s, at %s)", brief(r.Says.ID), verify.Examine(r, ring.Keys, time.Now()).Verdict, place(r))
	}
	f := verify.Examine(s.Record, ring.Keys, time.Now())
	switch {
	case len(f.Signers) > 0:
		c.printReceipt(&f)
	case f.Verdict == verify.Tampered:
		c.printReceipt(&f)
		row("it says", "%s, %s", brief(v.Tool), formatTime(v.Time))
	default: // nothing could be verified
		fmt.Fprintf(c.Stdout, "%s: %s\n", c.paint(yellow, string(f.Verdict)), clean(f.Reasons[0]))
	}
	if !v.Time.IsZero() {
		row("local time", "%s", v.Time.Local().Format("Mon 2006-01-02 15:04:05.000 -0700"))
	}
	for _, m := range []struct{ name, value string }{
		{"session", v.Session}, {"call id", v.CallID}, {"trace", v.TraceID}, {"parent", v.ParentID}, {"input", hashText(v.InputHash)}, {"embeds", v.EmbeddedID}, {"response", hashText(v.ResponseHash)},
	} {
		if m.value != "" {
			row(m.name, "%s", brief(m.value))
		}
	}
	if s.Owner != "" {
		row("owner", "of the key, as it said later: %s", brief(s.Owner))
	}
	for _, r := range s.Responses {
		if r.Verdict == history.Counts {
			row("response", "%s %s", responseText(r.Statement.Says, v), ref(r.Statement))
		} else {
			row("doubt", "a response that is not counted: %s %s", whyNot(r.Verdict), ref(r.Statement))
		}
	}
	for _, r := range s.Embedded {
		row("response", "%s %s", responseText(r.Says, v), ref(r))
	}
	for _, r := range s.Retries {
		row("retried", "as %s", ref(r))
	}
	for _, e := range s.Events {
		text := eventText(e.Statement.Says, v.ID)
		if e.Statement.Says.Type == "unanswered" {
			text = "no response: " + s.Unanswered
		}
		if e.Verdict == history.Counts {
			row(e.Statement.Says.Type, "%s %s", brief(text), ref(e.Statement))
			session, _ := e.Statement.Says.Event.(event.Session)
			if session.Environment != nil {
				row("where", "%s", environmentText(session.Environment))
			}
			if len(session.Settings) > 0 {
				row("settings", "%s", brief(settingsText(session.Settings)))
			}
		} else {
			row("doubt", "an event (%s) that is not counted: it is not signed as the call is %s", brief(e.Statement.Says.Type), ref(e.Statement))
		}
	}
	if err := s.Check(); err == nil {
		row("log", "%s, and its hash fits: %s", place(s.Record), s.RecordHash)
	} else {
		row("log", "%s: %v", place(s.Record), err)
	}
	for _, r := range s.Same {
		row("", "the same id is at %s, too", place(r))
	}
	if v.Type != "" {
		row("says", "%s", brief(eventText(v, "")))
	}
	c.printArguments(v.Arguments())
}

// eventText is what an event says, for a person: of a session who took part and
// where, of the context of calls what is about call, of others their members.
func eventText(v *sign.Verified, call string) string {
	var parts []string
	add := func(name, format string, a ...any) { parts = append(parts, name+" "+brief(fmt.Sprintf(format, a...))) }
	who := func(name string, i *event.Implementation) {
		if i != nil && i.Name != "" {
			add(name, "%s", strings.TrimSpace(i.Name+" "+i.Version))
		}
	}
	switch e := v.Event.(type) {
	case event.Session:
		who("client", e.Client)
		parts = append(parts, "command "+flagLine(e.Command))
		if e.Protocol != "" {
			add("protocol", "%s", e.Protocol)
		}
		who("server", e.Server)
		add("target", "%s", e.Target)
		if e.Via != "" && e.Via != "wrap" {
			add("via", "%s", e.Via)
		}
		if x := e.Environment; x != nil && call == "" {
			parts = append(parts, environmentText(x))
		}
	case event.CallContext:
		for _, c := range e.Calls {
			if c.Call != call {
				continue
			}
			who("client", c.Client)
			if c.Span != "" {
				add("span", "%s", c.Span)
			}
			for _, id := range c.IDs {
				add(brief(id.Name), "%s", id.ID)
			}
		}
	case event.CallRefused:
		return fmt.Sprintf("%s: %s, %s", brief(e.Tool), brief(e.Reason), brief(e.Detail))
	case event.HashOnly:
		for _, c := range e.Calls {
			if c.ID == call {
				return "the arguments were kept nowhere: " + brief(c.Reason)
			}
		}
		return eventMembers(v)
	case event.Erased:
		if call == "" {
			return eventMembers(v)
		}
		return "the arguments were erased, says its signer: " + brief(e.Reason)
	case event.Cosigned:
		return "the server's side confirms the outcome with a receipt of its own"
	default:
		return eventMembers(v)
	}
	return strings.Join(parts, ", ")
}

// environmentText is who ran a wrapper, and where.
func environmentText(x *event.Environment) string {
	who := cmp.Or(x.User, x.UserID, "somebody")
	if x.UserID != "" && x.UserID != who {
		who += " (" + x.UserID + ")"
	}
	text := "by " + brief(who)
	if x.Host != "" {
		text += " on " + brief(x.Host)
	}
	if x.Directory != "" {
		text += " in " + brief(x.Directory)
	}
	text += ", signet-wrap " + brief(x.Version)
	if !x.Program.IsZero() {
		text += " (" + x.Program.String() + ")"
	}
	return text
}

// settingsText are the settings of a wrapper that were not the defaults.
func settingsText(all []event.Setting) string {
	var parts []string
	for _, s := range all {
		parts = append(parts, fmt.Sprintf("%s %s (%s)", s.Name, s.Value, s.From))
	}
	return strings.Join(parts, ", ")
}

// hashText is the hash as it is written, "" for none.
func hashText(h sign.Hash) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}

// responseText is what a response says of a call.
func responseText(response, call *sign.Verified) string {
	o := response.Outcome
	text := cmp.Or(o.Status, "no outcome stated")
	for _, more := range []string{o.Reason, o.Error} {
		if more != "" {
			text += ", " + brief(more)
		}
	}
	if d := response.Responded.Sub(call.Time); !response.Responded.IsZero() && d >= 0 {
		text += fmt.Sprintf(" after %v", d)
	}
	return text
}

// briefly is a list of ids, of which those of forgers may be long.
func briefly(ids []string) string {
	for i := range ids {
		ids[i] = brief(ids[i])
	}
	return strings.Join(ids, ", ")
}

// whyNot is why a response is not counted.
func whyNot(v history.Verdict) string {
	switch v {
	case history.Further:
		return "it is not the first"
	case history.Copy:
		return "it is a copy"
	case history.Disagrees:
		return "signer, session, tool, server or time are not those of the call"
	}
	return "it or the call is invalid, or it comes before the call"
}

// printArguments prints JSON so that a person can read it, but not a megabyte of
// it.
func (c *command) printArguments(args []byte) {
	const most = 16 << 10
	if args == nil {
		return
	}
	fmt.Fprintf(c.Stdout, "\n")
	text := jsontext.Value(slices.Clone(args))
	if len(args) > most || bytes.Count(args, []byte{'['})+bytes.Count(args, []byte{'{'}) > most/16 || text.Indent(jsontext.WithIndent("  ")) != nil {
		text = args[:min(len(args), most)]
	}
	for line := range strings.Lines(string(text)) {
		fmt.Fprintf(c.Stdout, "  %s\n", terminal.Clean(strings.TrimSuffix(line, "\n"))) // it is short enough
	}
	if more := len(args) - most; more > 0 {
		fmt.Fprintf(c.Stdout, "  ... and %s more: --json has them\n", count(int64(more), "byte"))
	}
}

// shownRecord is a record in what audit show --json prints.
type shownRecord struct {
	File   string          `json:"file"`
	Line   int             `json:"line"`
	Fits   bool            `json:"fits"`             // the record_hash is that of the record
	Counts *bool           `json:"counts,omitempty"` // of a response or an event: it is signed as the call is, and of responses the first
	Check  verify.Receipt  `json:"check"`
	Record json.RawMessage `json:"record"`
}

func (c *command) showJSON(s *history.Story, ring keyring) error {
	show := func(r *history.Record) shownRecord {
		return shownRecord{File: r.File, Line: r.Line, Fits: r.Check() == nil, Check: verify.Examine(r, ring.Keys, time.Now()), Record: r.Raw}
	}
	showAll := func(all []*history.Record) (shown []shownRecord) {
		for _, r := range all {
			shown = append(shown, show(r))
		}
		return shown
	}
	judged := func(all []history.Judged[*history.Record]) (shown []shownRecord) {
		for _, r := range all {
			one, counts := show(r.Statement), r.Verdict == history.Counts
			one.Counts = &counts
			shown = append(shown, one)
		}
		return shown
	}
	out := struct {
		shownRecord
		Same      []shownRecord `json:"same,omitempty"` // others with the same id
		Responses []shownRecord `json:"responses,omitempty"`
		Embedded  []shownRecord `json:"embedded,omitempty"` // receipts of version 3 that have it in them
		Retries   []shownRecord `json:"retries,omitempty"`
		Events    []shownRecord `json:"events,omitempty"` // of its session
	}{show(s.Record), showAll(s.Same), judged(s.Responses), showAll(s.Embedded), showAll(s.Retries), judged(s.Events)}
	b, err := json.Marshal(out)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Stdout, "%s\n", b)
	return err
}
