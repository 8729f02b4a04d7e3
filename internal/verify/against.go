package verify

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/maphash"
	"io"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Expected is what must be in a log, because others have it: hashes of records, and
// receipts. What is absent was taken out.
type Expected struct {
	Name    string
	checker checker
	hashes  map[chain.Hash]bool // whether it was found
	ids     map[receiptID]kept
	records map[brief]receiptID // of ids, those that were kept as records of a log
	others  int64               // receipts that were not looked for

	// Of another log: its keys, those of the log that is verified, and what is compared.
	theirs   map[string]int32 // by number, from 1
	signers  map[string]bool
	speaking *conversation
}

// kept is a receipt that is looked for.
type kept struct {
	found bool
	day   uint32 // of its time: no file of an older day can have it
	by    int32  // of a record of another log: the key that signed, in Expected.theirs
}

// ExpectedResult says what of it is in the log. It is part of Completeness.
type ExpectedResult struct {
	By     string `json:"by"`
	Looked int64  `json:"looked_for"` // hashes and receipts
	// Conversation is how the calls compare, if it is the log of their other side.
	Conversation *Conversation `json:"conversation,omitempty"`
	Absent       int64         `json:"absent"` // of them
	First        []string      `json:"absent_ids,omitempty"`
	Accepted     int64         `json:"accepted"` // of those
	// Gone are those of Absent that may be in days that are not there any more.
	Gone    int64 `json:"may_be_archived,omitempty"`
	missing int64 // of Absent, neither accepted nor Gone
	Others  int64 `json:"not_looked"` // receipts by keys that are not known here, by hand, or false
}

// maxExpected bounds how many receipts are looked for, and how many calls of each side
// are compared.
const maxExpected = 4_000_000

// ExpectHash returns an Expected of one hash of a record, nil if s is none.
func ExpectHash(s string) *Expected {
	h, err := event.ParseHash(s)
	if err != nil {
		return nil
	}
	return &Expected{Name: s, hashes: map[chain.Hash]bool{h: h.IsZero()}} // the head of an empty log
}

// ErrNoEvidence reports a file in which there is nothing to compare a log with.
var ErrNoEvidence = errors.New("it has neither heads nor receipts")

// ReadAgainst reads what others have of a log: heads, as `journalctl -o json`,
// `-o cat` or a syslog file has them, and receipts, as they are in requests, in logs
// and in exports, one a line. Keys are those that are known, and log is the first
// record of the log, if it has one. A result is nil if r has nothing for it; a
// system's log in which there is no head is SystemHeads without any.
func ReadAgainst(r io.Reader, name string, keys Keys, log chain.Hash) (*SystemHeads, *Expected, error) {
	m, k := &SystemHeads{Name: name, Log: log}, &Expected{Name: name, ids: map[receiptID]kept{}}
	system := false // it is of a system's log
	add, done := m.Gather(keys, func(e systemlog.Entry) { k.line(e.Message, keys) })
	if err := systemlog.Each(r, sign.MaxReceipt, func(e systemlog.Entry, journal bool) bool {
		system = system || journal || bytes.Contains(e.Message, []byte(heads.Phrase))
		add(e)
		return true
	}); err != nil {
		return nil, nil, err
	}
	done()
	if !system {
		m = nil
	}
	if len(k.ids) == 0 && k.others == 0 {
		k = nil
	}
	if m == nil && k == nil {
		return nil, nil, ErrNoEvidence
	}
	return m, k, nil
}

// ReadAgainstLog takes the receipts in the log of another party, such as a server or
// a bridge that keeps those it gets; and of an older copy of this log, its end.
func ReadAgainstLog(ctx context.Context, s *chain.Snapshot, name string, keys Keys, log chain.Hash) (*Expected, error) {
	k := &Expected{Name: name, hashes: map[chain.Hash]bool{}, ids: map[receiptID]kept{},
		theirs: map[string]int32{}, signers: map[string]bool{}, speaking: &conversation{}}
	var first, last chain.Hash
	for e, err := range s.Records(ctx, chain.ReadOptions{}) {
		if bad := (*chain.LineError)(nil); errors.As(err, &bad) {
			continue // what that log has, and not how
		}
		if err != nil {
			return nil, err
		}
		if last = e.RecordHash; first.IsZero() {
			first = last
		}
		k.line(e.Raw, keys)
	}
	if first == log && !log.IsZero() {
		k.hashes[last] = false
	}
	if len(k.hashes) == 0 && len(k.ids) == 0 && k.others == 0 {
		return nil, ErrNoEvidence
	}
	return k, nil
}

// line takes the receipts in a line: in a value, which syslog puts something
// before, or in each of a batch of requests.
func (k *Expected) line(line []byte, keys Keys) {
	if bytes.HasPrefix(line, []byte("[")) {
		var batch []json.RawMessage
		json.Unmarshal(line, &batch)
		for _, one := range batch {
			k.add(one, keys)
		}
		return
	}
	if i := bytes.IndexByte(line, '{'); i >= 0 {
		k.add(line[i:], keys)
	}
}

