// Package record makes calls of tools into signed receipts in the log, and keeps
// there what came of them. It is what stands between an MCP client and its
// transport, whatever that is: it starts no process and reads no pipe.
//
// A Recorder is for one session. Each message of the client goes through Request
// before it is sent, and each message of the server to Response before the client
// has it:
//
//	r := record.New(record.Options{Audit: dir, Signer: signer, Target: "mcp://files"})
//	defer r.Close()
//	message, err := r.Request(message) // to the server, unless there is an error
//	...
//	r.Response(response) // to the client
//
// When Request returns, the receipts of the calls in the message are in the log
// and on the disk, and in the message. If they cannot be, there is an error, and the
// message must not be sent. What Response is given is looked at beside the session
// and gets into the log a little later, 20 ms at most, or with the next call.
//
// A program that has no JSON-RPC messages gives its calls to Calls, each with an ID
// of its choice, and what came of them to Outcome. One that relays the bytes of a
// pipe, as package wrap does, gives those of the server to Output.
//
// The end of the log also goes to the system's log (journald, syslog, the event log
// of Windows), out of the reach of the user's programs, so that a truncated log
// shows. Options.NoHeads turns that off.
//
// The log gets, beside the receipts (chain/FORMAT.md, "Events"): a receipt of
// version 2 for each response, who is in the session, which tools were listed and
// that one has changed, calls without a response, and calls that were forwarded
// without a receipt.
//
// What a reader of the code should know:
//
//	record.go     Recorder: calls to receipts in the log
//	call.go       one call; request.go: those in a message, and receipts into it
//	gap.go        calls that could not be recorded (Options.FailOpen)
//	session.go    what is followed of a session: it fills the queue
//	client.go     messages of the client that are no calls
//	response.go   what a response is to: a call, a task, a listing
//	output.go     responses in the bytes of a pipe
//	pending.go    requests that wait for a response, and tasks
//	outcome.go    what a response says of its call
//	queue.go      outcomes and events that wait to be written
//	peers.go      who is in the session; tools.go: with which tools
//	earlier.go    the tools that the log has of an earlier session
//	anchor.go     when the log is to be anchored
//	target.go     the name of a server, from its command
//	advice.go     what to do where a server does not take the receipt
package record

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// DefaultMetaKey is the member of params._meta that carries the receipt: the
// name that the reference implementation uses. NoMetaKey in its place leaves
// the requests as they are.
const (
	DefaultMetaKey = mcpwire.DefaultMetaKey // "_signet"
	NoMetaKey      = mcpwire.NoMetaKey      // "none"
)

// Options are those of New. Audit and Signer must be set; the rest may be zero.
type Options struct {
	// Audit is the directory of the log. Nothing is made there before the first
	// call. It may be "" where Signer only has an error to give.
	Audit string
	// Signer opens the agent's key. It is called at the first call, and again at
	// later ones as long as it fails.
	Signer func() (*sign.Signer, error)

	// Knows says of a key whether the log may go on from what it has signed,
	// beside the session's own: only the times of records by such keys count.
	// It is asked seldom. nil: no other key.
	Knows func(ed25519.PublicKey) bool

	// Target is the action's target in each receipt. "": from Command.
	Target string
	// Transport is how the server is reached, in each receipt. "": "stdio".
	Transport string
	// Command is the server's program and its arguments, if it has one. The
	// session's event tells it, without what looks like a secret.
	Command []string
	// Files are the files of Command, with their hashes, for the session's event.
	// It is called once, in a goroutine of its own. When its context is done, it
	// must return at once with what it has. nil: there are none.
	Files func(context.Context) []event.File

	// HashOnly leaves the arguments out of the receipts.
	HashOnly bool
	// FailOpen lets calls be forwarded that cannot be recorded, unsigned. The gap
	// is recorded as soon as the log takes records again.
	FailOpen bool
	// NoOutcomes leaves it at the calls: nothing is recorded of what came of
	// them, or of who is in the session.
	NoOutcomes bool
	// NoSync leaves it to the system when records reach the disk.
	NoSync bool
	// NoHeads sends no word of where the log ends to the system's log. Then a
	// program of the user can truncate the log, and it does not show.
	NoHeads bool
	// SystemRecords sends each record there as well, with the arguments in it.
	SystemRecords bool
	// MetaKey is the member of params._meta for the receipt. "": DefaultMetaKey.
	// NoMetaKey: the receipt is in the log only.
	MetaKey string

	// Say is given what a person must know, a line without its end. It must not
	// block, for calls wait for it, and must not use the Recorder. nil: nobody
	// is told.
	Say func(text string)
	// Verbose also says what was recorded.
	Verbose bool

	// Now is the clock of the records. nil: time.Now.
	Now func() time.Time

	// Anchor is called when records are to be anchored: some wait, the session
	// ends, or it was long ago. nil: they are not.
	Anchor Anchor

	system func() (systemlog.Sender, *event.Heads) // whom heads go to (nil: nobody), and what the session says of it
}

