package sign

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// MaxParams is the length of the arguments, in bytes as sent, beyond which they
// are signed by their bytes and not by their canonical form.
const MaxParams = 1 << 20

// An Action is what a tools/call asked for. Tool and Target should be set: both
// are in every receipt, and nothing refuses "". The rest may be zero. In the
// strings, bytes that are not UTF-8 are signed as U+FFFD.
type Action struct {
	Tool string
	// Arguments is the JSON text of the arguments as sent, nil if the call
	// had none.
	Arguments []byte
	IsJSON    bool   // Arguments is known to be JSON: it is not looked at again for that
	HashOnly  bool   // sign the hash of the arguments and leave them out
	Target    string // URI of the server, such as "mcp://files"; always in the receipt
	Transport string // empty: "stdio"

	// Room is how long the receipt may be as it travels, in bytes. If it would
	// be longer with the arguments in it, they stand apart (FORMAT.md, "Apart").
	// 0: there is no bound. SetParent may add 60 bytes.
	Room int

	// Left out of the receipt if empty. ResponseHash is the [ValueHash] of what a
	// call brings in response to a server that asked for input.
	Session, CallID, TraceID, ParentID string
	ResponseHash                       Hash
}

// A Signer makes receipts with one key. It may be used concurrently if its key
// may.
type Signer struct {
	key    crypto.Signer
	pubkey string // "ed25519:" and b64
	signer []byte // the value of the member "signer"
}

// NewSigner returns a Signer for key, whose public half must be Ed25519. name
// and owner go into every receipt as they are. name should say who signs, for
// that is what people see beside the key, but nothing hangs on it and "" is not
// refused; owner may be empty.
func NewSigner(key crypto.Signer, name, owner string) (*Signer, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok || len(public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("sign with key %q: not an Ed25519 key", name)
	}
	b := canon.AppendString([]byte(`{"name":`), name)
	b = canon.AppendString(append(b, `,"owner":`...), owner)
	pubkey := "ed25519:" + base64.StdEncoding.EncodeToString(public)
	b = append(append(b, `,"pubkey":"`...), pubkey...)
	return &Signer{key: key, pubkey: pubkey, signer: append(b, `"}`...)}, nil
}

// PublicKey is the key that verifies what s signs.
func (s *Signer) PublicKey() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

// A Receipt is a signed statement in canonical form.
type Receipt struct {
	ID string // "rec_" and 32 hex digits; "evt_" for an event
	// JSON is the receipt as it travels, without params_raw.
	JSON []byte
	// Record is the receipt as it is logged: JSON itself or, if arguments
	// stand apart and may be kept, with params_raw.
	Record []byte
}

// A Draft is a receipt that lacks its time, nonce and signature. It is not for
// concurrent use.
type Draft struct {
	signer *Signer
	// action is `{"action":{…}`, with room behind it for what Sign appends.
	action     []byte
	parentAt   int // where in action a parent can be put in; 0: it has one
	paramsHash Hash
	record     []byte // what Record begins with (layRecord), nil if Record is JSON
	used       bool   // the room behind action belongs to a receipt
}

// Prepare does everything that does not need the time: it canonicalises and
// hashes the arguments, of which it keeps a copy at most. Arguments that RFC 8785
// cannot carry without loss, or that are longer than [MaxParams], are signed by
// their bytes (FORMAT.md, "Exact"). The error says that the arguments are not
// JSON.
func (s *Signer) Prepare(a Action) (*Draft, error) {
	hashed, exact := []byte(nil), false
	hash := emptyHash
	if a.Arguments != nil {
		var err error
		if hashed, exact, err = carry(a.Arguments, a.IsJSON); err != nil {
			return nil, fmt.Errorf("sign the arguments of %q: %w", a.Tool, err)
		}
		hash = event.HashOf(hashed)
	}
	d := &Draft{signer: s, paramsHash: hash}
	if hashed != nil && !exact && !a.HashOnly && (a.Room == 0 || len(hashed) < a.Room) {
		d.layAction(&a, hashed)
		if a.Room == 0 || len(d.action)+sealLen+len(s.signer) <= a.Room {
			return d, nil
		}
	}
	d.layAction(&a, []byte("null"))
	if hashed != nil && !a.HashOnly {
		d.layRecord(a.Arguments)
	}
	return d, nil
}

// layAction writes what the receipt begins with.
func (d *Draft) layAction(a *Action, params []byte) {
	size := 320 + len(params) + len(a.Tool) + len(a.Target) + len(a.Session) +
		len(a.CallID) + len(a.TraceID) + len(a.ParentID) + 100 + sealLen + len(d.signer.signer)
	b := append(make([]byte, 0, size), `{"action":`...)
	d.action, d.parentAt = a.appendTo(b, params, d.paramsHash)
}

