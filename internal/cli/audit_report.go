package cli

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/report"
	"github.com/signet-wrap/signet-wrap/internal/sshagent"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/internal/toolstore"
	"github.com/signet-wrap/signet-wrap/keys"
)

const auditReportHelp = `signet-wrap audit report: the log, or part of it, as evidence in one file

USAGE
  signet-wrap audit report [ID] [filters] --output FILE.zip [flags]

EXAMPLES
  signet-wrap audit report --since 2026-05-01 --until 2026-05-31 --output f.zip
  signet-wrap audit report 8daadfb3 --output call.zip
  signet-wrap verify f.zip --trust FILE

FLAGS
  --output FILE.zip     a new file, readable by you alone
  --since T --until T   all records from T to T: they are verified as a chain
  --tool S --server S --client S --owner S --where S --via S --grep S
  --signer S --session S --outcome LIST --failed --open
                        the filters of "signet-wrap audit --help": records
                        picked out, each with a proof of its place in the log;
                        so is one call, by its ID
  --redact              write nothing if a call would show its arguments
  --key NAME            who signs the report (default: as for wrapping)
  --sign-with KEY       and an auditor: another NAME, or a FILE of ssh-keygen
                        (ed25519, without a passphrase)
  --store DIR           where the log is anchored (default: <home>/anchor)
  --against FILE        of the whole log: what a system's log elsewhere kept
                        of it; that of this machine is put in if it can be read
  --json                what is in it, as JSON
  --home DIR            keys and log (default: $SIGNET_HOME or ~/.signet)
  --passphrase-file F   file with the passphrase of the key (or
                        $SIGNET_PASSPHRASE; else you are asked)

The file has the records as they stand, keys, the trust file, what witnesses
signed, tool definitions, SHA256SUMS signed for "ssh-keygen -Y verify", and a
page. The same log gives the same file. Arguments in the log are signed with
their call, and are in it; those kept apart (--params apart) are not. See
docs/AUDITORS.md.

EXIT STATUS
  0 written; 1 not written, nothing asked for is there, or --redact found
  arguments; 2 bad usage
`

func (c *command) auditReportVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "report",
		CustomHelpTemplate: auditReportHelp,
		Flags: append(filterFlags(),
			&ucli.StringFlag{Name: "output"}, &ucli.BoolFlag{Name: "redact"}, &ucli.StringFlag{Name: "key"}, &ucli.StringFlag{Name: "sign-with"},
			&ucli.StringFlag{Name: "store"}, &ucli.StringSliceFlag{Name: "against"}, &ucli.BoolFlag{Name: "json"}, homeFlag(), passphraseFileFlag()),
		Action: c.auditReport,
	}
}

