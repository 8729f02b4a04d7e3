package verify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Claim is how far the log went, as somebody outside of it has it.
type Claim struct {
	By     string // "store", "kit", or "witness NAME"
	Origin string
	Size   int64      // records there were
	Root   *tlog.Hash // of their tree; nil: not known
	// Quorum says that enough witnesses have cosigned it, who, and since when.
	Quorum    bool
	Since     time.Time
	Witnesses []string
	Stamped   time.Time // by a time-stamp authority; zero: not
}

// Anchors are what is known from outside the log about how far it went. The zero
// value is nothing.
type Anchors struct {
	Claims []Claim

	Store   string     // "present", "absent" or "unreadable"; "": there never was one, as far as we know
	Why     string     // why it is unreadable
	Given   bool       // the store was named by who verifies
	Origin  string     // of the policy
	Policy  chain.Hash // of the policy; zero: there is none
	Trusted bool       // the policy was named by who verifies, and not by this home

	Refused []Refused // at the last anchoring, or the last of an earlier epoch
	Asked   []Asked   // online
	// Enough says whether the witnesses for which said is true are a quorum; nil:
	// none are.
	Enough func(said func(name string) bool) bool

	MaxUnanchored time.Duration // how old what is not anchored may be; 0: any age
	Require       bool          // anything less than a quorum is not enough
	Accept        []string      // ids of new_epoch events whose loss is accepted
}

// Refused is what witnesses said when the log was anchored: that it is not what they have
// cosigned.
type Refused struct {
	Kind   string // "rollback" or "fork"
	By     []string
	Origin string
	Size   int64 // records that they have cosigned; of a fork, that they refused
	Enough bool  // of them said so to be sure
}

// Asked is what came of asking a witness how far the log went.
type Asked struct {
	Name  string `json:"name"`
	Size  int64  `json:"size"`            // records that it has cosigned; -1: it did not say
	Fork  bool   `json:"fork,omitempty"`  // it has cosigned another log
	Error string `json:"error,omitempty"` // why it did not say
}

// Anchored says up to where others have seen the log. It is part of Completeness.
type Anchored struct {
	// State is "none" (nobody was ever asked to), "absent" or "unreadable" (the
	// store is), "unwitnessed" (but for the log's own key), "witnessed" (by a
	// quorum, up to Records) or "contradicted".
	State   string     `json:"state"`
	Why     string     `json:"why,omitempty"` // it is unreadable
	Origin  string     `json:"origin,omitempty"`
	Policy  chain.Hash `json:"policy,omitzero"`
	Trusted bool       `json:"policy_trusted"` // named by who verifies, and not by this home

	Signed  int64    `json:"signed"`             // records in the newest checkpoint
	Records int64    `json:"records"`            // in the newest with a quorum
	Since   string   `json:"since,omitempty"`    // when that was
	By      []string `json:"by,omitempty"`       // the witnesses
	Stamped int64    `json:"stamped"`            // records in the newest that is stamped
	StampAt string   `json:"stamp_at,omitempty"` // when that was

	Unanchored int64   `json:"unanchored"`            // records after Records
	Oldest     string  `json:"oldest,omitempty"`      // the claimed time of the first of them
	AgeSeconds int64   `json:"age_seconds,omitempty"` // from Since to the newest record, if there are such
	Asked      []Asked `json:"asked,omitempty"`       // online

	Contradictions []Contradiction `json:"contradictions,omitempty"`
	Epochs         []Epoch         `json:"epochs,omitempty"`  // events of it in the log
	Lacking        []string        `json:"lacking,omitempty"` // what is not established
}

// A Contradiction is a claim that the log does not agree with.
type Contradiction struct {
	Kind     string `json:"kind"` // "rollback": the log is shorter; "fork": it is another one
	By       string `json:"by"`
	Origin   string `json:"origin"`
	Size     int64  `json:"size"`               // records there were
	Records  int64  `json:"records"`            // records there are
	Accepted string `json:"accepted,omitempty"` // id of the event by which it was accepted
}

