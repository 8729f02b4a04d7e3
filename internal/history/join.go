package history

import (
	"encoding/hex"
	"hash/maphash"
	"iter"
	"strings"

	"github.com/signet-wrap/signet-wrap/sign"
)

// An ID is the id of a receipt without its "rec_": a map of a million of them is
// a quarter as large as one of strings.
type ID [16]byte

// ParseID reads the id of a receipt as sign.Verify accepts it: "rec_" and 32
// lower-case hex digits.
func ParseID(s string) (id ID, ok bool) {
	digits, ok := strings.CutPrefix(s, "rec_")
	if !ok || len(digits) != 2*len(id) || digits != strings.ToLower(digits) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(digits))
	return id, err == nil
}

// A Verdict says what a statement about a call is worth: a response, which is a
// receipt of version 2, or an entry of an unanswered event.
type Verdict int

const (
	// Counts: it agrees with its call, and is the first that does.
	Counts Verdict = iota + 1
	// Further: it agrees with its call, of which another one counts.
	Further
	// Copy: it is the same receipt as the one that counts.
	Copy
	// Disagrees: it is by another signer, or names another session, tool,
	// target or time of the request than its call.
	Disagrees
	// NoCall: no call has this id, among those that were read.
	NoCall
)

// terms are what a call and a statement about it must have in common. A response
// has both parts; an unanswered event has only who signed it, and the session.
// They are hashes with a secret seed, so that nobody can make two that collide.
type terms struct {
	party   uint64 // signer and session
	request uint64 // tool, target and time
}

// statement is one about a call, without what it says.
type statement struct {
	terms    terms
	response bool // else it is an entry of an unanswered event
	id       ID   // of the response, to tell a copy
}

// judge says what s is worth for a call, given the statement that counts
// already, if there is one.
func (s statement) judge(call terms, first *statement) Verdict {
	switch {
	case s.terms.party != call.party, s.response && s.terms.request != call.request:
		return Disagrees
	case first == nil:
		return Counts
	case s.response && first.response && s.id == first.id:
		return Copy
	}
	return Further
}

// hasher makes terms. Those of two hashers cannot be compared.
type hasher struct{ seed maphash.Seed }

// party is of a call, a response or an event. Who signed it is the last of its
// signers.
func (h hasher) party(v *sign.Verified) uint64 {
	if len(v.Signers) == 0 {
		return h.sum(v.Session)
	}
	signer := v.Signers[len(v.Signers)-1]
	return h.sum(string(signer.Key), signer.Name, v.Session)
}

// key is of who signed, whatever the name and the session.
func (h hasher) key(v *sign.Verified) uint64 {
	if len(v.Signers) == 0 {
		return 0
	}
	return h.sum(string(v.Signers[len(v.Signers)-1].Key))
}

// of are the terms of a call or a response.
func (h hasher) of(v *sign.Verified) terms {
	at, _ := v.Time.UTC().MarshalBinary() // fails for no time that sign reads
	return terms{h.party(v), h.sum(v.Tool, v.Target, string(at))}
}

func (h hasher) sum(parts ...string) uint64 {
	var m maphash.Hash
	m.SetSeed(h.seed)
	for _, p := range parts {
		n := len(p)
		m.Write([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
		m.WriteString(p)
	}
	return m.Sum64()
}

// IsCall says whether v is a call, which may have a response of its own.
func IsCall(v *sign.Verified) bool { return v.Type == "" && !IsResponse(v) }

// IsResponse says whether v is a response to a call that has a receipt of its
// own.
func IsResponse(v *sign.Verified) bool {
	return v.Type == "" && v.Version == 2 && v.ParentID != ""
}

// IsWrapped says whether v is a call that went through a wrapper, so that its
// outcome may be expected in the log.
func IsWrapped(v *sign.Verified) bool {
	return v.Type == "" && v.Version == 1 && strings.HasPrefix(v.Session, "ses_")
}

// A Join brings calls and what came of them together, as they are in the log:
// oldest first. [Backward] does the same from the newest on. What it is given
// must have been verified: nothing else counts. It remembers calls that wait, and
// the last 10,000 to 20,000 that do not wait any more, each with a T of the
// caller's. The zero value is not ready: see [NewJoin].
type Join[T any] struct {
	hasher
	waiting map[ID]waiting[T]
	settled recent[ID, settled]
}

type waiting[T any] struct {
	terms terms
	call  T
}

type settled struct {
	terms terms
	by    statement
	alone bool // nothing is said of it
}

// NewJoin returns a Join that has seen nothing.
func NewJoin[T any]() *Join[T] {
	return &Join[T]{hasher: hasher{maphash.MakeSeed()}, waiting: map[ID]waiting[T]{}}
}

// Alone takes a receipt of which no outcome is expected, for it tells that itself,
// or no wrapper wrote it. It is false for a copy.
func (j *Join[T]) Alone(v *sign.Verified) bool {
	id, ok := ParseID(v.ID)
	if !ok {
		return true // of a kind that has no such id
	}
	if _, ok := j.waiting[id]; ok || j.settled.has(id) {
		return false
	}
	j.settled.put(id, settled{alone: true}, 0)
	return true
}

// Call takes a call. It is false for a copy: this very receipt was a call before.
func (j *Join[T]) Call(v *sign.Verified, call T) bool {
	id, ok := ParseID(v.ID)
	if !ok {
		return true // no response can name it
	}
	if _, ok := j.waiting[id]; ok || j.settled.has(id) {
		return false
	}
	j.waiting[id] = waiting[T]{j.of(v), call}
	return true
}

// Response takes a response. If it counts, call is what Call was given.
func (j *Join[T]) Response(v *sign.Verified) (call T, verdict Verdict) {
	id, _ := ParseID(v.ID)
	return j.take(v.ParentID, statement{j.of(v), true, id})
}

// Unanswered takes an entry of an unanswered event: the id of a call that has had
// no response.
func (j *Join[T]) Unanswered(event *sign.Verified, id string) (call T, verdict Verdict) {
	return j.take(id, statement{terms: terms{party: j.party(event)}})
}

func (j *Join[T]) take(callID string, s statement) (call T, verdict Verdict) {
	id, ok := ParseID(callID)
	if !ok {
		return call, NoCall
	}
	if w, ok := j.waiting[id]; ok {
		if verdict = s.judge(w.terms, nil); verdict == Counts {
			delete(j.waiting, id)
			j.settled.put(id, settled{terms: w.terms, by: s}, 0)
			return w.call, Counts
		}
		return call, verdict
	}
	if done, ok := j.settled.get(id); ok && !done.alone {
		return call, s.judge(done.terms, &done.by)
	}
	return call, NoCall
}

// Knows says whether a call waits, or is remembered.
func (j *Join[T]) Knows(call ID) bool {
	_, ok := j.waiting[call]
	return ok || j.settled.has(call)
}

// Forget gives a call up: what comes of it later finds no call.
func (j *Join[T]) Forget(v *sign.Verified) {
	if id, ok := ParseID(v.ID); ok {
		delete(j.waiting, id)
	}
}

// Waiting is how many calls wait.
func (j *Join[T]) Waiting() int { return len(j.waiting) }

// Calls are those that wait, in no order.
func (j *Join[T]) Calls() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, w := range j.waiting {
			if !yield(w.call) {
				return
			}
		}
	}
}
