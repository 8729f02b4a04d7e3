// Package wrap stands between an MCP client and a stdio server: it starts the
// server, passes every byte both ways, and for each tools/call makes a signed
// receipt, appends it to the log, and puts it into the request before the
// server may see it.
//
// What a reader of the code should know:
//
//	wrap.go          Run: the order of a session, from start to exit status
//	pump.go          client to server: lines, gate, record, splice
//	relay.go         server to client
//	clientwriter.go  the client's end of it, and our replies between its lines
//	files.go         the files of the server's command, and their hashes
//	messages.go      our own lines for a person
//
// Package mcpwire reads and writes messages, package record makes the receipts and
// follows what came of the calls, and package proc runs the server.
//
// The promises are those of the README: evidence before action, no call
// unseen, not a byte changed, nothing added to fail.
package wrap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/proc"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// DefaultMaxCall is how long a line from the client may be, in bytes, if
// Options do not say.
const DefaultMaxCall = 64 << 20

// Options say what to wrap and how to record it. Command, Audit and Signer
// must be set; the rest may be zero.
type Options struct {
	// Options say how calls are recorded. Command is the server: a name looked up
	// in PATH or a path, and its arguments. Files and Say are not to be set.
	record.Options

	// Env is the server's environment. nil: ours.
	Env []string

	// Stdin, Stdout and Stderr are the client's ends. nil: the process's own.
	// Run closes Stdin if the server stops reading.
	Stdin, Stdout, Stderr *os.File

	// MaxCall is the longest line taken from the client, in bytes. 0: 64 MiB.
	MaxCall int
	// Messages is where our own lines for a person go. It must not block, for
	// calls write to it. nil: Stderr, through NewMessages.
	Messages io.Writer
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
	say := &speaker{w: o.Messages}
	command := proc.Command{Args: o.Command, Env: o.Env, Stderr: o.Stderr}
	if o.Verbose {
		command.Say = say.sayf
	}
	srv, err := proc.Start(command)
	if start := (*proc.StartError)(nil); errors.As(err, &start) {
		return Exit{}, (*StartError)(start)
	}
	defer srv.Close()

	out := newClientWriter(o.Stdout)
	o.Say, o.Files = say.say, func(ctx context.Context) []event.File { return hashFiles(ctx, o.Command) }
	rec := record.New(o.Options)
	p := newPump(proc.UntilEnd(o.Stdin), srv.Stdin, rec, out, say, &o)
	go func() {
		if err := p.run(); err != nil {
			// The server reads no more. The client must see that as it would
			// see it of the server itself: its next write fails.
			o.Stdin.Close()
		}
	}()
	replies := newRelay(proc.UntilEnd(srv.Stdout), out, rec.Output())
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
	// Replies in flight come first, also from what the server left running, then
	// records, then the exit status.
	left := srv.End()
	replies.drain(drainSilence, left, srv.Hurry())
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		if !srv.Asked() && !p.left.Load() {
			rec.ServerEnded()
		}
		if err := rec.Close(); err != nil {
			fmt.Fprintf(o.Messages, "signet-wrap: %v\n", err) // in any case
		}
	}()
	select {
	case <-recorded:
	case <-time.After(lastWait):
		say.say("the disk does not respond; what was being recorded may not be in the log")
	}
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
	if o.MaxCall <= 0 {
		o.MaxCall = DefaultMaxCall
	}
}