// add takes the receipt in a value: one by itself, in a record, in a request under
// whatever name, or in the receipt of a server.
func (k *Expected) add(value []byte, keys Keys) {
	var in struct {
		Receipt json.RawMessage `json:"receipt"`
		Agent   json.RawMessage `json:"agent_receipt"`
		Params  struct {
			Meta map[string]json.RawMessage `json:"_meta"`
		} `json:"params"`
	}
	json.Unmarshal(value, &in) // what it has not, it has not
	record := in.Receipt != nil
	var of chain.Hash // the record
	if record {
		if e, err := chain.ParseEntry(value); err == nil && e.Check() == nil {
			of = e.RecordHash
		}
		value, in.Agent = in.Receipt, nil
		json.Unmarshal(value, &in)
	}
	switch {
	case in.Agent != nil:
		k.receipt(in.Agent, false, chain.Hash{}, keys)
	case len(in.Params.Meta) > 0:
		for _, member := range in.Params.Meta {
			k.receipt(member, false, chain.Hash{}, keys)
		}
	default:
		k.receipt(value, record, of, keys)
	}
}

// receipt takes a receipt, if it is one. Of those that stand in no record, only
// calls through a wrapper must be in a log. of is the hash of the record; zero: it is not
// known.
func (k *Expected) receipt(receipt []byte, record bool, of chain.Hash, keys Keys) {
	k.checker.keys = &keys
	got := k.checker.alone(receipt).Result
	v := got.v
	if got.err != nil {
		if errors.As(got.err, new(*sign.InvalidError)) {
			k.others++
		}
		return
	}
	if record && k.speaking != nil && got.known && len(v.Signers) > 0 {
		k.speaking.theirs.take(v)
	}
	id, ok := receiptIDOf(v)
	r, again := k.ids[id]
	if !ok || !got.known || !record && !history.IsWrapped(v) || len(k.ids) >= maxExpected && !again {
		k.others++
		return
	}
	r.day = dayNumber(v.Time.UTC().Format(time.DateOnly) + ".jsonl")
	if record && k.theirs != nil && len(v.Signers) > 0 {
		key := string(signerOf(v))
		if k.theirs[key] == 0 {
			k.theirs[key] = int32(len(k.theirs) + 1)
		}
		r.by = k.theirs[key]
	}
	k.keep(id, r, of)
}

// keep keeps a receipt, and of which record it is.
func (k *Expected) keep(id receiptID, r kept, of chain.Hash) {
	k.ids[id] = r
	if !of.IsZero() {
		if k.records == nil {
			k.records = map[brief]receiptID{}
		}
		k.records[briefOf(of)] = id
	}
}

// receiptID is an id, in the half of the bytes.
type receiptID struct {
	id    [16]byte
	event bool
}

func receiptIDOf(v *sign.Verified) (id receiptID, ok bool) {
	id.event = v.Event != nil
	return id, take(&id.id, v.ID, id.prefix())
}

func (id *receiptID) prefix() string {
	if id.event {
		return "evt_"
	}
	return "rec_"
}

// brief is a hash of a hash, where millions are held. Its seed is secret and of this
// process, so that nobody can make two that collide.
type brief [8]byte

var briefSeed = maphash.MakeSeed()

func briefOf(h chain.Hash) (b brief) {
	binary.NativeEndian.PutUint64(b[:], maphash.Comparable(briefSeed, h))
	return b
}

// hash takes the hash of a record of the log.
func (k *Expected) hash(h chain.Hash) {
	if _, wanted := k.hashes[h]; wanted {
		k.hashes[h] = true
	}
}

// archived takes the hash of a record of a day that is not there.
func (k *Expected) archived(h chain.Hash) {
	k.hash(h)
	if id, wanted := k.records[briefOf(h)]; wanted {
		k.find(id)
	}
}

func (k *Expected) find(id receiptID) {
	if r, wanted := k.ids[id]; wanted && !r.found {
		r.found = true
		k.ids[id] = r
	}
}

// see takes the records of the log.
func (k *Expected) see(e *chain.Entry, c checked) {
	k.hash(e.RecordHash)
	if len(k.ids) == 0 || c.v == nil {
		return
	}
	if c.known && len(c.v.Signers) > 0 && k.speaking != nil {
		k.signers[string(signerOf(c.v))] = true
		k.speaking.ours.take(c.v)
	}
	if id, ok := receiptIDOf(c.v); ok {
		k.find(id)
	}
}

// result says what was found. gone is the last day that is not there any more, 0 if all
// are: of these days hashes are known, and receipts only if they were kept as records.
func (k *Expected) result(accept []string, gone uint32) ExpectedResult {
	r := ExpectedResult{By: k.Name, Looked: int64(len(k.hashes) + len(k.ids)), Others: k.others}
	if k.speaking != nil {
		r.Conversation = k.speaking.result()
	}
	if r.Conversation != nil {
		// What the other side has signed is in its log alone.
		alone := map[int32]bool{}
		for key, by := range k.theirs {
			alone[by] = !k.signers[key]
		}
		for id, kept := range k.ids {
			if alone[kept.by] {
				delete(k.ids, id)
			}
		}
		r.Looked = int64(len(k.hashes)+len(k.ids)) + r.Conversation.Calls
	}
	accepted := map[string]bool{}
	for _, id := range accept {
		accepted[id] = true
	}
	absent := func(id string, mayBeGone bool) {
		r.Absent++
		switch {
		case accepted[id]:
			r.Accepted++
		case mayBeGone:
			r.Gone++
		default:
			r.missing++
		}
		if len(r.First) < maxListed {
			r.First = append(r.First, id)
		}
	}
	for h, found := range k.hashes {
		if !found {
			absent(h.String(), false)
		}
	}
	for id, kept := range k.ids {
		if !kept.found {
			absent(id.prefix()+hexOf(id.id), kept.day <= gone)
		}
	}
	return r
}
