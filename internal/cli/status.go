package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/config"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/install"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

const statusHelp = `signet-wrap status: which servers of your clients are wrapped

USAGE
  signet-wrap status [--json] [--client C]... [--server S]... [flags]

EXAMPLE
  signet-wrap status --json | jq -r 'select(.state == "lost") | .server'

FLAGS
  --client C     only the client C: claude-code, claude-desktop, cursor, ...
  --server S     only the server S
  --project      also the files of the project here and above (.mcp.json, ...)
  --file F       configuration of another client: .json, .toml or .yaml
  --pointer KEY  the key in F that holds the servers, or a path (/a/b)
  --json         one object a line: client, file, project, server, state,
                 disabled, problem; of wrapped ones wrapper, key, home, flags,
                 and settings: each with its value in force, and from where
  --home DIR     backups (default: $SIGNET_HOME or ~/.signet)

Files that "install" wrapped with --project or --file are listed, too.

STATES
  wrapped  its calls are signed; a problem says why that would fail in the bare
           environment that clients give (HOME, PATH and USER only)
  plain    it is not wrapped
  hooked   the client's own tools are recorded by its hooks
  lost     "install" wrapped it or put hooks in, and somebody undid it
  remote   it is reached by URL: there is no process to wrap
  left     it cannot be wrapped, or runs signet-wrap without a server; the
           problem says why

EXIT STATUS
  0 listed, 1 a server is lost, or runs signet-wrap and would fail, or a file
  cannot be read, 2 bad usage
`

func (c *command) statusVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "status",
		Usage:              "which servers are wrapped",
		CustomHelpTemplate: statusHelp,
		Flags:              append(clientFlags(), &ucli.BoolFlag{Name: "json"}),
		Action:             c.status,
	}
}

