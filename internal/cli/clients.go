package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/install"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

// What install, uninstall and status have in common: which clients and which
// of their servers are meant.

func clientFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringSliceFlag{Name: "client"},
		&ucli.StringSliceFlag{Name: "server"},
		&ucli.BoolFlag{Name: "project"},
		&ucli.StringFlag{Name: "file"},
		&ucli.StringFlag{Name: "pointer"},
		homeFlag(),
	}
}

// system is this one, as the clients see it.
func (c *command) system() (install.System, error) {
	dir, err := home.UserDir()
	if err != nil {
		return install.System{}, err
	}
	return install.System{OS: runtime.GOOS, Home: dir, Getenv: c.Getenv}, nil
}

// targets are the configurations that a command line means.
type targets struct {
	configs []*install.Config
	// Of these, the ones that only the backups know of: files of projects, and
	// files that were named.
	elsewhere map[*install.Config]bool
	past      install.Past
	err       error // what is in disorder in the backups
}

// targets opens the files that the command line means, with what the backups in h
// and in the homes of wrapped servers say of the past.
func (c *command) targets(u *ucli.Context, sys install.System, h home.Dir) (*targets, error) {
	if err := c.noArgs(u); err != nil {
		return nil, err
	}
	var files []install.File
	wanted := u.StringSlice("client")
	named := u.String("file")
	if named != "" {
		f, err := c.namedFile(u, named)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	} else if u.String("pointer") != "" {
		return nil, misuse("for example --file mcp.json --pointer mcpServers", "--pointer makes no sense without --file")
	} else {
		for _, name := range wanted {
			if !slices.ContainsFunc(install.Clients, func(c install.Client) bool { return c.Name == name }) {
				return nil, misuse("one of: "+strings.Join(clientNames(), ", "), "there is no client %q", name)
			}
		}
		var projects []string
		if u.Bool("project") {
			here, err := os.Getwd()
			if err != nil {
				return nil, err
			}
			projects = sys.Projects(here)
		}
		files = sys.Find(projects, wanted...)
	}
	t := &targets{elsewhere: make(map[*install.Config]bool)}
	homes := []string{backups(h)}
	for _, f := range files {
		opened := f.Open()
		if named != "" && opened.Err == nil && !opened.Doc.Leads() {
			return nil, wrongPointer(u.String("pointer"), opened)
		}
		t.configs = append(t.configs, opened)
		homes = append(homes, backupsOf(opened)...)
	}
	slices.Sort(homes)
	t.past, t.err = install.ReadPast(slices.Compact(homes)...)
	if named == "" {
		for _, f := range t.past.Files() {
			if len(wanted) > 0 && !slices.Contains(wanted, f.Client.Name) || slices.ContainsFunc(t.configs, f.Is) {
				continue
			}
			opened := f.Open()
			t.configs, t.elsewhere[opened] = append(t.configs, opened), true
		}
	}
	return t, c.namesServers(u, t.configs)
}

// backupsOf are the directories of backups in the homes that wrapped servers name.
func backupsOf(f *install.Config) (dirs []string) {
	if f.Err != nil {
		return nil
	}
	for _, e := range f.Doc.Entries {
		if dir := flagValue(e.Flags, "home"); e.Wrapped && dir != "" {
			if h, err := home.Find(dir, os.Getenv); err == nil {
				dirs = append(dirs, backups(h))
			}
		}
	}
	return dirs
}

func wrongPointer(pointer string, f *install.Config) error {
	hint := "the name of the key that holds the servers, or /a/b for one in another"
	if found := f.Doc.Candidates(); len(found) > 0 {
		hint = "servers seem to be at --pointer " + text.Quote(short(found[0]))
	}
	return misuse(hint, "--pointer %q leads to no servers in %s", pointer, clean(f.Path))
}

