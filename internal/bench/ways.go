package main

import (
	"crypto/ed25519"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// A way is how a message gets to a server and its response back.
type way struct {
	name string
	base string   // the way whose start-up is taken off from that of this one
	argv []string // starts the server, or what is before it
	open func(w *way, l *load, home string) (*opened, error)

	other  bool // sends messages that are no calls
	alone  bool // what a part of a call takes by itself: no server is started
	syncs  bool // each message waits for the disk
	memory bool // what it holds is of interest
	most   int  // the largest message that it is measured with, in bytes; 0: any
}

// A session is a way that is open.
type session interface {
	turn(i int) error  // a message there and back
	burst(n int) error // n of them, without waiting for responses
	pid() int          // of what the way started
	close()
}

// opened is a session and how long it took from the start of the command to the
// first response, and to that of the first message.
type opened struct {
	session
	first, message time.Duration
}

// The names of the ways that others are compared with.
const (
	nameDirect    = "direct"
	nameCats      = "two cats"
	nameSDKDirect = "mcp-go: direct"
	nameDisk      = "disk: append and fsync alone"
	nameSign      = "sign: Ed25519 alone"
	nameVerify    = "verify: Ed25519 alone"
)

// ways are the rows of the table.
func (b *bench) ways() []*way {
	server := []string{b.self, modeEcho}
	wrapped := func(name string, flags ...string) *way {
		return &way{name: "wrapped: " + name, base: nameDirect, open: openPipes, memory: true, argv: b.wrap(server, flags...)}
	}
	sdk := func(name, base string, argv []string) *way {
		// With 10 MB, mcp-go takes seconds, and shows nothing but that.
		return &way{name: name, base: base, open: openSDK, memory: base != "", argv: argv, most: 1_000_000}
	}
	synced := func(w *way) *way {
		w.syncs = true
		return w
	}
	sdkServer := []string{b.self, modeMCPGo}
	apart := synced(wrapped("call, arguments apart", "--params", "apart"))
	apart.most = smallest
	headless := synced(wrapped("call, no heads", "--system-log", "off"))
	headless.most = smallest
	other := wrapped("no call")
	other.other = true
	all := []*way{
		{name: nameDirect, open: openPipes, argv: server},
		{name: nameCats, base: nameDirect, open: openPipes, argv: b.cats(server)},
		other,
		wrapped("call, hash only, no fsync, no outcome", "--hash-only", "--sync", "off", "--outcomes", "off"),
		wrapped("call, no fsync, no outcome", "--sync", "off", "--outcomes", "off"),
		wrapped("call, no fsync", "--sync", "off"),
		synced(wrapped("call, no outcome", "--outcomes", "off")),
		headless,
		apart,
		synced(wrapped("call (all defaults)")),
		{name: nameDisk, open: openDisk, alone: true},
		// The home is that of both sides, so the check trusts the wrapper's key.
		{name: "wrapped and checked: call, no fsync", base: nameDirect, open: openPipes, memory: true, most: 1_000_000,
			argv: b.wrap(b.check(server, "--sync", "off"), "--sync", "off")},
		{name: nameSign, open: openSign, alone: true},
		{name: nameVerify, open: openVerify, alone: true},
		sdk(nameSDKDirect, "", sdkServer),
		sdk("mcp-go: wrapped, no fsync", nameSDKDirect, b.wrap(sdkServer, "--sync", "off")),
		sdk("mcp-go: wrapped (all defaults)", nameSDKDirect, b.wrap(sdkServer)),
	}
	all = append(all, b.anchorWays(server)...)
	for _, p := range b.peers {
		all = append(all, &way{name: "peer: " + p.name, base: nameDirect, open: openPipes, memory: true, argv: p.argv(server)})
	}
	return all
}

// wrap is the command line of the wrapper before a server.
func (b *bench) wrap(server []string, flags ...string) []string {
	return slices.Concat([]string{b.binary}, b.headless(flags), []string{"--"}, server)
}

// check is the command line of a check before a server.
func (b *bench) check(server []string, flags ...string) []string {
	return slices.Concat([]string{b.binary, "check", "--missing", "refuse"}, b.headless(flags), []string{"--"}, server)
}

// cats put a server between two cats: what two more pipe hops cost, whoever
// makes them.
func (b *bench) cats(server []string) []string {
	_, noSh := exec.LookPath("sh")
	_, noCat := exec.LookPath("cat")
	if runtime.GOOS == "windows" || noSh != nil || noCat != nil {
		return slices.Concat([]string{b.self, modeRelay}, server)
	}
	return []string{"sh", "-c", "cat | " + quoted(server) + " | cat"}
}

// quoted is argv as a line for sh.
func quoted(argv []string) string {
	words := make([]string, len(argv))
	for i, a := range argv {
		words[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}

// pipes is the session of a way that takes bytes.
type pipes struct {
	*client
	messages messages
	least    int // of a response, in bytes
}

func openPipes(w *way, l *load, home string) (*opened, error) {
	began := time.Now()
	c, err := dial(w.argv, home)
	if err != nil {
		return nil, err
	}
	p := &pipes{c, l.calls, len(l.text)}
	if w.other {
		p.messages = l.others
	}
	o := &opened{session: p}
	if err = c.hello(); err == nil {
		o.first = time.Since(began)
		err = p.turn(0)
		o.message = time.Since(began)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return o, nil
}

func (p *pipes) pid() int { return p.cmd.Process.Pid }

func (p *pipes) turn(i int) error {
	return p.client.turn(p.messages.each[i%len(p.messages.each)], p.least)
}

func (p *pipes) burst(n int) error { return p.client.burst(p.messages.first(n), n, p.least) }

// disk is what no log can be faster than: a write of a record's size at the end
// of a file, and its sync.
type disk struct {
	file   *os.File
	record []byte
}

// recordRoom is what a record holds beside a call's arguments, in bytes.
const recordRoom = 850

func openDisk(_ *way, l *load, home string) (*opened, error) {
	file, err := os.Create(filepath.Join(home, "log"))
	if err != nil {
		return nil, err
	}
	d := &disk{file, slices.Repeat([]byte("x"), len(l.text)+recordRoom)}
	return &opened{session: d}, d.turn(0)
}

func (d *disk) turn(int) error {
	if _, err := d.file.Write(d.record); err != nil {
		return err
	}
	return durable.Sync(d.file)
}

func (d *disk) burst(int) error { return errNone }
func (d *disk) pid() int        { return 0 }
func (d *disk) close()          { d.file.Close() }

// signing is what no receipt can be faster than: a signature over one of a call
// of 200 B.
type signing struct {
	key     ed25519.PrivateKey
	receipt []byte
}

func openSign(*way, *load, string) (*opened, error) {
	_, key, err := ed25519.GenerateKey(nil)
	return &opened{session: &signing{key, slices.Repeat([]byte("x"), 550)}}, err
}

func (s *signing) turn(int) error {
	s.receipt = append(s.receipt[:len(s.receipt)-8], ed25519.Sign(s.key, s.receipt)[:8]...)
	return nil
}

func (s *signing) burst(int) error { return errNone }
func (s *signing) pid() int        { return 0 }
func (s *signing) close()          {}

// verifying is what no check of a receipt can be faster than.
type verifying struct {
	key       ed25519.PublicKey
	receipt   []byte
	signature []byte
}

func openVerify(*way, *load, string) (*opened, error) {
	public, key, err := ed25519.GenerateKey(nil)
	receipt := slices.Repeat([]byte("x"), 550)
	return &opened{session: &verifying{public, receipt, ed25519.Sign(key, receipt)}}, err
}

func (v *verifying) turn(int) error {
	if !ed25519.Verify(v.key, v.receipt, v.signature) {
		return errors.New("the signature is not good")
	}
	return nil
}

func (v *verifying) burst(int) error { return errNone }
func (v *verifying) pid() int        { return 0 }
func (v *verifying) close()          {}

// errNone: the way has no such thing.
var errNone = errors.New("none")
