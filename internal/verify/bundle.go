package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

// Bundle is what verifying an evidence bundle came to.
type Bundle struct {
	Verdict     Verdict     `json:"verdict"`
	Interrupted bool        `json:"interrupted,omitempty"` // before its end: what follows is of what was read
	Reasons     []string    `json:"reasons,omitempty"`     // why it is not valid; those of Log and Selection stand there
	Bundle      bundle.Kind `json:"bundle"`                // what it has of the log: "log", "range" or "selection"
	Program     string      `json:"program"`               // that made it, by its own word
	Asked       string      `json:"asked,omitempty"`       // what was asked for, likewise

	Records int64 `json:"records"` // in the bundle
	Placed  int64 `json:"placed"`  // of them, whose place in the log is shown
	First   int64 `json:"first"`   // the first one's place in the log, from 0 on
	Last    int64 `json:"last"`    // the last one's
	Size    int64 `json:"size"`    // of the log when the bundle was made, in records

	LogID chain.Hash `json:"log_id"` // hash of the log's first record
	Head  chain.Hash `json:"head"`   // of its newest record then

	Signed   []BundleSigner  `json:"signed"`
	Anchored *BundleAnchored `json:"anchored,omitempty"` // of a range or selection; that of a log is in Log

	Log       *Log       `json:"log,omitempty"`       // of a log or range
	Selection *Selection `json:"selection,omitempty"` // of a selection
}

// BundleSigner is a key that signed the bundle or its page.
type BundleSigner struct {
	Pubkey  string `json:"pubkey,omitempty"`
	Role    string `json:"role"` // "agent" or "auditor": who asked for the bundle
	Page    bool   `json:"page"` // it signed report.html, and not the list of the other files
	Good    bool   `json:"good"` // the signature is the key's
	KnownAs string `json:"known_as,omitempty"`
	Trust   string `json:"trust"` // Trusted, Named, Carried or Unknown
}

// BundleAnchored says how many of the records others have seen in their places.
type BundleAnchored struct {
	Origin    string       `json:"origin"`
	Policy    string       `json:"policy"`    // "given" by who verifies, or "bundle"
	Size      int64        `json:"size"`      // of the log, in the newest checkpoint with a quorum
	Records   int64        `json:"records"`   // of the bundle, in that
	Since     string       `json:"since"`     // when enough witnesses had cosigned it
	Witnesses []CosignedBy `json:"witnesses"` // who have
	Stamped   int64        `json:"stamped"`   // records of the bundle in the newest that is stamped
	StampAt   string       `json:"stamp_at,omitempty"`
}

// Seen says how many of the records others saw in their places.
type Seen struct {
	By      []string // witnesses, or where heads are from; for a time stamp nobody
	Stamp   bool
	Records int64  // of the bundle
	At      string // when, by their clocks; "": nobody vouches for it
	Carried bool   // that they count, or that they said so, is the word of who made the bundle
}

// Seen lists who else saw the records: witnesses, time-stamp authorities, system logs.
func (f *Bundle) Seen() (all []Seen) {
	put := func(s Seen) {
		if s.Records > 0 {
			all = append(all, s)
		}
	}
	if a := f.Anchored; a != nil {
		s := Seen{Records: a.Records, At: a.Since, Carried: a.Policy != "given"}
		for _, w := range a.Witnesses {
			s.By = append(s.By, w.Name)
		}
		put(s)
		put(Seen{Stamp: true, Records: a.Stamped, At: a.StampAt})
	}
	if f.Log == nil || f.Bundle != bundle.Log {
		return all
	}
	c := f.Log.Completeness
	if a := c.Anchored; a != nil && a.State != "contradicted" {
		put(Seen{By: a.By, Records: a.Records, At: a.Since, Carried: !a.Trusted})
		put(Seen{Stamp: true, Records: a.Stamped, At: a.StampAt})
	}
	for _, h := range c.Against {
		if !h.Tampered() {
			put(Seen{By: []string{h.By}, Records: h.Records, At: h.At, Carried: h.By == CarriedHeads})
		}
	}
	return all
}

// BundleOptions are those of [CheckBundle].
type BundleOptions struct {
	// Options are those for its log. What others know of a log can be compared with all
	// of it: SystemHeads, Expected and Anchors are for a [bundle.Log], and a
	// selection takes of the rest Now and Progress alone.
	Options
	Policy *tlog.Policy // named by who verifies; nil: the bundle's own, which is its word
	// Stamp says when message was stamped by an authority that counts; nil if none does.
	Stamp   func(token, message []byte) (time.Time, error)
	Require bool // it is not enough if the policy's witnesses have not seen all records
	// Hashing is told how many bytes of the files are compared with their hashes.
	Hashing func(done, total int64)
}

