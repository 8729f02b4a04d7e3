package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

const anchorHelp = `signet-wrap anchor: have witnesses remember the length and hash of the log

USAGE
  signet-wrap anchor init [--origin O] [--witness VKEY@URL]... [--quorum K]
                          [--tsa URL --tsa-root PEM] [--store DIR]
  signet-wrap anchor now | status                       [--store DIR] [--json]
  signet-wrap anchor enroll [--output FILE]             [--store DIR]
  signet-wrap anchor new-epoch --reason TEXT            [--store DIR]

EXAMPLE
  signet-wrap anchor init --witness example.com/w1+7e…+BD…@https://w1.example
  signet-wrap anchor enroll --output kit.json       and keep kit.json elsewhere
  signet-wrap anchor now

A witness cosigns the length of the log and a hash of it. Once it has, it
never cosigns a shorter log, or another one: so truncation and rewriting show,
whoever did it. Only origin, sizes, hashes and the log's signature leave this
host. While servers are wrapped, "anchor now" starts by itself if the store is
in the home. It is better to keep the store where the agent cannot reach it,
with a timer of another user: "anchor now --home H --store DIR" only reads H.

VERBS
  init       make the store, or change its witnesses and authority
  now        bring it up to the log's end, and ask all witnesses
  status     what is anchored, and by whom
  enroll     what a witness's operator needs, and the kit for verify --kit
  new-epoch  begin again, if the log is not the one that was anchored
  "signet-wrap anchor VERB --help" explains one.

EXIT STATUS
  0 established, 1 rollback or fork, 2 could not run or bad usage,
  3 consistent, but not all could be established
`

const anchorInitHelp = `signet-wrap anchor init: make a store, or change it

USAGE
  signet-wrap anchor init [--origin O] [--witness VKEY@URL]... [flags]

EXAMPLE
  signet-wrap anchor init --witness example.com/w1+7e…+BD…@https://w1.example \
      --tsa https://tsa.example.com --tsa-root tsa.pem

FLAGS
  --origin O          the log's name, for witnesses (default: a random one)
  --witness VKEY@URL  a witness (c2sp.org/tlog-witness); may be repeated
  --quorum K          how many of them must cosign (default: more than half)
  --tsa URL           a time-stamp authority (RFC 3161), and
  --tsa-root PEM      a file with the roots of its certificates
  --proxy URL         for both (default: $HTTPS_PROXY and the like)
  --ca FILE           further roots for https, in PEM form
  --plain-http        allow http:// addresses of other hosts: others on the
                      network cannot forge a signature, but can hold it back
  --store DIR         where all of this is kept (default: <home>/anchor)
  --key NAME          the identity that signs the event (default: default)
  --passphrase-file F file with the passphrase of the key
  --home DIR          keys and log (default: $SIGNET_HOME or ~/.signet)

For a store that exists, the witnesses, the quorum, the authority and the rest
are replaced by those given. The log's key and origin stay. Either way, a
signed event in the log records it.

EXIT STATUS
  0 done, 2 could not run or bad usage
`

const anchorNowHelp = `signet-wrap anchor now: bring the store up to the log's end

USAGE
  signet-wrap anchor now [--store DIR] [--json]

EXAMPLE
  signet-wrap anchor now --home /home/ada/.signet --store /var/lib/signet-ada

FLAGS
  --store DIR         the store (default: <home>/anchor)
  --key NAME          the identity that signs events (default: default)
  --passphrase-file F file with the passphrase of the key
  --json              the findings as JSON
  --home DIR          keys and log (default: $SIGNET_HOME or ~/.signet)

Asks every witness, even if nothing is new. If the log belongs to another
user, it is only read; the events are then written by its owner's "anchor
status".

EXIT STATUS
  0 established, 1 rollback or fork, 2 could not run or bad usage,
  3 consistent, but not enough witnesses, or no time stamp
`

