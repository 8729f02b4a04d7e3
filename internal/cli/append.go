package cli

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// appendEvent appends an event to the log.
func (c *command) appendEvent(h home.Dir, signer *sign.Signer, e event.Event) error {
	policy := c.policyOf(h)
	if e, ok := e.(event.AnchorPolicy); ok { // so that another's event is not the newest word about it
		policy = func() event.Hash { return e.Policy }
	}
	return c.appendRecord(h, signer, policy, func(at chain.At) ([]byte, error) { return signedEvent(signer)(e, at) })
}

// appendRecord appends the record that made returns to the log, and sends a head to the
// system's log, with this policy.
func (c *command) appendRecord(h home.Dir, signer *sign.Signer, policy func() event.Hash, made func(chain.At) ([]byte, error)) error {
	log := chain.New(h.Audit(), chain.Options{
		Event: signedEvent(signer), Check: sign.LogCheck(h.Knows), Warn: func(text string) { c.complain(text, "") }, Keep: keepIn(h),
	})
	defer log.Close()
	if _, err := log.Append(1, func(_ int, at chain.At) ([]byte, error) { return made(at) }); err != nil {
		return err
	}
	if s := c.configurationOf(h).setting("system-log", nil); len(s.Values) > 0 && s.Values[0] == "off" {
		return nil
	}
	signer, _, err := heads.Signer(signer)
	if err != nil {
		c.complain("the record is in the log, and no head of it in the system's log: "+err.Error(), "")
		return nil
	}
	id := make([]byte, 16)
	rand.Read(id) // never fails
	heads.New(log, signer, "ses_"+hex.EncodeToString(id), c.OpenLog(), policy).Close()
	return nil
}

// keepIn keeps records in the log that the store in the home may have anchored.
func keepIn(h home.Dir) func(file string, size int64) (keep bool, done func()) {
	return func(file string, size int64) (bool, func()) { return anchor.Keep(h.Anchor(), file, size) }
}

// signedEvent makes what the log has to say about itself signed, too.
func signedEvent(signer *sign.Signer) func(e event.Event, at chain.At) ([]byte, error) {
	return func(e event.Event, at chain.At) ([]byte, error) {
		receipt, err := signer.Event(e, at.Time, at.Prev)
		if err != nil {
			return nil, err
		}
		return receipt.Record, nil
	}
}
