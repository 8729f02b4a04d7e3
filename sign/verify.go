package sign

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/edverify"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// MaxReceipt is the maximum length of a receipt that is read, in bytes. It has room
// for the base64 of arguments of 190 MB, three times what the wrapper accepts by
// default, and limits the memory that a hostile log can take.
const MaxReceipt = 256 << 20

// ErrNotReceipt is the error for bytes that are not a receipt or event at all.
var ErrNotReceipt = errors.New("not a receipt")

// ErrUnsigned is the error for an event without a signature, such as the reference
// implementation's policy_violation. [ReadUnverified] returns what it says.
var ErrUnsigned = errors.New("event is not signed")

// An InvalidError is the error for an invalid receipt: it was changed after it was
// signed, or contradicts itself.
type InvalidError struct {
	Reason string // lower case, a phrase
}

func (e *InvalidError) Error() string { return "invalid receipt: " + e.Reason }

func invalid(format string, args ...any) error {
	return &InvalidError{fmt.Sprintf(format, args...)}
}

// An UnknownKeyError is the error for a valid receipt with a signer who is not
// known. Anybody can make such a receipt, with their own key and any name in it.
type UnknownKeyError struct {
	Signer Party     // the first one who is not known
	Says   *Verified // what the receipt says, to show it; do not act on it
}

func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("the key of the %s, who calls itself %q, is not known", e.Signer.Role, e.Signer.Name)
}

// Known says whether a key may have signed. nil knows no key.
type Known func(key ed25519.PublicKey) bool

// Keys returns a Known that knows these keys.
func Keys(keys ...ed25519.PublicKey) Known {
	return func(key ed25519.PublicKey) bool {
		return slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool { return k.Equal(key) })
	}
}

// AnyKey is a Known that knows every key. Verify then says only that a receipt was
// not changed since somebody signed it, and nothing about who that was. It is for
// callers that check [Verified.Signers] themselves.
func AnyKey(ed25519.PublicKey) bool { return true }

// Verify checks a receipt of version 1 to 4, or a signed event, in any spelling of
// its JSON, by the rules of FORMAT.md, and returns what it says. Slices in the
// result may share memory with receipt.
//
// known decides who may have signed: the agent (versions 1 and 2, events); the
// agent and the server (version 3); the root of the authority, whoever has it now
// (version 4).
//
// The error is
//   - an [*InvalidError] if the receipt is invalid
//   - an [*UnknownKeyError] if it is valid, but not signed by known keys
//   - [ErrUnsigned] if it is an event without a signature
//   - one that wraps [ErrNotReceipt] if it is not a receipt: not JSON, of an unknown
//     version, longer than [MaxReceipt], or longer than 16 MiB and not canonical
//
// Signatures are checked as crypto/ed25519 does: without the cofactor, S reduced
// (RFC 8032, section 5.1.7). Keys of small order are not refused. Such a key
// verifies signatures that nobody made, and must not be known.
//
// See [Verifier] for many receipts.
func Verify(receipt []byte, known Known) (*Verified, error) {
	return verifyWith(receipt, known, ed25519.Verify)
}

// A Verifier is [Verify] for many receipts by few keys. It takes less than half the
// time, for some MB of memory, and always has the same results. The zero value is
// ready to use. It may be used by several goroutines at once.
type Verifier struct{ keys edverify.Verifier }

// Verify does the same as the function [Verify].
func (v *Verifier) Verify(receipt []byte, known Known) (*Verified, error) {
	return verifyWith(receipt, known, v.keys.Verify)
}

func verifyWith(receipt []byte, known Known, check verify) (*Verified, error) {
	v, err := read(receipt, check)
	if err != nil {
		return nil, err
	}
	must := v.Signers
	if v.Version == 4 {
		must = must[:1] // the root: the chain of delegations was checked
	}
	for _, s := range must {
		if known == nil || !known(s.Key) {
			return nil, &UnknownKeyError{s, v}
		}
	}
	return v, nil
}

// ReadUnverified returns what a receipt or event says. It checks only that all
// members are there that FORMAT.md requires: no hash, no signature, no authority.
// It is for lists of what a log contains. Its errors are those of [Verify], except
// that unknown keys and unsigned events are not errors.
func ReadUnverified(receipt []byte) (*Verified, error) { return read(receipt, nil) }