const anchorStatusHelp = `signet-wrap anchor status: what is anchored, and by whom

USAGE
  signet-wrap anchor status [--store DIR] [--json]

EXAMPLE
  signet-wrap anchor status

FLAGS
  --store DIR         the store (default: <home>/anchor)
  --key NAME          the identity that signs events (default: default)
  --passphrase-file F file with the passphrase of the key
  --json              the same as JSON
  --home DIR          keys and log (default: $SIGNET_HOME or ~/.signet)

Reads the store alone and asks nobody. Events that whoever anchored could not
write are written to the log now. The home notes a store that is outside of it.

EXIT STATUS
  0 established, 1 rollback or fork, 2 could not run or bad usage,
  3 consistent, but not enough witnesses, or no time stamp
`

const anchorEnrollHelp = `signet-wrap anchor enroll: what a witness's operator needs, and the kit

USAGE
  signet-wrap anchor enroll [--output FILE] [--store DIR]

EXAMPLE
  signet-wrap anchor enroll --output kit.json

FLAGS
  --output FILE  write the kit to a new file
  --store DIR    the store (default: <home>/anchor)
  --home DIR     keys and log (default: $SIGNET_HOME or ~/.signet)

Prints the origin and the key, which the operator enters, and a signed
checkpoint. The kit has the policy and a checkpoint. "verify --chain --online
--kit FILE" asks the witnesses with it, even if home and store are gone. Keep
the kit where the agent cannot write.

EXIT STATUS
  0 done, 1 rollback or fork, 2 could not run or bad usage
`

const anchorNewEpochHelp = `signet-wrap anchor new-epoch: begin again

USAGE
  signet-wrap anchor new-epoch --reason TEXT [--origin O] [--store DIR]

EXAMPLE
  signet-wrap anchor new-epoch --reason "restored the backup of 29 November"

FLAGS
  --reason TEXT       why, for the event in the log
  --origin O          the log's new name (default: a random one)
  --store DIR         the store (default: <home>/anchor)
  --key NAME          the identity that signs the event (default: default)
  --passphrase-file F file with the passphrase of the key
  --home DIR          keys and log (default: $SIGNET_HOME or ~/.signet)

For a log that is not the one that was anchored. The witnesses must enroll it
again. The loss is not excused: verify still reports it.

EXIT STATUS
  0 done, 2 could not run or bad usage
`

func (c *command) anchorVerb() *ucli.Command {
	store := &ucli.StringFlag{Name: "store"}
	reason, origin := &ucli.StringFlag{Name: "reason"}, &ucli.StringFlag{Name: "origin"}
	asJSON := &ucli.BoolFlag{Name: "json"}
	signs := []ucli.Flag{store, &ucli.StringFlag{Name: "key", Value: home.DefaultKey}, passphraseFileFlag(), homeFlag()}
	verb := func(name, help string, action ucli.ActionFunc, flags ...ucli.Flag) *ucli.Command {
		return &ucli.Command{
			Name: name, CustomHelpTemplate: help, OnUsageError: usageError, HideHelpCommand: true, Flags: flags,
			Action: func(u *ucli.Context) error {
				if err := c.noArgs(u); err != nil {
					return err
				}
				c.anchorSaid = true // these say it themselves
				return couldNot(action(u))
			},
		}
	}
	return &ucli.Command{
		Name:               "anchor",
		Usage:              "have others remember how far the log goes",
		CustomHelpTemplate: anchorHelp,
		OnUsageError:       usageError,
		HideHelpCommand:    true,
		Flags:              []ucli.Flag{homeFlag()},
		Subcommands: []*ucli.Command{
			verb("init", anchorInitHelp, c.anchorInit, append(signs, origin, &ucli.StringSliceFlag{Name: "witness"},
				&ucli.IntFlag{Name: "quorum"}, &ucli.StringFlag{Name: "tsa"}, &ucli.StringFlag{Name: "tsa-root"}, &ucli.StringFlag{Name: "proxy"},
				&ucli.StringFlag{Name: "ca"}, &ucli.BoolFlag{Name: "plain-http"})...),
			verb("now", anchorNowHelp, c.anchorNow, append(signs, asJSON, &ucli.BoolFlag{Name: "due", Hidden: true})...),
			verb("status", anchorStatusHelp, c.anchorStatus, append(signs, asJSON)...),
			verb("enroll", anchorEnrollHelp, c.anchorEnroll, store, &ucli.StringFlag{Name: "output"}, homeFlag()),
			verb("new-epoch", anchorNewEpochHelp, c.anchorNewEpoch, append(signs, reason, origin)...),
		},
		Action: func(u *ucli.Context) error {
			return misuse(`see "signet-wrap anchor --help"`, "anchor what: init, now, status, enroll or new-epoch?")
		},
	}
}

