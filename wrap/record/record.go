// Package record makes signed receipts of tool calls, writes them to the log, and
// records the outcomes of the calls. It is used between an MCP client and its
// transport, whatever that is: it starts no process and reads no pipe.
//
// A [Recorder] is for one session. Each message of the client goes through
// [Recorder.Request] before it is sent, and each message of the server through
// [Recorder.Response] before the client gets it:
//
//	r := record.New(record.Options{Audit: dir, Signer: signer, Target: "mcp://files"})
//	defer r.Close()
//	message, err := r.Request(message)
//	if err != nil {
//		return err // the message must not be sent
//	}
//	response := send(message)
//	r.Response(response) // then it goes to the client
//
// When Request returns without an error, the receipts of the calls in the message
// are in the log and on the disk, and in the message. Response takes little time:
// outcomes are written by a goroutine, 20 ms later at most, or with the next call.
//
// A call for which no response will come is given to [Recorder.NoResponse].
// [Recorder.RequestContext] is Request for a caller that may give up.
//
// A program without JSON-RPC messages uses [Recorder.Calls], with an ID of its
// choice for each call, and [Recorder.Outcome]. A program that relays the bytes of
// a pipe, as package wrap does, writes those of the server to [Recorder.Output].
//
// The hash of the newest record is also sent to the system's log (journald, syslog
// or the Windows event log), which programs of the user cannot change, so that
// truncation of the log shows. Options.NoHeads turns that off.
//
// # What is recorded
//
// Beside the receipts of the calls the log gets a receipt of version 2 for each
// response (sign/FORMAT.md), and events (chain/FORMAT.md, "Events"): the client and
// server of the session, the tools that were listed and changes of them, calls
// without a response, and calls that were forwarded without a receipt. Only the
// calls wait for the disk.
//
// # Files
//
//	record.go         Recorder: calls to receipts in the log
//	call.go           one call
//	cosign.go         receipts of version 3 in responses, on both sides
//	check.go          calls that carry receipts, on the server's side
//	request.go        calls in a message, and their receipts into it
//	gap.go            calls that could not be recorded (Options.FailOpen)
//	session.go        what is followed of a session
//	othermessages.go  messages of the client besides calls
//	output.go         the bytes of a server's pipe
//	response.go       what a response is for: a call, a task, a listing
//	pending.go        requests that wait for a response
//	opencalls.go      calls without an outcome, and their tasks
//	outcome.go        what a response says about its call
//	settle.go         outcomes of calls that another process recorded
//	queue.go          outcomes and events that wait to be written
//	peers.go          the client and the server of the session
//	environment.go    who runs this program, and where
//	context.go        what calls say of themselves besides
//	tools.go          the listed tools, and changes of them
//	definitions.go    the tools' definitions, into their store
//	earlier.go        the tools in the log of an earlier session
//	anchor.go         when the log is to be anchored
//	target.go         a server's name, from its command
//	advice.go         advice where a server rejects the receipt
package record

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/internal/sshagent"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap/check"
)

// DefaultMetaKey is the member of params._meta that carries the receipt, as in the
// reference implementation. NoMetaKey in its place leaves the requests unchanged.
const (
	DefaultMetaKey = mcpwire.DefaultMetaKey // "_signet"
	NoMetaKey      = mcpwire.NoMetaKey      // "none"
)

// Params says where the arguments of calls are kept. Their hash is in the receipts in
// any case.
type Params string

const (
	// ParamsLog: in the receipts, or beside them in the same record.
	ParamsLog Params = "log"
	// ParamsApart: in a file of each day beside the log, from which they can be erased
	// (chain/FORMAT.md, "Arguments apart"). The receipts have their hash alone, those in
	// requests, too, and of a JSON-RPC error only the code is recorded.
	ParamsApart Params = "apart"
	// ParamsHash: nowhere. The receipts are as with ParamsApart.
	ParamsHash Params = "hash"
)

