package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/install"
	"github.com/signet-wrap/signet-wrap/internal/terminal"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

const installHelp = `signet-wrap install: wrap the servers of your clients

USAGE
  signet-wrap install [--all] [--client C]... [--server S]... [flags]

EXAMPLE
  signet-wrap install --dry-run
  signet-wrap install --client cursor --server files
  signet-wrap install --file my-client.json --pointer mcpServers

FLAGS
  --all                every server of every client; without it, and without
                       names, you are asked, client by client
  --client C           only the client C, as "signet-wrap status" names it
  --server S           only the server S
  --project            also the files of the project here and above (.mcp.json)
  --hooks              hooks for clients' own tools (docs/HOOKS.md), no servers
  --remote             only servers with a URL, by mcp-remote (docs/CLIENTS.md)
  --from-path          in files of projects and in files that git has, write
                       signet-wrap, to be found by PATH, and not its path here
  --file F             configuration of another client: .json, .toml or .yaml
  --pointer KEY        the key in F that holds the servers, or a path (/a/b)
  --dry-run            show the change (secrets masked), make none
  --key N              the identity that signs (default: default)
  --passphrase-file F  opens that key, if it is encrypted
  --meta-key KEY       the member of params._meta for the receipt, or none
  --home DIR           keys, log, backups (default: $SIGNET_HOME or ~/.signet)

The command becomes the path of signet-wrap, and its args ["--target",
"mcp://NAME", "--", the old command, ...]: NAME is what the client calls the
server, and /CLIENT follows it where clients have different servers of one
name. No other byte changes. A file for which that cannot be proved is not
changed, and the edit to make by hand is shown. The old file goes to the
directory backup of --home. "signet-wrap uninstall" undoes the change.

A wrapped server gets the path of this program, if it has another, and the
flags that you give; its other flags stay. Files that --project or --file
wrapped before are included.

EXIT STATUS
  0 done (or nothing to do), 1 a file was not changed, or a wrapped server
  would fail, 2 bad usage
`

func (c *command) installVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "install",
		Usage:              "put it in front of the servers of your clients",
		CustomHelpTemplate: installHelp,
		Flags: append(clientFlags(), &ucli.BoolFlag{Name: "all"}, &ucli.BoolFlag{Name: "dry-run"}, hooksFlag(), &ucli.BoolFlag{Name: "remote"},
			&ucli.BoolFlag{Name: "from-path"}, &ucli.StringFlag{Name: "key"}, passphraseFileFlag(), &ucli.StringFlag{Name: "meta-key"}),
		Action: c.install,
	}
}

