// Package hook records a client's own tools, such as Bash and Edit, by what the client
// tells its hooks: one JSON document on standard input for each event, and one short
// process for each document.
//
// A document from before a tool makes a receipt of version 1, which is on the disk
// when [Run] returns. One from after it makes a receipt of version 2. Both processes
// know only the log: the second finds the receipt of the first there, by the session
// and the id of the tool's use. No other file is written.
//
// The id of a session is made of the client's own, so all processes of a session have
// one. The event of the session is written with its first call.
//
// A [Client] is a file of its own in this package, with what is special to it: how it
// writes its documents, and where its hooks are configured.
//
// # Files
//
//	hook.go        Run: one document
//	document.go    reading documents
//	long.go        those that are long by a tool's result
//	client.go      what a client is
//	claudecode.go  Claude Code
//	codex.go       Codex
package hook

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// MaxDocument is the maximum size of a document from before a tool, in bytes. A tool that
// writes a file has all of the file in it. One from after a tool may be longer by its
// result.
const MaxDocument = 64 << 20

// Options are the options of [Run]. Client must be set.
type Options struct {
	Client *Client
	// Options say how to record. Run sets those of the session.
	record.Options

	// Recorded says whether the calls of an MCP server of the client are recorded in
	// the same log by a wrapper, so that they need not be recorded again: of each
	// server with one of the names. directory is where the client works. nil: they
	// are not.
	Recorded func(names []string, directory string) bool
}

// A BlockError says that the tool must not run.
type BlockError struct{ Err error }

func (e *BlockError) Error() string { return e.Err.Error() }
func (e *BlockError) Unwrap() error { return e.Err }

// Run reads one document from in and records what it says. It returns nil if that is
// in the log, or if the document is about nothing that is recorded. A [*BlockError]
// says that the tool must not run: its call could not be recorded, or it is not
// known what the document is. Any other error is about a tool that has run.
func Run(in io.Reader, o Options) error {
	raw, err := io.ReadAll(io.LimitReader(in, int64(maxDocument)+1))
	var tooLong *long
	if err == nil && len(raw) > maxDocument {
		tooLong, err = readLong(io.MultiReader(bytes.NewReader(raw), in))
	}
	if err != nil && !errors.Is(err, errLong) {
		return &BlockError{fmt.Errorf("reading what %s says: %w", o.Client.Label, err)}
	}
	var d *Document
	switch {
	case tooLong != nil:
		d, err = tooLong.read(o.Client)
	case err == nil:
		d, err = o.Client.Read(raw)
	}
	if errors.Is(err, errLong) {
		err = fmt.Errorf("it is longer than %d MiB", MaxDocument>>20)
	}
	if err != nil {
		return &BlockError{fmt.Errorf("what %s says is refused: %w", o.Client.Label, err)}
	}
	if d.When == Other || len(d.Servers) > 0 && o.Recorded != nil && o.Recorded(d.Servers, d.Directory) {
		return nil
	}
	o.Session, o.Via, o.Transport = SessionID(o.Client.Name, d.Session), "hook", "hook"
	o.Target = cmp.Or(o.Target, o.Client.Target)
	if d.When == Before {
		if err := o.before(d); err != nil {
			return &BlockError{err}
		}
		return nil
	}
	return o.after(d)
}

// SessionID is the id in the log of a session that the client calls session. Of a
// UUID it has the digits, so that people find one by the other.
func SessionID(client, session string) string {
	digits := strings.ToLower(strings.ReplaceAll(session, "-", ""))
	if b, err := hex.DecodeString(digits); err == nil && len(b) == 16 && len(session) == 36 {
		return "ses_" + digits
	}
	sum := sha256.Sum256([]byte("signet-wrap hook\n" + client + "\n" + session))
	return "ses_" + hex.EncodeToString(sum[:16])
}

// before records a call.
func (o *Options) before(d *Document) error {
	// If the log cannot be read, the session's event is written again.
	found, _ := record.FindSession(o.Audit, o.Session, o.known())
	o.Begun = found.Begun
	r := record.New(o.Options)
	_, err := r.Calls([]record.Call{o.call(d)})
	err = errors.Join(err, r.Close())
	if err != nil && o.FailOpen {
		if o.Say != nil {
			o.Say("not recorded: " + err.Error())
		}
		return nil
	}
	return err
}

// known says which keys are believed. Without Knows it is any key: to open our own, only
// to look at the log, a person might be asked for a passphrase.
func (o *Options) known() sign.Known {
	if o.Knows == nil {
		return sign.AnyKey
	}
	return o.Knows
}

func (o *Options) call(d *Document) record.Call {
	c := record.Call{Tool: d.Tool, Arguments: d.Arguments, ClientIDs: d.IDs}
	if !o.Begun { // else the session's event has it
		c.Client, _ = json.Marshal(map[string]string{"name": o.Client.Name})
	}
	if d.ID != "" {
		c.ID, _ = json.Marshal(d.ID)
	}
	return c
}

// after records an outcome.
func (o *Options) after(d *Document) error {
	before := "nothing was recorded of " + short(d.Tool) + " before it ran"
	found, err := record.FindCall(o.Audit, o.Session, o.known(), func(v *sign.Verified) bool {
		if v.Tool != d.Tool || d.ID != "" && v.CallID != "s:"+d.ID { // some versions give no ids
			return false
		}
		if v.Covers(d.Arguments) {
			return true
		}
		if d.ID != "" { // another hook, or a person, has changed them since
			before = "it was recorded with other arguments as " + v.ID
		}
		return false
	})
	if err != nil {
		return err
	}
	o.Begun = found.Begun
	r := record.New(o.Options)
	if found.Call == nil {
		found.Call, err = o.late(r, d, before)
	}
	if err == nil {
		err = r.Settle(found.Call, d.Result, d.Failed, found.Answered)
	}
	return errors.Join(err, r.Close())
}

// late records a call that has run already, and that it was not recorded before, or
// what was.
func (o *Options) late(r *record.Recorder, d *Document, before string) (*sign.Verified, error) {
	receipts, err := r.Calls([]record.Call{o.call(d)})
	if err != nil || receipts[0] == nil {
		return nil, errors.Join(err, errors.New("the call could not be recorded"))
	}
	v, err := sign.ReadUnverified(receipts[0]) // we have just signed it
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return v, r.Event(event.Gap{Session: o.Session, Calls: 1, From: now, To: now,
		Reason: fmt.Sprintf("%s ran before it was recorded as %s: %s", short(d.Tool), v.ID, before)})
}