// serverStatus is a line of `status --json`.
type serverStatus struct {
	Client   string   `json:"client"`
	File     string   `json:"file"`
	Project  string   `json:"project,omitempty"`
	Server   string   `json:"server"`
	State    string   `json:"state"`
	Disabled bool     `json:"disabled"` // in the client
	Problem  string   `json:"problem,omitempty"`
	Wrapper  string   `json:"wrapper,omitempty"` // path of signet-wrap
	Key      string   `json:"key,omitempty"`
	Home     string   `json:"home,omitempty"`
	Flags    []string `json:"flags,omitempty"` // all of them, with secrets masked
	// Settings are all settings, with those of config.toml.
	Settings map[string]settingJSON `json:"settings,omitempty"`

	fails bool // it runs signet-wrap and cannot start, or its calls are refused
	other []string
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
	t, err := c.targets(u, sys, h)
	if err != nil {
		return err
	}
	c.complainEach(t.err)
	bad := t.err != nil
	bare := bare{c: c, home: sys.Home, opened: make(map[string]error)}
	var list []serverStatus
	for _, f := range t.configs {
		if f.Err != nil {
			bad = true
			c.complain(fmt.Sprintf("%s: %s: %v", f.Client.Label, clean(f.Path), f.Err), "")
			continue
		}
		for _, e := range f.Doc.Entries {
			if !meant(u, e) || t.elsewhere[f] && !e.Wrapped && !t.past.Lost(f, e) {
				continue
			}
			s := bare.status(f, e, t.past)
			bad = bad || s.State == "lost" || s.fails
			list = append(list, s)
		}
	}
	for _, s := range c.hookStatus(u, sys, h) {
		bad = bad || s.State == "lost" || s.fails
		list = append(list, s)
	}
	if u.Bool("json") {
		err = c.statusJSON(list)
	} else {
		err = c.statusTable(list, sys.Home)
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(h.Audit()); err == nil && !u.Bool("json") {
		fmt.Fprintln(c.Stdout)
		for _, r := range []finding{c.anchorFinding(h), c.headsFinding(h)} {
			fmt.Fprintf(c.Stdout, "%s\n", c.fold(r.Check+": "+clean(r.Says), 4))
			if r.Do != "" {
				fmt.Fprintf(c.Stdout, "    do: %s\n", c.fold(clean(r.Do), 8))
			}
		}
	}
	elsewhere := c.mentionProject(u, sys, t)
	if len(list) == 0 && !bad && !elsewhere {
		c.complain("no servers found in the configurations of clients", "")
	}
	if bad {
		return status(exitFailed)
	}
	return nil
}

// status is what there is to say of a server.
func (b bare) status(f *install.Config, e *install.Entry, past install.Past) serverStatus {
	s := serverStatus{Client: f.Client.Name, File: f.Path, Project: e.Scope, Server: e.Name, State: "plain", Disabled: e.Disabled}
	switch {
	case e.Wrapped:
		s.State, s.Wrapper = "wrapped", e.Wrapper
		err := b.check(e)
		switch gone := (*goneError)(nil); {
		case errors.As(err, &gone):
			uninstall := "signet-wrap uninstall --all"
			if f.Project {
				uninstall += " --project"
			}
			s.Problem, s.fails = fmt.Sprintf("%v; or unwrap with `%s`", err, uninstall), true
		case err != nil:
			s.Problem, s.fails = err.Error(), true
		default:
			s.Problem = foundHere(e)
		}
		b.settings(&s, e)
	case e.Remote:
		s.State = "remote"
	case past.Lost(f, e):
		s.State = "lost"
	case e.Reason != "":
		s.State, s.Problem = "left", e.Reason+noDashesHint(e)
		s.fails = noDashesHint(e) != ""
	}
	return s
}

// settings says with which flags and settings e runs.
func (b bare) settings(s *serverStatus, e *install.Entry) {
	s.Flags = e.MaskedFlags()
	masked := make(map[string]string)
	for _, g := range givenFlags(s.Flags) {
		masked[g.name] = g.value
	}
	k := b.configuration(e)
	list := k.all(masked)
	s.Key, s.Home = inForce(list).key, flagValue(e.Flags, "home")
	if k.dirErr == nil {
		s.Home = string(k.dir)
	}
	s.Settings = make(map[string]settingJSON)
	for _, setting := range list {
		s.Settings[setting.Name] = k.json(setting)
	}
	for _, g := range givenFlags(s.Flags) {
		named := record.TargetNamed(e.Name)
		usual := g.name == "target" && (g.value == named || g.value == named+"/"+s.Client) // as install gives it
		if g.name != "key" && g.name != "home" && !usual {
			s.other = append(s.other, g.words...)
		}
	}
}

// maxMentioned bounds the files of projects that are read without --project.
const maxMentioned = 1 << 20

// mentionProject names servers in the files of the project here, if they are not
// listed for want of --project.
func (c *command) mentionProject(u *ucli.Context, sys install.System, t *targets) bool {
	here, err := os.Getwd()
	if err != nil || u.Bool("project") || u.String("file") != "" {
		return false
	}
	var files []string
	var all, wrapped int
	for _, f := range sys.Find(sys.Projects(here), u.StringSlice("client")...) {
		if !f.Project {
			continue
		}
		// Whoever lists clients does not wait for what a project has made large.
		if st, err := os.Stat(f.Path); err != nil || st.Size() > maxMentioned {
			continue
		}
		opened := f.Open()
		servers, done := 0, 0
		for _, e := range entries(opened) {
			if meant(u, e) {
				servers++
				if e.Wrapped {
					done++
				}
			}
		}
		// Of a file that install has wrapped, what is wrapped is listed anyway.
		if servers > done || servers > 0 && !slices.ContainsFunc(t.configs, f.Is) {
			files, all, wrapped = append(files, clean(f.Path)), all+servers, wrapped+done
		}
	}
	if len(files) == 0 {
		return false
	}
	if more := len(files) - 5; more > 0 {
		files = append(files[:5], fmt.Sprintf("and %d more", more))
	}
	c.complain(fmt.Sprintf("the project here has %s, %d of them wrapped, in %s", count(int64(all), "server"), wrapped, strings.Join(files, ", ")),
		"`signet-wrap status --project` lists them, `signet-wrap install --project` wraps them")
	return true
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

// statusTable shows the list; own is the user's own directory, which is "~" here.
func (c *command) statusTable(list []serverStatus, own string) error {
	if len(list) == 0 {
		return nil
	}
	rows := [][]string{{"CLIENT", "SERVER", "STATE", "KEY", "HOME", "FLAGS", "PROBLEM"}}
	states := make(map[string]int)
	fail := 0
	for _, s := range list {
		name, state, problem, dir := clean(short(s.Server)), s.State, clean(s.Problem), s.Home
		states[state]++
		if s.fails {
			fail++
		}
		if s.Project != "" {
			name += " (" + clean(short(s.Project)) + ")"
		}
		if s.State == "lost" && problem == "" {
			problem = "was wrapped, and is no longer: " + clean(s.File)
		}
		if s.Disabled {
			state += ", disabled"
		}
		if rest, ok := strings.CutPrefix(dir, own+string(filepath.Separator)); ok {
			dir = filepath.Join("~", rest)
		}
		rows = append(rows, []string{s.Client, name, state, clean(short(s.Key)), clean(short(dir)), flagLine(s.other), problem})
	}
	if err := c.statusRows(rows); err != nil {
		return err
	}
	counts := []string{count(int64(states["wrapped"]), "server") + " wrapped"}
	if n := states["hooked"]; n > 0 {
		counts = append(counts, count(int64(n), "client")+" with hooks")
	}
	if n := len(list) - states["wrapped"] - states["lost"] - states["hooked"]; n > 0 {
		counts = append(counts, fmt.Sprintf("%d not", n))
	}
	if n := states["lost"]; n > 0 {
		counts = append(counts, fmt.Sprintf("%d lost", n))
	}
	if fail > 0 {
		counts = append(counts, fmt.Sprintf("%d would fail", fail))
	}
	_, err := fmt.Fprintf(c.Stdout, "\n%s\n", strings.Join(counts, ", "))
	return err
}

// statusRows prints the table. On a screen that is too narrow for it, a column that
// says nothing is left out, and flags and problems are below the row, where more
// of them have room.
func (c *command) statusRows(rows [][]string) error {
	const flags, problem = 5, 6
	widths := make([]int, len(rows[0]))
	says := make([]bool, len(rows[0]))
	for i, row := range rows {
		for j, cell := range row {
			widths[j] = max(widths[j], utf8.RuneCountInString(cell))
			says[j] = says[j] || i > 0 && cell != ""
		}
	}
	total := 0
	for _, w := range widths {
		total += w + 2
	}
	narrow := c.width() > 0 && total-2 > c.width()
	for i, row := range rows {
		line := ""
		for j, cell := range row {
			if narrow && (!says[j] || j == flags || j == problem) {
				continue
			}
			line += cell + strings.Repeat(" ", widths[j]+2-utf8.RuneCountInString(cell))
		}
		if _, err := fmt.Fprintln(c.Stdout, strings.TrimRight(line, " ")); err != nil {
			return err
		}
		for _, j := range []int{flags, problem} {
			if narrow && i > 0 && row[j] != "" {
				fmt.Fprintf(c.Stdout, "    %s\n", c.fold(strings.ToLower(rows[0][j])+": "+row[j], 6))
			}
		}
	}
	return nil
}

// bare finds out whether a wrapped server would be recorded where a client
// starts it with nothing but HOME, PATH, USER and the entry's own environment.
type bare struct {
	c      *command
	home   string           // $HOME
	opened map[string]error // what came of opening each key, as that takes a second
}

func (b bare) check(e *install.Entry) error {
	if !filepath.IsAbs(e.Wrapper) && !isName(e.Wrapper) {
		return fmt.Errorf("the path %q is not absolute, and clients start servers from any directory: run `signet-wrap install --all`", e.Wrapper)
	}
	if _, err := exec.LookPath(e.Wrapper); err != nil {
		return &goneError{e.Wrapper, errors.Unwrap(err)}
	}
	flags, _, err := parseWrapFlags(e.Flags)
	if errors.Is(err, errNotWrapping) {
		err = errors.New("it does not wrap: its flags ask for help, or have a verb among them")
	}
	if err != nil {
		return err
	}
	k := b.configuration(e)
	switch {
	case k.systemErr != nil:
		return fmt.Errorf("its calls are refused: %w", k.systemErr)
	case k.dirErr != nil:
		return fmt.Errorf("the home directory %w", k.dirErr)
	}
	dir, s := k.dir, inForce(k.wrapping(flags))
	if err := install.Writable(dir.Audit()); err != nil {
		return fmt.Errorf("the log cannot be written: %w", err)
	}
	key, file, secret := s.key, s.passphraseFile, e.Env["SIGNET_PASSPHRASE"]
	id := strings.Join([]string{string(dir), key, file, secret, fmt.Sprint(e.Env)}, "\x00")
	err, known := b.opened[id]
	if !known {
		env := []string{"HOME=" + b.home, "PATH=" + os.Getenv("PATH"), "USER=" + os.Getenv("USER")}
		for name, value := range e.Env {
			env = append(env, name+"="+value)
		}
		err = openKey(home.Unlock{Home: dir, Key: key, File: file, Getenv: func(string) string { return secret }, Env: env})
		b.opened[id] = err
	}
	return err
}

// A goneError says that the program which wraps a server is not there.
type goneError struct {
	wrapper string
	err     error
}

func (e *goneError) Error() string {
	if isName(e.wrapper) {
		return fmt.Sprintf("%s is not found by PATH: put it into a directory such as /usr/local/bin, or run `signet-wrap install --all`", e.wrapper)
	}
	return fmt.Sprintf("%s cannot be executed: %v: run `signet-wrap install --all` from where it is now", e.wrapper, e.err)
}

// foundHere says what may keep a client from finding the program by its name, as
// this shell does; "" if nothing does.
func foundHere(e *install.Entry) string {
	if !isName(e.Wrapper) || len(e.Package) > 0 || runtime.GOOS == "windows" {
		return ""
	}
	path, err := exec.LookPath(e.Wrapper)
	if err != nil || slices.Contains([]string{"/usr/bin", "/bin"}, filepath.Dir(path)) {
		return ""
	}
	return fmt.Sprintf("PATH finds %s here; a client that is not started from a terminal may have another PATH", path)
}

// configuration is that of a wrapped server.
func (b bare) configuration(e *install.Entry) *configuration {
	given := flagValue(e.Flags, "home")
	k := b.c.configuration(given, func(name string) string { return e.Env[name] })
	if given == "" {
		given = e.Env["SIGNET_HOME"]
	}
	byEntry := k.dirFrom.From == config.Flag || k.dirFrom.From == fromEnvironment
	if path, err := home.Expand(given); byEntry && err == nil && !filepath.IsAbs(path) {
		k.dirErr = fmt.Errorf("%q is not absolute", given)
	}
	return k
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
