// Package wrap stands between an MCP client and a stdio server: it starts the
// server, passes every byte both ways, and for each tools/call makes a signed
// receipt, appends it to the log, and puts it into the request before the
// server may see it.
//
// What a reader of the code should know:
//
//	wrap.go       Run: the order of a session, from start to exit status
//	pump.go       client to server: lines, gate, record, splice
//	record.go     calls to receipts in the log
//	outlet.go     server to client, and our replies between its lines
//	observer.go   beside both: binds responses to calls, learns who is asked
//	pending.go    which requests wait for a response, a task's end, a retry
//	outcome.go    what a response says of its call; outcomes.go: into the log
//	anchor.go     when the log is to be anchored
//	session.go    who asked whom; session_files.go: the files of the command
//	tools.go      with which tools
//	advice.go     what to do where a server does not take the receipt
//
// Messages are read and written by package mcpwire.
//
// The promises are those of the README: evidence before action, no call
// unseen, not a byte changed, nothing added to fail.
package wrap

import (
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/internal/proc"
	"github.com/signet-wrap/signet-wrap/sign"
)

// DefaultMaxCall is how long a line from the client may be, in bytes, if
// Options do not say.
const DefaultMaxCall = 64 << 20

// DefaultMetaKey is the member of params._meta that carries the receipt: the
// name that the reference implementation uses. NoMetaKey in its place leaves
// the requests as they are.
const (
	DefaultMetaKey = mcpwire.DefaultMetaKey
	NoMetaKey      = mcpwire.NoMetaKey
)

// Options say what to wrap and how to record it. Command, Audit and Signer
// must be set; the rest may be zero.
type Options struct {
	// Command is the server: a name looked up in PATH or a path, and its
	// arguments.
	Command []string
	// Env is the server's environment. nil: ours.
	Env []string

	// Stdin, Stdout and Stderr are the client's ends. nil: the process's own.
	// Run closes Stdin if the server stops reading.
	Stdin, Stdout, Stderr *os.File

	// Audit is the folder of the log. Nothing is made there before the first
	// call. It may be "" where Signer only has an error to give.
	Audit string
	// Signer opens the agent's key. It is called at the first tools/call, and
	// again at later ones as long as it fails.
	Signer func() (*sign.Signer, error)

	// Knows says of a key whether the log may go on from what it has signed,
	// beside the session's own: only the times of records by such keys count.
	// It is asked seldom. nil: no other key.
	Knows func(ed25519.PublicKey) bool

	// Target is the action's target in each receipt. "": from Command.
	Target string
	// HashOnly leaves the arguments out of the receipts.
	HashOnly bool
	// FailOpen forwards calls that cannot be recorded, unsigned.
	FailOpen bool
	// NoOutcomes leaves it at the calls: nothing is recorded of what came of
	// them, or of who was asked.
	NoOutcomes bool
	// NoSync leaves it to the system when records reach the disk.
	NoSync bool
	// MetaKey is the member of params._meta for the receipt. "": _signet.
	// NoMetaKey: the receipt is in the log only.
	MetaKey string
	// MaxCall is the longest line taken from the client, in bytes. 0: 64 MiB.
	MaxCall int
	// Verbose says what was recorded.
	Verbose bool
	// Messages is where our own lines for a person go. It must not block, for
	// calls write to it. nil: Stderr, through NewMessages.
	Messages io.Writer

	// Now is the clock of the records. nil: time.Now.
	Now func() time.Time

	// Anchor is called when records are to be anchored: some wait, the session
	// ends, or it was long ago. nil: they are not.
	Anchor Anchor
}

// Exit is how the server ended, and so how the wrapper must end.
type Exit struct {
	Code   int
	Signal os.Signal // what killed the server; nil if it exited
}

// Mirror ends this process by the signal that ended the server, or returns
// the exit status if none did.
func (e Exit) Mirror() int { return proc.Exit(e).Mirror() }

// StartError is a server that could not be started.
type StartError struct {
	// Status is the exit status for it, as env(1) and shells have it: 127 not
	// found, 126 found but not executable, 125 our own failure.
	Status int
	Err    error
	Hint   string
}

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

// Run starts the server and relays until it has ended. The error is a
// *StartError; once the server runs, whatever happens ends in its Exit.
//
// No handshake is assumed: sessions begin with initialize or, since
// 2026-07-28, with server/discover or any request.
func Run(o Options) (Exit, error) {
	o.setDefaults()
	if o.Messages == nil {
		m := NewMessages(o.Stderr)
		defer m.Close()
		o.Messages = m
	}
	command := proc.Command{Args: o.Command, Env: o.Env, Stderr: o.Stderr}
	if o.Verbose {
		command.Say = (&speaker{w: o.Messages}).say
	}
	srv, err := proc.Start(command)
	if start := (*proc.StartError)(nil); errors.As(err, &start) {
		return Exit{}, (*StartError)(start)
	}
	defer srv.Close()

	out := newOutlet(o.Stdout)
	rec := newRecorder(o)
	rec.anchor = newAnchorer(o.Anchor, rec.say, rec.unanchored)
	p := &pump{
		client: mcpwire.NewLineReader(proc.UntilEnd(o.Stdin), o.MaxCall),
		server: srv.Stdin,
		gate:   mcpwire.NewGate(o.MetaKey),
		rec:    rec,
		out:    out,
		say:    rec.say,
	}
	go func() {
		if err := p.run(); err != nil {
			// The server reads no more. The client must see that as it would
			// see it of the server itself: its next write fails.
			o.Stdin.Close()
		}
	}()
	replies := newRelay(proc.UntilEnd(srv.Stdout), out, rec.observer)
	go replies.run()
	go func() {
		// A server that ends its output and lives on: the client must see it.
		// One that ends altogether is left to the end of Run, where the
		// records come first.
		<-replies.done
		select {
		case <-srv.Done():
		case <-time.After(endOfOutput):
			out.finish()
		}
	}()

	<-srv.Done()
	// Replies in flight come first, also from what the server left behind, then
	// records, then the exit status.
	left := srv.End()
	replies.drain(drainSilence, left, srv.Hurry())
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		p.finish()
		rec.finish(srv.Asked() || p.left.Load())
	}()
	select {
	case <-recorded:
	case <-time.After(lastWait):
		rec.say("the disk does not answer; what was being recorded may not be in the log")
	}
	rec.anchor.end()
	out.finish()
	<-left
	return Exit(srv.Exit()), nil
}

// lastWait is how long the end waits for the records. A disk that hangs must
// not keep a client waiting for what it has ended.
const lastWait = 3 * time.Second

// endOfOutput is how long a server that has ended its output may take to end.
const endOfOutput = 100 * time.Millisecond

func (o *Options) setDefaults() {
	if o.Stdin == nil {
		o.Stdin = os.Stdin
	}
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	if o.MetaKey == "" {
		o.MetaKey = DefaultMetaKey
	}
	if o.MaxCall <= 0 {
		o.MaxCall = DefaultMaxCall
	}
	if o.Target == "" {
		o.Target = targetOf(o.Command)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

// errStopped is a call that came when the session was already over.
var errStopped = errors.New("the session is over")
