// Package wrap runs an MCP server on stdio for a client. [Run] starts the server
// and passes every byte both ways. For each tools/call it makes a signed receipt,
// appends it to the log, and inserts it into the request, before the server can see
// the request. A program that is there for the server alone, as signet-wrap is, sets
// Options.OwnProcess; of any other, Run changes nothing.
//
// It keeps four promises: evidence before action (no call reaches the server before
// its receipt is on the disk), no call unseen, not a byte changed besides the
// receipts, and nothing added that can fail: exit status, signals and the end of
// input pass through.
//
// Package wrap/record makes the receipts and records the outcomes of calls. It has
// the part of [Options] that says how. A program that has messages and no pipes
// uses it directly.
//
// # Files
//
//	wrap.go          Run: the order of a session, from start to exit status
//	pump.go          client to server: lines, gate, record, splice
//	ahead.go         what the client sends while a call waits for its signature
//	relay.go         server to client
//	hold.go          responses that are held to be cosigned
//	clientwriter.go  what is written to the client: the server's output, and our replies
//	files.go         the files of the server's command, and their hashes
//	stderr.go        our own messages for the user
//
// Package internal/mcpwire reads and writes messages, and internal/proc runs the
// server.
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

// DefaultMaxCall is the maximum length of a line from the client, in bytes, if
// [Options].MaxCall is 0.
const DefaultMaxCall = 64 << 20

// Options say what to wrap and how to record it. Command, Audit and Signer must be
// set; all else may be zero.
type Options struct {
	// Options say how calls are recorded. Command is the server: a name that is
	// looked up in PATH, or a path, and its arguments. Run sets Files, Say and Waits.
	record.Options

	// OwnProcess says that this process is there for the server alone, as the program
	// signet-wrap is: signals that it gets are passed on to the server, and its memory
	// is closed to other programs of the user (Linux). Without it, Run changes nothing
	// of the process that calls it, and the server gets a process group of its own.
	OwnProcess bool
	// Env is the server's environment. nil: that of this process.
	Env []string

	// Stdin, Stdout and Stderr are the client's ends. nil: those of this process.
	// Run closes Stdin if the server stops reading, and Stdout at the end.
	Stdin, Stdout, Stderr *os.File

	// MaxCall is the maximum length of a line from the client, in bytes. A longer
	// line is refused. 0: DefaultMaxCall, 64 MiB.
	MaxCall int
	// Diagnostics gets the wrapper's own messages for the user. It must not block,
	// because calls write to it. nil: Stderr, through [NewQueuedWriter].
	Diagnostics io.Writer
}

// Exit says how the server ended, and so how the wrapper must end.
type Exit struct {
	Code   int
	Signal os.Signal // the signal that killed the server; nil if it exited
}

// Mirror ends this process by the signal that ended the server. If none did, it
// returns the exit status for os.Exit.
func (e Exit) Mirror() int { return proc.Exit(e).Mirror() }

// A StartError says that the server could not be started.
type StartError struct {
	// Status is the exit status for this error, as in env(1) and shells: 127 if the
	// command was not found, 126 if it is not executable, 125 for an error of the
	// wrapper.
	Status int
	Err    error
	Hint   string
}

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

// Run starts the server and relays until it has ended. The error is a
// [*StartError]. Once the server runs, there is no error: everything ends in the
// Exit of the server.
//
// No handshake is assumed: a session begins with initialize or, since 2026-07-28,
// with server/discover or any request.
func Run(o Options) (Exit, error) {
	o.setDefaults()
	if o.Via == "" {
		o.Via = "wrap"
	}
	if o.Diagnostics == nil {
		m := NewQueuedWriter(o.Stderr)
		defer m.Close()
		o.Diagnostics = m
	}
	say := &speaker{w: o.Diagnostics}
	command := proc.Command{Args: o.Command, Env: o.Env, Stderr: o.Stderr, Own: o.OwnProcess}
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
	client := &ahead{r: proc.UntilEnd(o.Stdin)}
	o.Waits = client.start
	rec := record.New(o.Options)
	p := newPump(client, srv.Stdin, rec, out, say, &o)
	go func() {
		if err := p.run(); err != nil {
			// The server reads no more. The client's next write must fail, as
			// it would without the wrapper.
			o.Stdin.Close()
		}
	}()
	replies := newRelay(proc.UntilEnd(srv.Stdout), out, rec.Output())
	if o.Check != nil && o.Cosign {
		replies.hold = &hold{rec: rec, to: out, framed: rec.Output().IsFramed}
	}
	go replies.run()
	go func() {
		// If the server ends its output and lives on, the client must see that.
		// If the server ends, Run goes on below, where the records come first.
		<-replies.done
		select {
		case <-srv.Done():
		case <-time.After(endOfOutput):
			out.finish()
		}
	}()

	<-srv.Done()
	// First the remaining output, also of processes that the server left running,
	// then the records, then the exit status.
	left := srv.End()
	replies.drain(drainSilence, left, srv.Hurry())
	if replies.hold != nil {
		released := make(chan struct{})
		go func() {
			defer close(released)
			replies.hold.end()
		}()
		select {
		case <-released:
		case <-time.After(stuck): // the client does not read
		}
	}
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		if !srv.Asked() && !p.left.Load() {
			rec.ServerEnded()
		}
		if err := rec.Close(); err != nil {
			fmt.Fprintf(o.Diagnostics, "signet-wrap: %v\n", err) // not through say, which has a limit
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

// lastWait is how long the end of a session waits for the records. A disk that
// hangs must not keep a client waiting for the end.
const lastWait = 3 * time.Second

// endOfOutput is how long a server that has ended its output may take to exit
// before the client's input is ended.
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