func (o *Options) setDefaults() {
	if o.Target == "" {
		o.Target = targetOf(o.Command)
	}
	if o.Transport == "" {
		o.Transport = "stdio"
	}
	if o.MetaKey == "" {
		o.MetaKey = DefaultMetaKey
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// say is Say with a format.
func (o *Options) say(format string, a ...any) {
	if o.Say != nil {
		o.Say(fmt.Sprintf(format, a...))
	}
}

// A Recorder records the calls of one session. Until the first call it touches
// nothing: clients start servers to probe them, and throw them away. It may be
// used by several goroutines at once.
type Recorder struct {
	opts     Options
	id       string   // of the session
	queue    *queue   // of what is written besides calls
	session  *session // fills queue; nil: outcomes are not recorded
	output   Output
	messages messages  // of Request
	anchor   *anchorer // nil: nobody has the log anchored

	mu     sync.Mutex // guards all below
	signer *sign.Signer
	log    *chain.Log
	heads  *heads.Sender // of log; nil: none are sent
	gap    gap
	torn   int // events of torn lines in this session
	closed bool
	over   bool // the log is closed, too
}

// New returns a Recorder for a new session. The caller must call Close. What is
// missing in the options is an error of the first call.
func New(o Options) *Recorder {
	o.setDefaults()
	r := &Recorder{opts: o, id: "ses_" + randomHex(16)}
	r.opts.system = sync.OnceValues(func() (systemlog.Sender, *event.Heads) { return findSystemLog(o.NoHeads, systemlog.Open) })
	r.queue = newQueue(&r.opts, r.flush)
	if !o.NoOutcomes {
		r.session = newSession(r.id, &r.opts, r.queue, &r.output)
	}
	r.output.init(r.session)
	r.anchor = newAnchorer(o.Anchor, r.opts.say, r.unanchored)
	return r
}

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// errClosed is that of calls that come when the session is over.
var errClosed = errors.New("the session is over")

// Calls appends a receipt for each call, in order, and returns them as they
// travel in the requests. When it returns without an error they are in the
// log and, unless NoSync, on the disk. With FailOpen there is an error only
// after Close, but the receipts may be nil.
func (r *Recorder) Calls(calls []Call) ([][]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errClosed
	}
	receipts, err := r.append(calls)
	if err == nil {
		return receipts, nil
	}
	if !r.opts.FailOpen {
		return nil, err
	}
	r.widen(len(calls), err)
	return make([][]byte, len(calls)), nil
}

// append appends what is to be written: a gap, what is queued, and these calls. It
// needs mu.
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
	// A gap is closed, and outcomes are written, before the calls that come
	// after them.
	gap := 0
	if r.gap.count > 0 {
		gap = 1
	}
	queued := r.queue.ready()
	before := gap + len(queued)
	receipts := make([][]byte, len(calls))
	add := r.log.Append
	if len(calls) == 0 && gap == 0 {
		add = r.log.AppendLater // nobody waits for an outcome to be on the disk
	}
	build := func(i int, at chain.At) ([]byte, error) {
		switch {
		case i < gap:
			return r.gapEvent(at)
		case i < before:
			return r.queuedRecord(queued[i-gap], at), nil
		}
		i -= before
		receipt, err := drafts[i].SignAt(at.Time, at.Prev)
		if err != nil {
			return nil, err
		}
		receipts[i] = receipt.JSON
		logged[i].receipt, logged[i].at = receipt.ID, at.Time
		return receipt.Record, nil
	}
	if r.opts.SystemRecords {
		build = r.heads.Records(build)
	}
	written, err := add(before+len(calls), build)
	if err != nil {
		return nil, err
	}
	r.heads.Wrote(written)
	r.queue.written(len(queued))
	r.closeGap()
	r.anchor.recorded(before + len(calls))
	if r.session != nil && len(calls) > 0 {
		r.session.called(calls, logged, r.signer)
	}
	if r.opts.Verbose {
		for _, c := range logged {
			r.opts.say("recorded %q (%q)", c.action.Tool, c.action.CallID)
		}
	}
	return receipts, nil
}

