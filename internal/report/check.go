package report

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Options are those of [Check] and [List]. The zero value knows no key.
type Options struct {
	Now time.Time // what is later is yet to come

	Files []File // of the reader's own

	// Progress is told now and then what is being done, and how many bytes of how
	// many are; nil: nobody is.
	Progress func(doing string, done, total int64)
}

// A Finding is what was found of a bundle.
type Finding struct {
	Verify json.RawMessage `json:"verify"` // the output of verify --json
	Words  Words           `json:"words"`
	Used   []Used          `json:"used,omitempty"` // of Options.Files, in their order
}

// Check verifies a bundle, or its core. Keys that only the bundle names establish nothing. An
// error says that there is no finding.
func Check(ctx context.Context, b *bundle.Bundle, o Options) (*Finding, error) {
	options := verify.BundleOptions{Options: verify.Options{Now: o.Now, Progress: o.progress("verifying")}}
	known, used, err := readFiles(o.Files, b, &options)
	if err != nil {
		return nil, err
	}
	if o.Progress != nil {
		options.Hashing = func(done, total int64) { o.Progress("comparing files with their hashes", done, total) }
	}
	checked, err := verify.CheckBundle(ctx, b, known, options)
	if err != nil {
		return nil, fmt.Errorf("verifying the evidence: %w", err)
	}
	f := &Finding{Words: words(checked, used), Used: used}
	f.Verify, err = json.Marshal(checked)
	return f, err
}

// List puts each call of a bundle, oldest first, and sums them up. Only what is signed is
// a call, by whomever: [Check] says who that was.
func List(ctx context.Context, b *bundle.Bundle, o Options, put func(*history.View) error) (*Did, error) {
	log, err := b.Log()
	if err != nil {
		return nil, fmt.Errorf("reading the log: %w", err)
	}
	did := newDoings()
	_, err = history.List(ctx, log, history.Options{Contexts: true, Session: did.session, Progress: o.progress("listing calls")}, func(row *history.Row) error {
		if !row.IsCall() {
			did.other(row)
			return nil
		}
		x := row.View()
		did.call(row, x)
		return put(x)
	})
	if err != nil {
		return nil, fmt.Errorf("listing the log: %w", err)
	}
	f := did.finding()
	return &f, nil
}

func (o *Options) progress(doing string) func(records, bytes, total int64) {
	if o.Progress == nil {
		return nil
	}
	return func(_, bytes, total int64) { o.Progress(doing, bytes, total) }
}

// Did is what the agents did: sums over the calls.
type Did struct {
	Calls   int64  `json:"calls"`
	Failed  int64  `json:"failed"`
	Open    int64  `json:"open"`    // without an outcome: history.Open and history.NoResponse
	Doubted int64  `json:"doubted"` // records that are not believed, and responses that count for no call
	Heads   int64  `json:"heads"`   // sessions that sent where the log ended to a system's log
	Off     int64  `json:"off"`     // and that say that they did not
	First   string `json:"first,omitempty"`
	Last    string `json:"last,omitempty"`

	Outcomes map[history.Outcome]int64 `json:"outcomes"` // calls by how they ended

	Tools    []Tool    `json:"tools"`    // the most used first
	Sessions []Session `json:"sessions"` // the newest first
	// MoreTools and MoreSessions are how many are not listed.
	MoreTools    int `json:"more_tools,omitempty"`
	MoreSessions int `json:"more_sessions,omitempty"`
}

// A Tool is one of a server.
type Tool struct {
	Server string `json:"server,omitempty"`
	Name   string `json:"name"`
	Calls  int64  `json:"calls"`
	Failed int64  `json:"failed"`
	Open   int64  `json:"open"`
}

// A Session is one run of a server with a client.
type Session struct {
	ID     string `json:"id"`
	Client string `json:"client,omitempty"`
	Server string `json:"server,omitempty"`
	Signer string `json:"signer,omitempty"`
	Key    string `json:"key,omitempty"` // of the signer
	Where  string `json:"where,omitempty"`
	Began  *Began `json:"began,omitempty"` // what its event says; nil: there is none
	First  string `json:"first"`
	Last   string `json:"last"`
	Calls  int64  `json:"calls"`
	Failed int64  `json:"failed"`
	Open   int64  `json:"open"`
}

// Began is what the event of a session says of how it began.
type Began struct {
	Via      string   `json:"via,omitempty"`
	SDK      string   `json:"sdk,omitempty"`
	Command  string   `json:"command,omitempty"` // the server's, secrets masked
	Files    []string `json:"files,omitempty"`   // that the command runs, with their hashes
	Dir      string   `json:"directory,omitempty"`
	Version  string   `json:"version,omitempty"` // of the wrapper
	Program  string   `json:"program,omitempty"` // hash of the wrapper's own file
	Heads    string   `json:"heads,omitempty"`   // to which system's log the session sent where the log ended, "off" or "none"
	Machine  string   `json:"machine,omitempty"`
	Protocol string   `json:"protocol,omitempty"`
	Settings []string `json:"settings,omitempty"` // that are not the defaults
}

// Bounds of what is remembered, and of what is listed: a log may be hostile.
const (
	maxGroups = 100_000
	maxBegan  = 10_000
	maxShown  = 200
	maxList   = 10   // files, settings
	maxName   = 200  // bytes
	maxText   = 1000 // bytes of a command
)

