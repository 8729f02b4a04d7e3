package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// MaxReceipt is the length in bytes of the longest receipt that is read. It
// leaves room for the base64 of arguments of 190 MB, three times what the
// wrapper takes by default, and bounds what a hostile log makes us hold.
const MaxReceipt = 256 << 20

// ErrNotReceipt reports bytes that cannot be read as a receipt or event at all,
// so that nothing can be said about them.
var ErrNotReceipt = errors.New("not a receipt")

// ErrUnsigned reports an event without a signature, such as the reference
// implementation's policy_violation. [Read] tells what it says.
var ErrUnsigned = errors.New("event is not signed")

// An InvalidError reports a receipt that is false: altered after it was signed,
// or made so that it contradicts itself.
type InvalidError struct {
	Reason string // lower case, a phrase
}

func (e *InvalidError) Error() string { return "invalid receipt: " + e.Reason }

func invalid(format string, args ...any) error {
	return &InvalidError{fmt.Sprintf(format, args...)}
}

// Verify checks a receipt of version 1 to 4, or a signed event, in any spelling
// of its JSON, against the keys that stand in it, as FORMAT.md has it, and
// returns what it says. The slices of the result may be parts of receipt.
//
// The error is an [InvalidError] if the receipt is false, [ErrUnsigned] if it is
// an event without a signature, and wraps [ErrNotReceipt] if it cannot be read
// as a receipt: not JSON, no version or one that is not known, longer than
// [MaxReceipt].
//
// Signatures are those that crypto/ed25519 accepts: cofactorless, with S reduced
// (RFC 8032, section 5.1.7), and no key is refused for being of small order.
// Such a key verifies much that nobody signed, but it proves nothing in any
// case, until the caller finds it among the keys that it knows.
func Verify(receipt []byte) (*Verified, error) { return read(receipt, true) }

// Read returns what a receipt or event says without checking a hash or a
// signature: only that it has the members that FORMAT.md requires. It is for
// lists of what a log contains. Errors are as for [Verify], except that an
// unsigned event is none.
func Read(receipt []byte) (*Verified, error) { return read(receipt, false) }