// Options are the options of [New]. Audit and Signer must be set; all else may be
// zero.
type Options struct {
	// Audit is the directory of the log. It is created at the first call. It may be
	// "" if Signer always fails.
	Audit string
	// Signer opens the agent's key. It is called at the first call, and at later
	// ones until it succeeds.
	Signer func() (*sign.Signer, error)

	// Knows says whether the log may continue after records that this key signed.
	// The session's own key is always known. The times of records by other keys are
	// ignored. It is called rarely. nil: no other key.
	Knows func(ed25519.PublicKey) bool

	// Target is the action's target in each receipt, such as "mcp://files". "":
	// made from Command.
	Target string
	// Transport is the action's transport in each receipt. "": as [Recorder.Describe]
	// says, else "stdio".
	Transport string
	// Via is the way by which calls come to the log, such as "wrap", in the session's
	// event. "": "sdk".
	Via string
	// Session is the session's id, for one that several processes record, such as the
	// hooks of a client: see [Recorder.Settle]. Then Close says nothing of calls
	// without a response, because another process may record it. "": a new one, for
	// this process alone.
	Session string
	// Begun says that the log has the event of Session already.
	Begun bool
	// Command is the server's program and its arguments, if there is one. It is in
	// the session's event, with secrets masked.
	Command []string
	// Files hashes the files of Command, for the session's event. It is called
	// once, in a goroutine of its own. When its context is done, it must return at
	// once with what it has. nil: no files.
	Files func(context.Context) []event.File

	// Tools is the directory for the definitions of tools that the server lists. It
	// is created when there is one to keep. "": they are not kept.
	Tools string

	// Settings are for the session's event: the settings of the program that are not
	// its defaults, as its user knows them.
	Settings []event.Setting

	// Params says where the arguments of calls are kept. "": ParamsLog.
	Params Params
	// HashOnlyTools are patterns of the names of tools of whose calls the arguments are
	// kept nowhere, whatever Params says: * means any text, ? for a character, as in
	// [path.Match], but / is a character like others.
	HashOnlyTools []string
	// MaskSecrets keeps the arguments of a call nowhere if they seem to hold a secret. In
	// doubt they are kept: docs/OPERATIONS.md has what is found.
	MaskSecrets bool
	// FailOpen lets calls be forwarded unsigned if they cannot be recorded. The gap
	// is recorded as soon as the log can be written again. Calls for which the holder
	// of the key, such as an SSH agent, does not respond in time are refused anyway.
	FailOpen bool
	// NoOutcomes records only calls: no outcomes, and no events about the session.
	NoOutcomes bool
	// NoEnvironment leaves out of the session's event who runs this program, and
	// where: the user, the host, the working directory, and the program's version
	// and hash.
	NoEnvironment bool
	// NoSync does not sync the log: the system decides when records reach the disk.
	NoSync bool
	// NoHeads does not send the end of the log to the system's log. Then truncation
	// of the log by a program of the same user does not show.
	NoHeads bool
	// SystemRecords also sends each record to the system's log, arguments included.
	SystemRecords bool
	// MetaKey is the member of params._meta for the receipt. "": DefaultMetaKey.
	// NoMetaKey: the receipt is only in the log.
	MetaKey string

	// Check decides in [Recorder.Check] which calls may go to the server. nil: all
	// may.
	Check *check.Checker
	// Cosign has [Recorder.Cosign] put receipts of version 3 into responses. It needs
	// Check.
	Cosign bool

	// Say gets a message for the user: one line, without its end. It must not
	// block, because calls wait for it, and must not use the Recorder. nil:
	// messages are dropped.
	Say func(text string)
	// Waits is called when a call waits for the holder of the key, such as an SSH agent
	// that asks a person, perhaps several times. It must not block. nil:
	// nobody is told.
	Waits func()

	// Verbose also says which calls were recorded.
	Verbose bool

	// Now is the clock for the times of records. nil: [time.Now].
	Now func() time.Time

	// Keep says whether records that could not be synced must stay in the log: see
	// chain.Options. nil: they need not.
	Keep func(file string, size int64) (keep bool, done func())

	// Anchor is called when records are to be anchored: when many wait, after a
	// time, and when the session ends. nil: the session does not anchor.
	Anchor Anchor
	// Policy is the hash of the policy by which the log is anchored now, which the
	// heads carry; zero: by none. It must not block. nil: heads carry none.
	Policy func() event.Hash

	sdk    string                                  // of Describe
	system func() (systemlog.Sender, *event.Heads) // where heads go (nil: nowhere), and what the session's event says about it
}

