package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

// anchorFinding says up to where others remember the log, and the step that would
// improve it. It asks nobody.
func (c *command) anchorFinding(h home.Dir) finding {
	r := finding{Check: "anchor", State: "note"}
	dir, inHome := c.storeOf(h)
	s, err := anchor.Open(dir)
	if _, madeInHome := h.Store(); errors.Is(err, anchor.ErrNoStore) && madeInHome { // that config.toml names one makes none
		r.Says = "not anchored, as far as this home knows: truncation by the key holder would not show"
		r.Do = "signet-wrap anchor init --witness VKEY@URL" + homeArg(h)
		return r
	}
	var f anchorFinding
	if err == nil {
		cp, cerr := s.Checkpoint()
		if err = cerr; err == nil {
			f = anchorState(s, cp, s.State().Finding)
		}
	}
	if err != nil {
		r.State, r.Says = "repair", fmt.Sprintf("the store of anchors cannot be used: %v", err)
		if errors.Is(err, anchor.ErrNoStore) {
			r.Do = "bring it back or, if it never was there, signet-wrap anchor init"
		}
		return r
	}
	switch f.Verdict {
	case "established":
		r.State = "ok"
		switch {
		case f.Quorum:
			var names []string
			for _, w := range f.Witnesses {
				names = append(names, w.Name)
			}
			r.Says = fmt.Sprintf("%s as witnesses cosigned them at %s (%s)", count(f.Records, "record"), f.Since, strings.Join(names, ", "))
			if inHome {
				r.Says += "; the store is in the home, where the agent can take the log's key"
				r.Do = "as another user: `signet-wrap anchor init --witness VKEY@URL --store DIR --home " + text.Quote(string(h)) + "` (docs/ANCHORS.md)"
			}
		case f.TSA != nil:
			r.State, r.Do = "note", "signet-wrap anchor init --witness VKEY@URL"+homeArg(h)
			r.Says = fmt.Sprintf("%s stamped at %s, and no witness has cosigned them: a stamp alone shows no truncation", count(f.Records, "record"), f.TSA.Seen)
		default:
			r.State, r.Do = "note", "signet-wrap anchor init --witness VKEY@URL"+homeArg(h)
			r.Says = "the log's own checkpoint has " + count(f.Records, "record") + ", and no witness has cosigned it"
		}
	case "unconfirmed":
		r.Do, r.Says = "signet-wrap anchor now", "nothing is anchored yet"
		for _, w := range f.Witnesses {
			if w.Status != anchor.Signed && w.Status != "" {
				r.Says = fmt.Sprintf("the witness %s: %s %s", w.Name, w.Status, w.Error)
			}
			if w.Status == anchor.NotEnrolled {
				r.Do = "signet-wrap anchor enroll, and send what it prints to the witness's operator"
			}
		}
		if f.Done != "" {
			r.Says += "; all was anchored last at " + f.Done
		}
	default:
		r.State, r.Do = "repair", "signet-wrap anchor status"
		r.Says = "the log is not the one that was anchored: " + f.Finding.Detail
	}
	return r
}

// complainOfAnchor says once, at any verb, that a store has found the log not to
// be the one that was anchored.
func (c *command) complainOfAnchor(h home.Dir) {
	if c.anchorSaid {
		return
	}
	c.anchorSaid = true
	dir, _ := c.storeOf(h)
	if _, err := os.Lstat(dir); err != nil {
		return
	}
	s, err := anchor.Open(dir)
	if err != nil {
		return // doctor and verify say so
	}
	if f := s.State().Finding; f != nil {
		c.complainFinding(f)
	}
}