// bundleCheck is one run of CheckBundle.
type bundleCheck struct {
	b    *bundle.Bundle
	keys Keys
	o    BundleOptions
	f    *Bundle

	next func() (*bundle.Place, error, bool) // of the proofs
	prev int64                               // the place of the record before
	ends []chain.Hash                        // of a range: its first record and its newest
	n    int64                               // records so far

	covers []covered
}

// covered is a checkpoint that the log agrees with.
type covered struct {
	*tlog.Signed
	stamped time.Time
}

// CheckBundle verifies a bundle. Keys that only the bundle names are added to keys: what
// they signed is read, and not established. If the error is not nil the bundle was not
// read to its end, and the finding is of what was read.
func CheckBundle(ctx context.Context, b *bundle.Bundle, keys Keys, o BundleOptions) (*Bundle, error) {
	m := &b.Manifest
	c := &bundleCheck{b: b, keys: keys, o: o, prev: -1, f: &Bundle{
		Verdict: Valid, Bundle: m.Kind, Program: text.Clip(m.Program, maxClip), Asked: text.Clip(m.Asked, maxClip), Records: m.Records,
		First: m.First, Last: m.Last, Size: m.Size, LogID: m.Log, Head: m.Head, Signed: []BundleSigner{}}}
	for _, k := range b.Keys() {
		c.keys.AddCarried(k.Key, k.Name)
	}
	for _, step := range []func(context.Context) error{c.files, c.signatures, c.anchors, c.records} {
		if err := step(ctx); err != nil {
			c.f.Interrupted = ctx.Err() != nil && errors.Is(err, ctx.Err())
			if c.f.Verdict != Tampered {
				c.f.Verdict = Unchecked
			}
			return c.f, err
		}
	}
	return c.f, nil
}

func (c *bundleCheck) worse(v Verdict, format string, a ...any) {
	if len(c.f.Reasons) < maxListed {
		c.f.Reasons = append(c.f.Reasons, text.Clip(fmt.Sprintf(format, a...), 2*maxClip))
	}
	c.verdict(v)
}

// verdict is that of a part of the bundle.
func (c *bundleCheck) verdict(v Verdict) {
	if c.f.Verdict == Valid || v == Tampered {
		c.f.Verdict = v
	}
}

// files compares the files with their hashes.
func (c *bundleCheck) files(ctx context.Context) error {
	faults, err := c.b.Check(ctx, c.o.Hashing)
	for _, fault := range faults {
		c.worse(Tampered, "%s", fault)
	}
	return err
}

// signatures says who signed the bundle.
func (c *bundleCheck) signatures(ctx context.Context) error {
	all, err := c.b.Signatures(ctx)
	if err != nil {
		return err
	}
	var sums, page bool // a good signature by somebody who is established
	names := map[bool]string{false: "SHA256SUMS", true: "report.html"}
	for _, s := range all {
		st := c.keys.standing(s.Key, c.o.Now)
		f := BundleSigner{Role: "agent", Page: s.Page, Good: s.Err == nil, KnownAs: st.as, Trust: st.level}
		if s.Key != nil {
			f.Pubkey = FormatKey(s.Key)
		}
		if s.Auditor {
			f.Role = "auditor"
		}
		c.f.Signed = append(c.f.Signed, f)
		switch {
		case s.Err != nil:
			c.worse(Tampered, "the signature of %s by the %s: %v", names[s.Page], f.Role, s.Err)
		case !c.keys.established(st.level) || !st.until.IsZero() || st.outside:
		case s.Page:
			page = true
		default:
			sums = true
		}
	}
	if !sums {
		c.worse(Unconfirmed, "the bundle is not signed by a key that is known here as trusted")
	}
	if c.b.HasPage() && !page {
		c.worse(Unconfirmed, "its page, report.html, is not signed by a key that is known here as trusted")
	}
	return nil
}