type toolOf struct{ server, name string }

// sessionOf is a session of a key: a session of the same name by another is another.
type sessionOf struct{ key, id string }

// doings sums up rows.
type doings struct {
	did      Did
	tools    map[toolOf]*Tool
	sessions map[sessionOf]*Session
	began    map[sessionOf]*Began
}

func newDoings() *doings {
	return &doings{did: Did{Outcomes: map[history.Outcome]int64{}}, tools: map[toolOf]*Tool{}, sessions: map[sessionOf]*Session{}, began: map[sessionOf]*Began{}}
}

// session sees the event of a session.
func (d *doings) session(v *sign.Verified, e event.Session) {
	if len(v.Signers) == 0 {
		return
	}
	key := sessionOf{verify.FormatKey(v.Signers[len(v.Signers)-1].Key), e.Session}
	if d.began[key] != nil || len(d.began) >= maxBegan {
		return
	}
	b := &Began{Via: clip(e.Via), SDK: clip(e.SDK), Command: text.Clip(strings.Join(e.Command, " "), maxText), Protocol: clip(e.Protocol)}
	for _, f := range e.Files[:min(len(e.Files), maxList)] {
		said := f.SHA256.String()
		if f.SHA256.IsZero() {
			said = "not hashed: " + clip(f.Reason)
		}
		b.Files = append(b.Files, clip(f.Path)+": "+said)
	}
	if h := e.Heads; h != nil {
		b.Heads, b.Machine = clip(h.To), clip(h.Machine)
		if h.To == "off" || h.To == "none" {
			d.did.Off++
		} else {
			d.did.Heads++
		}
	}
	if at := e.Environment; at != nil {
		b.Dir, b.Version = clip(at.Directory), clip(at.Version)
		if !at.Program.IsZero() {
			b.Program = at.Program.String()
		}
	}
	for _, s := range e.Settings[:min(len(e.Settings), maxList)] {
		b.Settings = append(b.Settings, clip(s.Name)+" = "+clip(s.Value)+" ("+clip(s.From)+")")
	}
	d.began[key] = b
}

// other sees a row that is no call.
func (d *doings) other(row *history.Row) {
	if !row.Believed() || row.Verdict != 0 {
		d.did.Doubted++
	}
}

func (d *doings) call(row *history.Row, x *history.View) {
	failed, open := int64(0), int64(0)
	if row.Failed() {
		failed = 1
	}
	if row.Open() {
		open = 1
	}
	d.did.Calls, d.did.Failed, d.did.Open = d.did.Calls+1, d.did.Failed+failed, d.did.Open+open
	d.did.Outcomes[x.Outcome]++
	d.did.First, d.did.Last = earlier(d.did.First, x.Time), max(d.did.Last, x.Time)

	key := toolOf{clip(x.Target), clip(x.Tool)}
	t := d.tools[key]
	if t == nil && len(d.tools) < maxGroups {
		t = &Tool{Server: key.server, Name: key.name}
		d.tools[key] = t
	}
	if t != nil {
		t.Calls, t.Failed, t.Open = t.Calls+1, t.Failed+failed, t.Open+open
	}
	of := sessionOf{id: x.Session}
	if x.Signer != nil {
		of.key = x.Signer.Key
	}
	s := d.sessions[of]
	if s == nil && len(d.sessions) < maxGroups {
		s = &Session{ID: clip(x.Session), Server: key.server, Key: of.key, Began: d.began[of]}
		d.sessions[of] = s
	}
	if s == nil {
		return
	}
	s.First, s.Last = earlier(s.First, x.Time), max(s.Last, x.Time)
	s.Calls, s.Failed, s.Open = s.Calls+1, s.Failed+failed, s.Open+open
	if x.Client != nil {
		s.Client = clip(strings.TrimSpace(x.Client.Name + " " + x.Client.Version))
	}
	if x.Signer != nil {
		s.Signer = clip(x.Signer.Name)
	}
	if w := x.Where; w != nil {
		s.Where = clip(strings.Trim(w.User+"@"+w.Host, "@"))
	}
}

// earlier is the earlier of two times, of which the first may be none.
func earlier(a, b string) string {
	if a == "" || b < a {
		return b
	}
	return a
}

func (d *doings) finding() Did {
	f := d.did
	f.Tools, f.Sessions = []Tool{}, []Session{}
	for _, t := range d.tools {
		f.Tools = append(f.Tools, *t)
	}
	slices.SortFunc(f.Tools, func(a, b Tool) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Server, b.Server))
	})
	for _, s := range d.sessions {
		f.Sessions = append(f.Sessions, *s)
	}
	slices.SortFunc(f.Sessions, func(a, b Session) int {
		return cmp.Or(cmp.Compare(b.First, a.First), cmp.Compare(a.ID, b.ID))
	})
	if more := len(f.Tools) - maxShown; more > 0 {
		f.Tools, f.MoreTools = f.Tools[:maxShown], more
	}
	if more := len(f.Sessions) - maxShown; more > 0 {
		f.Sessions, f.MoreSessions = f.Sessions[:maxShown], more
	}
	return f
}