func read(receipt []byte, check bool) (*Verified, error) {
	if len(receipt) > MaxReceipt {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrNotReceipt, MaxReceipt)
	}
	c, err := canon.Canonicalize(receipt)
	var inexact *canon.InexactError
	switch {
	case errors.As(err, &inexact):
		return nil, &InvalidError{inexact.Reason}
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotReceipt, err)
	case c[0] != '{':
		return nil, fmt.Errorf("%w: not a JSON object", ErrNotReceipt)
	}
	d := parse(c)
	v := new(Verified)
	if d.typ != nil {
		return v, d.event(v, check)
	}
	switch string(d.v) {
	case "1":
		err = d.version1(v, check)
	case "2":
		err = d.version2(v, check)
	case "3":
		err = d.version3(v, check)
	case "4":
		err = d.version4(v, check)
	case "":
		return nil, fmt.Errorf("%w: no version", ErrNotReceipt)
	default:
		return nil, fmt.Errorf("%w: version %.20s is not known", ErrNotReceipt, d.v)
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// A document is a receipt or event in canonical form, with the values of the
// members that some version of the format gives a meaning.
type document struct {
	b []byte

	v, typ, id, action, agentReceipt, authorization, exp, nonce []byte
	paramsRaw, response, server, sig, signer                    []byte
	ts, tsRequest, tsResponse                                   []byte

	unknown  []byte  // name of some other member
	unsigned [4]span // members that a signature never covers: extensions, id, params_raw, sig, in this order
}

type span struct{ from, to int }

const (
	spanExtensions = iota
	spanID
	spanParamsRaw
	spanSig
)

func parse(c []byte) *document {
	d := &document{b: c}
	cur := cursor{b: c}
	for {
		name, value, at, ok := cur.next()
		if !ok {
			return d
		}
		s := span{at, cur.i}
		switch string(name) {
		case "action":
			d.action = value
		case "agent_receipt":
			d.agentReceipt = value
		case "authorization":
			d.authorization = value
		case "exp":
			d.exp = value
		case "extensions":
			d.unsigned[spanExtensions] = s
		case "id":
			d.id, d.unsigned[spanID] = value, s
		case "nonce":
			d.nonce = value
		case "params_raw":
			d.paramsRaw, d.unsigned[spanParamsRaw] = value, s
		case "response":
			d.response = value
		case "server":
			d.server = value
		case "sig":
			d.sig, d.unsigned[spanSig] = value, s
		case "signer":
			d.signer = value
		case "ts":
			d.ts = value
		case "ts_request":
			d.tsRequest = value
		case "ts_response":
			d.tsResponse = value
		case "type":
			d.typ = value
		case "v":
			d.v = value
		default:
			d.unknown = name
		}
	}
}

// without returns the document without the members named by which: what was
// signed. That they are cut from canonical bytes leaves canonical bytes.
func (d *document) without(which ...int) []byte {
	out := make([]byte, 0, len(d.b)-(d.unsigned[spanParamsRaw].to-d.unsigned[spanParamsRaw].from))
	out = append(out, '{')
	from := 1
	put := func(piece []byte) {
		piece = bytes.Trim(piece, ",") // a member ends in a quote, bracket, digit or letter
		if len(piece) == 0 {
			return
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, piece...)
	}
	for _, i := range which {
		if s := d.unsigned[i]; s.to > 0 {
			put(d.b[from:s.from])
			from = s.to
		}
	}
	put(d.b[from : len(d.b)-1])
	return append(out, '}')
}

// version1 is also the greater part of versions 2 and 4.
func (d *document) version1(v *Verified, check bool) error {
	v.Version = 1
	if err := d.readAction(v, check); err != nil {
		return err
	}
	if err := readTime(&v.Time, d.ts, "ts"); err != nil {
		return err
	}
	if err := d.readExpiry(v); err != nil {
		return err
	}
	return d.checkSigner(v, check, "rec_", func() []byte { return d.without(spanID, spanParamsRaw, spanSig) })
}

func (d *document) version2(v *Verified, check bool) error {
	v.Version = 2
	if err := d.readAction(v, check); err != nil {
		return err
	}
	if err := readTime(&v.Time, d.tsRequest, "ts_request"); err != nil {
		return err
	}
	if err := d.readResponse(v); err != nil {
		return err
	}
	if err := d.readExpiry(v); err != nil {
		return err
	}
	return d.checkSigner(v, check, "rec_", func() []byte { return d.without(spanID, spanSig) })
}

func (d *document) version3(v *Verified, check bool) error {
	if len(d.agentReceipt) == 0 || d.agentReceipt[0] != '{' {
		return invalid("it has no agent_receipt")
	}
	inner := parse(d.agentReceipt)
	if string(inner.v) != "1" {
		return invalid("its agent_receipt is not of version 1")
	}
	if err := inner.version1(v, check); err != nil {
		var bad *InvalidError
		if errors.As(err, &bad) {
			return invalid("agent_receipt: %s", bad.Reason)
		}
		return err
	}
	v.Version, v.EmbeddedID = 3, v.ID
	if err := d.readResponse(v); err != nil {
		return err
	}
	if v.Time.After(v.Responded) {
		// Two clocks that nobody compares; both signatures stand all the same.
		v.Doubts = append(v.Doubts, "the response is dated before the request")
	}
	party, err := readParty(d.server, "server")
	if err != nil {
		return err
	}
	v.Signers = append(v.Signers, party)
	return d.checkSignature(v, check, party.Key, "rec_", func() []byte { return d.without(spanExtensions, spanID, spanSig) })
}

// event: a statement about the log, signed like a receipt of version 1.
func (d *document) event(v *Verified, check bool) error {
	var ok bool
	if v.Type, ok = text(d.typ); !ok {
		return fmt.Errorf("%w: its type is not a string", ErrNotReceipt)
	}
	if d.sig == nil {
		if check {
			return ErrUnsigned
		}
		v.ID, _ = text(d.id)
		_ = readTime(&v.Time, d.ts, "ts") // nothing is required of it
		return nil
	}
	if string(d.v) != "1" {
		return fmt.Errorf("%w: version %.20s of an event is not known", ErrNotReceipt, d.v)
	}
	v.Version = 1
	if err := readTime(&v.Time, d.ts, "ts"); err != nil {
		return err
	}
	return d.checkSigner(v, check, "evt_", func() []byte { return d.without(spanID, spanSig) })
}

func (d *document) readAction(v *Verified, check bool) error {
	if len(d.action) == 0 || d.action[0] != '{' {
		return invalid("it has no action")
	}
	var params []byte
	found := 0
	cur := cursor{b: d.action}
	for {
		name, value, _, ok := cur.next()
		if !ok {
			break
		}
		var s *string
		switch string(name) {
		case "params":
			params = value
			continue
		case "params_hash":
			s = &v.ParamsHash
			found++
		case "target":
			s = &v.Target
			found++
		case "tool":
			s = &v.Tool
			found++
		case "transport":
			s = &v.Transport
			found++
		case "call_id":
			s = &v.CallID
		case "parent_receipt_id":
			s = &v.ParentID
		case "response_hash":
			s = &v.ResponseHash
		case "session":
			s = &v.Session
		case "trace_id":
			s = &v.TraceID
		default:
			continue
		}
		if *s, ok = text(value); !ok {
			return invalid("action.%s is not a string", name)
		}
	}
	if found != 4 || params == nil {
		return invalid("its action lacks one of tool, params, params_hash, target and transport")
	}
	if !isHash(v.ParamsHash) {
		return invalid("params_hash is not sha256: and 64 hex digits")
	}
	null := string(params) == "null"
	if !null {
		v.Params = params
	}
	if d.paramsRaw != nil {
		return d.readRaw(v, null, check)
	}
	v.HashOnly = null && v.ParamsHash != emptyHash && v.ParamsHash != nullHash
	if check && !null && canon.Hash(params) != v.ParamsHash {
		return invalid("params_hash is not the hash of params")
	}
	return nil
}

var nullHash = canon.Hash([]byte("null"))

// readRaw reads the member params_raw, the bytes of the arguments.
func (d *document) readRaw(v *Verified, null, check bool) error {
	raw, ok := plain(d.paramsRaw)
	if !ok {
		return invalid("params_raw is not base64")
	}
	if !null {
		return invalid("it has both params and params_raw")
	}
	v.Exact, v.paramsRaw = true, raw
	if !check {
		return nil
	}
	hash, ok := hashBase64(raw)
	if !ok {
		return invalid("params_raw is not base64")
	}
	if hash != v.ParamsHash {
		return invalid("params_hash is not the hash of params_raw")
	}
	return nil
}

// hashBase64 returns H of what b64 encodes, a piece at a time.
func hashBase64(b64 []byte) (hash string, ok bool) {
	const piece = 4096 // a multiple of 4
	var buf [piece / 4 * 3]byte
	h := sha256.New()
	for len(b64) > 0 {
		n := min(piece, len(b64))
		decoded, err := base64Strict.Decode(buf[:], b64[:n])
		if err != nil || n < len(b64) && decoded < len(buf) {
			return "", false
		}
		h.Write(buf[:decoded])
		b64 = b64[n:]
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), true
}

var base64Strict = base64.StdEncoding.Strict()

func isHash(s string) bool {
	const prefix = "sha256:"
	return len(s) == len(prefix)+64 && s[:len(prefix)] == prefix && isHex(s[len(prefix):])
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func (d *document) readResponse(v *Verified) error {
	if err := readTime(&v.Responded, d.tsResponse, "ts_response"); err != nil {
		return err
	}
	if len(d.response) == 0 || d.response[0] != '{' {
		return invalid("it has no response")
	}
	v.ResponseHash = ""
	cur := cursor{b: d.response}
	for {
		name, value, _, ok := cur.next()
		if !ok {
			break
		}
		switch string(name) {
		case "content_hash":
			if v.ResponseHash, ok = text(value); !ok || !isHash(v.ResponseHash) {
				return invalid("response.content_hash is not sha256: and 64 hex digits")
			}
		case "outcome":
			if err := v.Outcome.read(value); err != nil {
				return err
			}
		}
	}
	if v.ResponseHash == "" {
		return invalid("its response has no content_hash")
	}
	return nil
}

func (o *Outcome) read(value []byte) error {
	if value[0] != '{' {
		return invalid("response.outcome is not an object")
	}
	cur := cursor{b: value}
	for {
		name, value, _, ok := cur.next()
		if !ok {
			break
		}
		var s *string
		switch string(name) {
		case "error":
			s = &o.Error
		case "reason":
			s = &o.Reason
		case "status":
			s = &o.Status
		default:
			continue
		}
		if *s, ok = text(value); !ok {
			return invalid("response.outcome.%s is not a string", name)
		}
	}
	switch o.Status {
	case "verified", "rejected", "requires_approval", "executed", "failed":
		return nil
	}
	return invalid("response.outcome has no status that is known")
}

func (d *document) readExpiry(v *Verified) error {
	if d.exp == nil {
		return nil
	}
	return readTime(&v.Expires, d.exp, "exp")
}

func readTime(t *time.Time, value []byte, name string) error {
	s, ok := plain(value)
	if !ok || t.UnmarshalText(s) != nil {
		return invalid("%s is no time of RFC 3339", name)
	}
	return nil
}

// checkSigner reads signer and checks its signature of signed().
func (d *document) checkSigner(v *Verified, check bool, prefix string, signed func() []byte) error {
	party, err := readParty(d.signer, "agent")
	if err != nil {
		return err
	}
	v.Signers = append(v.Signers, party)
	return d.checkSignature(v, check, party.Key, prefix, signed)
}

func (d *document) checkSignature(v *Verified, check bool, key ed25519.PublicKey, prefix string, signed func() []byte) error {
	if nonce, ok := plain(d.nonce); !ok || len(nonce) == 0 {
		return invalid("it has no nonce")
	}
	var sig [ed25519.SignatureSize]byte
	if !decodePrefixed(sig[:], d.sig) {
		return invalid("sig is not ed25519: and the base64 of 64 bytes")
	}
	id, ok := plain(d.id)
	if !ok {
		return invalid("it has no id")
	}
	v.ID = string(id)
	if !check {
		return nil
	}
	if v.ID != prefix+idOf(sig[:]) {
		return invalid("id is not that of the signature")
	}
	if !ed25519.Verify(key, signed(), sig[:]) {
		return invalid("the signature is not that of the key over these contents")
	}
	return nil
}

func readParty(value []byte, role string) (Party, error) {
	p := Party{Role: role}
	member := "signer"
	if role == "server" {
		member = "server"
	}
	if len(value) == 0 || value[0] != '{' {
		return p, invalid("it has no %s", member)
	}
	named, owned := false, role == "server"
	cur := cursor{b: value}
	for {
		name, value, _, ok := cur.next()
		if !ok {
			break
		}
		switch string(name) {
		case "name":
			p.Name, named = text(value)
		case "owner":
			p.Owner, owned = text(value)
		case "pubkey":
			p.Key = readKey(value)
		}
	}
	if p.Key == nil {
		return p, invalid("%s.pubkey is not ed25519: and the base64 of 32 bytes", member)
	}
	if !named || !owned {
		return p, invalid("%s lacks its name or owner", member)
	}
	return p, nil
}

func readKey(value []byte) ed25519.PublicKey {
	key := make([]byte, ed25519.PublicKeySize)
	if !decodePrefixed(key, value) {
		return nil
	}
	return key
}

// decodePrefixed decodes the JSON string value, "ed25519:" and the base64 of
// exactly len(dst) bytes, standard and with padding.
func decodePrefixed(dst, value []byte) bool {
	s, ok := plain(value)
	if !ok {
		return false
	}
	s, ok = bytes.CutPrefix(s, []byte("ed25519:"))
	if !ok || len(s) != base64Strict.EncodedLen(len(dst)) {
		return false
	}
	var buf [ed25519.SignatureSize + 2]byte
	n, err := base64Strict.Decode(buf[:], s)
	return err == nil && n == len(dst) && copy(dst, buf[:n]) == n
}
