package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/install"
	"github.com/signet-wrap/signet-wrap/keys"
)

const installHelp = `signet-wrap install: put it in front of the servers of your clients

USAGE
  signet-wrap install [--all] [--client C]... [--server S]... [--dry-run] [flags]

EXAMPLE
  signet-wrap install --dry-run
  signet-wrap install --client cursor --server files
  signet-wrap install --file my-client.json --pointer mcpServers

FLAGS
  --all                every server of every client; without it, and without names,
                       you are asked, client by client
  --client C           only the client C, as "signet-wrap status" names it
  --server S           only the server S
  --project            the files of the project in this folder, too (.mcp.json, ...)
  --file F             the configuration F of any other client: .json, .toml, .yaml
  --pointer KEY        the key in F that holds the servers, or /a/b for one in another
  --dry-run            show the change (env and headers masked), make none
  --key N              the identity that signs (default: default)
  --passphrase-file F  opens that key, if it is encrypted
  --home DIR           keys, log, backups (default: $SIGNET_HOME or ~/.signet)

A command becomes the path of signet-wrap, its args ["--", the old command, ...].
No other byte changes. A file in which that cannot be proved is not touched, and
the edit to make by hand is shown. The old file goes to the folder backup of
--home. "signet-wrap uninstall" is the way back.

EXIT STATUS
  0 done (or nothing to do), 1 a file was not touched, 2 bad usage
`

func (c *command) installVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "install",
		Usage:              "put it in front of the servers of your clients",
		CustomHelpTemplate: installHelp,
		OnUsageError:       usageError,
		HideHelpCommand:    true,
		Flags: append(clientFlags(), &ucli.BoolFlag{Name: "all"}, &ucli.BoolFlag{Name: "dry-run"},
			&ucli.StringFlag{Name: "key"}, passphraseFileFlag()),
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
	w, err := c.wrapper(u, sys, h)
	if err != nil {
		return err
	}
	configs, err := c.configs(u, sys)
	if err != nil {
		return err
	}
	ch := change{
		command: c, home: h, dry: u.Bool("dry-run"), choose: choose, done: "wrapped",
		meant: func(e *install.Entry) bool { return meant(u, e) && !e.Wrapped },
		edit: func(d *install.Document, pick func(*install.Entry) bool) ([]byte, []*install.Entry, error) {
			return d.Wrap(w, pick)
		},
		byHand: func(e *install.Entry) string { return e.ByHand(w) },
		hint:   "by hand: of each server, " + (&install.Entry{Command: "the old command", Args: []string{"its args"}}).ByHand(w),
		listed: func(e *install.Entry) string {
			switch {
			case !meant(u, e):
				return ""
			case e.Wrapped:
				return "wrapped before"
			case e.Manual:
				return "left: " + e.Reason + "; by hand: " + clean(e.ByHand(w))
			}
			return "left: " + e.Reason
		},
	}
	return ch.run(configs, sys)
}

// wrapper is what is put in front: this program with the flags it needs to find
// its key and log where the environment is bare. It refuses a key that could
// not be opened there, for then every call would be refused.
func (c *command) wrapper(u *ucli.Context, sys install.System, h home.Dir) (install.Wrapper, error) {
	var w install.Wrapper
	var err error
	if w.Path, err = install.Self(os.Args[0]); err != nil {
		return w, fail("put signet-wrap into a folder that lasts, such as /usr/local/bin, and run it from there", err)
	}
	if string(h) != filepath.Join(sys.Home, ".signet") {
		w.Flags = append(w.Flags, "--home", string(h))
	}
	key := u.String("key")
	if key == "" {
		key = home.DefaultKey
	} else if !keys.ValidName(key) {
		return w, misuse("1 to 64 letters, digits, - and _", "--key %q is not a name", key)
	}
	if key != home.DefaultKey {
		w.Flags = append(w.Flags, "--key", key)
	}
	p, err := h.Keys().Public(key)
	switch {
	case errors.Is(err, keys.ErrNoKey) && key == home.DefaultKey: // the first call makes it
		return w, nil
	case err != nil:
		if do := h.Keys().Advice(key, err); do != "" {
			err = fail(do, err)
		}
		return w, err
	}
	if !p.Encrypted {
		_, err := h.Keys().Load(key, nil)
		return w, err
	}
	file := flagUp(u, "passphrase-file")
	if _, err := h.Keys().Source(key); err == nil && file == "" {
		_, err := h.Keys().Load(key, c.unlock(u, h, key).Passphrase)
		return w, err
	}
	if file == "" {
		return w, fail("see `signet-wrap identity protect --help`, or give --passphrase-file F, or --key of one that is not encrypted",
			fmt.Errorf("the key %q is encrypted, and nobody can be asked while wrapping", key))
	}
	if file, err = home.Expand(file); err == nil {
		file, err = filepath.Abs(file)
	}
	if err != nil {
		return w, err
	}
	w.Flags = append(w.Flags, "--passphrase-file", file)
	_, err = h.Keys().Load(key, func() ([]byte, error) { return home.Passphrase(file, c.Getenv) })
	return w, err
}