// couldNot gives errors the status of what could not be done: 1 is for a log that
// is not the one it was.
func couldNot(err error) error {
	var s status
	var f *failure
	if err == nil || errors.As(err, &s) || errors.As(err, &f) && f.status != exitFailed {
		return err
	}
	hint := ""
	if f != nil {
		hint = f.hint
	}
	return &failure{exitUsage, err, hint}
}

// store is where the store is: where the command line says, else where the home
// does.
func (c *command) store(u *ucli.Context, h home.Dir) (dir string, inHome bool) {
	dir, inHome = h.Store()
	if given := u.String("store"); given != "" {
		dir = given
		abs, err := filepath.Abs(dir)
		inHome = err == nil && abs == h.Anchor()
	}
	return dir, inHome
}

// openStore opens the store that the command line names.
func (c *command) openStore(u *ucli.Context, h home.Dir) (*anchor.Store, error) {
	dir, _ := c.store(u, h)
	s, err := anchor.Open(dir)
	if errors.Is(err, anchor.ErrNoStore) {
		return nil, fail(`make one by "signet-wrap anchor init", or name another with --store`, err)
	}
	return s, err
}

func (c *command) anchorInit(u *ucli.Context) error {
	h, err := c.home(u)
	if err != nil {
		return err
	}
	o, err := c.anchorSettings(u)
	if err != nil {
		return err
	}
	write, err := c.eventLog(u, h)
	if err != nil {
		return err
	}
	dir, inHome := c.store(u, h)
	s, err := anchor.Open(dir)
	switch {
	case errors.Is(err, anchor.ErrNoStore):
		if s, err = anchor.Create(dir, o); err != nil {
			return err
		}
		fmt.Fprintf(c.Stdout, "made %s, for the log %s\n", dir, s.Policy.Log.Name())
	case err != nil:
		return err
	case u.IsSet("origin") && u.String("origin") != s.Policy.Log.Name():
		return misuse(`a log keeps its origin until "signet-wrap anchor new-epoch"`, "%s is for the log %s", dir, s.Policy.Log.Name())
	case !u.IsSet("witness") && !u.IsSet("tsa"):
		return misuse("give --witness or --tsa to change it", "%s is there already, for the log %s", dir, s.Policy.Log.Name())
	default:
		if s, err = s.Reconfigure(o); err != nil {
			return err
		}
		fmt.Fprintf(c.Stdout, "changed %s, for the log %s\n", dir, s.Policy.Log.Name())
	}
	place := map[bool]string{true: "home", false: "elsewhere"}[inHome]
	err = c.logEvent(write, event.AnchorPolicy{Origin: s.Policy.Log.Name(), VKey: s.Policy.LogKey, Policy: s.PolicyHash(), Store: place})
	if err == nil && write != nil {
		err = h.SetStore(dir)
	}
	if err == nil && len(s.Policy.Witnesses) > 0 {
		fmt.Fprintf(c.Stdout, "next: signet-wrap anchor enroll%s, for the operator of each witness\n", storeArg(u))
	}
	return err
}

func storeArg(u *ucli.Context) string {
	if dir := u.String("store"); dir != "" {
		return " --store " + dir
	}
	return ""
}

