package anchor

import (
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"time"
)

// State is what a store remembers from one [Store.Anchor] to the next. Nothing
// that is proven hangs on it: if it is lost, the log is read from its beginning.
type State struct {
	Last Position `json:"last"` // the record of the newest leaf
	Size int64    `json:"size"` // the number of leaves up to it

	Tried time.Time `json:"tried,omitzero"` // when Anchor ran last
	Done  time.Time `json:"done,omitzero"`  // when it last left nothing to do
	Next  time.Time `json:"next,omitzero"`  // not to be started before, if by itself

	Witnesses map[string]*Peer `json:"witnesses,omitempty"` // by name
	TSA       Peer             `json:"tsa"`

	Finding *Finding `json:"finding,omitempty"`
}

// Peer is what is remembered of a witness or a time-stamp authority.
type Peer struct {
	Size   int64     `json:"size"`             // of the checkpoint that it signed last
	Seen   time.Time `json:"seen,omitzero"`    // when
	Status Status    `json:"status,omitempty"` // of the last try
	Error  string    `json:"error,omitempty"`  // of the last try
	Delay  Seconds   `json:"delay,omitempty"`  // before the next one
	Next   time.Time `json:"next,omitzero"`
}

// Seconds is a duration, in JSON in whole seconds.
type Seconds int64

// Status says how a try with a peer ended.
type Status string

const (
	Signed      Status = "signed"       // it has signed the newest checkpoint
	NotEnrolled Status = "not enrolled" // the witness does not know the log
	Later       Status = "later"        // it could not be reached, or has no time
	Refused     Status = "refused"      // it does not take what we sent, for a reason of its own
	Conflicts   Status = "conflicts"    // it has seen another log than this one, or a longer one
)

// Kind is what a finding is of.
type Kind string

const (
	Rollback Kind = "rollback" // the log is shorter than it was
	Fork     Kind = "fork"     // the log is another one than it was
)

// A Finding says that the log is not the one that was anchored. Each
// [Store.Anchor] finds it again, until the log is as it was or [Store.NewEpoch]
// begins anew.
type Finding struct {
	Kind   Kind      `json:"kind"`
	Origin string    `json:"origin"`
	Size   int64     `json:"size"`           // of the tree that was anchored
	Now    int64     `json:"now"`            // number of records there are now, or that agree; -1: not known
	Root   string    `json:"root,omitempty"` // of that tree, if it is known
	By     []string  `json:"by"`             // who says so: "store", or witnesses
	Proven bool      `json:"proven"`         // by our own signature, or a quorum
	Time   time.Time `json:"time"`           // when it was first found
	Detail string    `json:"detail"`         // a phrase
}

const (
	firstDelay = 5
	lastDelay  = 15 * 60
)

// tried notes how a try ended, and when the next one is due.
func (p *Peer) tried(now time.Time, status Status, err error) {
	p.Status, p.Error = status, ""
	if err != nil {
		p.Error = err.Error()
	}
	if status == Signed {
		p.Seen, p.Delay, p.Next = now, 0, time.Time{}
		return
	}
	p.Delay = min(max(2*p.Delay, firstDelay), lastDelay)
	// With jitter, so that many do not come at once: half to all of the delay.
	wait := time.Duration(p.Delay) * time.Second
	p.Next = now.Add(wait/2 + rand.N(wait/2)).UTC()
}

// State reads what the store remembers; a file that is missing, or is not what it
// should be, is a store that remembers nothing.
func (s *Store) State() *State {
	var st State
	if b, err := readFile(filepath.Join(s.Dir, stateName), 1<<20); err != nil || json.Unmarshal(b, &st) != nil {
		st = State{}
	}
	if st.Witnesses == nil {
		st.Witnesses = map[string]*Peer{}
	}
	return &st
}

func (s *Store) saveState(st *State) error {
	return s.write(stateName, append(jsonLine(st), '\n'))
}

// peer is what is remembered of a witness.
func (st *State) peer(name string) *Peer {
	p := st.Witnesses[name]
	if p == nil {
		p = &Peer{}
		st.Witnesses[name] = p
	}
	return p
}