// anchors looks at the checkpoints that others have signed.
func (c *bundleCheck) anchors(context.Context) error {
	given := c.o.Anchors
	if given == nil {
		given = &Anchors{}
	}
	a := c.b.Anchors()
	if a == nil {
		if c.o.Policy != nil || c.o.Require {
			c.worse(Unconfirmed, "witnesses are asked for, and the bundle has no checkpoint")
		}
		return nil
	}
	policy, own := c.o.Policy, c.o.Policy == nil
	if own {
		var err error
		if policy, err = tlog.ParsePolicy(a.Policy); err != nil {
			c.worse(Tampered, "%v", err)
			return nil
		}
	}
	log := &Anchors{Store: "present", Origin: policy.Log.Name(), Policy: sha256.Sum256(a.Policy), Trusted: !own, Require: c.o.Require && c.f.Bundle == bundle.Log,
		Claims: given.Claims, MaxUnanchored: given.MaxUnanchored, Accept: c.o.Accept}
	for i, p := range a.Checkpoints {
		s, err := policy.Open(p.Note)
		if err != nil {
			c.worse(map[bool]Verdict{true: Tampered, false: Unconfirmed}[own], "checkpoint %d: %v", i, err)
			continue
		}
		v := covered{Signed: s}
		if p.Stamp != nil && c.o.Stamp != nil {
			if v.stamped, err = c.o.Stamp(p.Stamp, s.Log); err != nil {
				c.worse(Unconfirmed, "the time stamp of checkpoint %d: %v", i, err)
			}
		}
		claim := Claim{By: "checkpoint", Origin: s.Origin, Size: s.Size, Root: &s.Root, Quorum: s.Quorum, Since: s.Since, Stamped: v.stamped}
		for _, w := range s.Cosignatures {
			claim.Witnesses = append(claim.Witnesses, w.Witness)
		}
		log.Claims = append(log.Claims, claim)
		switch {
		case c.f.Bundle == bundle.Log: // the records show it
		case s.Size > c.f.Size:
			c.worse(Tampered, "a checkpoint of %s was signed, and the log had %s when the bundle was made", text.Count(s.Size, "record"), text.Count(c.f.Size, "record"))
		case !c.b.Continues(i, s.Checkpoint):
			c.worse(Tampered, "the log is not shown to continue the one of checkpoint %d", i)
		default:
			c.covers = append(c.covers, v)
		}
	}
	if c.o.Anchors = log; c.f.Bundle != bundle.Log {
		log.Claims = nil
		c.f.Anchored = &BundleAnchored{Origin: policy.Log.Name(), Policy: map[bool]string{true: "bundle", false: "given"}[own], Witnesses: []CosignedBy{}}
	}
	return nil
}

// records verifies the records, and that they are in their places.
func (c *bundleCheck) records(ctx context.Context) (err error) {
	log, err := c.b.Log()
	if err != nil {
		c.worse(Tampered, "%v", err)
		return nil
	}
	var stop func()
	c.next, stop = iter.Pull2(c.b.Places())
	defer stop()
	if c.f.Bundle == bundle.Selection {
		err = c.selection(ctx, log)
	} else {
		err = c.chain(ctx, log)
	}
	if err != nil {
		return err
	}
	if c.n != c.f.Records {
		c.worse(Tampered, "the manifest says %s, and there are %s", text.Count(c.f.Records, "record"), text.Grouped(c.n))
	}
	if _, _, more := c.next(); more {
		c.worse(Tampered, "there are more proofs than records")
	}
	c.anchored()
	return nil
}

// chain verifies a log or a range.
func (c *bundleCheck) chain(ctx context.Context, log *chain.Snapshot) error {
	m := &c.b.Manifest
	var tree tlog.Tree
	var stored []byte
	o := c.o.Options
	o.record = func(hash chain.Hash) {
		if c.n++; c.n == 1 {
			c.ends = []chain.Hash{hash, hash}
		}
		c.ends[1] = hash
		stored = tree.Append(stored[:0], tlog.Leaf(hash))
	}
	if c.f.Bundle == bundle.Range {
		o.part = &part{m.Follows, c.seenFirst}
		o.SystemHeads, o.Expected = nil, nil
	} else {
		own, err := c.heads()
		if err != nil {
			return err
		}
		if own != nil {
			o.SystemHeads = append(slices.Clip(o.SystemHeads), own)
		}
	}
	var err error
	c.f.Log, err = CheckLog(ctx, log, c.keys, o)
	if err != nil {
		c.verdict(c.f.Log.Verdict)
		return err
	}
	c.verdict(c.f.Log.Verdict)
	if len(c.ends) == 0 {
		return nil // which the count shows
	}
	if c.f.Bundle == bundle.Log {
		if root := bundle.Root(tree.Root()); root != m.Root || c.ends[0] != m.Log || c.ends[1] != m.Head {
			c.worse(Tampered, "the records are not those of the log in the manifest")
		} else {
			c.f.Placed = c.n
		}
		return nil
	}
	places := []int64{m.First, m.Last}
	for i, hash := range c.ends {
		if i == 1 && m.First == m.Last {
			break
		}
		if place := c.place(hash); place != places[i] {
			c.worse(Tampered, "the %s record is not shown to be in its place in the log", []string{"first", "last"}[i])
			return nil
		}
	}
	if c.f.Log.Damaged == 0 && c.f.Log.Integrity.Verdict == "unbroken" {
		c.f.Placed = c.n
	}
	return nil
}

