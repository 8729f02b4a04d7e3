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

// configs opens the files that the command line means.
func (c *command) configs(u *ucli.Context, sys install.System) ([]*install.Config, error) {
	if err := c.noArgs(u); err != nil {
		return nil, err
	}
	var files []install.File
	if path := u.String("file"); path != "" {
		f, err := c.namedFile(u, path)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	} else if u.String("pointer") != "" {
		return nil, misuse("for example --file mcp.json --pointer mcpServers", "--pointer makes no sense without --file")
	} else {
		wanted := u.StringSlice("client")
		for _, name := range wanted {
			if !slices.ContainsFunc(install.Clients, func(c install.Client) bool { return c.Name == name }) {
				return nil, misuse("one of: "+strings.Join(clientNames(), ", "), "there is no client %q", name)
			}
		}
		project := ""
		if u.Bool("project") {
			var err error
			if project, err = os.Getwd(); err != nil {
				return nil, err
			}
		}
		files = slices.DeleteFunc(sys.Find(project), func(f install.File) bool {
			return len(wanted) > 0 && !slices.Contains(wanted, f.Client.Name)
		})
	}
	var configs []*install.Config
	for _, f := range files {
		configs = append(configs, f.Open())
	}
	return configs, c.namesServers(u, configs)
}

func (c *command) namedFile(u *ucli.Context, path string) (install.File, error) {
	if len(u.StringSlice("client")) > 0 || u.Bool("project") {
		return install.File{}, misuse("leave one of the two out", "--file stands for a client that is not known")
	}
	p, err := install.ParsePointer(u.String("pointer"))
	if err != nil {
		return install.File{}, misuse("the key that holds the servers: --pointer mcpServers, or /a/b", "--pointer: %w", err)
	}
	f, err := install.ByName(path, p)
	if err != nil {
		return f, misuse("", "--file: %w", err)
	}
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

// namesServers refuses a --server that is nowhere.
func (c *command) namesServers(u *ucli.Context, configs []*install.Config) error {
	for _, name := range u.StringSlice("server") {
		if !slices.ContainsFunc(configs, func(f *install.Config) bool {
			return f.Err == nil && slices.ContainsFunc(f.Doc.Entries, func(e *install.Entry) bool { return e.Name == name })
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

// chooser decides on whole clients: all of them, or those that the person at
// the terminal says yes to.
func (c *command) chooser(u *ucli.Context, verb string) (func(f *install.Config, names []string) (bool, error), error) {
	named := u.Bool("all") || len(u.StringSlice("client")) > 0 || len(u.StringSlice("server")) > 0 || u.String("file") != ""
	if named || u.Bool("dry-run") {
		return func(*install.Config, []string) (bool, error) { return true, nil }, nil
	}
	if !term.IsTerminal(int(c.Stdin.Fd())) {
		return nil, misuse("--all, --client C or --server S; --dry-run shows what would be done", "there is no terminal to ask which servers to %s", verb)
	}
	in := bufio.NewReader(c.Stdin)
	return func(f *install.Config, names []string) (bool, error) {
		for i := range names {
			names[i] = clean(names[i])
		}
		fmt.Fprintf(c.Stderr, "%s %s of %s, %s? [y/N] ", verb, strings.Join(names, ", "), f.Client.Label, clean(f.Path))
		line, err := in.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		line = strings.ToLower(strings.TrimSpace(line))
		return line == "y" || line == "yes", nil
	}, nil
}

// warnRunning tells of clients that write their files anew.
func (c *command) warnRunning(clients []*install.Client) {
	for _, r := range install.Running(clients) {
		c.complain(r.Label+" is running, and may write its configuration anew as it was",
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
	name := clean(e.Name)
	if name == "" {
		name = "(no name)"
	}
	if e.Scope != "" {
		name += " (" + clean(e.Scope) + ")"
	}
	return name
}
