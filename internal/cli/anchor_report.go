package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
)

// anchorFinding is the result of anchoring, and the object that --json prints.
type anchorFinding struct {
	Verdict   string          `json:"verdict"` // "established", "rollback", "fork", "unconfirmed" or, with --due, "not due"
	Origin    string          `json:"origin"`
	Store     string          `json:"store"`
	Records   int64           `json:"records"`         // in the newest checkpoint
	Added     int64           `json:"added"`           // of them, new
	Root      string          `json:"root,omitempty"`  // of their tree
	Quorum    bool            `json:"quorum"`          // enough witnesses have cosigned it
	Since     string          `json:"since,omitempty"` // when they became enough
	Witnesses []anchorPeer    `json:"witnesses"`
	TSA       *anchorPeer     `json:"tsa,omitempty"`
	Done      string          `json:"done,omitempty"` // when all was established last
	Finding   *anchor.Finding `json:"finding,omitempty"`
}

// anchorPeer is a witness or a time-stamp authority.
type anchorPeer struct {
	Name   string        `json:"name"`
	URL    string        `json:"url"`
	Status anchor.Status `json:"status"` // "" if it was never asked
	Error  string        `json:"error,omitempty"`
	Size   int64         `json:"size"`           // records that it has signed for
	Seen   string        `json:"seen,omitempty"` // when
}

// anchorState is what a store says, without asking anybody.
func anchorState(s *anchor.Store, cp *tlog.Signed, found *anchor.Finding) anchorFinding {
	st := s.State()
	f := anchorFinding{Verdict: "established", Origin: s.Policy.Log.Name(), Store: s.Dir, Witnesses: []anchorPeer{}, Finding: found}
	if !st.Done.IsZero() {
		f.Done = formatTime(st.Done)
	}
	if cp != nil {
		f.Records, f.Root, f.Quorum = cp.Size, cp.Root.String(), cp.Quorum
		if cp.Quorum {
			f.Since = formatTime(cp.Since)
		}
	}
	peer := func(name, url string, p *anchor.Peer) anchorPeer {
		a := anchorPeer{Name: name, URL: url}
		if p != nil {
			a.Status, a.Error, a.Size = p.Status, p.Error, p.Size
			if !p.Seen.IsZero() {
				a.Seen = formatTime(p.Seen)
			}
		}
		return a
	}
	for _, w := range s.Policy.Witnesses {
		f.Witnesses = append(f.Witnesses, peer(w.Name, w.URL, st.Witnesses[w.Name]))
	}
	if s.Config.TSA != "" {
		p := peer(s.Config.TSA, s.Config.TSA, &st.TSA)
		f.TSA = &p
	}
	switch {
	case found != nil && found.Proven:
		f.Verdict = string(found.Kind)
	case found != nil, cp == nil, s.Policy.HasQuorum() && !cp.Quorum, f.TSA != nil && f.TSA.Status != anchor.Signed:
		f.Verdict = "unconfirmed"
	}
	return f
}

// sayAnchor prints f and returns its exit status.
func (c *command) sayAnchor(u *ucli.Context, f anchorFinding) error {
	if u.Bool("json") {
		line, err := json.Marshal(f)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.Stdout, "%s\n", line)
	} else {
		c.printAnchor(f)
	}
	if f.Finding != nil {
		c.complainFinding(f.Finding)
	}
	switch f.Verdict {
	case "established":
		return nil
	case "unconfirmed", "not due":
		return status(exitUnconfirmed)
	}
	return status(exitFailed)
}

func (c *command) printAnchor(f anchorFinding) {
	w := c.Stdout
	row := func(name, format string, a ...any) {
		fmt.Fprintf(w, "%-10s %s\n", name, clean(fmt.Sprintf(format, a...)))
	}
	row("log", "%s", f.Origin)
	if f.Records > 0 {
		row("anchored", "%s, %s new", count(f.Records, "record"), grouped(f.Added))
		row("root", "%s", f.Root)
	} else {
		row("anchored", "nothing yet")
	}
	for _, p := range f.Witnesses {
		row("witness", "%s: %s", p.Name, p.line())
	}
	if f.TSA != nil {
		row("time", "%s: %s", f.TSA.Name, f.TSA.line())
	}
	switch {
	case f.Verdict == "not due":
	case f.Verdict == "unconfirmed":
		fmt.Fprintf(w, "%s: nothing is wrong, but not all is established\n", c.paint(yellow, "unconfirmed"))
	case f.Verdict != "established":
		fmt.Fprintf(w, "%s: the log is not the one that was anchored\n", c.paint(red, f.Verdict))
	case len(f.Witnesses) == 0 && f.TSA == nil:
		fmt.Fprintf(w, "%s: the log continues the last checkpoint; no witness has cosigned it\n", c.paint(green, "established"))
	case f.Quorum:
		fmt.Fprintf(w, "%s: cosigned by enough witnesses since %s\n", c.paint(green, "established"), f.Since)
	default:
		fmt.Fprintf(w, "%s: its time is stamped\n", c.paint(green, "established"))
	}
}

func (p *anchorPeer) line() string {
	text := string(p.Status)
	if text == "" {
		text = "not asked yet"
	}
	if p.Error != "" {
		text += ": " + p.Error
	}
	if p.Seen != "" {
		text += fmt.Sprintf(" (%s at %s)", count(p.Size, "record"), p.Seen)
	}
	return text
}

// complainFinding says what was found, other possible causes, and what to do.
func (c *command) complainFinding(f *anchor.Finding) {
	who := "the store's own checkpoint"
	if len(f.By) > 0 && f.By[0] != "store" {
		who = "what " + strings.Join(f.By, ", ") + " cosigned"
	}
	hint := `if a backup was restored or a disk is not mounted, put the log back; else change nothing, and begin again with "signet-wrap anchor new-epoch --reason ..."`
	if !f.Proven {
		hint = "too few witnesses say so to be sure; a second machine with this store has the same effect"
	}
	c.complain(clean(fmt.Sprintf("%s of the log: it does not continue %s of %s: %s", f.Kind, who, count(f.Size, "record"), f.Detail)), hint)
}
