// Package sign makes and verifies receipts: signed statements that an agent
// asked for a tool to be called, with which arguments, and when. The format is
// in FORMAT.md beside this file.
//
// A receipt is made in two halves, so that the costly one stays outside the
// lock of the log, under which the time is taken:
//
//	signer, err := sign.NewSigner(key, "agent", "alice")
//	draft, err := signer.Prepare(sign.Action{Tool: "add", Arguments: args})
//	receipt, err := draft.Sign(time.Now()) // under the lock
//	// receipt.Record goes to the log, receipt.JSON into the request
//
// [Verify] checks receipts of versions 1 to 4, and signed events of the log,
// against the keys that they themselves name. Whether such a key is to be
// trusted is for the caller to say: see [Verified.Signers].
package sign

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// MaxParams is the length of the arguments, in bytes as sent, beyond which they
// are signed by their bytes and not by their canonical form.
const MaxParams = 1 << 20

// An Action is what a tools/call asked for. In the strings, bytes that are not
// UTF-8 are signed as U+FFFD.
type Action struct {
	Tool string
	// Arguments is the JSON text of the arguments as sent, nil if the call
	// had none.
	Arguments []byte
	HashOnly  bool   // sign the hash of the arguments and leave them out
	Target    string // URI of the server, such as "mcp://files"; always in the receipt
	Transport string // empty: "stdio"

	// Left out of the receipt if empty.
	Session, CallID, TraceID, ParentID string
}

// A Signer makes receipts with one key. It may be used concurrently if its key
// may.
type Signer struct {
	key    crypto.Signer
	signer []byte // the value of the member "signer"
}

// NewSigner returns a Signer for key, whose public half must be Ed25519. name
// and owner go into every receipt as they are; owner may be empty.
func NewSigner(key crypto.Signer, name, owner string) (*Signer, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok || len(public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("sign with key %q: not an Ed25519 key", name)
	}
	b := canon.AppendString([]byte(`{"name":`), name)
	b = canon.AppendString(append(b, `,"owner":`...), owner)
	b = append(b, `,"pubkey":"ed25519:`...)
	b = base64.StdEncoding.AppendEncode(b, public)
	return &Signer{key: key, signer: append(b, `"}`...)}, nil
}

// A Receipt is a signed statement in canonical form.
type Receipt struct {
	ID string // "rec_" and 32 hex digits; "evt_" for an event
	// JSON is the receipt as it travels, without params_raw.
	JSON []byte
	// Record is the receipt as it is logged: JSON itself or, if arguments
	// were signed by their bytes and may be kept, with params_raw.
	Record []byte
}

// A Draft is a receipt that lacks its time, nonce and signature. It is not for
// concurrent use.
type Draft struct {
	signer *Signer
	// action is `{"action":{…}`, with room behind it for what Sign appends.
	action []byte
	record []byte // what Record begins with, see layRecord; nil if it is JSON
	used   bool   // the room behind action belongs to a receipt
}

// Lengths in bytes. "rec_" or "rnd_" and 128 bits in hex.
const (
	idLen   = 4 + 32
	sigLen  = len("ed25519:") + 88
	tailLen = len(`,"id":"","nonce":"","sig":"","signer":,"ts":"","v":1}`) + 2*idLen + sigLen + len(timeFormat)

	timeFormat = "2006-01-02T15:04:05.000Z"
)

// Prepare does everything that does not need the time: it canonicalises and
// hashes the arguments. Arguments that RFC 8785 cannot carry without loss, or
// that are longer than [MaxParams], are signed by their bytes (FORMAT.md,
// "Exact"). The error says that the arguments are not JSON.
func (s *Signer) Prepare(a Action) (*Draft, error) {
	params, exact := []byte(nil), false
	hash := emptyHash
	if a.Arguments != nil {
		var err error
		if params, exact, err = carry(a.Arguments); err != nil {
			return nil, fmt.Errorf("sign the arguments of %q: %w", a.Tool, err)
		}
		hash = canon.Hash(params)
	}
	embedded := params
	if params == nil || exact || a.HashOnly {
		embedded = []byte("null")
	}
	if a.Transport == "" {
		a.Transport = "stdio"
	}

	size := 256 + len(embedded) + len(a.Tool) + len(a.Target) + len(a.Session) +
		len(a.CallID) + len(a.TraceID) + len(a.ParentID) + tailLen + len(s.signer)
	b := append(make([]byte, 0, size), `{"action":{`...)
	// In the order of RFC 8785, section 3.2.3.
	b = appendOptional(b, "call_id", a.CallID)
	b = append(append(b, `"params":`...), embedded...)
	b = append(append(append(b, `,"params_hash":"`...), hash...), '"', ',')
	b = appendOptional(b, "parent_receipt_id", a.ParentID)
	b = appendOptional(b, "session", a.Session)
	b = canon.AppendString(append(b, `"target":`...), a.Target)
	b = canon.AppendString(append(b, `,"tool":`...), a.Tool)
	b = append(b, ',')
	b = appendOptional(b, "trace_id", a.TraceID)
	b = canon.AppendString(append(b, `"transport":`...), a.Transport)
	b = append(b, '}')

	d := &Draft{signer: s, action: b}
	if exact && !a.HashOnly {
		d.layRecord(params)
	}
	return d, nil
}

