package tlog

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	cosign "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// MaxCheckpoint bounds a checkpoint with its signatures, in bytes: three lines,
// and some 200 bytes for each witness.
const MaxCheckpoint = 64 << 10

// A Checkpoint says which tree a log has: c2sp.org/tlog-checkpoint, without
// extension lines.
type Checkpoint struct {
	Origin string // names the log
	Size   int64
	Root   Hash
}

// String is the three lines.
func (c Checkpoint) String() string {
	return string(log.Checkpoint{Origin: c.Origin, Size: uint64(c.Size), Hash: c.Root[:]}.Marshal())
}

var errNotCheckpoint = errors.New("not a checkpoint: three lines, an origin, a size and a root")

// ParseCheckpoint reads the three lines. It takes only what String writes: the
// library would take a size with zeros before it, and loose base64.
func ParseCheckpoint(text string) (Checkpoint, error) {
	var l log.Checkpoint
	rest, err := l.Unmarshal([]byte(text))
	if err != nil || len(rest) > 0 || len(l.Hash) != len(Hash{}) || l.Size > math.MaxInt64>>8 {
		return Checkpoint{}, errNotCheckpoint
	}
	c := Checkpoint{l.Origin, int64(l.Size), Hash(l.Hash)}
	if c.String() != text {
		return Checkpoint{}, errNotCheckpoint
	}
	return c, nil
}

// Sign makes the checkpoint a note (c2sp.org/signed-note) by the log's key.
func (c Checkpoint) Sign(key note.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.String()}, key)
}

// Signed is a checkpoint whose log's signature is good, and who cosigned it.
type Signed struct {
	Checkpoint
	// Note is the checkpoint with all signatures as they were read; Log has
	// the log's own signature alone, which is what time-stamp authorities sign.
	Note, Log []byte
	// Cosignatures are those of witnesses of the policy, all good, by name.
	Cosignatures []Cosignature
	// Quorum says that they are as many as the policy asks for, and Since when,
	// by the witnesses' clocks. It is false if the policy asks for none: the
	// log's own signature is then all there is, and Open has checked it.
	Quorum bool
	Since  time.Time
}

// A Cosignature says that a witness had seen the checkpoint at that time, and
// that it goes on from all that the witness had seen of the log before.
type Cosignature struct {
	Witness string // its name in the policy
	Time    time.Time
}

// Open reads a signed checkpoint: the log's signature and those of the policy's
// witnesses are checked, and a false one is an error. Others' are passed over. A
// checkpoint that lacks witnesses is no error: see Quorum.
func (p *Policy) Open(msg []byte) (*Signed, error) {
	if len(msg) > MaxCheckpoint {
		return nil, fmt.Errorf("a checkpoint is not longer than %d bytes", MaxCheckpoint)
	}
	n, err := note.Open(msg, p.verifiers())
	if unknown := (*note.UnverifiedNoteError)(nil); errors.As(err, &unknown) {
		return nil, fmt.Errorf("the checkpoint is not signed by the log %s", p.Log.Name())
	}
	if false := (*note.InvalidSignatureError)(nil); errors.As(err, &false) {
		return nil, fmt.Errorf("the checkpoint's signature by %q is false", false.Name)
	}
	if err != nil {
		return nil, errNotCheckpoint
	}
	s := &Signed{Note: msg}
	if s.Checkpoint, err = ParseCheckpoint(n.Text); err != nil {
		return nil, err
	}
	if s.Origin != p.Log.Name() {
		return nil, fmt.Errorf("the checkpoint is of the log %q, not %q", s.Origin, p.Log.Name())
	}
	for _, sig := range append(n.Sigs[:len(n.Sigs):len(n.Sigs)], n.UnverifiedSigs...) {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return nil, errNotCheckpoint
		}
	}
	for _, sig := range n.Sigs {
		if sig.Name == p.Log.Name() && sig.Hash == p.Log.KeyHash() {
			s.Log = fmt.Appendf(nil, "%s\n— %s %s\n", n.Text, sig.Name, sig.Base64)
		}
	}
	if s.Log == nil {
		return nil, fmt.Errorf("the checkpoint is not signed by the log %s", p.Log.Name())
	}
	for _, w := range p.Witnesses {
		for _, sig := range n.Sigs {
			if sig.Name != w.Verifier.Name() || sig.Hash != w.Verifier.KeyHash() {
				continue
			}
			at, err := cosign.CoSigV1Timestamp(sig)
			if err != nil || at.Unix() <= 0 || at.Unix() > maxTime {
				return nil, fmt.Errorf("the cosignature of witness %q has no time", w.Name)
			}
			s.Cosignatures = append(s.Cosignatures, Cosignature{w.Name, at.UTC()})
		}
	}
	s.Quorum, s.Since = p.since(s.Cosignatures)
	return s, nil
}

// maxTime is the end of the year 9999, beyond which times have another form.
const maxTime = 253402300799

// WithSignature adds signature lines, as a witness returns them, to a note.
func WithSignature(msg []byte, lines string) ([]byte, error) {
	if !strings.HasPrefix(lines, "— ") || !strings.HasSuffix(lines, "\n") {
		return nil, errors.New("not a signature line")
	}
	return append(msg[:len(msg):len(msg)], lines...), nil
}
