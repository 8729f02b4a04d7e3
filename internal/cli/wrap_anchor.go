package cli

import (
	"errors"
	"os"
	"time"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/proc"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// anchorFor starts "anchor now", if there is a store in the home; one elsewhere is
// somebody else's to bring up, and is looked at. The wrapper itself opens no
// network connection.
func (c *command) anchorFor(h home.Dir, key string) record.Anchor {
	return func(look bool) <-chan record.Anchoring {
		result := make(chan record.Anchoring, 1)
		program, err := os.Executable()
		dir, inHome := c.storeOf(h)
		switch _, gone := os.Lstat(anchor.PolicyFile(dir)); {
		case gone != nil && inHome:
			result <- record.Anchoring{Result: record.AnchorNotAsked}
		case look || !inHome:
			go func() { result <- c.lookAtAnchor(h, dir, inHome) }()
		case err != nil:
			result <- record.Anchoring{Result: record.AnchorLater}
		default:
			ended := proc.StartApart(os.Environ(), program, "anchor", "now", "--due", "--home", string(h), "--key", key)
			go func() {
				switch <-ended {
				case exitOK:
					result <- record.Anchoring{Result: record.AnchorDone}
				case exitFailed:
					result <- c.lookAtAnchor(h, dir, inHome)
				default:
					result <- record.Anchoring{Result: record.AnchorLater}
				}
			}()
		}
		return result
	}
}

// lookAtAnchor says what a store remembers, and what the log does not tell yet of
// it: who anchors may be another user, or not have the key's passphrase.
func (c *command) lookAtAnchor(h home.Dir, dir string, inHome bool) record.Anchoring {
	s, err := anchor.Open(dir)
	if errors.Is(err, anchor.ErrNoStore) {
		return record.Anchoring{Result: record.AnchorNotAsked}
	}
	if err != nil {
		return record.Anchoring{Result: record.AnchorLater}
	}
	st := s.State()
	r := record.Anchoring{Result: record.AnchorLater, Since: st.Done}
	if e := policyEvent(s, inHome); !inHome {
		if has, err := c.hasPolicy(h, e); err == nil && !has {
			r.Policy = &e
		}
	}
	switch f := st.Finding; {
	case f != nil && f.Proven:
		r.Result = record.AnchorFound
		e := findingEvent(f)
		if has, err := c.hasEvent(h, isAbout(e)); err == nil && !has {
			r.Finding = &e
		}
	case time.Since(st.Done) < time.Hour:
		r.Result = record.AnchorDone
	}
	return r
}
