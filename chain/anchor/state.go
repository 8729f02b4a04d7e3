package anchor

import (
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"time"
)

// State is what a store remembers from one [Store.Anchor] to the next. No proof
// depends on it: if it is lost, the log is read from its beginning.
type State struct {
	Last RecordEnd `json:"last"` // the record of the newest leaf
	Size int64     `json:"size"` // number of leaves up to it

	Tried time.Time `json:"tried,omitzero"` // when Anchor ran last
	Done  time.Time `json:"done,omitzero"`  // when it last succeeded completely
	Next  time.Time `json:"next,omitzero"`  // when a program should call Anchor again

	Witnesses map[string]*Peer `json:"witnesses,omitempty"` // by name
	TSA       Peer             `json:"tsa"`

	Finding *Finding `json:"finding,omitempty"`
}

// Peer is what is remembered about a witness or time-stamp authority.
type Peer struct {
	Size   int64     `json:"size"`             // of the last checkpoint that it signed
	Seen   time.Time `json:"seen,omitzero"`    // when it signed last
	Status Status    `json:"status,omitempty"` // of the last try
	Error  string    `json:"error,omitempty"`  // of the last try
	Delay  Seconds   `json:"delay,omitempty"`  // from the last try to the next
	Next   time.Time `json:"next,omitzero"`
}

// Seconds is a duration; in JSON it is in whole seconds.
type Seconds int64

// Status is the result of a try with a witness or time-stamp authority.
type Status string

const (
	Signed      Status = "signed"       // it has signed the newest checkpoint
	NotEnrolled Status = "not enrolled" // the witness does not know the log
	Later       Status = "later"        // it could not be reached, or is busy
	Refused     Status = "refused"      // it refuses what we sent, for its own reasons
	Conflicts   Status = "conflicts"    // it has seen another log, or a longer one
)

// Kind is the kind of a finding.
type Kind string

const (
	Rollback Kind = "rollback" // the log is shorter than before
	Fork     Kind = "fork"     // the log has other records than before
)

// A Finding says that the log is not the one that was anchored. Each [Store.Anchor]
// finds it again, until the log is restored or [Store.NewEpoch] is called.
type Finding struct {
	Kind   Kind      `json:"kind"`
	Origin string    `json:"origin"`
	Size   int64     `json:"size"`           // records in the anchored tree
	Now    int64     `json:"now"`            // records now, or records that agree; -1: not known
	Root   string    `json:"root,omitempty"` // of the anchored tree, base64; "": not known
	By     []string  `json:"by"`             // who says so: "store", or names of witnesses
	Proven bool      `json:"proven"`         // by our own signature or a quorum
	Time   time.Time `json:"time"`           // when it was first found
	Detail string    `json:"detail"`         // one line for people
}

const (
	firstDelay = 5
	lastDelay  = 15 * 60
)

// tried sets the result of a try, and when the next one is due.
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
	// Random: half to all of the delay, so that many do not come at once.
	wait := time.Duration(p.Delay) * time.Second
	p.Next = now.Add(wait/2 + rand.N(wait/2)).UTC()
}

// State returns what the store remembers. If the file is missing or invalid, it
// remembers nothing.
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

// peer is what is remembered about a witness.
func (st *State) peer(name string) *Peer {
	p := st.Witnesses[name]
	if p == nil {
		p = &Peer{}
		st.Witnesses[name] = p
	}
	return p
}
