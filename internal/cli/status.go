package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/install"
	"github.com/signet-wrap/signet-wrap/keys"
)

const statusHelp = `signet-wrap status: which servers of your clients it stands in front of

USAGE
  signet-wrap status [--json] [--client C]... [--server S]... [flags]

EXAMPLE
  signet-wrap status --json | jq -r 'select(.state == "lost") | .server'

FLAGS
  --client C     only the client C: claude-code, claude-desktop, cursor, vscode, ...
  --server S     only the server S
  --project      the files of the project in this folder, too (.mcp.json, ...)
  --file F       the configuration F of any other client: .json, .toml, .yaml
  --pointer KEY  the key in F that holds the servers, or /a/b for one in another
  --json         one object a line: client, file, project, server, state, disabled,
                 problem
  --home DIR     backups (default: $SIGNET_HOME or ~/.signet)

States
  wrapped  its calls are signed; a problem says why that would fail in the bare
           environment that clients give (HOME, PATH and USER only)
  plain    it is not wrapped
  lost     it was wrapped by "install", and the client or somebody undid it
  remote   it is reached by URL: there is no process to stand in front of
  left     it cannot be wrapped; the problem says why

EXIT STATUS
  0 listed, 1 a server is lost or wrapped and would fail, or a file cannot be read,
  2 bad usage
`

func (c *command) statusVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "status",
		Usage:              "which servers it stands in front of",
		CustomHelpTemplate: statusHelp,
		OnUsageError:       usageError,
		HideHelpCommand:    true,
		Flags:              append(clientFlags(), &ucli.BoolFlag{Name: "json"}),
		Action:             c.status,
	}
}

// serverStatus is a line of `status --json`.
type serverStatus struct {
	Client   string `json:"client"`
	File     string `json:"file"`
	Project  string `json:"project,omitempty"`
	Server   string `json:"server"`
	State    string `json:"state"`
	Disabled bool   `json:"disabled"` // in the client
	Problem  string `json:"problem,omitempty"`
}

func (c *command) status(u *ucli.Context) error {
	sys, err := c.system()
	if err != nil {
		return err
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	configs, err := c.configs(u, sys)
	if err != nil {
		return err
	}
	past, err := install.ReadPast(backups(h))
	c.complainEach(err)
	bad := err != nil
	bare := bare{home: sys.Home, opened: make(map[string]error)}
	var list []serverStatus
	for _, f := range configs {
		if f.Err != nil {
			bad = true
			c.complain(fmt.Sprintf("%s: %s: %v", f.Client.Label, clean(f.Path), f.Err), "")
			continue
		}
		for _, e := range f.Doc.Entries {
			if !meant(u, e) {
				continue
			}
			s := serverStatus{Client: f.Client.Name, File: f.Path, Project: e.Scope, Server: e.Name, State: "plain", Disabled: e.Disabled}
			switch {
			case e.Wrapped:
				s.State = "wrapped"
				if err := bare.check(e); err != nil {
					s.Problem = err.Error()
				}
			case e.Remote:
				s.State = "remote"
			case past.Lost(f, e):
				s.State = "lost"
			case e.Reason != "":
				s.State, s.Problem = "left", e.Reason
			}
			bad = bad || s.State == "lost" || s.State == "wrapped" && s.Problem != ""
			list = append(list, s)
		}
	}
	if u.Bool("json") {
		err = c.statusJSON(list)
	} else {
		err = c.statusTable(list)
	}
	if err != nil {
		return err
	}
	if len(list) == 0 && !bad {
		c.complain("no servers found in the configurations of clients", "")
	}
	if bad {
		return status(exitFailed)
	}
	return nil
}

func (c *command) statusJSON(list []serverStatus) error {
	for _, s := range list {
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c.Stdout, "%s\n", b); err != nil {
			return err
		}
	}
	return nil
}

func (c *command) statusTable(list []serverStatus) error {
	if len(list) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CLIENT\tSERVER\tSTATE\tPROBLEM")
	for _, s := range list {
		name, state, problem := clean(s.Server), s.State, clean(s.Problem)
		if s.Project != "" {
			name += " (" + clean(s.Project) + ")"
		}
		if s.State == "lost" {
			problem = "was wrapped, and is no longer: " + clean(s.File)
		}
		if s.Disabled {
			state += ", disabled"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Client, name, state, problem)
	}
	return t.Flush()
}

// bare finds out whether a wrapped server would be recorded where a client
// starts it with nothing but HOME, PATH, USER and the entry's own environment.
type bare struct {
	home   string           // $HOME
	opened map[string]error // what came of opening each key, as that takes a second
}

func (b bare) check(e *install.Entry) error {
	if !filepath.IsAbs(e.Wrapper) {
		return fmt.Errorf("the path %q is not absolute, and clients search a short PATH", e.Wrapper)
	}
	if _, err := exec.LookPath(e.Wrapper); err != nil {
		return fmt.Errorf("%s cannot be executed: %w", e.Wrapper, errors.Unwrap(err))
	}
	flags, err := parseWrapFlags(e.Flags)
	if errors.Is(err, errNotWrapping) {
		err = errors.New("it does not wrap: its flags ask for help, or have a verb among them")
	}
	if err != nil {
		return err
	}
	dir := flags.home
	if dir == "" {
		dir = e.Env["SIGNET_HOME"]
	}
	if dir == "" {
		dir = filepath.Join(b.home, ".signet")
	}
	if dir, err = home.Expand(dir); err != nil {
		return fmt.Errorf("the home directory %w", err)
	}
	if !filepath.IsAbs(dir) {
		return fmt.Errorf("the home folder %q is not absolute", dir)
	}
	if err := install.Writable(home.Dir(dir).Audit()); err != nil {
		return fmt.Errorf("the log cannot be written: %w", err)
	}
	key, file, secret := flags.key, flags.passphraseFile, e.Env["SIGNET_PASSPHRASE"]
	id := strings.Join([]string{dir, key, file, secret, fmt.Sprint(e.Env)}, "\x00")
	err, known := b.opened[id]
	if !known {
		env := []string{"HOME=" + b.home, "PATH=" + os.Getenv("PATH"), "USER=" + os.Getenv("USER")}
		for name, value := range e.Env {
			env = append(env, name+"="+value)
		}
		err = openKey(home.Unlock{Home: home.Dir(dir), Key: key, File: file, Getenv: func(string) string { return secret }, Env: env})
		b.opened[id] = err
	}
	return err
}

// openKey says why the key could not be opened, or made.
func openKey(unlock home.Unlock) error {
	if strings.Contains(unlock.Getenv("SIGNET_PASSPHRASE"), "${") {
		return nil // the client puts it in: nobody knows before
	}
	store, name := unlock.Home.Keys(), unlock.Key
	_, err := store.Load(name, unlock.Passphrase)
	switch {
	case errors.Is(err, keys.ErrNoKey) && name == home.DefaultKey:
		return install.Writable(store.Dir) // the first call makes it
	case errors.Is(err, keys.ErrPassphraseNeeded):
		return fmt.Errorf("the key %q is encrypted, has no source of its own, and neither --passphrase-file nor SIGNET_PASSPHRASE is given", name)
	}
	if do := store.Advice(name, err); do != "" {
		err = fmt.Errorf("%w: %s", err, do)
	}
	return err
}
