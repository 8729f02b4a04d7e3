package wrap

import (
	"path"
	"slices"
	"strings"
)

// targetOf names the server in the receipts: "mcp://" and the name of the
// package, script or image that the command runs, seen through the usual
// launchers, so that `npx -y @scope/server` is mcp://server and not mcp://npx
// or mcp://-y. Arguments behind that name are left out: they may be secrets.
func targetOf(command []string) string {
	if len(command) == 0 {
		return ""
	}
	name := command[0]
	args := command[1:]
	for {
		l, ok := launchers[strings.TrimSuffix(base(name), ".exe")]
		if !ok {
			break
		}
		next := l.first(args)
		if next < 0 {
			break
		}
		name, args = args[next], args[next+1:]
	}
	name = base(name)
	for _, ext := range []string{".exe", ".cmd", ".bat", ".js", ".mjs", ".cjs", ".ts", ".py", ".sh", ".jar"} {
		name = strings.TrimSuffix(name, ext)
	}
	if i := strings.IndexAny(name, "@:"); i > 0 { // version of a package, tag of an image
		name = name[:i]
	}
	clean := strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f && !strings.ContainsRune(`"<>\^{|}`+"`%#?", r) {
			return r
		}
		return '-'
	}, name)
	return "mcp://" + clean
}

func base(name string) string { return path.Base(strings.ReplaceAll(name, `\`, "/")) }

// launcher is a command that runs another: how to skip to it.
type launcher struct {
	verbs  []string // subcommands in front of the name: `docker run IMAGE`
	values []string // flags that take the next argument as their value
	names  []string // flags whose value is the name: `python -m NAME`
}

var launchers = map[string]launcher{
	"npx":     {values: []string{"-p", "--package"}},
	"npm":     {verbs: []string{"exec", "x", "--"}, values: []string{"--package"}},
	"pnpm":    {verbs: []string{"dlx", "exec"}},
	"yarn":    {verbs: []string{"dlx", "exec"}},
	"bunx":    {},
	"bun":     {verbs: []string{"run", "x"}},
	"deno":    {verbs: []string{"run"}},
	"node":    {values: []string{"-r", "--require", "--import", "--loader"}},
	"tsx":     {},
	"uvx":     {values: []string{"--with", "--python", "-p"}, names: []string{"--from"}},
	"uv":      {verbs: []string{"run", "tool", "--"}, values: []string{"--directory", "--with", "--project", "--python", "-p"}},
	"pipx":    {verbs: []string{"run"}},
	"python":  {names: []string{"-m"}},
	"python3": {names: []string{"-m"}},
	"java":    {values: []string{"-cp"}, names: []string{"-jar"}},
	"docker":  {verbs: []string{"run"}, values: dockerValues},
	"podman":  {verbs: []string{"run"}, values: dockerValues},
	"env":     {},
	"cmd":     {verbs: []string{"/c", "/C"}},
}

var dockerValues = []string{"-e", "--env", "--env-file", "-v", "--volume", "--mount", "--name", "-p", "--publish",
	"--network", "-u", "--user", "-w", "--workdir", "--entrypoint", "--platform"}

// first is the index of the argument that names what is run, -1 if none does.
func (l launcher) first(args []string) int {
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case slices.Contains(l.names, a):
			if i+1 < len(args) {
				return i + 1
			}
			return -1
		case slices.Contains(l.values, a):
			i++
		case strings.HasPrefix(a, "-"), slices.Contains(l.verbs, a), strings.Contains(a, "=") && !strings.Contains(a, "/"):
		default:
			return i
		}
	}
	return -1
}
