package record

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/signet-wrap/signet-wrap/internal/redact"
)

// TargetNamed is the target of a server that a client's configuration calls name:
// "mcp://" and the name. A hyphen replaces each character that is not a letter, a
// digit, or one of "._-". It is "" for a name that says nothing, is longer than 100
// bytes or looks like a secret.
func TargetNamed(name string) string {
	said := false
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r) && r != unicode.ReplacementChar, unicode.IsDigit(r):
			said = true
			return r
		case strings.ContainsRune("._-", r):
			return r
		}
		return '-'
	}, strings.TrimSpace(name))
	if !said || len(name) > 100 || redact.LooksSecret(name) {
		return ""
	}
	return "mcp://" + name
}

// targetOf is the name of the server in the receipts: "mcp://" and the name of the
// package, script or image that the command runs. Usual launchers are skipped, so
// that `npx -y @scope/server-files` is mcp://server-files and not mcp://npx or
// mcp://-y. A program that passes messages on to a URL, such as mcp-remote, has the
// host's name. Arguments after that name are left out, and so is the path of a URL:
// they may be secrets.
func targetOf(command []string) string {
	if len(command) == 0 {
		return ""
	}
	name, args := command[0], command[1:]
	for range maxLaunchers {
		l, ok := launcherOf(name)
		if !ok {
			break
		}
		if host := urlHost(args); l.remote && host != "" {
			return "mcp://" + host
		}
		next, rest := l.next(args)
		switch {
		case l.elsewhere && len(rest) == 0:
			next = next[strings.LastIndexByte(next, '@')+1:] // the machine, without the user
		case l.elsewhere:
			next, rest = commandOf(strings.Join(rest, " "))
		case l.line && strings.ContainsAny(next, " \t"), l.slashes && strings.Contains(next, " "):
			next, rest = commandOf(strings.Join(append([]string{next}, rest...), " "))
		case l.container && isBase(next) && len(rest) > 0 && !strings.HasPrefix(rest[0], "-"):
			next, rest = rest[0], rest[1:] // the image of a language, and what it runs
		}
		short := shortName(next)
		if short == "" || redact.LooksSecret(short) || strings.ContainsAny(next, "$%") { // a variable
			break
		}
		name, args = next, rest
	}
	return "mcp://" + shortName(name)
}

// commandOf is the last command in a line for a shell, "" if it is not to be read
// without one.
func commandOf(line string) (name string, args []string) {
	var words []string
	var word strings.Builder
	started, quote := false, rune(0)
	end := func() {
		if started {
			words = append(words, word.String())
		}
		word.Reset()
		started = false
	}
	for _, r := range line {
		switch {
		case r == quote && quote != 0:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, started = r, true
		case r == '`' || r == '(' || r == '|' || r == '\\':
			return "", nil
		case r == ';' || r == '&' || r == '\n':
			if end(); len(words) > 0 {
				args = words // in case that nothing follows
			}
			words = nil
		case r == ' ' || r == '\t':
			end()
		default:
			word.WriteRune(r)
			started = true
		}
	}
	if end(); len(words) > 0 {
		args = words
	}
	for len(args) > 0 && (args[0] == "exec" || args[0] == "--" || isAssignment(args[0])) {
		args = args[1:]
	}
	if len(args) == 0 || quote != 0 {
		return "", nil
	}
	return args[0], args[1:]
}

// isAssignment says whether a word of a shell is NAME=VALUE.
func isAssignment(word string) bool {
	name, _, ok := strings.Cut(word, "=")
	return ok && name != "" && strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// maxLaunchers bounds the launchers that are seen through.
const maxLaunchers = 10

// launcherOf is the launcher that name is: a command or a package, of any version.
func launcherOf(name string) (launcher, bool) {
	key := program(name)
	if scope, pkg, _ := strings.Cut(name, "/"); strings.HasPrefix(scope, "@") {
		key = scope + "/" + program(pkg)
	}
	l, ok := launchers[key]
	return l, ok
}

// urlHost is the host, with its port, of the first argument that is the URL of a
// server; "" if there is none.
func urlHost(args []string) string {
	for _, a := range args {
		if _, value, attached := strings.Cut(a, "="); attached && strings.HasPrefix(a, "-") {
			a = value
		}
		u, err := url.Parse(a)
		if err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https", "ws", "wss"}, strings.ToLower(u.Scheme)) {
			continue
		}
		host := bare(u.Hostname())
		if redact.LooksSecret(host) {
			return ""
		}
		if u.Port() != "" {
			host += ":" + u.Port()
		}
		return host
	}
	return ""
}

// isBase says whether an image has no server in it, but what runs one.
func isBase(image string) bool {
	return slices.Contains([]string{"node", "python", "uv", "deno", "bun", "golang", "ruby", "php", "alpine", "debian", "ubuntu", "busybox"}, shortName(image))
}

