package record

import (
	"slices"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/redact"
)

// targetOf is the name of the server in the receipts: "mcp://" and the name of the
// package, script or image that the command runs. Usual launchers are skipped, so
// that `npx -y @scope/server-files` is mcp://server-files and not mcp://npx or
// mcp://-y. Arguments after that name may be secrets and are left out.
func targetOf(command []string) string {
	if len(command) == 0 {
		return ""
	}
	name, args := command[0], command[1:]
	for {
		l, ok := launchers[program(name)]
		if !ok {
			break
		}
		next, rest := l.next(args)
		if short := shortName(next); short == "" || redact.LooksSecret(short) {
			break
		}
		name, args = next, rest
	}
	return "mcp://" + shortName(name)
}

// program is the usual name of a command: npx for NPX.CMD, python for
// /usr/bin/python3.12.
func program(name string) string {
	name = strings.ToLower(name[strings.LastIndexAny(name, `/\`)+1:])
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
	assigns  bool     // A=B may stand before the name
	slashes  bool     // flags begin with a slash
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
	"fastmcp":   {verbs: []string{"run", "dev"}, values: []string{"-t", "--transport"}},
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
}

var uvValues = []string{"--with", "--with-editable", "--with-requirements", "--python", "-p", "--env-file", "--extra", "--group",
	"--index", "--index-url", "--default-index", "--extra-index-url", "-i", "--refresh-package", "--cache-dir"}

// Most flags of container commands take a value, and a value may be a secret.
var containers = launcher{
	verbs: []string{"run", "exec", "container"},
	switches: []string{"--rm", "--init", "--interactive", "--tty", "--detach", "--privileged", "--read-only",
		"--publish-all", "--quiet", "--no-healthcheck", "--oom-kill-disable"},
}

// next returns the argument that names what is run, and the arguments after it; ""
// if none does.
func (l launcher) next(args []string) (name string, rest []string) {
	dir := ""
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
			if long && flag != "--" && !slices.Contains(l.switches, flag) || len(flag) == 2 && !long && !strings.Contains("itdPq", flag[1:]) {
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