func (c *command) auditReport(u *ucli.Context) error {
	args := c.args(u)
	path := u.String("output")
	switch {
	case len(args) > 1:
		return misuse("signet-wrap audit report ID --output FILE.zip", "audit report takes one ID (got also %q)", args[1])
	case path == "" || path == "-":
		return misuse("signet-wrap audit report --output FILE.zip", "--output FILE.zip is missing")
	}
	filter, err := auditFilter(u, time.Now())
	if err != nil {
		return err
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	if _, err := os.Stat(h.Audit()); errors.Is(err, fs.ErrNotExist) { // before a key is missed
		return fail("wrap your servers with `signet-wrap install`, or one with signet-wrap -- COMMAND", fmt.Errorf("nothing has been logged yet in %s", h.Audit()))
	}
	if _, err := os.Lstat(path); err == nil { // before all the work
		return fail("nothing is ever overwritten: name another FILE", fmt.Errorf("--output %q: the file exists", path))
	}
	s := &bundle.Source{Program: version(), Asked: asked(u, args), Tool: toolstore.New(h.Tools()).Get}
	if s.Signer, err = c.reportSigner(u, h); err != nil {
		return err
	}
	if name := u.String("sign-with"); name != "" {
		if s.Auditor, err = c.auditorKey(u, h, name); err != nil {
			return err
		}
	}
	if err := c.reportFiles(u, h, s); err != nil {
		return err
	}
	ctx, stop := c.interruptible()
	defer stop()
	if whole := len(args) == 0 && !filter.Any(); whole {
		if err := c.reportHeads(ctx, u, h, s); err != nil {
			return err
		}
	} else if u.IsSet("against") {
		return misuse("signet-wrap audit report --against FILE --output FILE.zip, without filters", "--against goes with a report of the whole log: nothing else can be compared with heads")
	}
	// After the checkpoints, which must not be of more than is here.
	if s.Log, err = chain.TakeSnapshot(h.Audit()); err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	s.Report = func(w io.Writer, core *bundle.Bundle) error {
		if _, size, err := core.Core(); err != nil || size > maxPage {
			return report.Plain(w, core)
		}
		return report.Render(ctx, w, core, report.Embedded())
	}
	bar := c.progress("reading")
	defer bar.clear()
	s.Progress = bar.show
	var chosen *history.Chosen
	o := history.Options{Filter: filter, Progress: bar.show}
	switch {
	case len(args) == 1:
		if filter.Any() {
			return misuse("", "an ID is one call: filters do not go with it")
		}
		story, err := c.find(h.Audit(), args[0])
		if err != nil {
			return err
		}
		s.Kind = bundle.Selection
		chosen, err = history.Around(ctx, s.Log, story, bar.show)
		if err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
	case !filter.Any():
		s.Kind = bundle.Log
	case filter.OnlyTimes():
		s.Kind = bundle.Range
		chosen, err = history.Span(ctx, s.Log, o)
	default:
		s.Kind = bundle.Selection
		chosen, err = history.Choose(ctx, s.Log, o)
	}
	if err == nil && chosen != nil {
		s.Has = chosen.Has
	}
	if err == nil && u.Bool("redact") && (chosen == nil || !chosen.Empty()) {
		err = c.redactable(ctx, s, bar)
	}
	var m *bundle.Manifest
	if err == nil {
		err = durable.WriteNewFrom(path, 0o600, func(w io.Writer) (err error) {
			m, err = bundle.Write(ctx, w, s)
			return err
		})
	}
	bar.clear()
	switch {
	case errors.Is(err, bundle.ErrEmpty):
		return fail("see `signet-wrap audit`", errors.New("no record matches: nothing was written"))
	case errors.Is(err, fs.ErrExist):
		return fail("nothing is ever overwritten: name another FILE", fmt.Errorf("--output %q: the file exists", path))
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return fmt.Errorf("interrupted: %s was not written", path)
	case errors.As(err, new(*failure)):
		return err
	case err != nil:
		return fmt.Errorf("the report: %w", err)
	}
	return c.reported(u, path, m, s)
}

// maxPage is how much evidence a page shows, in bytes as it is packed: browsers hold a
// few times as much in memory.
const maxPage = 128 << 20

// reported says what was written.
func (c *command) reported(u *ucli.Context, path string, m *bundle.Manifest, s *bundle.Source) error {
	if u.Bool("json") {
		line, err := json.Marshal(m)
		if err == nil {
			_, err = fmt.Fprintf(c.Stdout, "%s\n", line)
		}
		return err
	}
	what := "the whole log"
	switch m.Kind {
	case bundle.Range:
		what = fmt.Sprintf("record %s to %s of %s", grouped(m.First+1), grouped(m.Last+1), grouped(m.Size))
	case bundle.Selection:
		what = fmt.Sprintf("each with a proof of its place in the log of %s", grouped(m.Size))
	}
	fmt.Fprintf(c.Stdout, "%s in %s: %s\n", count(m.Records, "record"), clean(path), what)
	if s.Anchors == nil {
		if len(s.Heads) == 0 {
			c.complain("the log is not anchored: for how long it is, and was, there is only the word of its own key", "signet-wrap anchor init, or send heads to the system's log: docs/ANCHORS.md")
		}
		return nil
	}
	newest := int64(0)
	for _, cp := range s.Anchors.Checkpoints {
		newest = max(newest, cp.Size)
	}
	if newest < m.Size {
		c.complain(fmt.Sprintf("%s newer than the newest checkpoint in the report", are(m.Size-newest, "is", "are")), "signet-wrap anchor now, and make the report again")
	}
	return nil
}

// asked are the filters as they were given.
func asked(u *ucli.Context, args []string) string {
	all := args
	for _, f := range filterFlags() {
		name := f.Names()[0]
		if u.IsSet(name) {
			all = append(all, strings.TrimSuffix("--"+name+" "+u.String(name), " true"))
		}
	}
	return strings.Join(all, " ")
}

// reportSigner opens the key that signs the report.
func (c *command) reportSigner(u *ucli.Context, h home.Dir) (crypto.Signer, error) {
	return c.openKey(u, h, c.keyOf(u, h))
}

// openKey opens a key of the home, and asks for its passphrase if need be.
func (c *command) openKey(u *ucli.Context, h home.Dir, name string) (*keys.Key, error) {
	key, err := h.Keys().Load(name, func() ([]byte, error) { return c.oldPassphrase(u, h, name) })
	if do := h.Keys().Advice(name, err); do != "" {
		return nil, fail(do, err)
	}
	if err != nil {
		return nil, err
	}
	for _, w := range key.Warnings {
		c.complain(w, "")
	}
	return key, nil
}

// auditorKey is the key of --sign-with: one of the home, or one that ssh-keygen made.
func (c *command) auditorKey(u *ucli.Context, h home.Dir, name string) (crypto.Signer, error) {
	if keys.ValidName(name) {
		if _, err := h.Keys().Public(name); !errors.Is(err, keys.ErrNoKey) {
			return c.openKey(u, h, name)
		}
	}
	hint := "a NAME in the home, or a FILE that `ssh-keygen -t ed25519` made"
	b, err := c.readFile(name, 64<<10)
	if err != nil {
		return nil, misuse(hint, "--sign-with %q: %w", name, err)
	}
	key, err := sshagent.ParsePrivate(b)
	if errors.Is(err, sshagent.ErrEncrypted) {
		hint = "ssh-add it, and make it one of the home's: signet-wrap identity add --name NAME --ssh-agent"
	}
	if err != nil {
		return nil, misuse(hint, "--sign-with %q: %w", name, err)
	}
	return key, nil
}

// redactable is nil if none of the calls in the report has arguments.
func (c *command) redactable(ctx context.Context, s *bundle.Source, bar *bar) error {
	ids, n, err := history.WithArguments(ctx, s.Log, s.Has, bar.show)
	if err != nil || n == 0 {
		return err
	}
	bar.clear()
	for _, id := range ids {
		fmt.Fprintf(c.Stderr, "%s\n", clean(id))
	}
	if more := n - int64(len(ids)); more > 0 {
		fmt.Fprintf(c.Stderr, "and %s more\n", grouped(more))
	}
	return fail("record calls with --params apart or --hash-only, and their reports show no arguments",
		fmt.Errorf("--redact: %s with arguments, which are signed with the call and cannot be left out; nothing was written", count(n, "call")))
}

// maxReportHeads is how much a report has of what the system's log has kept, in bytes.
const maxReportHeads = 64 << 20

// reportHeads adds what this machine's system log has kept of the log, if it can be read,
// and what files of --against have of it. It says nothing else of the machine.
func (c *command) reportHeads(ctx context.Context, u *ucli.Context, h home.Dir, s *bundle.Source) error {
	log, err := chain.First(h.Audit())
	if err != nil || log == (chain.Hash{}) {
		return nil
	}
	var all [][]byte // newest first
	size, of := 0, []byte(`"log":"`+log.String()+`"`)
	see := func(e systemlog.Entry, _ bool) bool {
		if bytes.Contains(e.Message, of) {
			line := headLine(e)
			size += len(line)
			all = append(all, line)
		}
		return size < maxReportHeads
	}
	c.ReadLog(ctx, owners(logPlace{home: h, audit: h.Audit()}), func(e systemlog.Entry) bool { return see(e, true) }) // an error is: none
	slices.Reverse(all)
	for _, path := range u.StringSlice("against") {
		n := len(all)
		in, err := c.open(ctx, path)
		if err == nil {
			err = systemlog.Each(in, 16<<20, see)
			in.Close()
		}
		if err == nil && len(all) == n {
			err = errors.New("it has no head of this log")
		}
		if err != nil {
			return misuse("what `journalctl -o json SYSLOG_IDENTIFIER=signet-wrap` printed, or a file of syslog", "--against %q: %w", path, err)
		}
	}
	s.Heads = bytes.Join(all, nil)
	return nil
}

// headLine is an entry as journalctl -o json prints it, without the machine. Of a line of
// syslog nobody says when it came, and from whom.
func headLine(e systemlog.Entry) []byte {
	members := map[string]string{"MESSAGE": string(e.Message), "SYSLOG_IDENTIFIER": systemlog.Identifier, "__REALTIME_TIMESTAMP": "0"}
	if !e.Time.IsZero() {
		members["__REALTIME_TIMESTAMP"] = strconv.FormatInt(e.Time.UnixMicro(), 10)
	}
	if e.Trusted {
		members["_UID"] = e.UID
	}
	line, err := json.Marshal(members)
	if err != nil {
		return nil
	}
	return append(line, '\n')
}

// reportFiles adds the files beside the records.
func (c *command) reportFiles(u *ucli.Context, h home.Dir, s *bundle.Source) error {
	list, err := h.Keys().Known()
	c.complainEach(err)
	names := map[string]bool{}
	for _, p := range list {
		name := p.Name + ".pub"
		if p.Retired || names[strings.ToLower(name)] { // some systems unpack names that differ in case to one file
			name = fmt.Sprintf("%s.%x.pub", p.Name, p.Key[:4])
		}
		names[strings.ToLower(name)] = true
		s.Keys = append(s.Keys, bundle.File{Name: name, Data: keys.FormatPublic(&p)})
	}
	if s.Trust, err = readRoots(trustFile, keys.MaxTrust); err != nil {
		c.complain(fmt.Sprintf("the trust file %s is left out: %v", trustFile, err), "")
	}
	dir, _ := c.store(u, h)
	store, err := anchor.Open(dir)
	if errors.Is(err, anchor.ErrNoStore) && !u.IsSet("store") {
		return nil
	}
	var claims []anchor.Claim
	if err == nil {
		claims, err = store.Claims(nil, nil)
	}
	if err != nil {
		return fail("--store DIR names another", fmt.Errorf("the log's checkpoints: %w", err))
	}
	a := &bundle.Anchors{}
	a.Policy, a.Roots = store.Texts()
	for _, cl := range claims {
		if cl.Origin == store.Policy.Log.Name() {
			a.Checkpoints = append(a.Checkpoints, bundle.Checkpoint{Size: cl.Size, Note: cl.Note, Stamp: cl.Token})
		}
	}
	if len(a.Checkpoints) > 0 {
		s.Anchors = a
	}
	return nil
}
