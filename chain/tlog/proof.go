package tlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Maximum lengths of a proof and its Extra, in bytes. Readers of the format have
// buffers of 64 KiB for a line, and base64 makes four bytes of three.
const (
	MaxExtra = 48_000
	MaxProof = 2 * MaxCheckpoint
)

// A Proof shows that a record is in the tree of a checkpoint:
// c2sp.org/tlog-proof@v1.
type Proof struct {
	Index      int64 // of the record, from 0
	Hashes     []Hash
	Checkpoint []byte // with its signatures, as [Checkpoint.Sign] returns it
	Extra      []byte // an [Extra] as JSON; nil: none
}

// Format returns the proof as a file.
func (p *Proof) Format() []byte {
	q := proof.TLogProof{Index: uint64(p.Index), Checkpoint: p.Checkpoint, ExtraData: p.Extra}
	for _, h := range p.Hashes {
		q.Hashes = append(q.Hashes, h)
	}
	return q.Marshal()
}

var errNotProof = errors.New("not a proof of the form c2sp.org/tlog-proof@v1")

// IsProof says whether b begins like a proof.
func IsProof(b []byte) bool { return bytes.HasPrefix(b, []byte("c2sp.org/tlog-proof@")) }

// ParseProof reads a proof. It accepts only what Format writes.
func ParseProof(b []byte) (*Proof, error) {
	if len(b) > MaxProof {
		return nil, fmt.Errorf("longer than a proof can be, %d bytes", MaxProof)
	}
	var q proof.TLogProof
	if err := q.Unmarshal(b); err != nil || q.Index > 1<<62 || len(q.Hashes) > 63 {
		return nil, errNotProof
	}
	p := &Proof{Index: int64(q.Index), Checkpoint: q.Checkpoint, Extra: q.ExtraData}
	for _, h := range q.Hashes {
		p.Hashes = append(p.Hashes, h)
	}
	if !bytes.Equal(p.Format(), b) {
		return nil, errNotProof
	}
	return p, nil
}

// Check returns nil if the record with this record_hash is at Index in the tree of
// c. The caller has c from [Policy.Open].
func (p *Proof) Check(c Checkpoint, recordHash event.Hash) error {
	if err := tlog.CheckRecord(p.Hashes, c.Size, c.Root, p.Index, Leaf(recordHash)); err != nil {
		return errors.New("the record is not in the log that the checkpoint is of, or not at that place")
	}
	return nil
}

// Extra is what a proof has in addition, so that it can be checked without the log.
// Only the proof itself vouches for it.
type Extra struct {
	PrevHash event.Hash      `json:"prev_hash"`
	Receipt  json.RawMessage `json:"receipt"`
	// Stamps are time-stamp tokens (RFC 3161) of the log-signed checkpoint.
	Stamps [][]byte `json:"stamps,omitempty"`
}

// Format returns the canonical JSON. The error says that Receipt is not JSON.
func (e *Extra) Format() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	return canon.Canonicalize(b)
}

// ParseExtra reads an Extra in canonical form. Any other text is an error.
func ParseExtra(b []byte) (*Extra, error) {
	var e Extra
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err := d.Decode(&e)
	if err == nil {
		var again []byte
		if again, err = e.Format(); err == nil && !bytes.Equal(again, b) {
			err = errors.New("not in canonical form")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the proof's extra data is not a receipt and its prev_hash: %w", err)
	}
	return &e, nil
}

// RecordHash returns the record_hash of the record: chain/FORMAT.md, "Records".
func (e *Extra) RecordHash() (hash event.Hash) {
	prev, _ := json.Marshal(e.PrevHash)
	return sha256.Sum256(fmt.Appendf(nil, `{"prev_hash":%s,"receipt":%s}`, prev, e.Receipt))
}