// Epoch is a new_epoch event.
type Epoch struct {
	ID     string `json:"id"`
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Reason string `json:"reason"`
}

// anchoring follows the tree of a log's records, for what is claimed of it.
type anchoring struct {
	a      *Anchors
	n      int64     // records so far
	tree   tlog.Tree // of the first upTo of them: nobody knows of more
	upTo   int64
	stored []byte              // of tree, not used
	at     map[int64]tlog.Hash // roots that are asked for, by size

	covered int64     // records in the newest claim with a quorum
	oldest  time.Time // of the first record after it that is believed
	policy  *event.AnchorPolicy
	byHead  chain.Hash // the policy by the newest head in this machine's system log, zero if there is none
	epochs  []Epoch
	accept  []string // ids of those that a key that may has accepted

	seen time.Time // when those whom who verifies names saw the records up to this one; zero: not
}

func newAnchoring(a *Anchors) *anchoring {
	t := &anchoring{a: a, at: map[int64]tlog.Hash{}}
	if a == nil {
		t.a = &Anchors{}
	}
	for _, c := range t.a.Claims {
		t.at[c.Size] = tlog.Hash{}
		t.upTo = max(t.upTo, c.Size)
		if c.Quorum {
			t.covered = max(t.covered, c.Size)
		}
	}
	if _, wanted := t.at[0]; wanted {
		t.at[0] = t.tree.Root()
	}
	return t
}

// record is chain.VerifyOptions.Record.
func (t *anchoring) record(hash chain.Hash) {
	t.seen = time.Time{}
	if t.n++; t.n > t.upTo {
		return
	}
	t.stored = t.tree.Append(t.stored[:0], tlog.Leaf(hash))
	if _, wanted := t.at[t.tree.Size()]; wanted {
		t.at[t.tree.Size()] = t.tree.Root()
		t.see()
	}
}

// see sets seen. Whoever has the account can make witnesses for a policy of the home.
func (t *anchoring) see() {
	earlier := func(at time.Time) {
		if !at.IsZero() && (t.seen.IsZero() || at.Before(t.seen)) {
			t.seen = at
		}
	}
	for _, c := range t.a.Claims {
		if !t.a.Trusted || c.Size != t.n || c.Root == nil || *c.Root != t.at[t.n] {
			continue
		}
		if c.Quorum {
			earlier(c.Since)
		}
		earlier(c.Stamped)
	}
}

// believe takes a record that is believed, after record has it. maintained says that
// who signed it may accept that records are gone.
func (t *anchoring) believe(c checked, maintained bool) {
	if t.n > t.covered && t.oldest.IsZero() {
		t.oldest = c.v.Time
	}
	switch e := c.v.Event.(type) {
	case event.AnchorPolicy:
		t.policy = &e
	case event.NewEpoch:
		if maintained && len(t.accept) < maxListed {
			t.accept = append(t.accept, c.v.ID)
		}
		if len(t.epochs) < maxListed {
			t.epochs = append(t.epochs, Epoch{c.v.ID, text.Clip(e.Origin, maxClip), e.Size, text.Clip(e.Reason, maxClip)})
		}
	}
}

// heads takes the policy that the newest of the heads in this machine's own system log
// carries. An event that is newer does not replace it: our programs send a head with it.
func (t *anchoring) heads(all []*headsCheck) {
	var newest time.Time
	for _, r := range all {
		if r.m.Name != "" {
			continue
		}
		for _, g := range r.groups {
			if g.policyAt.After(newest) {
				newest, t.byHead = g.policyAt, g.policy
			}
		}
	}
}