// short is text from outside, cut to what a person reads.
func short(s string) string {
	const most = 200 // bytes
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func (c *command) namedFile(u *ucli.Context, path string) (install.File, error) {
	if len(u.StringSlice("client")) > 0 || u.Bool("project") {
		return install.File{}, misuse("leave one of the two out", "--file is for a client that is not known")
	}
	if u.String("pointer") == "" {
		return install.File{}, misuse("the key that holds the servers: --pointer mcpServers, or /a/b", "--file needs --pointer KEY")
	}
	p, err := install.ParsePointer(u.String("pointer"))
	if err != nil {
		return install.File{}, misuse("the key that holds the servers: --pointer mcpServers, or /a/b", "--pointer: %w", err)
	}
	f, err := install.ByName(path, p)
	if err != nil {
		return f, misuse("", "--file: %w", err)
	}
	f.Project = true // it may well be
	if _, err := os.Stat(path); err != nil {
		return f, err
	}
	return f, nil
}

func clientNames() []string {
	var names []string
	for _, c := range install.Clients {
		names = append(names, c.Name)
	}
	return names
}

// namesServers refuses a --server that is nowhere. If some file cannot be read,
// nobody knows: the verb says what is wrong with it.
func (c *command) namesServers(u *ucli.Context, configs []*install.Config) error {
	if slices.ContainsFunc(configs, func(f *install.Config) bool { return f.Err != nil }) {
		return nil
	}
	for _, name := range u.StringSlice("server") {
		if !slices.ContainsFunc(configs, func(f *install.Config) bool {
			return slices.ContainsFunc(f.Doc.Entries, func(e *install.Entry) bool { return e.Name == name })
		}) {
			return fail("see `signet-wrap status`", fmt.Errorf("there is no server %q in the configurations read", name))
		}
	}
	return nil
}

// meant says whether the command line means the server.
func meant(u *ucli.Context, e *install.Entry) bool {
	names := u.StringSlice("server")
	return len(names) == 0 || slices.Contains(names, e.Name)
}

// chooser decides on whole files: all of them, or those that the person at the
// terminal says yes to. It is told what would be done.
func (c *command) chooser(u *ucli.Context, verb string) (func(f *install.Config, what string) (bool, error), error) {
	named := u.Bool("all") || len(u.StringSlice("client")) > 0 || len(u.StringSlice("server")) > 0 || u.String("file") != ""
	if named || u.Bool("dry-run") {
		return func(*install.Config, string) (bool, error) { return true, nil }, nil
	}
	if !term.IsTerminal(int(c.Stdin.Fd())) {
		return nil, misuse("--all, --client C or --server S; --dry-run shows what would be done", "there is no terminal to ask which servers to %s", verb)
	}
	in := bufio.NewReader(c.Stdin)
	all, none := false, false
	return func(f *install.Config, what string) (bool, error) {
		for !all && !none {
			fmt.Fprintf(c.Stderr, "%s of %s, %s? [y,n,a,q,?] ", what, f.Client.Label, clean(f.Path))
			line, err := in.ReadString('\n')
			if err != nil && !errors.Is(err, io.EOF) {
				return false, err
			}
			switch strings.ToLower(strings.TrimSpace(line)) {
			case "y", "yes":
				return true, nil
			case "n", "no":
				return false, nil
			case "a", "all":
				all = true
			case "q", "quit":
				none = true
			case "?":
				fmt.Fprint(c.Stderr, "y  yes, this file\nn  no, not this file\na  yes, this and all that follow\nq  no, and none that follows\n?  this\n")
			}
			if err != nil { // the terminal is gone
				none = true
			}
		}
		return all, nil
	}, nil
}

// listedNames are names for a person, of whom not many are read.
func listedNames(entries []*install.Entry) string {
	var names []string
	for _, e := range entries[:min(len(entries), 10)] {
		names = append(names, entryName(e))
	}
	if more := len(entries) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// warnRunning names clients that overwrite their files.
func (c *command) warnRunning(clients []*install.Client) {
	for _, r := range install.Running(clients) {
		c.complain(r.Label+" is running, and may write its configuration again as it was",
			"quit it first, or look with `signet-wrap status` when it has been restarted")
	}
}

// tellRestart tells what is left to do in the clients.
func (c *command) tellRestart(clients []*install.Client) {
	if len(clients) == 0 {
		return
	}
	var all, approve []string
	for _, cl := range clients {
		all = append(all, cl.Label)
		if cl.Approves {
			approve = append(approve, cl.Label)
		}
	}
	fmt.Fprintf(c.Stdout, "next\n  restart %s\n", strings.Join(all, ", "))
	if len(approve) > 0 {
		fmt.Fprintf(c.Stdout, "  approve the changed servers again in %s, when asked\n", strings.Join(approve, ", "))
	}
}

// entryName is a server's name, with the project it belongs to.
func entryName(e *install.Entry) string {
	name := clean(short(e.Name))
	if name == "" {
		name = "(no name)"
	}
	if e.Scope != "" {
		name += " (" + clean(short(e.Scope)) + ")"
	}
	return name
}
