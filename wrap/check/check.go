// Package check decides whether a call may go to its server, by the receipt that it
// carries. It is the server's side of package wrap/record: whoever is in front
// of a server asks a [Checker] about each call, and lets it pass or refuses it. It
// reads no pipe and starts no process.
//
//	checker, err := check.New(check.Options{Trust: check.TrustFile("/etc/signet-wrap/trust"), Replays: dir})
//	...
//	passed, err := checker.Check(check.Call{Tool: name, Arguments: arguments, Receipt: receipt})
//	if refusal, ok := errors.AsType[*check.Refusal](err); ok {
//		// reply with an error that has refusal.Data(); the server must not see the call
//	}
//
// A call passes if all of this holds, in this order:
//
//   - it carries one receipt, of version 1 or 4, that can be read (or none, if
//     Options.Missing allows that)
//   - its signature is good
//   - its key is trusted, at the time that the receipt claims and now
//   - it is fresh: not older than MaxAge, not more than Skew in the future, not expired
//   - it names the target, if one is demanded
//   - it names the tool, and its hash is that of the arguments, in canonical form or
//     as they are, and of what the call gives a server that asked for input
//   - it was not seen before: a receipt is good for one call
//
// A call in a batch passes only if all do.
//
// # Files
//
//	check.go     Checker: the order of the checks
//	refusal.go   why a call is refused
//	trust.go     which keys may sign
//	replays.go   receipts that were seen, on the disk
package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
)

// Options are the options of [New]. Trust and Replays must be set; all else may be
// zero.
type Options struct {
	// Trust says which keys may sign: [Keys], [TrustFile], [AnyOf] or another.
	Trust Trust
	// Replays is the directory of the receipts that were seen. Processes share it.
	// It is created at the first call that passes.
	Replays string
	// Target is the target that a receipt must name. "": any.
	Target string
	// MaxAge is how old a receipt may be, 24 hours at most. 0: 5 minutes.
	MaxAge time.Duration
	// Skew is how far in the future the time of a receipt may be. 0: 30 seconds.
	Skew time.Duration
	// Missing says what becomes of a call that carries no receipt.
	Missing Missing
	// Now is the clock. nil: [time.Now].
	Now func() time.Time
}

// Defaults of Options, and the maximum of MaxAge.
const (
	DefaultMaxAge = 5 * time.Minute
	DefaultSkew   = 30 * time.Second
	MaxMaxAge     = 24 * time.Hour
)

// Missing says what becomes of a call without a receipt. MissingAllow and MissingLog
// let it pass: the caller of Check logs it, or not.
type Missing int

const (
	MissingLog Missing = iota
	MissingAllow
	MissingRefuse
)

// A Call is a call and the receipt that it carries.
type Call struct {
	// Tool is the tool's name as receipts have it (sign/FORMAT.md, "Names"): of
	// nearly all tools simply the name.
	Tool string
	// Arguments is the JSON text of the arguments, best as it was sent: if the
	// receipt is of their bytes, only these pass. nil: the call has none.
	Arguments json.RawMessage
	// InputResponses is what the call gives a server that asked for input, as sent
	// (2026-07-28, basic/patterns/mrtr). nil: none.
	InputResponses json.RawMessage
	// Receipt is the value of the member _signet of params._meta. nil: there is no
	// such member.
	Receipt json.RawMessage
	// Ambiguous says that the member is there more than once, or in a spelling that
	// servers read differently. Then the call is refused.
	Ambiguous bool
}

// A Passed says by what a call has passed.
type Passed struct {
	Receipt *sign.Verified // what its receipt says; nil: it has none
	Signer  string         // what Trust calls the key; "": no receipt
}

// A Checker checks calls. It may be used by several goroutines at once.
type Checker struct {
	o        Options
	verifier sign.Verifier
	replays  *replays
}