// finding compares the claims with the log.
func (t *anchoring) finding(newest time.Time) Anchored {
	a, n := t.a, t.n
	f := Anchored{State: "none", Why: a.Why, Origin: a.Origin, Policy: a.Policy, Trusted: a.Trusted, Asked: a.Asked, Epochs: t.epochs}
	contradict := func(kind string, c Claim) {
		// A store says it of its newest checkpoint, and of those with signatures.
		for i := range f.Contradictions {
			if x := &f.Contradictions[i]; x.Kind == kind && x.By == c.By && x.Origin == c.Origin {
				x.Size = max(x.Size, c.Size)
				return
			}
		}
		f.Contradictions = append(f.Contradictions, Contradiction{kind, c.By, c.Origin, c.Size, n, t.accepted(c.Origin)})
	}
	for _, c := range a.Claims {
		switch {
		case c.Size > n:
			contradict("rollback", c)
		case c.Root != nil && t.at[c.Size] != *c.Root:
			contradict("fork", c)
		case c.Origin != a.Origin: // an earlier epoch, with which the log agrees
		default:
			f.Signed = max(f.Signed, c.Size)
			if c.Quorum && c.Size >= f.Records {
				f.Records, f.Since, f.By = c.Size, formatTime(c.Since), c.Witnesses
			}
			if !c.Stamped.IsZero() && c.Size >= f.Stamped {
				f.Stamped, f.StampAt = c.Size, formatTime(c.Stamped)
			}
		}
	}
	t.heed(&f)
	t.recall(&f)
	f.Unanchored = n - f.Records
	var age time.Duration
	if since, err := time.Parse(time.RFC3339, f.Since); err == nil && f.Unanchored > 0 && newest.After(since) {
		age = newest.Sub(since)
		f.AgeSeconds = int64(age / time.Second)
	}
	if f.Unanchored > 0 {
		f.Oldest = formatTime(t.oldest)
	}
	switch {
	case slices.ContainsFunc(f.Contradictions, func(c Contradiction) bool { return c.Accepted == "" }):
		f.State = "contradicted"
	case f.Records > 0:
		f.State = "witnessed"
	case f.Signed > 0:
		f.State = "unwitnessed"
	case a.Store == "unreadable" || a.Store == "absent":
		f.State = a.Store
	case t.policy != nil && a.Store == "":
		f.State = "absent"
	}
	t.lack(&f, age)
	return f
}

// heed compares what the witnesses have said with the log. Nobody has signed what
// they say of sizes: as many as the policy asks for must say that the log is not
// what it was, so that no single one can.
func (t *anchoring) heed(f *Anchored) {
	n := t.n
	against := func(w Asked) bool { return w.Fork || w.Size > n }
	enough := t.a.Enough != nil && t.a.Enough(func(name string) bool {
		return slices.ContainsFunc(t.a.Asked, func(w Asked) bool { return w.Name == name && against(w) })
	})
	for _, w := range t.a.Asked {
		switch {
		case against(w) && enough:
			kind := map[bool]string{true: "fork", false: "rollback"}[w.Fork]
			f.Contradictions = append(f.Contradictions, Contradiction{kind, "witness " + w.Name, t.a.Origin, w.Size, n, t.accepted(t.a.Origin)})
		case against(w):
			what := "another log"
			if !w.Fork {
				what = text.Count(w.Size, "record") + ", and " + are(n, "record") + " here"
			}
			f.lacks("the witness %s says that it has cosigned %s; not enough others say so to be sure, and a second machine with this log's key has the same effect", w.Name, what)
		case w.Size < 0:
			f.lacks("the witness %s was not heard: %s", w.Name, w.Error)
		case w.Size > f.Records:
			f.lacks("the witness %s has cosigned %s, and no checkpoint says which", w.Name, text.Count(w.Size, "record"))
		}
	}
}