func (c *command) install(u *ucli.Context) error {
	sys, err := c.system()
	if err != nil {
		return err
	}
	choose, err := c.chooser(u, "wrap")
	if err != nil {
		return err
	}
	h, err := c.home(u)
	if err != nil {
		return err
	}
	w, err := c.requested(u, sys, h)
	if err != nil {
		return err
	}
	if u.Bool("hooks") {
		return c.installHooks(u, sys, h, w, choose)
	}
	t, err := c.targets(u, sys, h)
	if err != nil {
		return err
	}
	w.name(t.configs)
	w.share(t)
	if u.Bool("remote") {
		return c.installRemote(u, sys, h, w, t, choose)
	}
	ch := change{
		command: c, home: h, dry: u.Bool("dry-run"), choose: choose, verb: "wrap", targets: t,
		meant:  func(e *install.Entry) bool { return meant(u, e) },
		byHand: func(e *install.Entry) string { return e.ByHand(w.of(e)) },
		hint:   "by hand: of each server, " + (&install.Entry{Command: "the old command", Args: []string{"its args"}}).ByHand(w.plain),
	}
	would := bare{c: c, home: sys.Home, opened: make(map[string]error)}
	fails := make(map[*install.Entry]error)
	ch.edit = func(f *install.Config) ([]byte, []*install.Entry, error) {
		return f.Doc.Wrap(func(e *install.Entry) (install.Wrapper, bool) {
			if !meant(u, e) || t.elsewhere[f] && !e.Wrapped {
				return install.Wrapper{}, false
			}
			changed := w.of(e)
			if e.Wrapped && !slices.Equal(changed.Flags, e.Flags) {
				then := *e
				then.Wrapper, then.Package, then.Flags = changed.Path, changed.Package, changed.Flags
				if err := would.check(&then); err != nil {
					fails[e] = err
					return install.Wrapper{}, false
				}
			}
			return changed, true
		})
	}
	ch.paths = func(e *install.Entry) []string { return machinePaths(w.of(e)) }
	ch.did = func(e *install.Entry) string {
		if !e.Wrapped {
			return "wrapped"
		}
		then, now := *e, w.of(e)
		then.Wrapper, then.Package, then.Flags = now.Path, now.Package, now.Flags
		return "changed: now " + wrapping(&then) + ch.failing(would, &then)
	}
	ch.listed = func(f *install.Config, e *install.Entry) string {
		switch {
		case !meant(u, e) || t.elsewhere[f] && !e.Wrapped:
			return ""
		case fails[e] != nil:
			ch.refused = true
			return "left as it was, " + wrapping(e) + ": it would fail: " + clean(fails[e].Error())
		case e.Wrapped && e.Reason == "" && len(e.Flags) == 0:
			return "wrapped before" + ch.failing(would, e)
		case e.Wrapped && e.Reason == "":
			return "wrapped before, with " + flagLine(e.MaskedFlags()) + ch.failing(would, e)
		case e.Manual:
			return "left: " + e.Reason + "; by hand: " + clean(e.ByHand(w.of(e)))
		}
		if e.Remote {
			return "left: " + e.Reason + " (install --remote starts one)"
		}
		return "left: " + e.Reason + noDashesHint(e)
	}
	if _, err := os.Stat(string(h)); errors.Is(err, fs.ErrNotExist) && flagUp(u, "home") != "" {
		c.complain(fmt.Sprintf("there is no home directory %q yet: a new one", h), "look at --home, if keys or a log should be there")
	}
	err = ch.run(sys)
	if err == nil && !ch.said {
		c.complain("found no server to wrap", "")
	}
	return err
}

// wrapping is the command line that wraps a server.
func wrapping(e *install.Entry) string {
	return flagLine(slices.Concat([]string{e.Wrapper}, e.Package, e.MaskedFlags()))
}

// flagLine is words as a command line.
func flagLine(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = text.Quote(short(w))
	}
	return clean(strings.Join(quoted, " "))
}

// noDashesHint is why a "--" may be missing, if one is.
func noDashesHint(e *install.Entry) string {
	if !e.NoDashes || len(e.Args) > 0 && isVerb(e.Args[0]) {
		return ""
	}
	return `: there is no "--" before the command (gemini, qwen and droid mcp add and the MCP Inspector remove it: docs/CLIENTS.md has the spelling that works)`
}

// isVerb says whether name is one of this program's.
func isVerb(name string) bool { return (&command{}).app().Command(name) != nil }

// requested is what is to be put in front of servers: this program with the flags it
// needs to find its key and log where the environment is bare. It refuses a key
// that could not be opened there, for then every call would be refused.
func (c *command) requested(u *ucli.Context, sys install.System, h home.Dir) (*requested, error) {
	w := &requested{values: make(map[string]string)}
	var err error
	if w.plain.Path, err = install.Self(os.Args[0]); err != nil {
		return nil, fail("put signet-wrap into a directory that lasts, such as /usr/local/bin, or have `npm install -g signet-wrap` do it, and run it from there", err)
	}
	if u.IsSet("from-path") {
		on := u.Bool("from-path")
		if _, err := exec.LookPath(programName); on && err != nil {
			return nil, fail("put signet-wrap into a directory of PATH that clients have too, such as /usr/local/bin", fmt.Errorf("--from-path: %w", err))
		}
		w.fromPath = &on
	}
	dir := string(h)
	if dir == filepath.Join(sys.Home, ".signet") {
		dir = ""
	}
	if flagUp(u, "home") != "" || c.Getenv("SIGNET_HOME") != "" {
		w.set("home", dir)
	}
	key := u.String("key")
	if key != "" && !keys.ValidName(key) {
		return nil, misuse("1 to 64 letters, digits, - and _", "--key %q is not a name", key)
	}
	if key == "" {
		key = home.DefaultKey
	}
	file, err := c.passphraseFile(u, h, key)
	if err != nil {
		return nil, err
	}
	name := key
	if name == home.DefaultKey {
		name = ""
	}
	if u.String("key") != "" {
		w.set("key", name)
		w.set("passphrase-file", file)
	} else if given := flagUp(u, "passphrase-file"); given != "" {
		given, err := absolute(given)
		if err != nil {
			return nil, err
		}
		w.set("passphrase-file", given)
	}
	metaKey := u.String("meta-key")
	if u.IsSet("meta-key") {
		if err := takeMetaKey(new(wrapSettings), metaKey); err != nil {
			return nil, misuse("leave it out for "+record.DefaultMetaKey, "%w", err)
		}
		if metaKey == record.DefaultMetaKey {
			metaKey = ""
		}
		w.set("meta-key", metaKey)
	}
	for _, f := range [][2]string{{"home", dir}, {"key", name}, {"passphrase-file", file}, {"meta-key", metaKey}} {
		if f[1] != "" {
			w.plain.Flags = append(w.plain.Flags, "--"+f[0], f[1])
		}
	}
	return w, nil
}

