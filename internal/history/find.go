package history

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Prefix is the beginning of the id of a receipt or an event.
type Prefix struct{ kind, hex string } // "rec", "evt" or "", and digits

var prefixForm = regexp.MustCompile(`^(?:(rec|evt)_)?([0-9a-f]{1,32})$`)

// ParsePrefix reads the beginning of an id as people copy it: with "rec_" or
// "evt_" or without, in any case.
func ParsePrefix(s string) (Prefix, bool) {
	m := prefixForm.FindStringSubmatch(strings.ToLower(s))
	if m == nil {
		return Prefix{}, false
	}
	return Prefix{m[1], m[2]}, true
}

func (p Prefix) begins(id string) bool {
	kind, hex, _ := strings.Cut(id, "_")
	return (p.kind == "" || p.kind == kind) && strings.HasPrefix(hex, p.hex)
}

// Begins says whether the id begins so, whatever kind of record has it.
func (p Prefix) Begins(id ID) bool { return strings.HasPrefix(hex.EncodeToString(id[:]), p.hex) }

// in says whether such an id, or something that looks like it, is in a
// receipt in canonical form.
func (p Prefix) in(receipt []byte) bool {
	part := []byte("_" + p.hex)
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

// A Story is all that a log says about one record: of each kind ten at the most of
// what is believed, and ten of what is not, which come after.
type Story struct {
	*Record           // the first that is believed, of those with the id, else the first
	Same    []*Record // others with the same id

	Responses []Judged[*Record] // the one that counts first
	Embedded  []*Record         // receipts of version 3 that have it in them
	Retries   []*Record         // calls that name it as their parent
	// Events of its session: what became of this call, who was asked, the
	// tools as they were listed, and why its arguments are not there. One counts if
	// its signer is that of the call; one of erasing, if its signer is believed.
	Events     []Judged[*Record]
	Unanswered string // why the log says that there is no response, if that counts
	Owner      string // of the call's key, by its last owner event; "" if there is none
}

// maxFound bounds each list of a Story.
const maxFound = 10

// AmbiguousError reports a Prefix that begins several ids.
type AmbiguousError struct{ IDs []string } // the first of them

func (e *AmbiguousError) Error() string {
	return fmt.Sprintf("the beginning of several ids: %s", strings.Join(e.IDs, ", "))
}

// Find finds the record whose id begins so, and what belongs to it, in the log as
// it was when log was taken. It returns nil if there is none, and an
// [AmbiguousError] if there are several.
func Find(ctx context.Context, log *chain.Snapshot, p Prefix, progress func(records, bytes, total int64)) (*Story, error) {
	f := &finder{ctx: ctx, log: log, progress: progress}
	beside := log.Beside(false)
	defer beside.Close()
	found, about, err := f.byID(p)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	s := &Story{Record: found[0]} // which is believed, if any is
	s.supply(beside)
	ids := []string{s.Says.ID}
	for _, r := range found[1:] {
		switch {
		case r.Says.ID == s.Says.ID:
			s.Same = append(s.Same, r)
		case r.Believed() || !s.Believed():
			ids = append(ids, r.Says.ID)
		}
	}
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) > 1 {
		return nil, &AmbiguousError{ids}
	}
	s.tell(about)
	return s, f.events(s)
}

// finder looks through one snapshot of the log.
type finder struct {
	ctx      context.Context
	log      *chain.Snapshot
	progress func(records, bytes, total int64)
	verifier sign.Verifier
}

// find yields the records from the day of since on whose receipts pass and can be
// read, checked.
func (f *finder) find(since time.Time, pass func(receipt []byte) bool) iter.Seq2[*Record, error] {
	o := chain.ReadOptions{Since: since, Filter: pass, Progress: f.progress}
	return chain.Read(f.ctx, f.log, o, func(e chain.Entry, bad *chain.LineError) (*Record, bool) {
		if bad != nil {
			return nil, false
		}
		r := newRecord(e.Keep())
		if r.Says == nil || !e.Canonical && !pass(r.Receipt) {
			return nil, false
		}
		r.check(&f.verifier)
		return r, true
	})
}