// prepare does for a call what does not need the log. It needs mu.
func (r *Recorder) prepare(c *Call) (*sign.Draft, *loggedCall, error) {
	action := sign.Action{
		Tool:      c.Tool,
		Arguments: c.Arguments,
		IsJSON:    true,
		HashOnly:  r.opts.HashOnly,
		Room:      c.Room,
		Target:    r.opts.Target,
		Transport: r.opts.Transport,
		Session:   r.id,
		CallID:    mcpwire.CallID(c.ID),
		TraceID:   c.TraceID,
		ParentID:  c.ParentID,
	}
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
	return draft, &loggedCall{action: action, paramsHash: draft.ParamsHash(), key: mcpwire.IDKey(c.ID)}, nil
}

// queuedRecord is the record of an item that is ready. An event that cannot be
// signed is left out, and said: it must not keep calls from being recorded. It
// needs mu.
func (r *Recorder) queuedRecord(i item, at chain.At) []byte {
	if i.event == nil {
		return i.record
	}
	receipt, err := r.signer.Event(i.event, at.Time, at.Prev)
	if err != nil {
		r.opts.say("a %s event cannot be recorded: %v", i.event.Type(), err)
		return nil
	}
	return receipt.Record
}

// flush writes what is ready in the queue, with no call.
func (r *Recorder) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return errClosed
	}
	_, err := r.append(nil)
	return err
}

// open readies key and log. It needs mu.
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
	}
	if r.log == nil {
		if r.opts.Audit == "" {
			return errors.New("record.Options.Audit is not set")
		}
		r.log = chain.New(r.opts.Audit, chain.Options{
			NoSync: r.opts.NoSync, Now: r.opts.Now, Event: r.logEvent, Check: sign.LogCheck(r.knows),
			Warn: func(text string) { r.opts.say("in the log's directory, %s", text) },
		})
		to, _ := r.opts.system()
		r.heads = heads.New(r.log, r.signer, r.id, to)
	}
	return nil
}

// findSystemLog opens the system's log, unless it is not wanted.
func findSystemLog(off bool, open func() systemlog.Sender) (systemlog.Sender, *event.Heads) {
	told := &event.Heads{To: "off", Machine: systemlog.Machine()}
	if off {
		return nil, told
	}
	to := open()
	if told.To = "none"; to != nil {
		told.To = to.To()
	}
	return to, told
}

// knows says whether a key may have signed what the log goes on from. The log calls
// it, and so whoever holds mu.
func (r *Recorder) knows(key ed25519.PublicKey) bool {
	return r.signer.PublicKey().Equal(key) || r.opts.Knows != nil && r.opts.Knows(key)
}

// logEvent signs the log's own events, such as one about a torn line, and says what
// they are about. The log calls it, and so whoever holds mu.
func (r *Recorder) logEvent(e event.Event, at chain.At) ([]byte, error) {
	receipt, err := r.signer.Event(e, at.Time, at.Prev)
	if err != nil {
		return nil, err
	}
	switch e := e.(type) {
	case event.ClockStep:
		r.opts.say("the clock is behind the log: it says %s, and the newest record or day file is of %s",
			event.FormatTime(e.Clock), event.FormatTime(e.NotBefore))
	case event.TornLine:
		if r.torn++; r.torn == 2 {
			r.opts.say("there are more such lines; the log has an event for each")
		}
		if r.torn > 1 {
			break // thousands may have been planted
		}
		r.opts.say("%s: what was no record, %s, is quarantined in %s", e.File, text.Count(e.Length, "byte"), e.Kept)
	case event.LogDamaged:
		r.opts.say("the log is not as it should be: %s, byte %d: %s", e.File, e.Offset, e.Reason)
	}
	return receipt.Record, nil
}

// lastOutcomes is how long the end of a session waits for its last outcomes.
const lastOutcomes = 2 * time.Second

// ServerEnded notes that the session ends because the server did, and not the
// client: calls without a response are then recorded so.
func (r *Recorder) ServerEnded() {
	if r.session != nil {
		r.session.serverEnded.Store(true)
	}
}

// Close waits for the calls under way, and lets no more begin. It records what is
// left, the outcomes, the calls without a response and a gap, and closes the log.
// It waits two seconds for the outcomes, not longer, and has the log anchored. The error says what is not in
// the log, or may not be on the disk.
func (r *Recorder) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	if r.session != nil {
		r.session.finish(lastOutcomes)
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
