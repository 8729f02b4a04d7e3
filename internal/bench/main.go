// Bench measures signet-wrap as it is released: the built binary over real
// pipes, between a client and a server that cost next to nothing. `make bench`
// starts it; docs/PERFORMANCE.md has a run and says how to read it. It needs
// nothing but Go: the server is this program, started again.
//
//	bench [-brief] [-json] [-sizes 200,10000]   the table
//	bench -hooks                                the rows of hooks alone
//	bench -reports                              the rows of reports alone
//	bench -keep 1000000                         compressed days, arguments apart, erasing: at so many calls
//	bench -view ~/.signet                       the page of audit view, of that log
//	bench -scale 1000000                        the write path at logs of up to so many records
//	bench -soak 1h [-rate 300]                  one wrapper under load, and whether it grows
//
// BENCH_PEER names other wrappers to measure beside it, see [peer].
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// The modes in which this program starts itself.
const (
	modeEcho  = "bench-echo"  // the server
	modeRelay = "bench-relay" // what is before a server where there is no cat
	modeMCPGo = "bench-mcpgo" // a server of mcp-go
)

var modes map[string]func(args []string) error

func init() {
	modes = map[string]func(args []string) error{
		modeEcho:  func([]string) error { return echo(os.Stdin, os.Stdout) },
		modeRelay: relay,
		modeMCPGo: func([]string) error { return serveSDK(os.Stdin, os.Stdout) },
	}
}

func main() {
	if status, ok := mode(os.Args); ok {
		os.Exit(status)
	}
	ownSystemLog()
	os.Exit(Main(os.Args[1:], os.Getenv("BENCH_PEER"), os.Stdout, os.Stderr))
}

// mode runs the mode that the program was started in, if there is one.
func mode(args []string) (status int, ok bool) {
	if len(args) < 2 || modes[args[1]] == nil {
		return 0, false
	}
	if err := modes[args[1]](args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1, true
	}
	return 0, true
}

// bench is a run of this program.
type bench struct {
	self   string // this program
	binary string // signet-wrap
	dir    string // for all that is made; removed at the end
	peers  []peer
	json   bool
	out    io.Writer
	err    io.Writer
	ending []func() // ends what was started beside
	// journal says what takes heads; "": nothing, and none are sent.
	journal string
}

// errGrew: the soak found growth.
var errGrew = errors.New("it grew")