// New returns a Checker. It creates nothing on the disk. The caller must call Close.
func New(o Options) (*Checker, error) {
	switch {
	case o.Trust == nil:
		return nil, errors.New("check.Options.Trust is not set: every call would be refused")
	case o.Replays == "":
		return nil, errors.New("check.Options.Replays is not set: a receipt could be used again")
	case o.MaxAge < 0 || o.MaxAge > MaxMaxAge:
		return nil, fmt.Errorf("a receipt cannot be accepted for %v: the most is %v", o.MaxAge, MaxMaxAge)
	case o.Skew < 0 || o.Skew > time.Hour:
		return nil, fmt.Errorf("clocks cannot be allowed to differ by %v: the most is 1h", o.Skew)
	}
	if o.MaxAge == 0 {
		o.MaxAge = DefaultMaxAge
	}
	if o.Skew == 0 {
		o.Skew = DefaultSkew
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Checker{o: o, replays: &replays{dir: o.Replays}}, nil
}

// Missing says what becomes of calls without a receipt.
func (c *Checker) Missing() Missing { return c.o.Missing }

// Close closes the files of the Checker.
func (c *Checker) Close() error { return c.replays.close() }

// Check says whether calls may go to the server: all of them, such as those of one
// batch. If it returns nil they may, and their receipts cannot be used again. The
// error is a [*Refusal], and none of them may go.
func (c *Checker) Check(calls ...Call) ([]Passed, error) {
	now := c.o.Now()
	passed := make([]Passed, len(calls))
	var uses []use
	for i, call := range calls {
		p, r := c.alone(call, now)
		if r != nil {
			r.Index = i
			return nil, r
		}
		passed[i] = p
		if p.Receipt != nil {
			uses = append(uses, useOf(p.Receipt, i))
		}
	}
	if len(uses) == 0 {
		return passed, nil
	}
	switch i, err := c.replays.take(uses, now); {
	case err != nil:
		return nil, &Refusal{Reason: NotChecked, Detail: fmt.Sprintf("which receipts were used is not known: %v", err)}
	case i >= 0:
		return nil, &Refusal{Reason: Replayed, Detail: "a call with this receipt has passed before", Index: i, Receipt: passed[i].Receipt}
	}
	return passed, nil
}

// alone checks all of a call but whether its receipt was used before.
func (c *Checker) alone(call Call, now time.Time) (Passed, *Refusal) {
	none := Passed{}
	switch {
	case call.Ambiguous:
		return none, refuse(Ambiguous, nil, "it carries more than one receipt, or one under a name that servers read differently")
	case call.Receipt == nil && c.o.Missing == MissingRefuse:
		return none, refuse(NoReceipt, nil, "it carries no receipt")
	case call.Receipt == nil:
		return none, nil
	}
	v, err := c.verifier.Verify(call.Receipt, sign.AnyKey)
	if invalid, ok := errors.AsType[*sign.InvalidError](err); ok {
		return none, refuse(Invalid, nil, "%s", invalid.Reason)
	}
	if err != nil {
		return none, refuse(Malformed, nil, "%v", err)
	}
	if v.Type != "" || v.Version != 1 && v.Version != 4 {
		return none, refuse(Malformed, nil, "it carries a signed statement, but not a receipt of a request")
	}
	// Whoever has authority by delegation is trusted as the root is: sign.Verify has
	// checked the delegations, and the root comes first.
	who, err := c.o.Trust(v.Signers[0].Key, v.Time, now)
	switch {
	case errors.Is(err, ErrUnknownKey):
		return none, refuse(UnknownKey, v, "its key (%s, %q by its own word) is not trusted here", FormatKey(v.Signers[0].Key), v.Signers[0].Name)
	case errors.Is(err, ErrKeyNotValid):
		return none, refuse(KeyNotValid, v, "the key of %q was not to be trusted when it signed, or is not any more", who)
	case err != nil:
		return none, refuse(NotChecked, v, "which keys are trusted is not known: %v", err)
	}
	switch age := now.Sub(v.Time); {
	case age > c.o.MaxAge:
		return none, refuse(Stale, v, "its receipt is of %s, older than %v", v.Time.UTC().Format(time.RFC3339), c.o.MaxAge)
	case age < -c.o.Skew:
		return none, refuse(Future, v, "its receipt is of %s, which is to come", v.Time.UTC().Format(time.RFC3339))
	case v.Expired(now):
		return none, refuse(Expired, v, "its receipt has expired at %s", v.Expires.UTC().Format(time.RFC3339))
	case c.o.Target != "" && v.Target != c.o.Target:
		return none, refuse(WrongTarget, v, "its receipt is for %q, not %q", v.Target, c.o.Target)
	case v.Tool != call.Tool:
		return none, refuse(WrongTool, v, "its receipt is for the tool %q", v.Tool)
	case !v.Covers(call.Arguments):
		return none, refuse(WrongArguments, v, "its receipt is for other arguments")
	case !input(v, call.InputResponses):
		return none, refuse(WrongArguments, v, "its receipt is for other input than the server asked for")
	}
	return Passed{v, who}, nil
}

// input says whether the receipt is for this input.
func input(v *sign.Verified, responses []byte) bool {
	if responses == nil {
		return v.InputHash.IsZero()
	}
	h, err := sign.ValueHash(responses)
	return err == nil && h == v.InputHash
}