func (o *Options) setDefaults() {
	if o.Target == "" {
		o.Target = targetOf(o.Command)
	}
	if o.MetaKey == "" {
		o.MetaKey = DefaultMetaKey
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// say calls Say with a formatted line.
func (o *Options) say(format string, a ...any) {
	if o.Say != nil {
		o.Say(fmt.Sprintf(format, a...))
	}
}

// A Recorder records the calls of one session. It may be used by several goroutines
// at once. It creates nothing before the first call: clients start servers only to
// probe them, too.
type Recorder struct {
	opts     Options
	id       string   // of the session
	queue    *queue   // what is written besides calls
	session  *session // it fills queue; nil: outcomes are not recorded
	output   Output
	messages messages  // state of Request
	anchor   *anchorer // nil: the session does not anchor

	held atomic.Bool // the signer's key is

	mu      sync.Mutex // guards all below
	signer  *sign.Signer
	log     *chain.Log
	heads   *heads.Sender // for log; nil: no heads are sent
	gap     gap
	apart   bool      // the log has the event about Params
	torn    int       // number of torn_line events in this session
	calling bool      // append is for Calls
	signBy  time.Time // the deadline of the signatures of the current append
	closed  bool
	over    bool // Close has closed the log, too
}

// New returns a Recorder for a new session. The caller must call Close. Missing
// options are an error of the first call.
func New(o Options) *Recorder {
	o.setDefaults()
	r := &Recorder{opts: o, id: o.Session}
	if r.id == "" {
		r.id = "ses_" + randomHex(16)
	}
	r.opts.system = sync.OnceValues(func() (systemlog.Sender, *event.Heads) { return findSystemLog(o.NoHeads, systemlog.Open) })
	r.queue = newQueue(&r.opts, r.flush)
	if !o.NoOutcomes {
		r.session = newSession(r.id, &r.opts, r.queue, &r.output)
	}
	r.output.init(r.session)
	r.anchor = newAnchorer(o.Anchor, r.id, r.opts.say, r.tell)
	return r
}

// Describe says which SDK the calls come through, in the session's event, and the
// transport in their receipts, if the options leave it open. It is for packages that put
// a Recorder into an SDK, and must be called before the first message.
func (r *Recorder) Describe(sdk, transport string) {
	r.opts.sdk = sdk
	r.opts.Transport = cmp.Or(r.opts.Transport, transport)
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// errClosed is the error of calls after the end of the session.
var errClosed = errors.New("the session is over")

// Calls appends a receipt for each call, in order, and returns the receipts in the
// form that goes into the requests. When it returns without an error, they are in
// the log and, unless NoSync is set, on the disk. After an error the calls must not
// be made.
//
// With FailOpen all receipts are nil if the calls could not be recorded. Then the only
// errors are that the session is over, and that the holder of the key did not respond
// in time: a call that has waited for that is not made, because its client may have
// given it up.
func (r *Recorder) Calls(calls []Call) ([][]byte, error) {
	return r.callsUntil(context.Background(), calls)
}

// callsUntil is Calls, but if ctx is done at the end, the calls are recorded as
// cancelled, and the error is that of ctx.
func (r *Recorder) callsUntil(ctx context.Context, calls []Call) ([][]byte, error) {
	if !r.mu.TryLock() {
		if r.held.Load() {
			r.waits() // for a signature of what is written beside calls
		}
		r.mu.Lock()
	}
	defer r.mu.Unlock()
	if r.closed {
		return nil, errClosed
	}
	r.calling = true
	receipts, err := r.append(calls)
	r.calling = false
	if err == nil && ctx.Err() != nil {
		r.notSent(calls)
		return nil, ctx.Err()
	}
	if err == nil {
		return receipts, nil
	}
	if !r.opts.FailOpen || errors.Is(err, sshagent.ErrSilent) {
		return nil, err
	}
	r.widen(len(calls), err)
	return make([][]byte, len(calls)), nil
}

// append appends what is due: a gap, queued records, and these calls. The caller
// holds mu.
func (r *Recorder) append(calls []Call) ([][]byte, error) {
	if err := r.open(); err != nil {
		return nil, err
	}
	drafts := make([]*sign.Draft, len(calls))
	logged := make([]*loggedCall, len(calls))
	for i := range calls {
		var err error
		if drafts[i], logged[i], err = r.prepare(&calls[i]); err != nil {
			return nil, err
		}
	}
	// The gap and the outcomes happened before these calls.
	gap := 0
	if r.gap.count > 0 {
		gap = 1
	}
	queued := r.queue.ready()
	before := gap + len(queued)
	// What is missing in the file beside the log can only be known of a session that
	// says that it uses one.
	tell := 0
	if r.opts.Params == ParamsApart && len(calls) > 0 && !r.apart && !r.opts.Begun {
		tell = 1
	}
	hidden := hiddenCalls(logged)
	receipts := make([][]byte, len(calls))
	add := r.log.Append
	if len(calls) == 0 && gap == 0 {
		add = r.log.AppendLater // without a sync: no call depends on an outcome
	}
	build := func(i int, at chain.At) ([]byte, error) {
		switch {
		case i < gap:
			return r.gapEvent(at)
		case i < before:
			return r.queuedRecord(queued[i-gap], at), nil
		case i < before+tell:
			receipt, err := r.event(event.ParamsApart{Session: r.id}, at)
			if err != nil {
				return nil, err
			}
			return receipt.Record, nil
		}
		if i -= before + tell; i >= len(calls) {
			receipt, err := r.event(hashOnlyEvent(r.id, hidden[i-len(calls)]), at)
			if err != nil {
				return nil, err
			}
			return receipt.Record, nil
		}
		receipt, err := r.sign(func() (*sign.Receipt, error) { return drafts[i].SignAt(at.Time, at.Prev) })
		if err != nil {
			return nil, err
		}
		receipts[i] = receipt.JSON
		logged[i].receipt, logged[i].at = receipt.ID, at.Time
		if receipt.Beside != nil {
			at.Beside(receipt.Beside)
		}
		return receipt.Record, nil
	}
	if r.opts.SystemRecords {
		build = r.heads.Records(build)
	}
	r.signBy = time.Now().Add(signLimit)
	written, err := add(before+tell+len(calls)+len(hidden), build)
	if err != nil {
		return nil, err
	}
	r.heads.Wrote(written)
	r.queue.written(len(queued))
	r.apart = r.apart || tell > 0
	r.closeGap()
	if r.session != nil && len(calls) > 0 {
		r.session.called(calls, logged, r.signer)
	}
	r.anchor.recorded(before + tell + len(calls) + len(hidden)) // after the session has begun: it writes what is found
	if r.opts.Verbose {
		for _, c := range logged {
			r.opts.say("recorded %q (%q)", c.action.Tool, c.action.CallID)
		}
	}
	return receipts, nil
}

// KeyHeld reports whether something else holds the key of the session, such as an SSH
// agent, so that calls may wait for it. It is false until the key is open.
func (r *Recorder) KeyHeld() bool { return r.held.Load() }

// prepare does what a call needs before the lock of the log is taken. The caller
// holds mu.
func (r *Recorder) prepare(c *Call) (*sign.Draft, *loggedCall, error) {
	action := sign.Action{
		Tool:      c.Tool,
		Arguments: c.Arguments,
		IsJSON:    true,
		HashOnly:  r.opts.Params == ParamsHash,
		Apart:     r.opts.Params == ParamsApart,
		Room:      c.Room,
		Target:    r.opts.Target,
		Transport: cmp.Or(r.opts.Transport, "stdio"),
		Session:   r.id,
		CallID:    mcpwire.CallID(c.ID),
		TraceID:   c.TraceID,
		ParentID:  c.ParentID,
	}
	hidden := ""
	if r.opts.Params != ParamsHash {
		hidden = r.opts.hides(c)
	}
	action.HashOnly = action.HashOnly || hidden != ""
	var err error
	if c.InputResponses != nil {
		if action.ResponseHash, err = sign.ValueHash(c.InputResponses); err != nil {
			return nil, nil, fmt.Errorf("sign the inputResponses of %q: %w", c.Tool, err)
		}
	}
	draft, err := r.signer.Prepare(action)
	if err != nil {
		return nil, nil, err
	}
	if action.ParentID == "" && r.session != nil && c.bringsInput() {
		action.ParentID = r.session.parentOf(c, draft.ParamsHash())
		draft.SetParent(action.ParentID)
	}
	action.Arguments = nil
	logged := &loggedCall{action: action, paramsHash: draft.ParamsHash(), key: mcpwire.IDKey(c.ID), hidden: hidden}
	if r.opts.Cosign && c.Carried != nil && logged.key != "" {
		logged.carried = bytes.Clone(c.Carried)
	}
	return draft, logged, nil
}

// queuedRecord is the record of an item that is ready. An event that cannot be
// signed is left out with a message: it must not keep calls from being recorded.
// The caller holds mu.
func (r *Recorder) queuedRecord(i item, at chain.At) []byte {
	if i.event == nil {
		return i.record
	}
	receipt, err := r.event(i.event, at)
	if err != nil {
		r.opts.say("a %s event cannot be recorded: %v", i.event.Type(), err)
		return nil
	}
	return receipt.Record
}

// flush writes what is ready in the queue, without a call.
func (r *Recorder) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return errClosed
	}
	_, err := r.append(nil)
	return err
}

// open opens the key and the log, if they are not open. The caller holds mu.
func (r *Recorder) open() error {
	if r.signer == nil {
		if r.opts.Signer == nil {
			return errors.New("record.Options.Signer is not set")
		}
		signer, err := r.opts.Signer()
		if err != nil {
			return err
		}
		r.signer = signer
		r.held.Store(signer.Held())
	}
	if r.log == nil {
		if r.opts.Audit == "" {
			return errors.New("record.Options.Audit is not set")
		}
		r.log = chain.New(r.opts.Audit, chain.Options{
			NoSync: r.opts.NoSync, Now: r.opts.Now, Event: r.logEvent, Check: sign.LogCheck(r.knows), Keep: r.opts.Keep,
			Warn: func(text string) { r.opts.say("in the log's directory, %s", text) },
		})
		to, told := r.opts.system()
		signer, err := r.headSigner(told)
		if err != nil {
			return err
		}
		r.heads = heads.New(r.log, signer, r.id, to, r.opts.Policy)
	}
	return nil
}

// headSigner is what signs the heads of the session, which the session's event names if
// it is another key.
func (r *Recorder) headSigner(told *event.Heads) (*sign.Signer, error) {
	signer, key, err := heads.Signer(r.signer)
	if key != nil {
		told.Key = "ed25519:" + base64.StdEncoding.EncodeToString(key)
	}
	return signer, err
}

// signLimit is how long all signatures of one append may take, which others who write
// to the log wait for. A key file takes microseconds.
const signLimit = sshagent.Patience

// sign calls signed, but if an agent holds the key not for longer than what is left
// of signLimit. What signed would change must not be used after an error. It needs mu.
func (r *Recorder) sign(signed func() (*sign.Receipt, error)) (*sign.Receipt, error) {
	if !r.signer.Held() {
		return signed()
	}
	waits := func() {}
	if r.calling {
		waits = r.waits
	}
	return signBy(r.signBy, waits, signed)
}

// signBy is what signed returns, or after the time by an error. waits is called once if
// it takes longer than quick.
func signBy(by time.Time, waits func(), signed func() (*sign.Receipt, error)) (*sign.Receipt, error) {
	type result struct {
		receipt *sign.Receipt
		err     error
	}
	done := make(chan result, 1)
	go func() {
		receipt, err := signed()
		done <- result{receipt, err}
	}()
	select {
	case d := <-done:
		return d.receipt, d.err
	case <-time.After(quick):
		waits()
	}
	select {
	case d := <-done:
		return d.receipt, d.err
	case <-time.After(time.Until(by)):
		return nil, sshagent.ErrSilent
	}
}

// quick is how long a signature takes that nobody was asked for.
const quick = 50 * time.Millisecond

func (r *Recorder) waits() {
	if r.opts.Waits != nil {
		r.opts.Waits()
	}
}

// event signs an event as sign has it. It needs mu.
func (r *Recorder) event(e event.Event, at chain.At) (*sign.Receipt, error) {
	return r.sign(func() (*sign.Receipt, error) { return r.signer.Event(e, at.Time, at.Prev) })
}

// findSystemLog opens the system's log, unless off is set.
func findSystemLog(off bool, open func() systemlog.Sender) (systemlog.Sender, *event.Heads) {
	state := &event.Heads{To: "off", Machine: systemlog.Machine()}
	if off {
		return nil, state
	}
	to := open()
	if state.To = "none"; to != nil {
		state.To = to.To()
	}
	return to, state
}

// knows says whether the log may continue after a record that key signed. The log
// calls it while the caller of the log holds mu.
func (r *Recorder) knows(key ed25519.PublicKey) bool {
	return r.signer.PublicKey().Equal(key) || r.opts.Knows != nil && r.opts.Knows(key)
}

// logEvent signs the log's own events, such as torn_line, and says what happened.
// The log calls it while the caller of the log holds mu.
func (r *Recorder) logEvent(e event.Event, at chain.At) ([]byte, error) {
	receipt, err := r.event(e, at)
	if err != nil {
		return nil, err
	}
	switch e := e.(type) {
	case event.ClockStep:
		r.opts.say("the clock is earlier than the log: it says %s, but the newest record or day file has %s",
			event.FormatTime(e.Clock), event.FormatTime(e.NotBefore))
	case event.TornLine:
		if r.torn++; r.torn == 2 {
			r.opts.say("more records were quarantined; the log has an event for each")
		}
		if r.torn > 1 {
			break // an attacker may have written thousands
		}
		r.opts.say("%s: quarantined an invalid record (%s) in %s", e.File, text.Count(e.Length, "byte"), e.Kept)
	case event.LogDamaged:
		r.opts.say("the log was changed or damaged: %s, byte %d: %s", e.File, e.Offset, e.Reason)
	}
	return receipt.Record, nil
}

// lastOutcomes is how long Close waits for the last outcomes. It is longer in tests.
var lastOutcomes = 2 * time.Second

// ServerEnded says that the session ends because the server ended. Close then gives
// this as the reason why calls have no response.
func (r *Recorder) ServerEnded() {
	if r.session != nil {
		r.session.serverEnded.Store(true)
	}
}

// Close ends the session. It waits for the calls in progress and refuses later
// ones. It records the outcomes, for which it waits two seconds at most, then the
// calls without a response, then a gap. It closes the log and starts the anchoring.
// The error says what is not in the log, or may not be on the disk.
func (r *Recorder) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	if r.session != nil {
		r.session.finish(lastOutcomes)
	} else {
		r.queue.finish(lastOutcomes)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return nil
	}
	r.over = true
	defer r.anchor.end()
	err := r.lastGap()
	if r.log == nil {
		return err
	}
	if !r.opts.NoSync {
		if syncErr := r.log.Sync(); syncErr != nil {
			err = errors.Join(err, fmt.Errorf("syncing the log: %w", syncErr))
		}
	}
	r.heads.Close()
	if closeErr := r.log.Close(); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("closing the log: %w", closeErr))
	}
	return err
}