// anchorSettings are what the command line says of a store.
func (c *command) anchorSettings(u *ucli.Context) (o anchor.Settings, err error) {
	o.Origin = u.String("origin")
	if !u.IsSet("origin") {
		o.Origin = anchor.RandomOrigin()
	}
	o.Config = anchor.Config{Proxy: u.String("proxy"), TSA: u.String("tsa"), Plain: u.Bool("plain-http")}
	for _, w := range u.StringSlice("witness") {
		i := strings.LastIndex(w, "@http")
		if i < 0 {
			return o, misuse("for example example.com/w1+7e0f…+BD…@https://w1.example.com", "--witness %q is not a key, @ and a URL", w)
		}
		o.Witnesses = append(o.Witnesses, tlog.Witness{Key: w[:i], URL: w[i+1:]})
	}
	o.Quorum = len(o.Witnesses)/2 + 1
	if u.IsSet("quorum") {
		o.Quorum = u.Int("quorum")
	}
	if n := len(o.Witnesses); u.IsSet("quorum") && (o.Quorum < 1 || o.Quorum > n) {
		return o, misuse("", "--quorum %d of %s", o.Quorum, count(int64(n), "witness"))
	}
	if ca := u.String("ca"); ca != "" {
		if o.Config.CA, err = filepath.Abs(ca); err != nil {
			return o, err
		}
	}
	if u.IsSet("tsa") != u.IsSet("tsa-root") {
		return o, misuse("without the roots anybody's time would do", "--tsa URL and --tsa-root PEM belong together")
	}
	if u.IsSet("tsa-root") {
		if o.TSARoots, err = c.readFile(u.String("tsa-root"), 1<<20); err != nil {
			return o, fmt.Errorf("--tsa-root: %w", err)
		}
	}
	return o, nil
}

// eventLog opens the log for an event, before anything is done that the event is
// to tell of: the key that signs may be missing. Of another user's log it is nil.
func (c *command) eventLog(u *ucli.Context, h home.Dir) (func(event.Event) error, error) {
	if !owns(h.Audit()) {
		return nil, nil
	}
	signer, err := c.signer(u, h, u.String("key"))
	if err != nil {
		return nil, err
	}
	return func(e event.Event) error {
		log := chain.New(h.Audit(), chain.Options{Event: signedEvent(signer), Keep: keepIn(h)})
		defer log.Close()
		_, err := log.Append(1, func(_ int, at chain.At) ([]byte, error) { return signedEvent(signer)(e, at) })
		return err
	}, nil
}

// keepIn keeps records in the log that the store in the home may have anchored.
func keepIn(h home.Dir) func(file string, size int64) (keep bool, done func()) {
	return func(file string, size int64) (bool, func()) { return anchor.Keep(h.Anchor(), file, size) }
}

// logEvent writes an event to the log by what eventLog returned.
func (c *command) logEvent(write func(event.Event) error, e event.Event) error {
	if write == nil {
		c.complain("the log is another user's and was only read: no event tells of this yet", `its owner's "signet-wrap anchor status --store DIR" writes it`)
		return nil
	}
	return write(e)
}

// owns says whether a directory, or the nearest above it that is there, is that
// of the user who runs this.
func owns(dir string) bool {
	for {
		st, err := os.Stat(dir)
		if err == nil {
			return durable.IsOurs(st)
		}
		if parent := filepath.Dir(dir); parent != dir && errors.Is(err, fs.ErrNotExist) {
			dir = parent
			continue
		}
		return true
	}
}

// anchorFinding is what anchoring came to. Its JSON is the answer of --json.
type anchorFinding struct {
	Verdict    string          `json:"verdict"` // "established", "rollback", "fork", "unconfirmed" or, with --due, "not due"
	Origin     string          `json:"origin"`
	Store      string          `json:"store"`
	Records    int64           `json:"records"`         // in the newest checkpoint
	Added      int64           `json:"added"`           // of them, new
	Root       string          `json:"root,omitempty"`  // of their tree
	Quorum     bool            `json:"quorum"`          // enough witnesses have cosigned it
	Since      string          `json:"since,omitempty"` // when they became enough
	Witnesses  []anchorPeer    `json:"witnesses"`
	TSA        *anchorPeer     `json:"tsa,omitempty"`
	Finding    *anchor.Finding `json:"finding,omitempty"`
	Unanchored bool            `json:"-"`
}

