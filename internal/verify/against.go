package verify

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Kept is what others kept of a log: hashes of records, and receipts. What of it
// is not in the log was taken out.
type Kept struct {
	Name    string
	checker checker
	hashes  map[chain.Hash]bool // whether it was found
	ids     map[[16]byte]bool
	others  int64 // receipts that were not looked for
}

// KeptResult is what came of it. It is part of Completeness.
type KeptResult struct {
	By       string   `json:"by"`
	Looked   int64    `json:"looked_for"` // hashes and receipts
	Absent   int64    `json:"absent"`     // of them
	First    []string `json:"absent_ids,omitempty"`
	Accepted int64    `json:"accepted"`   // of those
	Others   int64    `json:"not_looked"` // receipts by keys that are not known here, by hand, or false
}

// maxKept bounds how many receipts are remembered.
const maxKept = 1_000_000

// KeepHash returns a Kept of one hash of a record, nil if s is none.
func KeepHash(s string) *Kept {
	h, err := event.ParseHash(s)
	if err != nil {
		return nil
	}
	return &Kept{Name: s, hashes: map[chain.Hash]bool{h: h.IsZero()}} // the head of an empty log
}

// ErrNotKept reports a file in which there is nothing to compare a log with.
var ErrNotKept = errors.New("it has neither heads nor receipts")

// ReadAgainst reads what others kept: the heads of a system's log into a Memory, as
// `journalctl -o json`, `-o cat` or a syslog file has them, and receipts, as they
// are in requests, in logs and in exports, one a line. What there is none of is
// nil.
func ReadAgainst(r io.Reader, name string, keys Keys) (*Memory, *Kept, error) {
	m, k := &Memory{Name: name}, &Kept{Name: name, ids: map[[16]byte]bool{}}
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := readLine(in)
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if bytes.Contains(line, []byte(heads.Phrase)) {
				systemlog.Parse(bytes.NewReader(line), func(e systemlog.Entry) bool {
					m.Add(e, keys)
					return true
				})
			} else if line[0] == '{' {
				k.add(line, keys)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if len(m.order) == 0 {
		m = nil
	}
	if len(k.ids) == 0 && k.others == 0 {
		k = nil
	}
	if m == nil && k == nil {
		return nil, nil, ErrNotKept
	}
	return m, k, nil
}

// readLine reads a line of bounded length; of a longer one nothing is left.
func readLine(in *bufio.Reader) (line []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) <= sign.MaxReceipt {
			line = append(line, part...)
		} else {
			line = line[:0]
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// add takes the receipt in a line: one by itself, in a record, in a request, or in
// the receipt of a server.
func (k *Kept) add(line []byte, keys Keys) {
	var in struct {
		Receipt json.RawMessage `json:"receipt"`
		Agent   json.RawMessage `json:"agent_receipt"`
		Params  struct {
			Meta struct {
				Signet json.RawMessage `json:"_signet"`
			} `json:"_meta"`
		} `json:"params"`
	}
	json.Unmarshal(line, &in) // what it has not, it has not
	if in.Receipt != nil {
		line, in.Agent = in.Receipt, nil
		json.Unmarshal(line, &in)
	}
	switch {
	case in.Agent != nil:
		line = in.Agent
	case in.Params.Meta.Signet != nil:
		line = in.Params.Meta.Signet
	}
	k.checker.keys = &keys
	got := k.checker.alone(line).Result
	v := got.v
	if got.err != nil {
		if errors.As(got.err, new(*sign.InvalidError)) {
			k.others++
		}
		return
	}
	var id [16]byte
	if !history.IsWrapped(v) || !got.known || !take(&id, v.ID, "rec_") || len(k.ids) >= maxKept {
		k.others++
		return
	}
	k.ids[id] = false
}

// see takes the records of the log.
func (k *Kept) see(e *chain.Entry, c checked) {
	if _, wanted := k.hashes[e.RecordHash]; wanted {
		k.hashes[e.RecordHash] = true
	}
	var id [16]byte
	if len(k.ids) > 0 && c.v != nil && take(&id, c.v.ID, "rec_") {
		if _, wanted := k.ids[id]; wanted {
			k.ids[id] = true
		}
	}
}

func (k *Kept) result(accept []string) KeptResult {
	r := KeptResult{By: k.Name, Looked: int64(len(k.hashes) + len(k.ids)), Others: k.others}
	accepted := map[string]bool{}
	for _, id := range accept {
		accepted[id] = true
	}
	absent := func(id string) {
		r.Absent++
		if accepted[id] {
			r.Accepted++
		}
		if len(r.First) < maxListed {
			r.First = append(r.First, id)
		}
	}
	for h, found := range k.hashes {
		if !found {
			absent(h.String())
		}
	}
	for id, found := range k.ids {
		if !found {
			absent("rec_" + hexOf(id))
		}
	}
	return r
}
