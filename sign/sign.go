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

// maxParams is the maximum length of arguments that are signed in canonical form,
// in bytes as sent. Longer ones are signed by their bytes.
const maxParams = 1 << 20

// An Action is what a tools/call asks for. Tool and Target should be set: every
// receipt has both, but "" is not an error. All else may be zero. In the strings,
// bytes that are not UTF-8 are signed as U+FFFD.
type Action struct {
	Tool string
	// Arguments is the JSON text of the arguments as sent. nil: the call has none.
	Arguments []byte
	IsJSON    bool // Arguments is known to be JSON, so it is not checked again
	HashOnly  bool // only the hash of the arguments is in the receipt and in the log
	// Apart has the arguments neither in the receipt nor in its record: they are in
	// Receipt.Beside. HashOnly goes before it.
	Apart     bool
	Target    string // URI of the server, such as "mcp://files"
	Transport string // "": "stdio"

	// Room is the maximum length of the receipt as it travels, in bytes. If it
	// would be longer with the arguments in it, they are only in the log
	// (FORMAT.md, "Apart"). 0: no limit. SetParent may add 60 bytes.
	Room int

	// Session is the session's id, CallID the JSON-RPC id ("n:7", "s:abc"), TraceID
	// that of W3C Trace Context, ParentID the id of the receipt that this one
	// follows from, and ResponseHash the [ValueHash] of what the call gives a
	// server that asked for input. Empty ones are left out of the receipt.
	Session, CallID, TraceID, ParentID string
	ResponseHash                       Hash
}

// A Signer makes receipts with one key. Several goroutines may use it at once if
// they may use its key so.
type Signer struct {
	key    crypto.Signer
	pubkey string // "ed25519:" and base64
	signer []byte // the value of the member "signer"

	held bool // see Held
}

// heldArguments is the length of the arguments, in bytes, above which they are
// not in the receipt if an SSH agent holds the key: agents limit messages.
const heldArguments = 32 << 10

// NewSigner returns a Signer for an Ed25519 key; another key is an error. name and
// owner are in every receipt. name should say who signs, because people see it
// beside the key. Verification does not use them, and both may be "". If key has
// a method Held() bool, see [Signer.Held].
func NewSigner(key crypto.Signer, name, owner string) (*Signer, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok || len(public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("sign with key %q: not an Ed25519 key", name)
	}
	b := canon.AppendString([]byte(`{"name":`), name)
	b = canon.AppendString(append(b, `,"owner":`...), owner)
	pubkey := "ed25519:" + base64.StdEncoding.EncodeToString(public)
	b = append(append(b, `,"pubkey":"`...), pubkey...)
	s := &Signer{key: key, pubkey: pubkey, signer: append(b, `"}`...)}
	if h, ok := key.(interface{ Held() bool }); ok {
		s.held = h.Held()
	}
	return s, nil
}

// Held reports whether somebody else holds the key, such as an SSH agent. The
// holder takes messages of at most some 60 KB, and may take long: it may ask a person.
func (s *Signer) Held() bool { return s.held }

// PublicKey returns the key that verifies what s signs.
func (s *Signer) PublicKey() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

// A Receipt is a signed statement in canonical form.
type Receipt struct {
	ID string // "rec_" and 32 hex digits; "evt_" for an event
	// JSON is the receipt for the request, without params_raw.
	JSON []byte
	// Record is the receipt for the log: JSON or, if the arguments are not in
	// JSON and not HashOnly, JSON with params_raw.
	Record []byte
	// Beside is the line with the arguments for the file beside the log
	// (chain/FORMAT.md, "Arguments apart"), with its newline; nil unless the action
	// is Apart and has arguments.
	Beside []byte
}

// A Draft is a receipt without its time, nonce and signature. It must not be used
// by several goroutines at once.
type Draft struct {
	signer *Signer
	// action is `{"action":{…}`, with room after it for what Sign appends.
	action     []byte
	parentAt   int // where in action a parent can be inserted; 0: it has one
	paramsHash Hash
	record     []byte // the beginning of Record (layRecord); nil: Record is JSON
	beside     []byte // Beside, but for the id; nil: none
	used       bool   // the room after action belongs to a receipt
}

// Prepare does all that does not need the time: it canonicalizes and hashes the
// arguments. Arguments that RFC 8785 cannot represent without loss, or that are
// longer than 1 MiB, are signed by their bytes (FORMAT.md, "Exact"). The Draft does
// not keep a.Arguments. The error says that the arguments are not JSON.
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
	apart := a.Apart && !a.HashOnly
	if apart && hash != emptyHash && hash != nullHash { // of those two the hash is enough
		d.layBeside(hashed, exact)
	}
	fits := (a.Room == 0 || len(hashed) < a.Room) && (!s.held || len(hashed) <= heldArguments)
	if hashed != nil && !exact && !a.HashOnly && !apart && fits {
		d.layAction(&a, hashed)
		if a.Room == 0 || len(d.action)+sealLen+len(s.signer) <= a.Room {
			return d, nil
		}
	}
	d.layAction(&a, []byte("null"))
	if hashed != nil && !a.HashOnly && !apart {
		d.layRecord(a.Arguments)
	}
	return d, nil
}

// layAction writes the beginning of the receipt.
func (d *Draft) layAction(a *Action, params []byte) {
	size := 320 + len(params) + len(a.Tool) + len(a.Target) + len(a.Session) +
		len(a.CallID) + len(a.TraceID) + len(a.ParentID) + 100 + sealLen + len(d.signer.signer)
	b := append(make([]byte, 0, size), `{"action":`...)
	d.action, d.parentAt = a.appendTo(b, params, d.paramsHash)
}