// Main measures what args ask for and returns the exit status: 0, or 1 if it
// failed or what was soaked grew, or 2 for bad usage. A peer that fails is a
// result.
func Main(args []string, peers string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	brief := flags.Bool("brief", false, "just see that all of it works: seconds, not minutes")
	asJSON := flags.Bool("json", false, "JSON lines")
	sizes := flags.String("sizes", "", "only these sizes of messages, in bytes: 200,10000,100000,1000000,10000000")
	binary := flags.String("binary", "", "measure this signet-wrap (default: build it)")
	scratch := flags.String("dir", "", "make scratch files in this directory (default: the system's temporary directory)")
	wait := flags.Duration("patience", patience, "how long a response may take")
	view := flags.String("view", "", "only the page of audit view, of the log in this home directory")
	scale := flags.Int("scale", 0, "measure the write path at logs of up to so many records")
	soak := flags.Duration("soak", 0, "keep one wrapper busy for so long")
	onlyHooks := flags.Bool("hooks", false, "only the rows of hooks")
	onlyReports := flags.Bool("reports", false, "only the rows of reports")
	keep := flags.Int("keep", 0, "only what the ways to keep a log cost, at so many calls")
	rate := flags.Int("rate", 300, "messages a second of the soak")
	home := flags.String("home", "", "the soak's home directory, which is kept (default: a scratch directory)")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	b := &bench{binary: *binary, json: *asJSON, out: stdout, err: stderr}
	usage := func(err error) int {
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	if err := misused(flags); err != nil {
		return usage(err)
	}
	patience = *wait
	var err error
	if b.peers, err = parsePeers(peers); err != nil {
		return usage(err)
	}
	chosen := loads()
	if *brief {
		chosen, budget = briefLoads(), time.Second
	}
	if chosen, err = choose(chosen, *sizes); err != nil {
		return usage(err)
	}

	// Scratch files are gigabytes: no end of a terminal or pipe may leave them.
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	defer stop()
	context.AfterFunc(ctx, stop)                            // a second Ctrl-C ends at once
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // but another write to the pipe does not
	err = b.in(*scratch, func() error {
		switch {
		case *soak > 0:
			return b.soak(ctx, soakOptions{length: *soak, rate: *rate, home: *home})
		case *view != "":
			b.writeReadings(0)
			return b.view(ctx, *view, 0)
		case *scale > 0:
			return b.scale(ctx, *scale, *brief)
		case *keep > 0:
			if !b.json {
				b.writeMachine(b.out, loadAverage())
			}
			return b.keep(ctx, *keep)
		case *onlyHooks:
			if !b.json {
				b.writeMachine(b.out, loadAverage())
			}
			return b.hooks(ctx, hookTurns[*brief])
		case *onlyReports:
			if !b.json {
				b.writeMachine(b.out, loadAverage())
			}
			return b.reports(ctx, *brief)
		}
		return b.table(ctx, chosen, *brief)
	})
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// misused says which flag has a value that nothing can be done with.
func misused(flags *flag.FlagSet) error {
	if flags.NArg() > 0 {
		return fmt.Errorf("there is no place for %q; see -help", flags.Arg(0))
	}
	var err error
	flags.Visit(func(f *flag.Flag) {
		switch v := f.Value.(flag.Getter).Get().(type) {
		case int:
			if v < 1 {
				err = fmt.Errorf("-%s %d: want at least 1", f.Name, v)
			}
		case time.Duration:
			if v <= 0 {
				err = fmt.Errorf("-%s %v: want more than 0", f.Name, v)
			}
		}
	})
	return err
}

// choose keeps the loads of some sizes: a list of numbers; "": of all.
func choose(all []*load, sizes string) ([]*load, error) {
	if sizes == "" {
		return all, nil
	}
	var chosen []*load
	for s := range strings.SplitSeq(sizes, ",") {
		size, err := strconv.Atoi(strings.TrimSpace(s))
		at := slices.IndexFunc(all, func(l *load) bool { return l.size == size })
		if err != nil || at < 0 {
			return nil, fmt.Errorf("no messages of %q bytes: there are 200, 10000, 100000, 1000000 and 10000000", s)
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}

// in makes the scratch directory and the binary, does something, and removes them.
func (b *bench) in(scratch string, do func() error) (err error) {
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp(scratch, "signet-wrap-bench-"); err != nil {
		return err
	}
	defer b.end()
	if b.binary == "" {
		if err := b.build(); err != nil {
			return err
		}
	} else if b.binary, err = filepath.Abs(b.binary); err != nil {
		return err
	} else if _, err := exec.LookPath(b.binary); err != nil {
		return err
	}
	if err := b.systemLog(); err != nil {
		return err
	}
	return do()
}

// end ends what was started, and removes the scratch directory. What anchors may
// still be at it for a moment.
func (b *bench) end() {
	for _, end := range b.ending {
		end()
	}
	for try := 0; os.RemoveAll(b.dir) != nil && try < 100; try++ {
		time.Sleep(50 * time.Millisecond)
	}
}

// releaseFlags are those of the Makefile.
var releaseFlags = []string{"-trimpath", "-tags", "nethttpomithttp2", "-ldflags=-s -w"}

// build builds signet-wrap as it is released.
func (b *bench) build() error {
	b.say("building signet-wrap")
	b.binary = filepath.Join(b.dir, "signet-wrap")
	if runtime.GOOS == "windows" {
		b.binary += ".exe"
	}
	cmd := exec.Command("go", slices.Concat([]string{"build"}, releaseFlags, []string{"-o", b.binary, "github.com/signet-wrap/signet-wrap"})...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// table measures and prints the table.
func (b *bench) table(ctx context.Context, loads []*load, brief bool) error {
	began, before := time.Now(), loadAverage()
	largest := slices.MaxFunc(loads, func(x, y *load) int { return cmp.Compare(x.size, y.size) })
	if err := b.need(4e9 * float64(largest.rounds) / 10 * float64(largest.size) / 1e7); err != nil {
		return err
	}
	if !b.json {
		b.writeMachine(b.out, before)
	}
	for _, l := range loads {
		runs, err := b.measure(ctx, l)
		if err != nil {
			return err
		}
		all := rows(l, runs)
		if !b.json {
			writeRows(b.out, l, all)
			continue
		}
		for _, r := range all {
			if err := writeJSON(b.out, r); err != nil {
				return err
			}
		}
	}
	if !b.json {
		fmt.Fprint(b.out, legend)
	}
	if slices.ContainsFunc(loads, func(l *load) bool { return l.size == smallest }) {
		records := map[bool]int{false: 1_000_000, true: 1_000}[brief]
		if err := b.need(2e3 * float64(records)); err != nil {
			return err
		}
		if err := b.hooks(ctx, hookTurns[brief]); err != nil {
			return err
		}
		if err := b.anchoring(ctx, records); err != nil {
			return err
		}
		if err := b.heads(ctx, min(records, 100_000)); err != nil {
			return err
		}
		if err := b.reports(ctx, brief); err != nil {
			return err
		}
	}
	if !b.json {
		if after := loadAverage(); after != "" {
			fmt.Fprintf(b.out, "\n%v, load %s after\n", time.Since(began).Round(time.Second), after)
		}
	}
	return nil
}

// need fails if the scratch directory's disk has not room for so many bytes.
func (b *bench) need(bytes float64) error {
	if free, err := durable.Free(b.dir); err == nil && float64(free) < bytes {
		return fmt.Errorf("this takes up to %s MB of disk for a while, and only %s MB are free; DIR=FOLDER (or -dir) chooses another disk",
			thousands(math.Ceil(bytes/1e6)), thousands(float64(free)/1e6))
	}
	return nil
}

// say tells on stderr what is going on.
func (b *bench) say(format string, a ...any) { fmt.Fprintf(b.err, "bench: "+format+"\n", a...) }