// anchorPeer is a witness or a time-stamp authority.
type anchorPeer struct {
	Name   string        `json:"name"`
	URL    string        `json:"url"`
	Status anchor.Status `json:"status"` // "" if it was never asked
	Error  string        `json:"error,omitempty"`
	Size   int64         `json:"size"`           // records that it has signed for
	Seen   string        `json:"seen,omitempty"` // when
}

func (c *command) anchorNow(u *ucli.Context) error {
	h, err := c.home(u)
	if err != nil {
		return err
	}
	s, err := c.openStore(u, h)
	if err != nil {
		return err
	}
	ctx, stop := c.interruptible()
	defer stop()
	own := owns(h.Audit())
	r, err := s.Anchor(ctx, anchor.Options{Log: h.Audit(), Own: own, Due: u.Bool("due")})
	if errors.Is(err, anchor.ErrBusy) {
		return fail("try again in some seconds", err)
	}
	if err != nil {
		return err
	}
	f := c.anchorState(s, r.Checkpoint, r.Finding)
	f.Added = r.Added
	switch {
	case r.Skipped:
		f.Verdict = "not due" // and was not established before
	case f.Verdict == "established" && !r.Established(s.Policy):
		f.Verdict = "unconfirmed"
	}
	if own && r.Finding != nil && r.Finding.Proven {
		if err := c.logFinding(u, h, r.Finding); err != nil {
			c.complain(fmt.Sprintf("no event tells of it: %v", err), "")
		}
	}
	return c.sayAnchor(u, f)
}

func (c *command) anchorStatus(u *ucli.Context) error {
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	s, err := c.openStore(u, h)
	if err != nil {
		return err
	}
	cp, err := s.Checkpoint()
	if err != nil {
		return err
	}
	f := c.anchorState(s, cp, s.State().Finding)
	if owns(h.Audit()) {
		if err := c.logOwed(u, h, s, f.Finding); err != nil {
			c.complain(fmt.Sprintf("no event tells of it: %v", err), "")
		}
	}
	return c.sayAnchor(u, f)
}

// anchorState puts together what a store says.
func (c *command) anchorState(s *anchor.Store, cp *tlog.Signed, found *anchor.Finding) anchorFinding {
	st := s.State()
	f := anchorFinding{Verdict: "established", Origin: s.Policy.Log.Name(), Store: s.Dir, Witnesses: []anchorPeer{}, Finding: found}
	if cp != nil {
		f.Records, f.Root, f.Quorum = cp.Size, cp.Root.String(), cp.Quorum
		if cp.Quorum {
			f.Since = formatTime(cp.Since)
		}
	}
	peer := func(name, url string, p *anchor.Peer) anchorPeer {
		a := anchorPeer{Name: name, URL: url}
		if p != nil {
			a.Status, a.Error, a.Size = p.Status, p.Error, p.Size
			if !p.Seen.IsZero() {
				a.Seen = formatTime(p.Seen)
			}
		}
		return a
	}
	for _, w := range s.Policy.Witnesses {
		f.Witnesses = append(f.Witnesses, peer(w.Name, w.URL, st.Witnesses[w.Name]))
	}
	if s.Config.TSA != "" {
		p := peer(s.Config.TSA, s.Config.TSA, &st.TSA)
		f.TSA = &p
	}
	switch {
	case found != nil && found.Proven:
		f.Verdict = string(found.Kind)
	case found != nil, cp == nil, s.Policy.HasQuorum() && !cp.Quorum, f.TSA != nil && f.TSA.Status != anchor.Signed:
		f.Verdict = "unconfirmed"
	}
	return f
}

