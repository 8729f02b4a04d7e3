// Package cli is signet-wrap's command line: one file a verb, flags, printing
// and exit statuses. Nothing below it prints or knows urfave/cli.
//
// Exit statuses, a promise that each help text repeats:
//
//	wrapping   the server's own; 125 we failed before it started,
//	           126 it could not be executed, 127 it was not found
//	verify     0 all established, 1 tampering or damage, 2 could not check,
//	           3 consistent but not all established
//	anchor     0 established, 1 rollback or fork, 2 could not run,
//	           3 consistent but not all established
//	others     0 done, 1 failed, 2 bad usage
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/config"
	"github.com/signet-wrap/signet-wrap/internal/proc"
	"github.com/signet-wrap/signet-wrap/internal/terminal"
	"github.com/signet-wrap/signet-wrap/keys"
)

// Exit statuses of the verbs. Wrapping has its own, see package wrap.
const (
	exitOK          = 0
	exitFailed      = 1 // for verify: tampering or damage
	exitUsage       = 2 // for verify: could not check
	exitUnconfirmed = 3 // verify only: consistent, but not all established
)

// Main runs the command line args (args[0] is the program's name) and returns
// the exit status. It never calls os.Exit.
func Main(args []string, sys System) int {
	proc.EndWithShim()
	return MainContext(context.Background(), args, sys)
}

// MainContext is Main, ended early by ctx (demo and tests).
func MainContext(ctx context.Context, args []string, sys System) int {
	sys.Stdout, sys.Stderr = terminal.NewWriter(sys.Stdout), terminal.NewWriter(sys.Stderr)
	out := &results{Writer: sys.Stdout}
	if !isTerminal(sys.Stdout) {
		sys.Stdout = out
	}
	c := &command{System: sys, ctx: ctx}
	// All after the first "--" belongs to the wrapped command, whatever it
	// looks like (`signet-wrap -- verify`), so it is cut off before the flag
	// parser sees it.
	if i := slices.Index(args, "--"); i >= 0 {
		c.after, args = args[i+1:], args[:i:i]
		if len(args) > 0 {
			if exit, ok := c.wrap(args[1:]); ok {
				return exit
			}
		}
	}
	if len(args) > 1 && args[1] == hookName && !asksForHelp(args[2:]) {
		return c.hook(args[2:])
	}
	err := c.runVerb(ctx, args)
	if out.err != nil {
		err = c.undelivered(err, out.err)
	}
	return c.report(err)
}

// undelivered is err, how a verb ended, where standard output could not be
// written: it is no success, and no finding either of the verbs that look for faults.
func (c *command) undelivered(err, writing error) error {
	st := exitFailed
	if c.verb == "verify" || c.verb == "anchor" || c.verb == "doctor" {
		st = exitUsage
	}
	switch {
	case err == nil, err == status(exitUnconfirmed):
		return &failure{st, fmt.Errorf("writing the results: %w", writing), ""}
	case errors.Is(err, writing):
		return &failure{st, err, ""}
	}
	return err
}

// results is standard output, and what went wrong with it: a result that was
// not delivered is none.
type results struct {
	io.Writer
	err error
}

func (r *results) Write(p []byte) (int, error) {
	n, err := r.Writer.Write(p)
	if r.err == nil {
		r.err = err
	}
	return n, err
}

// command is one run of the program.
type command struct {
	System
	ctx   context.Context
	after []string // what stood after "--"
	verb  string

	anchorSaid bool // complainOfAnchor was called

	config     *config.File // what systemConfig has read
	configErr  error
	configRead bool
	configSaid bool // home has said what is wrong with it
}

// interruptible is a context for long work: the first Ctrl-C ends it, and a
// second one the program, should that be waiting for something. A kill and a
// closed terminal are the same, so that nothing half done remains.
func (c *command) interruptible() (ctx context.Context, stop func()) {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop = signal.NotifyContext(c.ctx, ends...)
	context.AfterFunc(ctx, func() {
		stop()
		testOnlyInterrupted()
	})
	return ctx, stop
}

// testOnlyInterrupted is called when that has happened, or the work is over.
var testOnlyInterrupted = func() {}

// args are the positional arguments of a verb: a "--" before them only ends
// the flags.
func (c *command) args(u *ucli.Context) []string {
	return append(slices.Clone(u.Args().Slice()), c.after...)
}

func (c *command) app() *ucli.App {
	return &ucli.App{
		Name:                  "signet-wrap",
		Usage:                 "sign and log every MCP tool call, change nothing else",
		CustomAppHelpTemplate: rootHelp,
		Flags:                 append(generalWrapFlags(), &ucli.BoolFlag{Name: "version"}),
		Commands: []*ucli.Command{
			c.identityVerb(), c.signVerb(), c.hookVerb(), c.checkVerb(), c.verifyVerb(), c.auditVerb(), c.anchorVerb(), c.proveVerb(),
			c.installVerb(), c.uninstallVerb(), c.statusVerb(), c.doctorVerb(), c.demoVerb(), c.versionVerb(), c.helpVerb(),
		},
		Action: c.noVerb,
	}
}

// failure is an error with its exit status and, where there is a way out, a
// hint that says it.
type failure struct {
	status int
	err    error
	hint   string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// status is an exit status with nothing left to say: the verb has printed it.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// fail makes a failure of status 1; hint may be empty.
func fail(hint string, err error) error { return &failure{exitFailed, err, hint} }

// misuse makes a failure of status 2, for arguments that make no sense.
func misuse(hint, format string, a ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, a...), hint}
}

// report prints err as one lower-case line and a hint, and gives its status.
func (c *command) report(err error) int {
	if err == nil {
		return exitOK
	}
	var s status
	if errors.As(err, &s) {
		return int(s)
	}
	st, hint := exitFailed, ""
	var f *failure
	if errors.As(err, &f) {
		st, hint = f.status, f.hint
	}
	if bad := (*keys.FileError)(nil); hint == "" && errors.As(err, &bad) {
		hint = bad.Do
	}
	c.complain(err.Error(), hint)
	return st
}