// recall compares what witnesses said when the log was anchored last with what it is. They
// say nothing else before it is anchored again: if it has as many records as they knew, it
// may have been put back since.
func (t *anchoring) recall(f *Anchored) {
	for _, x := range t.a.Refused {
		by, accepted := "witness "+strings.Join(x.By, ", "), t.accepted(x.Origin)
		switch said := func(c Contradiction) bool { return strings.HasPrefix(c.By, "witness ") && c.Origin == x.Origin }; {
		case slices.ContainsFunc(f.Contradictions, said):
		case x.Enough && (x.Kind == "fork" || x.Size > t.n || x.Origin != t.a.Origin):
			f.Contradictions = append(f.Contradictions, Contradiction{x.Kind, by, x.Origin, x.Size, t.n, accepted})
		case accepted != "":
		case x.Enough:
			f.lacks("the %s knew a longer log when it was anchored last: if it was put back, anchor it again", by)
		default:
			f.lacks("the %s refused the log when it was anchored last; not enough others did to be sure, and a second machine with this log's key has the same effect", by)
		}
	}
}

// accepted is the id of an event that begins a new epoch after that of origin, if
// who verifies accepts it.
func (t *anchoring) accepted(origin string) string {
	for _, e := range t.epochs {
		if e.Origin == origin && t.accepts(e.ID) {
			return e.ID
		}
	}
	return ""
}

// accepts says whether an event is accepted from outside of the account.
func (t *anchoring) accepts(id string) bool {
	return slices.Contains(t.a.Accept, id) || slices.Contains(t.accept, id)
}

// lack says what is not established.
func (t *anchoring) lack(f *Anchored, age time.Duration) {
	a := t.a
	for _, e := range t.epochs {
		// What the store of that epoch says is compared above. Without it, the
		// event alone says that something is gone.
		if t.accepts(e.ID) || slices.ContainsFunc(a.Claims, func(c Claim) bool { return c.Origin == e.Origin && c.Size >= e.Size }) {
			continue
		}
		f.lacks("a new epoch began (%s, %s): whether the %s that were anchored before are there cannot be known", e.ID, e.Reason, text.Count(e.Size, "record"))
	}
	switch p := t.policy; {
	case !t.byHead.IsZero() && !a.Policy.IsZero() && t.byHead != a.Policy:
		f.lacks("the policy is not that of the newest head in the system's log")
	case !t.byHead.IsZero() && p == nil && !a.Given && a.Store != "present":
		f.lacks("the store by which the log is anchored, as a head in the system's log says, is %s%s", cmp.Or(a.Store, "absent"), strings.TrimRight(": "+a.Why, ": "))
	case p != nil && !a.Policy.IsZero() && (p.Policy != a.Policy || p.Origin != a.Origin):
		f.lacks("the policy is not that of the log's newest event about it")
	}
	if p := t.policy; p != nil && a.Store != "present" && !a.Given && (p.Store == "home" || a.Require) {
		f.lacks("the store by which the log is anchored is %s%s", cmp.Or(a.Store, "absent"), strings.TrimRight(": "+a.Why, ": "))
	}
	if a.Store == "unreadable" && t.policy == nil || a.Store != "present" && a.Given {
		f.lacks("the store is %s: %s", a.Store, a.Why)
	}
	if a.Require && f.Records == 0 {
		f.lacks("no quorum of witnesses has cosigned the log")
	}
	if a.Require && !a.Trusted {
		f.lacks("the policy is named by this home alone: --policy, --store or --kit names one")
	}
	if a.MaxUnanchored > 0 && f.Unanchored > 0 && (f.Records == 0 || age > a.MaxUnanchored) {
		f.lacks("%s not anchored, and the newest is %s younger than the last anchor; --max-unanchored is %s",
			are(f.Unanchored, "record"), age.Round(time.Second), a.MaxUnanchored)
	}
}

func are(n int64, thing string) string {
	return text.Count(n, thing) + map[bool]string{true: " is", false: " are"}[n == 1]
}

func (f *Anchored) lacks(format string, a ...any) {
	if len(f.Lacking) < maxListed {
		f.Lacking = append(f.Lacking, text.Clip(fmt.Sprintf(format, a...), 4*maxClip))
	}
}