// passphraseFile is the file that has to be named for the key to open, "" if none
// has. It has opened the key.
func (c *command) passphraseFile(u *ucli.Context, h home.Dir, key string) (string, error) {
	store := h.Keys()
	open := func(passphrase func() ([]byte, error)) error {
		_, err := store.Load(key, passphrase)
		if do := store.Advice(key, err); do != "" {
			err = fail(do, err)
		}
		return err
	}
	p, err := store.Public(key)
	switch {
	case errors.Is(err, keys.ErrNoKey) && key == home.DefaultKey: // the first call makes it
		return "", nil
	case err != nil || !p.Encrypted:
		return "", open(nil)
	}
	file := flagUp(u, "passphrase-file")
	if _, err := store.Source(key); err == nil && file == "" {
		return "", open(c.unlock(u, h, key).Passphrase)
	}
	if file == "" {
		return "", fail("see `signet-wrap identity protect --help`, or give --passphrase-file F, or --key of one that is not encrypted",
			fmt.Errorf("the key %q is encrypted, and nothing can ask for its passphrase while wrapping", key))
	}
	if file, err = absolute(file); err != nil {
		return "", err
	}
	return file, open(func() ([]byte, error) { return home.Passphrase(file, c.Getenv) })
}

// absolute is the path of a file for a client's configuration.
func absolute(path string) (string, error) {
	path, err := home.Expand(path)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// change is a run of install or uninstall over the configurations.
type change struct {
	*command
	*targets
	home   home.Dir
	dry    bool
	verb   string // "wrap" or "unwrap"
	choose func(*install.Config, string) (bool, error)
	edit   func(*install.Config) ([]byte, []*install.Entry, error)
	did    func(*install.Entry) string // to one that was chosen, in the past tense
	meant  func(*install.Entry) bool
	// lost are the servers of a file that are not to count as lost any more. May
	// be nil.
	lost   func(*install.Config) []*install.Entry
	paths  func(*install.Entry) []string // of this machine, that come with one. May be nil.
	byHand func(*install.Entry) string
	hint   string                                       // what to do with a file that cannot be read
	listed func(*install.Config, *install.Entry) string // of one that was not changed; "" for not at all

	remote  bool // the servers are reached by URL
	changed []*install.Client
	refused bool
	said    bool // something was said of a file or of its servers
}

func (ch *change) run(sys install.System) error {
	ch.complainEach(ch.err)
	ch.said = ch.err != nil
	if len(ch.configs) == 0 {
		ch.complain("found no configuration of a client", "see `signet-wrap help install` for --file")
		ch.said = true
		return nil
	}
	for _, f := range ch.configs {
		if err := ch.one(f, sys); err != nil {
			return err
		}
	}
	if !ch.dry {
		ch.tellRestart(ch.changed)
	}
	if ch.refused {
		return status(exitFailed)
	}
	return nil
}

// one changes one file, and says so.
func (ch *change) one(f *install.Config, sys install.System) (failed error) {
	if f.Err != nil {
		ch.refuse(f, f.Err, cmp.Or(durable.Permit(f.Err), ch.hint))
		return ch.forgetUnread(f)
	}
	data, chosen, err := ch.edit(f)
	if err != nil {
		ch.refuse(f, err, "")
		for _, e := range chosen[:min(len(chosen), maxByHand)] {
			fmt.Fprintf(ch.Stdout, "  by hand  %s: %s\n", entryName(e), clean(ch.byHand(e)))
		}
		if more := len(chosen) - maxByHand; more > 0 {
			fmt.Fprintf(ch.Stdout, "  by hand  the other %d in the same way\n", more)
		}
		return nil
	}
	var lost []*install.Entry
	if ch.lost != nil {
		lost = ch.lost(f)
	}
	ch.warnTracked(f, chosen)
	if len(chosen)+len(lost) > 0 {
		ch.said = true
		if yes, err := ch.choose(f, ch.describe(chosen, lost)); err != nil || !yes {
			return err
		}
	}
	if len(chosen) > 0 {
		if err := f.Writable(backups(ch.home)); err != nil {
			hint := "let yourself write there"
			if install.Writable(backups(ch.home)) != nil {
				hint += ", or give --home DIR"
			}
			ch.refuse(f, err, cmp.Or(durable.Permit(err), hint))
			return nil
		}
	}
	var kept, diff string
	switch {
	case len(chosen) == 0:
	case ch.dry:
		if diff, err = f.Doc.Diff(data); err != nil {
			return err
		}
	default:
		if !slices.Contains(ch.changed, f.Client) {
			ch.warnRunning([]*install.Client{f.Client})
		}
		// A signal waits until the file and the note of it agree again.
		ctx, stop := ch.interruptible()
		write := func() (install.Written, error) {
			return f.Write(backups(ch.home), ch.verb == "wrap", data, chosen, time.Now())
		}
		if ch.remote {
			write = func() (install.Written, error) { return f.WriteRemotes(backups(ch.home), data, chosen, time.Now()) }
		}
		w, err := write()
		interrupted := ctx.Err() != nil
		stop()
		defer func() {
			if interrupted && failed == nil {
				failed = fmt.Errorf("interrupted: %s is done, what follows it is not", clean(f.Path))
			}
		}()
		kept = w.Kept
		if err != nil && kept == "" {
			hint := durable.Permit(err)
			if errors.Is(err, durable.ErrChanged) {
				hint = "run the same again"
			}
			ch.refuse(f, err, hint)
			return nil
		}
		if w.InPlace {
			ch.complain(clean(f.Path)+": it was written in place, because it has other names, is a mount of its own, or is in a read-only directory", "")
		}
		if w.Regrouped {
			ch.complain(clean(f.Path)+": its group could not be kept, so it is for its owner alone now", "chgrp and chmod it as it was, if others need it")
		}
		if err != nil { // done, but not noted
			ch.complain(err.Error(), "")
		}
		if !slices.Contains(ch.changed, f.Client) {
			ch.changed = append(ch.changed, f.Client)
		}
	}
	if len(lost) > 0 && !ch.dry {
		if err := f.Forget(backups(ch.home), lost, time.Now()); err != nil {
			return fmt.Errorf("noting that servers are not to be wrapped: %w", err)
		}
	}
	did := make(map[*install.Entry]string)
	for _, e := range chosen {
		did[e] = ch.did(e)
		if ch.dry {
			did[e] = "would be " + did[e]
		}
	}
	for _, e := range lost {
		did[e] = "was undone by the client or somebody: counts as lost no longer"
	}
	ch.tell(f, sys, did)
	if kept != "" {
		fmt.Fprintf(ch.Stdout, "  the old file is kept in %s\n", kept)
	}
	fmt.Fprint(ch.Stdout, cleanLines(diff))
	return nil
}

// maxByHand bounds how many edits are shown of a file that could not be edited.
const maxByHand = 20

// warnTracked names paths of this machine that would come to others.
func (ch *change) warnTracked(f *install.Config, chosen []*install.Entry) {
	if ch.paths == nil {
		return
	}
	var paths []string
	for _, e := range chosen {
		paths = append(paths, ch.paths(e)...)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	if len(paths) == 0 || !f.Tracked() {
		return
	}
	would := "gets"
	if ch.dry {
		would = "would get"
	}
	ch.complain(fmt.Sprintf("%s is tracked by git, and %s what only this machine has: %s", clean(f.Path), would, clean(strings.Join(paths, ", "))),
		"with --from-path the command is signet-wrap, to be found by PATH; or run `signet-wrap uninstall` before you commit")
}

// failing is why a wrapped server would not start, or its calls be refused; "" if
// all is well.
func (ch *change) failing(would bare, e *install.Entry) string {
	err := would.check(e)
	if err == nil {
		return ""
	}
	ch.refused = true
	return ": it would fail: " + clean(err.Error())
}

// describe is what would be done to a file, for a question.
func (ch *change) describe(chosen, lost []*install.Entry) string {
	var first, again []*install.Entry
	for _, e := range chosen {
		if ch.verb == "wrap" && e.Wrapped {
			again = append(again, e)
		} else {
			first = append(first, e)
		}
	}
	var parts []string
	for _, p := range []struct {
		verb    string
		entries []*install.Entry
	}{{ch.verb, first}, {"change", again}, {"forget the lost", lost}} {
		if len(p.entries) > 0 {
			parts = append(parts, p.verb+" "+listedNames(p.entries))
		}
	}
	return strings.Join(parts, "; ")
}

// forgetUnread ends what is known of the servers of a file that cannot be read, if
// that is asked for: it may never be repaired.
func (ch *change) forgetUnread(f *install.Config) error {
	if ch.verb != "unwrap" {
		return nil
	}
	gone := slices.DeleteFunc(ch.past.Of(f), func(e *install.Entry) bool { return !ch.meant(e) })
	if len(gone) == 0 {
		return nil
	}
	ch.said = true
	if yes, err := ch.choose(f, ch.describe(nil, gone)); err != nil || !yes {
		return err
	}
	if !ch.dry {
		if err := f.Forget(backups(ch.home), gone, time.Now()); err != nil {
			return fmt.Errorf("noting that servers are not to be wrapped: %w", err)
		}
	}
	fmt.Fprintf(ch.Stdout, "%s  %s\n  %s: wrapped as far as was known; not looked for any more\n", f.Client.Label, clean(f.Path), listedNames(gone))
	return nil
}

func (ch *change) refuse(f *install.Config, err error, hint string) {
	ch.refused, ch.said = true, true
	ch.complain(fmt.Sprintf("%s: %s is not touched: %v", f.Client.Label, clean(f.Path), err), hint)
}

// tell lists the servers of a file, and what became of each.
func (ch *change) tell(f *install.Config, sys install.System, did map[*install.Entry]string) {
	var rows [][2]string
	for _, e := range f.Doc.Entries {
		if what := did[e]; what != "" {
			rows = append(rows, [2]string{entryName(e), what})
		} else if what := ch.listed(f, e); what != "" {
			rows = append(rows, [2]string{entryName(e), what})
		}
	}
	for _, name := range sys.Extensions(f.Client) {
		rows = append(rows, [2]string{clean(name), "left: an extension, which the client starts by itself"})
	}
	if len(rows) == 0 {
		return
	}
	ch.said = true
	fmt.Fprintf(ch.Stdout, "%s  %s\n", f.Client.Label, clean(f.Path))
	t := tabwriter.NewWriter(ch.Stdout, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintf(t, "  %s\t%s\n", r[0], r[1])
	}
	t.Flush()
}

// cleanLines is clean for a text of lines with tabs in them.
func cleanLines(s string) string {
	lines := strings.SplitAfter(s, "\n")
	for i, l := range lines {
		parts := strings.Split(strings.TrimRight(l, "\r\n"), "\t")
		for j := range parts {
			parts[j] = terminal.Clean(parts[j])
		}
		lines[i] = strings.Join(parts, "\t") + l[len(strings.TrimSuffix(l, "\n")):]
	}
	return strings.Join(lines, "")
}
