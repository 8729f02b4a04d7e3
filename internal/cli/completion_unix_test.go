//go:build unix

package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completed are command lines that are cut at their end, and what each shell must
// offer there and must not.
var completed = []struct {
	line string
	want []string
	not  string
}{
	{"signet-wrap ver", []string{"verify", "version"}, "audit"},
	{"signet-wrap anchor n", []string{"now", "new-epoch"}, "init"},
	{"signet-wrap --home /tmp anchor now --js", []string{"--json"}, "--quorum"},
	{"signet-wrap --sync a", []string{"always"}, "audit"},
	{"signet-wrap verify --ch", []string{"--chain"}, "--hash-only"},
	{"signet-wrap verify --re", []string{"--require", "--remember", "--reason"}, "--home"},
	{"signet-wrap audit ", []string{"archive", "erase", "export", "report", "show", "stats", "tools", "view"}, "verify"},
	{"signet-wrap audit report --s", []string{"--sign-with", "--store", "--since"}, "--json"},
	{"signet-wrap prove --l", []string{"--log"}, "--chain"},
	{"signet-wrap check --m", []string{"--max-age", "--missing", "--max-call"}, "--home"},
	{"signet-wrap check --missing re", []string{"refuse"}, "--home"},
	{"signet-wrap hook --cl", []string{"--client"}, "--home"},
	{"signet-wrap help ver", []string{"verify", "version"}, "audit"},
	{"signet-wrap -- ech", []string{"echo"}, "--key"},
	{"signet-wrap --key x -- verify --ch", nil, "--chain"},
}

// script writes the completion script of a shell to a file. What is not there to
// be run may be in the working directory, which is empty.
func script(t *testing.T, shell string) (file string) {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Chdir(t.TempDir())
	var out strings.Builder
	if exit := Main([]string{"signet-wrap", "help", "completion", shell}, System{Stdout: &out, Stderr: os.Stderr, Getenv: os.Getenv}); exit != 0 {
		t.Fatalf("help completion %s: exit %d", shell, exit)
	}
	file = filepath.Join(t.TempDir(), "completion")
	if err := os.WriteFile(file, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func checkCompleted(t *testing.T, line string, want []string, not, out string) {
	t.Helper()
	words := strings.Fields(out)
	for _, w := range want {
		if !slices.Contains(words, w) {
			t.Errorf("%q: no %q in %q", line, w, out)
		}
	}
	if slices.Contains(words, not) {
		t.Errorf("%q: %q is in %q", line, not, out)
	}
}

// TestBashCompletion runs the script's function as bash does.
func TestBashCompletion(t *testing.T) {
	file := script(t, "bash")
	for _, c := range completed {
		run := exec.Command("bash", "--norc", "-c", `source "$1"; shift
			COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _signet_wrap; printf '%s\n' "${COMPREPLY[@]}"`,
			"bash", file)
		run.Args = append(run.Args, strings.Split(c.line, " ")...)
		out, err := run.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v: %s", c.line, err, out)
		}
		checkCompleted(t, c.line, c.want, c.not, string(out))
	}
}

// TestFishCompletion asks fish what it would offer.
func TestFishCompletion(t *testing.T) {
	file := script(t, "fish")
	for _, c := range completed {
		run := exec.Command("fish", "--no-config", "-c", `source $argv[1]; complete -C $argv[2] | string split -f1 \t`, file, c.line)
		run.Env = append(os.Environ(), "HOME="+t.TempDir())
		out, err := run.CombinedOutput()
		if err != nil && len(out) > 0 {
			t.Fatalf("%q: %v: %s", c.line, err, out)
		}
		checkCompleted(t, c.line, c.want, c.not, string(out))
	}
}

// TestZshCompletion runs the script's function in zsh. What zsh's completion system
// has for such functions is replaced by functions that print: to press Tab in a zsh
// needs a terminal.
func TestZshCompletion(t *testing.T) {
	file := script(t, "zsh")
	for _, c := range completed {
		run := exec.Command("zsh", "-f", "-c", `
			compdef() { }
			compadd() { print -l -- ${@[2,-1]} }
			_describe() { print -l -- ${${(P)3}%%:*} }
			_files() { print -l -- * }
			_normal() { (( CURRENT == 1 )) && whence -m "${words[1]}*" }
			source $1
			words=("${@[2,-1]}") CURRENT=$(( $# - 1 ))
			_signet_wrap`,
			"zsh", file)
		run.Args = append(run.Args, strings.Split(c.line, " ")...)
		out, err := run.CombinedOutput()
		if err != nil && len(c.want) > 0 {
			t.Fatalf("%q: %v: %s", c.line, err, out)
		}
		// zsh filters by what is typed.
		var begun []string
		for _, w := range strings.Fields(string(out)) {
			if strings.HasPrefix(w, c.line[strings.LastIndexByte(c.line, ' ')+1:]) {
				begun = append(begun, w)
			}
		}
		checkCompleted(t, c.line, c.want, c.not, strings.Join(begun, " "))
	}
}