// appendTo appends the value of the member "action", in the order of RFC 8785,
// section 3.2.3. params is canonical. parentAt is where a parent can be put in, 0
// if there is one.
func (a *Action) appendTo(b, params []byte, paramsHash Hash) (_ []byte, parentAt int) {
	transport := a.Transport
	if transport == "" {
		transport = "stdio"
	}
	b = appendOptional(append(b, '{'), "call_id", a.CallID)
	b = append(append(b, `"params":`...), params...)
	b = append(appendHash(append(b, `,"params_hash":"`...), paramsHash), '"', ',')
	if a.ParentID == "" {
		parentAt = len(b)
	}
	b = appendOptional(b, "parent_receipt_id", a.ParentID)
	if !a.ResponseHash.IsZero() {
		b = append(appendHash(append(b, `"response_hash":"`...), a.ResponseHash), '"', ',')
	}
	b = appendOptional(b, "session", a.Session)
	b = canon.AppendString(append(b, `"target":`...), a.Target)
	b = canon.AppendString(append(b, `,"tool":`...), a.Tool)
	b = append(b, ',')
	b = appendOptional(b, "trace_id", a.TraceID)
	b = canon.AppendString(append(b, `"transport":`...), transport)
	return append(b, '}'), parentAt
}

// SetParent gives the draft a ParentID that was not known when it was prepared,
// since it takes the hash of the arguments to find it. It has no effect if there
// is one already, or once the draft is signed.
func (d *Draft) SetParent(id string) {
	if id == "" || d.parentAt == 0 || d.used {
		return
	}
	member := appendOptional(nil, "parent_receipt_id", id)
	d.action = slices.Insert(d.action, d.parentAt, member...)
	if d.record != nil { // it begins with action
		d.record = slices.Insert(d.record, d.parentAt, member...)
	}
	d.parentAt = 0
}

func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, '"'), name...), '"', ':')
	return append(canon.AppendString(b, value), ',')
}

// ValueHash is the hash of a JSON value as params_hash is that of the arguments:
// H(JCS(value)), or H of its bytes where RFC 8785 cannot carry it without loss, or
// it is longer than [MaxParams].
func ValueHash(raw []byte) (Hash, error) {
	b, _, err := carry(raw, false)
	if err != nil {
		return Hash{}, err
	}
	return event.HashOf(b), nil
}

// carry returns the bytes of the arguments that are hashed: their canonical
// form or, if exact, raw.
func carry(raw []byte, isJSON bool) (b []byte, exact bool, err error) {
	if len(raw) > MaxParams {
		if !isJSON && !canon.Valid(raw) {
			return nil, false, errors.New("not JSON")
		}
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

// layRecord writes all of the record that is known, which for large arguments
// is nearly all of it, with blanks for the id and the nonce, so that under the
// lock only those are filled and the end appended.
func (d *Draft) layRecord(raw []byte) {
	const name = `,"params_raw":"`
	var blank seal
	size := cap(d.action) + len(name) + base64.StdEncoding.EncodedLen(len(raw)) + 1
	b := append(make([]byte, 0, size), d.action...)
	b = append(blank.appendID(b), name...)
	b = base64.StdEncoding.AppendEncode(b, raw)
	d.record = append(b, '"')
}

// Sign completes the receipt with the time, in UTC to the millisecond, a new
// nonce and the signature. It is the quick half, for under the log's lock. It
// may be called again and then makes another receipt.
func (d *Draft) Sign(now time.Time) (*Receipt, error) { return d.sign(now, nil) }

// SignAt is Sign for a record of a log, and binds the receipt to its place
// there: prev is the hash of the record that it follows (FORMAT.md, "Nonce").
// [Verified.Follows] tells whether it still stands there.
func (d *Draft) SignAt(now time.Time, prev Hash) (*Receipt, error) { return d.sign(now, &prev) }

func (d *Draft) sign(now time.Time, prev *Hash) (*Receipt, error) {
	if d.used {
		d.action = bytes.Clone(d.action)
		d.record = bytes.Clone(d.record)
	}
	d.used = true

	var x seal
	if err := x.open(now, d.signer, prev); err != nil {
		return nil, err
	}
	message := x.appendEnd(x.appendNonce(d.action), d.signer)
	if err := x.sign("rec_", d.signer.key, message); err != nil {
		return nil, err
	}
	// The message has served; the receipt takes its place behind the action.
	b := x.appendSig(x.appendID(d.action))
	b = slices.Clip(x.appendEnd(b, d.signer))
	r := &Receipt{ID: string(x.id[:]), JSON: b, Record: b}
	if d.record != nil {
		x.appendID(d.record[:len(d.action)]) // into the blanks
		r.Record = slices.Clip(x.appendEnd(x.appendSig(d.record), d.signer))
	}
	return r, nil
}