// appendTo appends the value of the member "action", in the order of RFC 8785,
// section 3.2.3. params is canonical. parentAt is where a parent can be inserted;
// 0: there is one.
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

// SetParent sets a ParentID that was not known before Prepare, for instance because
// the hash of the arguments was needed to find it. It has no effect if the draft
// has one, or was signed.
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

// ValueHash is the hash of a JSON value, by the rules of params_hash: of its
// canonical form or, if RFC 8785 cannot represent it without loss or it is longer
// than 1 MiB, of its bytes. The error says that raw is not JSON.
func ValueHash(raw []byte) (Hash, error) {
	b, _, err := carry(raw, false)
	if err != nil {
		return Hash{}, err
	}
	return event.HashOf(b), nil
}

// carry returns the bytes that are hashed for a value: its canonical form or, if
// exact, raw itself.
func carry(raw []byte, isJSON bool) (b []byte, exact bool, err error) {
	if len(raw) > maxParams {
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

// layRecord writes all that is known of the record, which for large arguments is
// nearly all of it. The id and the nonce are left blank. So only these are filled
// in, and the end appended, under the lock.
func (d *Draft) layRecord(raw []byte) {
	const name = `,"params_raw":"`
	var blank seal
	size := cap(d.action) + len(name) + base64.StdEncoding.EncodedLen(len(raw)) + 1
	b := append(make([]byte, 0, size), d.action...)
	b = append(blank.appendID(b), name...)
	b = base64.StdEncoding.AppendEncode(b, raw)
	d.record = append(b, '"')
}

// The line for the file beside the log is besideHead, the id, and the arguments in
// canonical form or, if they are signed by their bytes, in base64.
const (
	besideHead  = `{"id":"`
	besideValue = `","params":`
	besideRaw   = `","params_raw":"`
)

// layBeside writes the line for the file beside the log. The id is left blank.
func (d *Draft) layBeside(hashed []byte, exact bool) {
	var blank seal
	size := len(besideHead) + len(blank.id) + len(besideRaw) + len(`"}`) + 1
	if exact {
		size += base64.StdEncoding.EncodedLen(len(hashed))
	} else {
		size += len(hashed)
	}
	b := append(append(make([]byte, 0, size), besideHead...), blank.id[:]...)
	if exact {
		b = base64.StdEncoding.AppendEncode(append(b, besideRaw...), hashed)
		b = append(b, '"')
	} else {
		b = append(append(b, besideValue...), hashed...)
	}
	d.beside = append(b, '}', '\n')
}

// ReadBeside reads a line of a file beside the log, without its newline: the id of a
// receipt, and its arguments as they were signed. It takes only the form in which
// lines are written. arguments may share the memory of line.
func ReadBeside(line []byte) (id string, arguments []byte, ok bool) {
	id, rest, ok := cutBesideID(line)
	if !ok {
		return "", nil, false
	}
	if value, isValue := bytes.CutPrefix(rest, []byte(besideValue)); isValue {
		value, ok = bytes.CutSuffix(value, []byte{'}'})
		return id, value, ok && canon.IsCanonical(value)
	}
	raw, isRaw := bytes.CutPrefix(rest, []byte(besideRaw))
	raw, ended := bytes.CutSuffix(raw, []byte(`"}`))
	if !isRaw || !ended {
		return "", nil, false
	}
	arguments, err := base64Strict.DecodeString(string(raw))
	return id, arguments, err == nil
}

// cutBesideID takes the beginning of a line, and the id, off it.
func cutBesideID(line []byte) (id string, rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(line, []byte(besideHead))
	const n = 4 + 32
	if !ok || len(rest) < n || string(rest[:4]) != "rec_" {
		return "", nil, false
	}
	return string(rest[:n]), rest[n:], true
}

// Sign completes the receipt with the time now, in UTC with milliseconds, a random
// nonce and the signature. It may be called again and then makes another receipt.
// The error is the key's, or says that now is outside the years 0 to 9999.
func (d *Draft) Sign(now time.Time) (*Receipt, error) { return d.sign(now, nil) }

// SignAt is Sign for a record of a log. It binds the receipt to its place: prev is
// the hash of the record before it (FORMAT.md, "Nonce"). [Verified.Follows] checks
// that. It is fast, because the caller holds the lock of the log.
func (d *Draft) SignAt(now time.Time, prev Hash) (*Receipt, error) { return d.sign(now, &prev) }

func (d *Draft) sign(now time.Time, prev *Hash) (*Receipt, error) {
	if d.used {
		d.action = bytes.Clone(d.action)
		d.record = bytes.Clone(d.record)
		d.beside = bytes.Clone(d.beside)
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
	// The message is not needed any more. The receipt overwrites it.
	b := x.appendSig(x.appendID(d.action))
	b = slices.Clip(x.appendEnd(b, d.signer))
	r := &Receipt{ID: string(x.id[:]), JSON: b, Record: b}
	if d.record != nil {
		x.appendID(d.record[:len(d.action)]) // into the blanks
		r.Record = slices.Clip(x.appendEnd(x.appendSig(d.record), d.signer))
	}
	if d.beside != nil {
		copy(d.beside[len(besideHead):], x.id[:])
		r.Beside = d.beside
	}
	return r, nil
}