func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, '"'), name...), '"', ':')
	return append(canon.AppendString(b, value), ',')
}

var emptyHash = canon.Hash([]byte("{}"))

// carry returns the bytes of the arguments that are hashed: their canonical
// form or, if exact, raw.
func carry(raw []byte) (b []byte, exact bool, err error) {
	if len(raw) > MaxParams {
		return raw, true, nil
	}
	b, err = canon.Canonicalize(raw)
	if err == nil {
		err = canon.CheckPortable(b)
	}
	var inexact *canon.InexactError
	if errors.As(err, &inexact) {
		return raw, true, nil
	}
	return b, false, err
}

// The members of a record in front of params_raw, with blanks that Sign fills.
const (
	blankID   = `,"id":"....................................","nonce":"....................................","params_raw":"`
	idAt      = len(`,"id":"`)
	nonceAt   = idAt + idLen + len(`","nonce":"`)
	recordEnd = `"`
)

// layRecord writes all of the record that is known, which for large arguments
// is nearly all of it, so that under the lock only blanks are filled.
func (d *Draft) layRecord(raw []byte) {
	size := len(d.action) + len(blankID) + base64.StdEncoding.EncodedLen(len(raw)) + tailLen + len(d.signer.signer)
	b := append(make([]byte, 0, size), d.action...)
	b = append(b, blankID...)
	b = base64.StdEncoding.AppendEncode(b, raw)
	d.record = append(b, recordEnd...)
}

// Sign completes the receipt with the time, in UTC to the millisecond, a new
// nonce and the signature. It is the quick half, for under the log's lock. It
// may be called again and then makes another receipt.
func (d *Draft) Sign(now time.Time) (*Receipt, error) {
	if d.used {
		d.action = bytes.Clone(d.action)
		d.record = bytes.Clone(d.record)
	}
	d.used = true
	s := d.signer

	var nonce [idLen]byte
	newNonce(&nonce)
	end, err := s.appendEnd(nil, now)
	if err != nil {
		return nil, err
	}

	message := append(d.action, `,"nonce":"`...)
	message = append(append(message, nonce[:]...), '"')
	message = append(message, end...)
	id, sig, err := s.sign("rec_", message)
	if err != nil {
		return nil, err
	}
	end = append([]byte(`,"sig":"`+sig+`"`), end...)

	// The message has served; the receipt takes its place behind the action.
	r := &Receipt{ID: id}
	b := append(append(d.action, `,"id":"`...), id...)
	b = append(append(b, `","nonce":"`...), nonce[:]...)
	b = append(append(b, '"'), end...)
	r.JSON, r.Record = b, b
	if d.record != nil {
		blank := d.record[len(d.action):]
		copy(blank[idAt:], id)
		copy(blank[nonceAt:], nonce[:])
		r.Record = append(d.record, end...)
	}
	return r, nil
}

// appendEnd appends the members behind the nonce that are signed.
func (s *Signer) appendEnd(b []byte, now time.Time) ([]byte, error) {
	now = now.UTC()
	if y := now.Year(); y < 0 || y > 9999 {
		return nil, fmt.Errorf("sign at %v: no time of RFC 3339", now)
	}
	b = append(append(b, `,"signer":`...), s.signer...)
	b = now.AppendFormat(append(b, `,"ts":"`...), timeFormat)
	return append(b, `","v":1}`...), nil
}

// sign signs message and returns the id that follows from the signature, and
// the signature as it is written.
func (s *Signer) sign(prefix string, message []byte) (id, sig string, err error) {
	raw, err := s.key.Sign(rand.Reader, message, crypto.Hash(0))
	if err != nil {
		return "", "", fmt.Errorf("sign a receipt: %w", err)
	}
	if len(raw) != ed25519.SignatureSize {
		return "", "", fmt.Errorf("sign a receipt: the key gave a signature of %d bytes", len(raw))
	}
	return prefix + idOf(raw), "ed25519:" + base64.StdEncoding.EncodeToString(raw), nil
}

// idOf returns the part of an id behind its prefix.
func idOf(sig []byte) string {
	sum := sha256.Sum256(sig)
	return hex.EncodeToString(sum[:16])
}

func newNonce(dst *[idLen]byte) {
	var random [16]byte
	rand.Read(random[:]) // never fails: crypto/rand
	copy(dst[:], "rnd_")
	hex.Encode(dst[4:], random[:])
}
