package cli

import (
	"errors"
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
			return misuse("one of: "+hookClients(), "no hooks of %q are known", name)
		}
	}
	return nil
}

// changeHooks has edit change the files, and says so, if there is something to do. edit
// returns nil where there is not.
func (c *command) changeHooks(u *ucli.Context, h home.Dir, files []*install.HookFile, choose func(*install.Config, string) (bool, error),
	verb string, edit func(*install.HookFile) ([]byte, string, error)) (said bool, err error) {
	refused := false
	for _, f := range files {
		data, did, err := []byte(nil), "", f.Err
		if err == nil {
			data, did, err = edit(f)
		}
		if err != nil {
			refused, said = true, true
			c.complain(fmt.Sprintf("%s: %s is not touched: %v", f.Hooks.Label, clean(f.Path), err), durable.Permit(err))
			continue
		}
		if did == "" {
			continue
		}
		said = true
		asked := &install.Config{File: install.File{Client: &install.Client{Name: f.Hooks.Client, Label: f.Hooks.Label}, Path: f.Path}}
		if yes, err := choose(asked, verb+" the hooks"); err != nil || !yes {
			if err != nil {
				return said, err
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
		return said, status(exitFailed)
	}
	return said, nil
}

func (c *command) installHooks(u *ucli.Context, sys install.System, h home.Dir, w *requested, choose func(*install.Config, string) (bool, error)) error {
	if err := hooksOnly(u); err != nil {
		return err
	}
	files := hookFiles(u, sys)
	if len(files) == 0 {
		c.complain("found no client with hooks", "name one by --client: "+hookClients())
	}
	_, err := c.changeHooks(u, h, files, choose, "install", func(f *install.HookFile) ([]byte, string, error) {
		data, err := f.With(w.plain, sys.OS)
		if err != nil {
			return nil, "", err
		}
		_, commands := f.Installed()
		before := install.HookCommand(w.plain, f.Hooks.Client, sys.OS, true)
		if f.Problem(sys.OS) == "" && slices.Contains(commands, before) {
			return nil, "recorded by hooks before", nil
		}
		return data, "recorded by hooks: " + before, nil
	})
	return err
}

func (c *command) uninstallHooks(u *ucli.Context, sys install.System, h home.Dir, choose func(*install.Config, string) (bool, error)) (said bool, err error) {
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
	bare := bare{c: c, home: sys.Home, opened: make(map[string]error)}
	for _, f := range hookFiles(u, sys) {
		if s := bare.hookStatus(f, sys, h); s.State != "plain" {
			list = append(list, s)
		}
	}
	return list
}

// hookStatus is what there is to say of a client's hooks: "plain" if there are none.
func (b bare) hookStatus(f *install.HookFile, sys install.System, h home.Dir) serverStatus {
	s := serverStatus{Client: f.Hooks.Client, File: f.Path, Server: ownTools, State: "hooked"}
	events, commands := f.Installed()
	was := install.HooksPast(f.Path, backups(h)).Installed
	again := ": run `signet-wrap install --hooks --client " + f.Hooks.Client + "`"
	switch {
	case f.Err != nil && was:
		s.Problem, s.fails = f.Err.Error(), true
		return s
	case len(events) == 0 && was:
		s.State, s.Problem = "lost", "its hooks were taken out of "+f.Path+", and its own tools run unseen"+again
		return s
	case len(events) == 0:
		s.State = "plain"
		return s
	}
	program, flags := install.HookOf(commands[0])
	s.Wrapper = program
	e := &install.Entry{Wrapper: program, Flags: flags}
	b.settings(&s, e)
	err := b.check(e)
	switch gone := (*goneError)(nil); {
	case errors.As(err, &gone):
		s.Problem = program + " cannot be executed, so no tool runs" + again + " from where it is now"
	case err != nil:
		s.Problem = err.Error()
	case f.Off() != "":
		s.Problem = f.Off()
	case f.OffElsewhere(sys, projectsHere(sys)) != "":
		s.Problem = f.OffElsewhere(sys, projectsHere(sys))
	default:
		if s.Problem = f.Problem(sys.OS); s.Problem != "" {
			s.Problem += again
		}
	}
	s.fails = s.Problem != ""
	return s
}

// projectsHere are the directories of the project here; none if that is not known.
func projectsHere(sys install.System) []string {
	here, err := os.Getwd()
	if err != nil {
		return nil
	}
	return sys.Projects(here)
}

// hookFindings say for each client that is here and has hooks whether its own tools are
// recorded.
func (c *command) hookFindings(u *ucli.Context, h home.Dir) (found []finding) {
	sys, err := c.system()
	if err != nil {
		return nil
	}
	bare := bare{c: c, home: sys.Home, opened: make(map[string]error)}
	for _, f := range hookFiles(u, sys) {
		s := bare.hookStatus(f, sys, h)
		r := finding{Check: "hooks", State: "ok", Do: "signet-wrap install --hooks --client " + s.Client}
		own, recorded := f.Hooks.Label+"'s own tools", ""
		if s.Home != string(h) && s.State == "hooked" {
			recorded = " in " + s.Home
		}
		switch {
		case s.fails || s.State == "lost":
			why, _, repairs := strings.Cut(s.Problem, ": run `signet-wrap install --hooks")
			if r.State, r.Says = "repair", own+": "+why; !repairs {
				r.Do = "see `signet-wrap status`"
			}
		case s.State == "plain":
			r.State, r.Says = "note", own+", such as its shell, are not recorded"
		case !sameProgram(s.Wrapper):
			r.State, r.Says = "note", own+" are recorded"+recorded+" by another program than this one, "+s.Wrapper
		default:
			r.Says, r.Do = own+" are recorded"+recorded+" by hooks in "+f.Path, ""
			if next := hook.ClientNamed(s.Client).Next; next != "" {
				r.Says += "; " + next
			}
		}
		found = append(found, r)
	}
	return found
}

// sameProgram says whether the path is that of this program.
func sameProgram(path string) bool {
	own, err := os.Executable()
	if err != nil {
		return false
	}
	found, err := exec.LookPath(path)
	if err != nil {
		return false
	}
	x, err1 := os.Stat(own)
	y, err2 := os.Stat(found)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}