// verify is ed25519.Verify, or has the same results. nil: nothing is to be checked.
type verify func(key ed25519.PublicKey, message, sig []byte) bool

func read(receipt []byte, check verify) (*Verified, error) {
	if len(receipt) > MaxReceipt {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrNotReceipt, MaxReceipt)
	}
	c, err := canon.Canonicalize(receipt)
	if inexact, ok := errors.AsType[*canon.InexactError](err); ok {
		return nil, &InvalidError{inexact.Reason}
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrNotReceipt, err)
	case c[0] != '{':
		return nil, fmt.Errorf("%w: not a JSON object", ErrNotReceipt)
	}
	d := parse(c)
	v := &Verified{Canonical: c}
	if err := d.read(v, check); err != nil {
		return nil, err
	}
	return v, nil
}

// read fills v with what d says and, unless check is nil, checks it.
func (d *document) read(v *Verified, check verify) error {
	if d.typ != nil {
		return d.readEvent(v, check)
	}
	switch string(d.v) {
	case "1":
		return d.readVersion1(v, check)
	case "2":
		return d.readVersion2(v, check)
	case "3":
		return d.readVersion3(v, check)
	case "4":
		return d.readVersion4(v, check)
	case "":
		return fmt.Errorf("%w: it has no version", ErrNotReceipt)
	}
	return fmt.Errorf("%w: version %.20s is not known", ErrNotReceipt, d.v)
}

// FORMAT.md, "Version 1".
func (d *document) readVersion1(v *Verified, check verify) error {
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
	if err := d.readSigner(v); err != nil || check == nil {
		return err
	}
	return d.checkSignature(v, check, d.cut("id", "params_raw", "sig"))
}

// FORMAT.md, "Version 2".
func (d *document) readVersion2(v *Verified, check verify) error {
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
	if err := d.readSigner(v); err != nil || check == nil {
		return err
	}
	return d.checkSignature(v, check, d.cut("id", "sig"))
}

// FORMAT.md, "Version 3".
func (d *document) readVersion3(v *Verified, check verify) error {
	if !canon.IsObject(d.agentReceipt) {
		return invalid("it has no agent_receipt")
	}
	inner := parse(d.agentReceipt)
	if inner.typ != nil || string(inner.v) != "1" {
		return invalid("its agent_receipt is not a receipt of version 1")
	}
	if err := inner.readVersion1(v, check); err != nil {
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
	server, err := readParty(d.server, "server", false)
	if err != nil {
		return err
	}
	// The signer of this receipt goes last, where checkSignature looks for it.
	v.Signers = append(v.Signers, server)
	if err := d.readSeal(v); err != nil || check == nil {
		return err
	}
	return d.checkSignature(v, check, d.cut("extensions", "id", "sig"))
}

// FORMAT.md, "Event": a statement about the log, signed like version 1.
func (d *document) readEvent(v *Verified, check verify) error {
	var ok bool
	if v.Type, ok = canon.Text(d.typ); !ok {
		return fmt.Errorf("%w: its type is not a string", ErrNotReceipt)
	}
	if d.sig == nil {
		if check != nil {
			return ErrUnsigned
		}
		v.ID, _ = canon.Text(d.id) // the id is optional here
		_ = readTime(&v.Time, d.ts, "ts")
		v.decodeEvent(d)
		return nil
	}
	if string(d.v) != "1" {
		return fmt.Errorf("%w: version %.20s of an event is not known", ErrNotReceipt, d.v)
	}
	v.Version = 1
	if err := readTime(&v.Time, d.ts, "ts"); err != nil {
		return err
	}
	v.decodeEvent(d)
	if err := d.readSigner(v); err != nil || check == nil {
		return err
	}
	return d.checkSignature(v, check, d.cut("id", "sig"))
}

// decodeEvent sets what the event says.
func (v *Verified) decodeEvent(d *document) {
	var err error
	if v.Event, err = event.Decode(d.b); err != nil {
		v.Doubts = append(v.Doubts, err.Error())
	}
	v.Session, _ = canon.Text(member(d.b, "session"))
}