// byID finds the records with such an id, and what names one of them.
func (f *finder) byID(p Prefix) (found []*Record, about []Judged[*Record], err error) {
	var ids bounded
	join, names, n := NewJoin[struct{}](), bounded{}, map[*Record]Verdict{}
	for r, err := range f.find(time.Time{}, p.in) {
		if err != nil {
			return nil, nil, err
		}
		v := r.Says
		switch {
		case p.begins(v.ID):
			if ids.add(r) && r.Believed() && IsCall(v) {
				join.Call(v, struct{}{})
			}
		case r.Believed() && IsResponse(v) && p.begins(v.ParentID):
			if _, verdict := join.Response(v); verdict == Counts {
				about = append(about, Judged[*Record]{r, Counts}) // one for each in ids
			} else if names.add(r) {
				n[r] = verdict
			}
		case p.begins(v.ParentID), p.begins(v.EmbeddedID):
			names.add(r)
		}
	}
	for _, r := range names.all() {
		about = append(about, Judged[*Record]{r, cmp.Or(n[r], NoCall)})
	}
	return ids.all(), about, nil
}

// tell sorts out what names the record.
func (s *Story) tell(about []Judged[*Record]) {
	for _, a := range about {
		switch v := a.Statement.Says; {
		case v.EmbeddedID == s.Says.ID:
			s.Embedded = append(s.Embedded, a.Statement)
		case v.ParentID != s.Says.ID:
		case IsResponse(v):
			s.Responses = append(s.Responses, a)
		default:
			s.Retries = append(s.Retries, a.Statement)
		}
	}
}

// events finds what the log says about the session of a call: who was asked, the
// tools as they were listed, and what became of this call.
func (f *finder) events(s *Story) error {
	if s.Says.Session == "" || s.Says.Type != "" {
		return nil
	}
	session := []byte(plainRun(s.Says.Session))
	id := []byte(plainRun(s.Says.ID))
	inSession := func(receipt []byte) bool {
		if bytes.Contains(receipt, []byte(`"type":"erased"`)) { // of whatever session
			return bytes.Contains(receipt, id)
		}
		return bytes.Contains(receipt, session) && bytes.Contains(receipt, []byte(`"type"`)) || bytes.Contains(receipt, []byte(`"type":"owner"`))
	}
	hash := hasher{maphash.MakeSeed()}
	party := hash.party(s.Says)
	// Those that are signed as the call is, and the others; of each first what
	// is about this call, then what is about its session.
	var signed, others [2]bounded
	for r, err := range f.find(s.Says.Time, inSession) {
		if err != nil {
			return err
		}
		v, kind := r.Says, 0
		if e, ok := v.Event.(event.Owner); ok && r.Believed() && s.Believed() && hash.key(v) == hash.key(s.Says) {
			s.Owner = e.Owner
		}
		erased, isErased := v.Event.(event.Erased)
		if !isErased && v.Session != s.Says.Session || isErased && !slices.Contains(erased.Calls, s.Says.ID) {
			continue
		}
		agrees := s.Believed() && r.Believed() && (isErased || hash.party(v) == party)
		switch e := v.Event.(type) {
		case nil:
			continue
		case event.Unanswered:
			i := slices.IndexFunc(e.Calls, func(c event.Call) bool { return c.ID == s.Says.ID })
			if i < 0 {
				continue
			}
			if agrees && s.Unanswered == "" {
				s.Unanswered = cutReason(e.Calls[i].Reason)
			}
		case event.Task:
			if e.Call != s.Says.ID {
				continue
			}
		case event.ExtraResponse:
			if e.Call != s.Says.ID {
				continue
			}
		case event.NoReceipt:
			if e.Call != s.Says.ID {
				continue
			}
		case event.Cosigned:
			if e.Call != s.Says.ID {
				continue
			}
		case event.BadCosignature:
			if e.Call != s.Says.ID {
				continue
			}
		case event.HashOnly:
			if !slices.ContainsFunc(e.Calls, func(c event.Call) bool { return c.ID == s.Says.ID }) {
				continue
			}
		case event.Erased: // it names the call
		case event.CallContext:
			if !slices.ContainsFunc(e.Calls, func(c event.Context) bool { return c.Call == s.Says.ID }) {
				continue
			}
		default:
			kind = 1
		}
		if agrees {
			signed[kind].add(r)
		} else {
			others[kind].add(r)
		}
	}
	for i, all := range [][2]bounded{signed, others} {
		for _, r := range slices.Concat(all[0].all(), all[1].all()) {
			s.Events = append(s.Events, Judged[*Record]{r, []Verdict{Counts, Disagrees}[i]})
		}
	}
	return nil
}

// bounded keeps the first records that it gets, of those that are believed and
// of the others: so a flood of either keeps none of the other out.
type bounded struct{ believed, other []*Record }

// add is false if there is no room.
func (b *bounded) add(r *Record) bool {
	list := &b.other
	if r.Believed() {
		list = &b.believed
	}
	if len(*list) >= maxFound {
		return false
	}
	*list = append(*list, r)
	return true
}

// all are the records, those that are believed first.
func (b *bounded) all() []*Record { return slices.Concat(b.believed, b.other) }