// program is the usual name of a command or an image, without its version:
// npx for NPX.CMD, python for /usr/bin/python3.12, mcp-remote for mcp-remote@latest.
func program(name string) string {
	name = strings.ToLower(name[strings.LastIndexAny(name, `/\`)+1:])
	if i := strings.IndexAny(name, "@:"); i > 0 {
		name = name[:i]
	}
	for _, ext := range []string{".exe", ".cmd", ".bat"} {
		name = strings.TrimSuffix(name, ext)
	}
	if strings.HasPrefix(name, "python") {
		name = strings.TrimRight(name, "0123456789.")
	}
	return name
}

// common are names that say nothing. Then the directory that has them, or the scope
// of the package, is used.
var common = []string{"app", "bin", "build", "cli", "cmd", "dist", "index", "lib", "main", "mcp", "mcp-server",
	"out", "run", "server", "src", "start", "stdio", "target", "release", "debug", "scripts", ".", ".."}

// homes are the parents of users' directories, whose names are private.
var homes = []string{"home", "users", "documents and settings"}

// shortName is the part of a path, package or image that serves as a name.
func shortName(name string) string {
	if _, rest, ok := strings.Cut(name, "://"); ok {
		_, name, _ = strings.Cut(rest, "/") // the part with the host may have a password
	}
	name, _, _ = strings.Cut(name, "?")
	name, _, _ = strings.Cut(name, "#")
	for _, registry := range []string{"npm:", "jsr:", "github:"} {
		name = strings.TrimPrefix(name, registry)
	}
	steps := strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == '\\' })
	for i, step := range slices.Backward(steps) {
		if i > 0 && slices.Contains(homes, strings.ToLower(steps[i-1])) {
			break
		}
		if short := bare(step); !slices.Contains(common, strings.ToLower(short)) {
			return short
		}
	}
	if len(steps) == 0 {
		return ""
	}
	return bare(steps[len(steps)-1])
}

// bare is one step of a path without version, tag, extension, and characters that a
// URI does not allow.
func bare(step string) string {
	step = strings.TrimPrefix(step, "@")
	if i := strings.IndexAny(step, "@:[=<>~!"); i > 0 {
		step = step[:i]
	}
	for _, ext := range []string{".exe", ".cmd", ".bat", ".js", ".mjs", ".cjs", ".ts", ".mts", ".py", ".rb", ".php", ".sh", ".jar", ".dll", ".csproj", ".git"} {
		if short := strings.TrimSuffix(step, ext); short != "" {
			step = short
		}
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, step)
}

// launcher is a command that runs another one: how the other's name is found.
type launcher struct {
	verbs    []string // words before the name: `docker run IMAGE`
	values   []string // flags that take the next argument as their value
	switches []string // if not nil: the only long flags that take none
	names    []string // flags whose value is the name: `python -m NAME`
	dirs     []string // flags whose value is the directory of the name
	code     []string // flags whose value is a program: there is no name
	assigns  bool     // A=B may be before the name
	slashes  bool     // flags begin with a slash
	remote   bool     // it speaks with the server at a URL
	line     bool     // code is the command line of a shell
	dashes   bool     // the command is after the first "--"

	container bool // the name is that of an image
	elsewhere bool // the name is that of a machine, and what follows the command there
}

var launchers = map[string]launcher{
	"npx":       {values: []string{"-p", "--package", "--registry", "--userconfig", "--cache"}, code: []string{"-c", "--call"}},
	"npm":       {verbs: []string{"exec", "x"}, values: []string{"--package", "--registry"}, code: []string{"-c", "--call", "run", "start"}},
	"pnpm":      {verbs: []string{"dlx", "exec"}, dirs: []string{"-C", "--dir"}},
	"yarn":      {verbs: []string{"dlx", "exec", "run"}, dirs: []string{"--cwd"}},
	"bunx":      {},
	"bun":       {verbs: []string{"run", "x"}, dirs: []string{"--cwd"}, code: []string{"-e"}},
	"deno":      {verbs: []string{"run", "serve"}, values: []string{"-c", "--config"}, code: []string{"eval"}},
	"node":      {values: []string{"-r", "--require", "--import", "--loader", "-C"}, code: []string{"-e", "--eval", "-p", "--print"}},
	"tsx":       {verbs: []string{"watch"}, values: []string{"--tsconfig"}, code: []string{"-e"}},
	"ts-node":   {values: []string{"-P", "--project"}, code: []string{"-e"}},
	"uvx":       {values: uvValues, names: []string{"--from"}},
	"uv":        {verbs: []string{"run", "tool"}, values: uvValues, names: []string{"--from", "-m", "--module"}, dirs: []string{"--directory", "--project"}},
	"pipx":      {verbs: []string{"run"}, values: []string{"--python", "--index-url", "--pip-args"}, names: []string{"--spec"}},
	"python":    {values: []string{"-X", "-W"}, names: []string{"-m"}, code: []string{"-c"}},
	"py":        {values: []string{"-X", "-W"}, names: []string{"-m"}, code: []string{"-c"}},
	"mcp":       {verbs: []string{"run", "dev"}, values: []string{"-t", "--transport"}},
	"fastmcp":   {verbs: []string{"run", "dev"}, values: []string{"-t", "--transport"}, remote: true},
	"java":      {values: []string{"-cp", "-classpath", "--class-path", "-p", "--module-path"}, names: []string{"-jar", "-m", "--module"}},
	"dotnet":    {verbs: []string{"run", "tool", "exec"}, names: []string{"--project"}},
	"ruby":      {values: []string{"-r", "-I"}, code: []string{"-e"}},
	"php":       {values: []string{"-d", "-c"}, code: []string{"-r"}},
	"go":        {verbs: []string{"run"}, values: []string{"-tags", "-ldflags", "-mod"}, dirs: []string{"-C"}},
	"docker":    containers,
	"podman":    containers,
	"nerdctl":   containers,
	"env":       {assigns: true, values: []string{"-u", "--unset", "-C", "--chdir"}, code: []string{"-S", "--split-string"}},
	"cross-env": {assigns: true},
	"op":        {verbs: []string{"run"}, values: []string{"--env-file", "--account"}},
	"doppler":   {verbs: []string{"run"}, values: []string{"-t", "--token", "-p", "--project", "-c", "--config"}, code: []string{"--command"}},
	"dotenvx":   {verbs: []string{"run"}, values: []string{"-f", "--env", "-e", "-fk"}},
	"sudo":      {values: []string{"-u", "-g"}},
	"cmd":       {slashes: true},
	"wsl":       {values: []string{"-d", "--distribution", "-u", "--user", "--cd"}, verbs: []string{"-e", "--exec"}},
	"nohup":     {},
	"nice":      {values: []string{"-n"}},
	"kubectl":   {verbs: []string{"exec", "run", "attach"}, values: []string{"-n", "--namespace", "-c", "--container", "--context", "--kubeconfig", "--image"}},
	"ssh": {elsewhere: true, values: []string{"-B", "-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-O", "-o", "-P", "-p",
		"-Q", "-R", "-S", "-W", "-w"}},
	"sh": shells, "bash": shells, "zsh": shells, "dash": shells, "ash": shells, "ksh": shells, "pwsh": shells, "powershell": shells,

	"signet-wrap":   {dashes: true}, // such as a check
	"mcp-remote":    {remote: true},
	"mcp-proxy":     {remote: true, values: []string{"--transport", "--port", "--host", "-e", "--env"}},
	"supergateway":  {remote: true, code: []string{"--stdio"}},
	"@smithery/cli": {verbs: []string{"run"}, values: []string{"--key", "--config", "--client", "--profile"}},
}

var shells = launcher{line: true}

var uvValues = []string{"--with", "--with-editable", "--with-requirements", "--python", "-p", "--env-file", "--extra", "--group",
	"--index", "--index-url", "--default-index", "--extra-index-url", "-i", "--refresh-package", "--cache-dir"}

// Most flags of container commands take a value, and a value may be a secret.
var containers = launcher{
	container: true,
	verbs:     []string{"run", "exec", "container", "compose"},
	switches: []string{"--rm", "--init", "--interactive", "--tty", "--detach", "--privileged", "--read-only",
		"--publish-all", "--quiet", "--no-healthcheck", "--oom-kill-disable"},
}

// next returns the argument that names what is run, and the arguments after it; ""
// if none does.
func (l launcher) next(args []string) (name string, rest []string) {
	dir := ""
	if l.dashes {
		if i := slices.Index(args, "--") + 1; i > 0 && i < len(args) {
			return args[i], args[i+1:]
		}
		return "", nil
	}
	for i := 0; i < len(args); i++ {
		flag, value, attached := strings.Cut(args[i], "=")
		// The value of a flag is in the same argument or in the next.
		take := func() string {
			if !attached && i+1 < len(args) {
				i++
				value = args[i]
			}
			return value
		}
		switch {
		case slices.Contains(l.code, args[i]):
			return "", nil
		case l.line && (strings.HasPrefix(flag, "-") && strings.HasSuffix(flag, "c") || strings.EqualFold(flag, "-command")):
			if i++; i < len(args) {
				return args[i], nil
			}
			return "", nil
		case slices.Contains(l.names, flag):
			return inDir(dir, take()), args[i+1:]
		case slices.Contains(l.dirs, flag):
			dir = take()
		case slices.Contains(l.values, flag):
			take()
		case slices.Contains(l.verbs, flag):
		case strings.HasPrefix(flag, "-") && l.switches != nil:
			// -it is two flags without a value, -eA=B has its value.
			long := strings.HasPrefix(flag, "--")
			if long && flag != "--" && !slices.Contains(l.switches, flag) || len(flag) == 2 && !long && !strings.Contains("itdPqT", flag[1:]) {
				take()
			}
		case strings.HasPrefix(flag, "-"), l.slashes && strings.HasPrefix(flag, "/"), l.assigns && attached:
		default:
			return inDir(dir, args[i]), args[i+1:]
		}
	}
	return "", nil
}

// inDir is the path name, relative to dir.
func inDir(dir, name string) string {
	if dir == "" || name == "" || strings.HasPrefix(name, "/") {
		return name
	}
	return dir + "/" + name
}
