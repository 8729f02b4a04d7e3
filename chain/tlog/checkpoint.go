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

// MaxCheckpoint is the maximum length of a checkpoint with its signatures, in
// bytes: three lines, and about 200 bytes for each witness.
const MaxCheckpoint = 64 << 10

// A Checkpoint is the size and root of a log's tree: c2sp.org/tlog-checkpoint,
// without extension lines.
type Checkpoint struct {
	Origin string // the name of the log, such as "example.com/log"
	Size   int64  // number of records
	Root   Hash
}

// String returns the three lines.
func (c Checkpoint) String() string {
	return string(log.Checkpoint{Origin: c.Origin, Size: uint64(c.Size), Hash: c.Root[:]}.Marshal())
}

var errNotCheckpoint = errors.New("not a checkpoint: three lines, an origin, a size and a root")

// ParseCheckpoint reads the three lines. It accepts only what String writes; the
// library would accept leading zeros in the size and non-canonical base64.
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

// Sign returns the checkpoint as a note (c2sp.org/signed-note), signed with the
// log's key. The name of the key must be the Origin.
func (c Checkpoint) Sign(key note.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.String()}, key)
}

// Signed is a checkpoint with a valid signature by its log, and the witnesses that
// cosigned it.
type Signed struct {
	Checkpoint
	// Note is the checkpoint with all signatures, as read. Log is the checkpoint
	// with only the log's own signature, which is what time-stamp authorities sign.
	Note, Log []byte
	// Cosignatures are those of the policy's witnesses, all valid, in the policy's
	// order.
	Cosignatures []Cosignature
	// Quorum says whether there are as many as the policy demands, and Since when
	// there were, by the witnesses' clocks. Quorum is false if the policy demands
	// none: then the log's own signature, which Open has checked, is all there is.
	Quorum bool
	Since  time.Time
}

// A Cosignature says that a witness had seen the checkpoint at that time, and that
// it continues all that the witness had seen of the log before.
type Cosignature struct {
	Witness string // its name in the policy
	Time    time.Time
}

// Open reads a signed checkpoint. It checks the signatures of the log and of the
// policy's witnesses; an invalid one is an error, and so is a checkpoint of another
// log. Other signatures are ignored. Missing witnesses are not an error: see
// Quorum.
func (p *Policy) Open(msg []byte) (*Signed, error) {
	if len(msg) > MaxCheckpoint {
		return nil, fmt.Errorf("longer than a checkpoint can be, %d bytes", MaxCheckpoint)
	}
	n, err := note.Open(msg, p.verifiers())
	if unknown := (*note.UnverifiedNoteError)(nil); errors.As(err, &unknown) {
		return nil, fmt.Errorf("the checkpoint is not signed by the log %s", p.Log.Name())
	}
	if invalid := (*note.InvalidSignatureError)(nil); errors.As(err, &invalid) {
		return nil, fmt.Errorf("the checkpoint's signature by %q is invalid", invalid.Name)
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

// maxTime is the end of the year 9999. Later times have another format.
const maxTime = 253402300799

// WithSignature adds signature lines, as a witness returns them, to a note. It does
// not check them.
func WithSignature(msg []byte, lines string) ([]byte, error) {
	if !strings.HasPrefix(lines, "— ") || !strings.HasSuffix(lines, "\n") {
		return nil, errors.New("not a signature line")
	}
	return append(msg[:len(msg):len(msg)], lines...), nil
}