// change is a run of install or uninstall over the configurations.
type change struct {
	*command
	home   home.Dir
	dry    bool
	done   string // "wrapped"
	choose func(*install.Config, []string) (bool, error)
	meant  func(*install.Entry) bool
	edit   func(*install.Document, func(*install.Entry) bool) ([]byte, []*install.Entry, error)
	byHand func(*install.Entry) string
	hint   string                      // what to do with a file that cannot be read
	listed func(*install.Entry) string // of one that was not changed; "" for not at all

	changed []*install.Client
	refused bool
}

func (ch *change) run(configs []*install.Config, sys install.System) error {
	if len(configs) == 0 {
		ch.complain("no configuration of a client found", "see `signet-wrap install --help` for --file")
		return nil
	}
	for _, f := range configs {
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

// one changes one file, and tells of it.
func (ch *change) one(f *install.Config, sys install.System) error {
	if f.Err != nil {
		ch.refuse(f, f.Err, ch.hint)
		return nil
	}
	picked := make(map[*install.Entry]bool)
	data, chosen, err := ch.edit(f.Doc, ch.meant)
	if err != nil {
		ch.refuse(f, err, "")
		for _, e := range chosen {
			fmt.Fprintf(ch.Stdout, "  by hand  %s: %s\n", entryName(e), clean(ch.byHand(e)))
		}
		return nil
	}
	if len(chosen) > 0 {
		var names []string
		for _, e := range chosen {
			names = append(names, e.Name)
		}
		yes, err := ch.choose(f, names)
		if err != nil {
			return err
		}
		if !yes {
			return nil
		}
	}
	var kept, diff string
	if len(chosen) > 0 {
		if ch.dry {
			if diff, err = f.Doc.Diff(data); err != nil {
				return err
			}
		} else {
			if !slices.Contains(ch.changed, f.Client) {
				ch.warnRunning([]*install.Client{f.Client})
			}
			kept, err = f.Write(backups(ch.home), ch.done == "wrapped", data, chosen, time.Now())
			if err != nil && kept == "" {
				ch.refuse(f, err, "")
				return nil
			}
			if err != nil { // done, but not noted
				ch.complain(err.Error(), "")
			}
			if !slices.Contains(ch.changed, f.Client) {
				ch.changed = append(ch.changed, f.Client)
			}
		}
	}
	for _, e := range chosen {
		picked[e] = true
	}
	ch.tell(f, sys, picked)
	if kept != "" {
		fmt.Fprintf(ch.Stdout, "  the old file is kept in %s\n", kept)
	}
	fmt.Fprint(ch.Stdout, cleanLines(diff))
	return nil
}

func (ch *change) refuse(f *install.Config, err error, hint string) {
	ch.refused = true
	ch.complain(fmt.Sprintf("%s: %s is not touched: %v", f.Client.Label, clean(f.Path), err), hint)
}

// tell lists the servers of a file, and what became of each.
func (ch *change) tell(f *install.Config, sys install.System, changed map[*install.Entry]bool) {
	done := ch.done
	if ch.dry {
		done = "would be " + done
	}
	var rows [][2]string
	for _, e := range f.Doc.Entries {
		if changed[e] {
			rows = append(rows, [2]string{entryName(e), done})
		} else if what := ch.listed(e); what != "" {
			rows = append(rows, [2]string{entryName(e), what})
		}
	}
	for _, name := range sys.Extensions(f.Client) {
		rows = append(rows, [2]string{clean(name), "left: an extension, which the client starts by itself"})
	}
	if len(rows) == 0 {
		return
	}
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
			parts[j] = clean(parts[j])
		}
		lines[i] = strings.Join(parts, "\t") + l[len(strings.TrimSuffix(l, "\n")):]
	}
	return strings.Join(lines, "")
}