// sayAnchor prints f and returns its exit status.
func (c *command) sayAnchor(u *ucli.Context, f anchorFinding) error {
	if u.Bool("json") {
		line, err := json.Marshal(f)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.Stdout, "%s\n", line)
	} else {
		c.printAnchor(f)
	}
	if f.Finding != nil {
		c.complainFinding(f.Finding)
	}
	switch f.Verdict {
	case "established":
		return nil
	case "unconfirmed", "not due":
		return status(exitUnconfirmed)
	}
	return status(exitFailed)
}

func (c *command) printAnchor(f anchorFinding) {
	w := c.Stdout
	row := func(name, format string, a ...any) {
		fmt.Fprintf(w, "%-10s %s\n", name, clean(fmt.Sprintf(format, a...)))
	}
	row("log", "%s", f.Origin)
	if f.Records > 0 {
		row("anchored", "%s, %s new", count(f.Records, "record"), grouped(f.Added))
		row("root", "%s", f.Root)
	} else {
		row("anchored", "nothing yet")
	}
	for _, p := range f.Witnesses {
		row("witness", "%s: %s", p.Name, p.line())
	}
	if f.TSA != nil {
		row("time", "%s: %s", f.TSA.Name, f.TSA.line())
	}
	switch {
	case f.Verdict == "not due":
	case f.Verdict == "unconfirmed":
		fmt.Fprintf(w, "%s: nothing is wrong, but not all is established\n", c.paint(yellow, "unconfirmed"))
	case f.Verdict != "established":
		fmt.Fprintf(w, "%s: the log is not the one that was anchored\n", c.paint(red, f.Verdict))
	case len(f.Witnesses) == 0 && f.TSA == nil:
		fmt.Fprintf(w, "%s: the log goes on from the last checkpoint; nobody else has seen that\n", c.paint(green, "established"))
	case f.Quorum:
		fmt.Fprintf(w, "%s: cosigned by enough witnesses since %s\n", c.paint(green, "established"), f.Since)
	default:
		fmt.Fprintf(w, "%s: its time is stamped\n", c.paint(green, "established"))
	}
}

func (p *anchorPeer) line() string {
	text := string(p.Status)
	if text == "" {
		text = "not asked yet"
	}
	if p.Error != "" {
		text += ": " + p.Error
	}
	if p.Seen != "" {
		text += fmt.Sprintf(" (%s at %s)", count(p.Size, "record"), p.Seen)
	}
	return text
}

// complainFinding says what was found, what else it can be, and what to do.
func (c *command) complainFinding(f *anchor.Finding) {
	who := "the store's own checkpoint"
	if len(f.By) > 0 && f.By[0] != "store" {
		who = "what " + strings.Join(f.By, ", ") + " cosigned"
	}
	hint := `if a backup was restored or a disk is not mounted, put the log back; else keep all as it is, and begin again with "signet-wrap anchor new-epoch --reason ..."`
	if !f.Proven {
		hint = "not enough witnesses say so to be sure; a second machine with this store has the same effect"
	}
	c.complain(clean(fmt.Sprintf("%s of the log: it does not go on from %s of %s: %s", f.Kind, who, count(f.Size, "record"), f.Detail)), hint)
}

// findingEvent is the event that tells of f.
func findingEvent(f *anchor.Finding) event.AnchorFinding {
	return event.AnchorFinding{Kind: string(f.Kind), Origin: f.Origin, Size: f.Size, By: f.By, Detail: f.Detail}
}

// toldOf says whether the log tells of a finding.
func (c *command) toldOf(h home.Dir, e event.AnchorFinding) (bool, error) {
	return c.hasEvent(h, func(old event.Event) bool {
		o, ok := old.(event.AnchorFinding)
		return ok && o.Kind == e.Kind && o.Origin == e.Origin && o.Size == e.Size
	})
}

// logFinding writes an event about f, unless the log has one.
func (c *command) logFinding(u *ucli.Context, h home.Dir, f *anchor.Finding) error {
	e := findingEvent(f)
	told, err := c.toldOf(h, e)
	if told || err != nil {
		return err
	}
	write, err := c.eventLog(u, h)
	if err != nil {
		return err
	}
	return c.logEvent(write, e)
}

