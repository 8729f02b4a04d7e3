// Bench measures signet-wrap as it is released: the built binary over real
// pipes, between a client and a server that cost next to nothing. `make bench`
// starts it; docs/PERFORMANCE.md has a run and says how to read it. It needs
// nothing but Go: the server is this program, started again.
//
//	bench [-brief] [-json] [-sizes 200,10000]   the table
//	bench -scale 1000000                        the write path at logs of up to so many records
//	bench -soak 1h [-rate 300]                  one wrapper under load, and whether it grows
//
// BENCH_PEER names other wrappers to measure beside it, see [peer].
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// The modes in which this program starts itself.
const (
	modeEcho  = "bench-echo"  // the server
	modeRelay = "bench-relay" // what stands before a server where there is no cat
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
	sizes := flags.String("sizes", "", "only these sizes of messages, in bytes: 200,10000,1000000,10000000")
	binary := flags.String("binary", "", "measure this signet-wrap (default: build it)")
	scratch := flags.String("dir", "", "make scratch files in this folder (default: the system's temporary folder)")
	wait := flags.Duration("patience", patience, "how long an answer may take")
	scale := flags.Int("scale", 0, "measure the write path at logs of up to so many records")
	soak := flags.Duration("soak", 0, "keep one wrapper busy for so long")
	rate := flags.Int("rate", 300, "messages a second of the soak")
	home := flags.String("home", "", "the soak's home folder, which is kept (default: a scratch folder)")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	b := &bench{binary: *binary, json: *asJSON, out: stdout, err: stderr}
	usage := func(err error) int {
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	if flags.NArg() > 0 || *rate < 1 || *wait <= 0 {
		return usage(errors.New("bad arguments; see -help"))
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

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	err = b.in(*scratch, func() error {
		switch {
		case *soak > 0:
			return b.soak(ctx, soakOptions{length: *soak, rate: *rate, home: *home})
		case *scale > 0:
			return b.scale(ctx, *scale, *brief)
		}
		return b.table(ctx, chosen)
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
			return nil, fmt.Errorf("no messages of %q bytes", s)
		}
		chosen = append(chosen, all[at])
	}
	return chosen, nil
}

// in makes the scratch folder and the binary, does something, and removes them.
func (b *bench) in(scratch string, do func() error) (err error) {
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp(scratch, "signet-wrap-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.binary == "" {
		if err := b.build(); err != nil {
			return err
		}
	} else if b.binary, err = filepath.Abs(b.binary); err != nil {
		return err
	}
	return do()
}

// releaseFlags are those of the Makefile.
var releaseFlags = []string{"-trimpath", "-tags", "urfave_cli_no_docs", "-ldflags=-s -w"}

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
func (b *bench) table(ctx context.Context, loads []*load) error {
	began, before := time.Now(), loadAverage()
	if err := b.need(4e9 * float64(loads[len(loads)-1].rounds) / 10 * float64(loads[len(loads)-1].size) / 1e7); err != nil {
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
		if after := loadAverage(); after != "" {
			fmt.Fprintf(b.out, "\n%v, load %s after\n", time.Since(began).Round(time.Second), after)
		}
	}
	return nil
}

// need fails if the scratch folder's disk has not room for so many bytes.
func (b *bench) need(bytes float64) error {
	if free, err := durable.Free(b.dir); err == nil && float64(free) < bytes {
		return fmt.Errorf("this takes up to %.1f GB of disk for a while, and only %.1f GB are free; -dir chooses another disk", bytes/1e9, float64(free)/1e9)
	}
	return nil
}

// say tells on stderr what is going on.
func (b *bench) say(format string, a ...any) { fmt.Fprintf(b.err, "bench: "+format+"\n", a...) }
