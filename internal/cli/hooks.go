package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/hook"
	"github.com/signet-wrap/signet-wrap/internal/install"
)

// What install, uninstall and status do with the hooks of clients.

// ownTools is written for the client's own tools where a server's name would be.
const ownTools = "(own tools)"

func hooksFlag() ucli.Flag { return &ucli.BoolFlag{Name: "hooks"} }

// hookFiles are the files with hooks that the command line means: those of the clients
// that it names, else those of the clients that seem to be here.
func hookFiles(u *ucli.Context, sys install.System) (files []*install.HookFile) {
	wanted := u.StringSlice("client")
	for _, c := range hook.Clients() {
		_, err := os.Stat(filepath.Dir(c.Hooks.Path(sys)))
		if slices.Contains(wanted, c.Name) || len(wanted) == 0 && err == nil {
			files = append(files, c.Hooks.Open(sys))
		}
	}
	return files
}

// hooksOnly refuses what makes no sense beside --hooks.
func hooksOnly(u *ucli.Context) error {
	for _, name := range []string{"server", "file", "pointer", "project", "meta-key", "from-path"} {
		if u.IsSet(name) {
			return misuse("hooks are a client's own, not a server's", "--%s makes no sense beside --hooks", name)
		}
	}
	for _, name := range u.StringSlice("client") {
		if hook.ClientNamed(name) == nil {
			var names []string
			for _, c := range hook.Clients() {
				names = append(names, c.Name)
			}
			return misuse("one of: "+strings.Join(names, ", "), "no hooks of %q are known", name)
		}
	}
	return nil
}

// changeHooks has edit change the files, and says so. edit returns nil where there is
// nothing to do.
func (c *command) changeHooks(u *ucli.Context, h home.Dir, files []*install.HookFile, choose func(*install.Config, string) (bool, error),
	verb string, edit func(*install.HookFile) ([]byte, string, error)) error {
	refused := false
	for _, f := range files {
		data, did, err := []byte(nil), "", f.Err
		if err == nil {
			data, did, err = edit(f)
		}
		if err != nil {
			refused = true
			c.complain(fmt.Sprintf("%s: %s is not touched: %v", f.Hooks.Label, clean(f.Path), err), durable.Permit(err))
			continue
		}
		if did == "" {
			continue
		}
		asked := &install.Config{File: install.File{Client: &install.Client{Name: f.Hooks.Client, Label: f.Hooks.Label}, Path: f.Path}}
		if yes, err := choose(asked, verb+" the hooks"); err != nil || !yes {
			if err != nil {
				return err
			}
			continue
		}
		kept := ""
		if data != nil && !u.Bool("dry-run") {
			if kept, err = f.Write(backups(h), data, time.Now()); err != nil {
				refused = true
				c.complain(fmt.Sprintf("%s: %s: %v", f.Hooks.Label, clean(f.Path), err), durable.Permit(err))
				continue
			}
		}
		if u.Bool("dry-run") && data != nil {
			did = "would be " + did
		}
		fmt.Fprintf(c.Stdout, "%s  %s\n  %s  %s\n", f.Hooks.Label, clean(f.Path), ownTools, clean(did))
		if kept != "" && f.There {
			fmt.Fprintf(c.Stdout, "  the old file is kept in %s\n", kept)
		}
		if next := hook.ClientNamed(f.Hooks.Client).Next; kept != "" && verb == "install" && next != "" {
			fmt.Fprintf(c.Stdout, "next\n  %s\n", next)
		}
	}
	if refused {
		return status(exitFailed)
	}
	return nil
}

func (c *command) installHooks(u *ucli.Context, sys install.System, h home.Dir, w *requested, choose func(*install.Config, string) (bool, error)) error {
	if err := hooksOnly(u); err != nil {
		return err
	}
	files := hookFiles(u, sys)
	if len(files) == 0 {
		c.complain("found no client with hooks", "name one: --client claude-code or --client codex")
	}
	return c.changeHooks(u, h, files, choose, "install", func(f *install.HookFile) ([]byte, string, error) {
		data, err := f.With(w.plain, sys.OS)
		if err != nil {
			return nil, "", err
		}
		_, commands := f.Installed()
		before := install.HookCommand(w.plain, f.Hooks.Client, sys.OS, true)
		if len(f.Lacks()) == 0 && slices.Contains(commands, before) {
			return nil, "recorded by hooks before", nil
		}
		return data, "recorded by hooks: " + before, nil
	})
}

func (c *command) uninstallHooks(u *ucli.Context, sys install.System, h home.Dir, choose func(*install.Config, string) (bool, error)) error {
	return c.changeHooks(u, h, hookFiles(u, sys), choose, "remove", func(f *install.HookFile) ([]byte, string, error) {
		data, err := f.Without()
		if events, _ := f.Installed(); err != nil || len(events) == 0 && !install.HooksPast(f.Path, backups(h)).Installed {
			return nil, "", err
		}
		return append([]byte{}, data...), "recorded by hooks no longer", nil
	})
}

// hookStatus lists the clients whose own tools are recorded, or were.
func (c *command) hookStatus(u *ucli.Context, sys install.System, h home.Dir) (list []serverStatus) {
	if len(u.StringSlice("server")) > 0 || u.String("file") != "" {
		return nil
	}
	for _, f := range hookFiles(u, sys) {
		s := serverStatus{Client: f.Hooks.Client, File: f.Path, Server: ownTools, State: "hooked"}
		events, commands := f.Installed()
		was := install.HooksPast(f.Path, backups(h)).Installed
		switch {
		case f.Err != nil && !was:
			continue
		case f.Err != nil:
			s.Problem, s.fails = f.Err.Error(), true
		case len(events) == 0 && !was:
			continue
		case len(events) == 0:
			s.State = "lost"
		default:
			s.Wrapper = install.ProgramOf(commands[0])
			if _, err := exec.LookPath(s.Wrapper); err != nil {
				s.Problem, s.fails = fmt.Sprintf("%s cannot be executed, so no tool runs: run `signet-wrap install --hooks` from where it is now", s.Wrapper), true
			} else if lacks := f.Lacks(); len(lacks) > 0 {
				s.Problem, s.fails = "there is no hook for "+strings.Join(lacks, ", ")+": run `signet-wrap install --hooks`", true
			}
		}
		list = append(list, s)
	}
	return list
}