// logOwed writes the events that who anchors could not: another user, or a process
// without the key's passphrase. From then on the home names the store.
func (c *command) logOwed(u *ucli.Context, h home.Dir, s *anchor.Store, f *anchor.Finding) error {
	if _, inHome := c.store(u, h); !inHome {
		e := event.AnchorPolicy{Origin: s.Policy.Log.Name(), VKey: s.Policy.LogKey, Policy: s.PolicyHash(), Store: "elsewhere"}
		told, err := c.hasEvent(h, func(old event.Event) bool { return old == e })
		if err == nil && !told {
			var write func(event.Event) error
			if write, err = c.eventLog(u, h); err == nil {
				err = c.logEvent(write, e)
			}
		}
		if err == nil {
			err = h.SetStore(s.Dir)
		}
		if err != nil {
			return err
		}
	}
	if f != nil && f.Proven {
		return c.logFinding(u, h, f)
	}
	return nil
}

// hasEvent says whether an event in the log is such a one. Nothing hangs on it but
// whether it is written once more, so no signature is checked.
func (c *command) hasEvent(h home.Dir, such func(event.Event) bool) (bool, error) {
	log, err := chain.TakeSnapshot(h.Audit())
	if err != nil {
		return false, err
	}
	for e, err := range log.Records(c.ctx, chain.ReadOptions{Backward: true, Workers: 1}) {
		var bad *chain.LineError
		if errors.As(err, &bad) {
			continue
		}
		if err != nil {
			return false, err
		}
		if told, err := event.Decode(e.Receipt); err == nil && such(told) {
			return true, nil
		}
	}
	return false, nil
}

func (c *command) anchorEnroll(u *ucli.Context) error {
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	s, err := c.openStore(u, h)
	if err != nil {
		return err
	}
	r, err := s.Anchor(c.ctx, anchor.Options{Log: h.Audit(), Own: owns(h.Audit()), Offline: true})
	if err != nil && !errors.Is(err, fs.ErrPermission) { // a store of another user's can be read
		return err
	}
	if r != nil && r.Finding != nil {
		c.complainFinding(r.Finding)
		return status(exitFailed)
	}
	kit, err := s.Kit()
	if err != nil {
		return err
	}
	cp, err := s.Checkpoint()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Stdout, "origin  %s\nvkey    %s\n\n%s", s.Policy.Log.Name(), s.Policy.LogKey, cp.Log)
	if path := u.String("output"); path != "" {
		if err := durable.WriteNew(path, kit, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(c.Stderr, "signet-wrap: the kit is in %s: keep it where the agent cannot write\n", path)
	}
	return nil
}

func (c *command) anchorNewEpoch(u *ucli.Context) error {
	if u.String("reason") == "" {
		return misuse("for the event in the log", "--reason TEXT is missing")
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	s, err := c.openStore(u, h)
	if err != nil {
		return err
	}
	cp, err := s.Checkpoint()
	if err != nil {
		return err
	}
	old := event.NewEpoch{Origin: s.Policy.Log.Name(), Reason: u.String("reason")}
	if cp != nil {
		old.Size, old.Root = cp.Size, cp.Root.String()
	}
	write, err := c.eventLog(u, h)
	if err != nil {
		return err
	}
	if err := c.logEvent(write, old); err != nil {
		return err
	}
	origin := u.String("origin")
	if !u.IsSet("origin") {
		origin = anchor.RandomOrigin()
	}
	if s, err = s.NewEpoch(origin); err != nil {
		return err
	}
	_, inHome := c.store(u, h)
	place := map[bool]string{true: "home", false: "elsewhere"}[inHome]
	if err := c.logEvent(write, event.AnchorPolicy{Origin: origin, VKey: s.Policy.LogKey, Policy: s.PolicyHash(), Store: place}); err != nil {
		return err
	}
	fmt.Fprintf(c.Stdout, "the log %s begins; next: signet-wrap anchor enroll%s, for the operator of each witness\n", origin, storeArg(u))
	return nil
}