// CarriedHeads names the heads that are in a bundle. They are what a system's log had, by
// the word of who made the bundle: heads that the log does not agree with say something,
// for the log's keys have signed them, and those that are not there say nothing.
const CarriedHeads = "its own heads"

// heads reads them; nil: there are none. Nobody vouches for when they came.
func (c *bundleCheck) heads() (*SystemHeads, error) {
	r, err := c.b.OpenHeads()
	if r == nil || err != nil {
		return nil, err
	}
	defer r.Close()
	m := &SystemHeads{Name: CarriedHeads, Log: c.b.Manifest.Log}
	add, done := m.Gather(c.keys, nil)
	if err := systemlog.Each(r, 4*maxHead, // of its text in JSON
		func(e systemlog.Entry, _ bool) bool {
			e.Trusted = false
			add(e)
			return true
		}); err != nil {
		return nil, fmt.Errorf("%s: %w", CarriedHeads, err)
	}
	done()
	return m, nil
}

// place is the place of the next record that has a proof, -1 if it does not hold.
func (c *bundleCheck) place(hash chain.Hash) int64 {
	p, err, ok := c.next()
	if !ok || err != nil || !p.Holds(&c.b.Manifest, hash) || p.Index <= c.prev {
		return -1
	}
	c.prev = p.Index
	return p.Index
}

// selection verifies a selection.
func (c *bundleCheck) selection(ctx context.Context, log *chain.Snapshot) error {
	s := newSelection(&c.keys, "")
	var first int64 = -1
	misplaced := int64(0)
	seen := func() { // the records so far
		if at := c.seenAt(c.prev); c.prev >= 0 && !at.IsZero() {
			s.tally.anchored(at)
		}
	}
	s.record = func(hash chain.Hash) {
		seen()
		c.n++
		place := c.place(hash)
		if place < 0 {
			misplaced++
			return
		}
		if c.f.Placed++; first < 0 {
			first = place
		}
	}
	var err error
	for _, day := range log.Days() {
		var file fs.File
		if file, err = c.b.FS().Open("audit/" + day); err != nil {
			break
		}
		var in *lines
		s.name = day
		if in, err = newLines(file); err == nil {
			err = s.run(ctx, in, c.o.Progress)
		}
		if file.Close(); err != nil {
			break
		}
	}
	seen()
	c.f.Selection = s.finding(c.o.Now)
	if err != nil {
		return err
	}
	c.verdict(c.f.Selection.Verdict)
	switch {
	case misplaced > 0:
		c.worse(Tampered, "%s not shown to be in place in the log", are(misplaced, "record"))
	case c.n > 0 && (first != c.f.First || c.prev != c.f.Last):
		c.worse(Tampered, "the records are not in the places that the manifest names")
	}
	return nil
}

// seenAt is when those whom who verifies names had seen the record at a place; zero: they
// have not.
func (c *bundleCheck) seenAt(place int64) (at time.Time) {
	if c.o.Policy == nil {
		return at
	}
	for _, s := range c.covers {
		for _, t := range []time.Time{s.Since, s.stamped} {
			if place < s.Size && !t.IsZero() && (at.IsZero() || t.Before(at)) {
				at = t
			}
		}
	}
	return at
}

// seenFirst is seenAt for the newest of the first so many records of a range.
func (c *bundleCheck) seenFirst(records int64) time.Time { return c.seenAt(c.f.First + records - 1) }

// anchored says how many of the records others have seen.
func (c *bundleCheck) anchored() {
	a := c.f.Anchored
	if a == nil {
		return
	}
	var newest *tlog.Signed
	var stamped covered
	for _, s := range c.covers {
		if s.Quorum && (newest == nil || s.Size > newest.Size) {
			newest = s.Signed
		}
		if !s.stamped.IsZero() && (stamped.Signed == nil || s.Size > stamped.Size) {
			stamped = s
		}
	}
	within := func(size int64) (n int64) {
		if c.f.Bundle == bundle.Range {
			return max(0, min(size, c.f.Last+1)-c.f.First)
		}
		for p, err := range c.b.Places() {
			if err == nil && p.Index < size {
				n++
			}
		}
		return n
	}
	if newest != nil {
		a.Size, a.Records, a.Since = newest.Size, within(newest.Size), formatTime(newest.Since)
		for _, w := range newest.Cosignatures {
			a.Witnesses = append(a.Witnesses, CosignedBy{w.Witness, formatTime(w.Time)})
		}
	}
	if c.o.Require && (a.Records < c.n || a.Policy != "given") {
		c.worse(Unconfirmed, "not all records are seen by witnesses that a policy of yours names")
	}
	if stamped.Signed != nil {
		a.Stamped, a.StampAt = within(stamped.Size), formatTime(stamped.stamped)
	}
}
