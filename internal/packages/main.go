// Packages makes the packages of a release from the binaries that `make dist` built:
// for npm, .deb, .rpm, an OCI image, and a Homebrew formula. The same binaries and
// version give the same bytes.
package main

import (
	"embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
	"time"
)

//go:embed files
var files embed.FS

// A release is what packages are made of.
type release struct {
	Version string    // of the tag, without its "v"
	Time    time.Time // of the commit, for the files in packages
	binaries,
	out string // directories
}

// A platform is one that there is a binary for.
type platform struct{ OS, Arch string } // as Go says it

var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

// binary is the name of the platform's binary, as `make dist` gives it.
func (p platform) binary() string {
	return "signet-wrap-" + p.OS + "-" + p.Arch + p.suffix()
}

func (p platform) suffix() string {
	if p.OS == "windows" {
		return ".exe"
	}
	return ""
}

// kinds are the packages that -only chooses from.
var kinds = []struct {
	name string
	make func(release) error
}{
	{"npm", func(r release) error { return r.npm(platforms) }},
	{"linux", release.linux},
	{"image", release.image},
	{"formula", release.formula},
}

func main() {
	r := release{}
	flag.StringVar(&r.Version, "version", "", "the release's `version`, a tag or what git describe says")
	flag.StringVar(&r.binaries, "binaries", "dist", "the `directory` with the binaries")
	flag.StringVar(&r.out, "out", "dist/packages", "the `directory` to write to")
	only := flag.String("only", "", "make this `kind` only: npm, linux (.deb and .rpm), image or formula")
	flag.Parse()
	if err := r.run(*only); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

// semver is a version as npm takes it; the others take it, too.
var semver = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

func (r release) run(only string) error {
	r.Version = strings.TrimPrefix(r.Version, "v")
	if !semver.MatchString(r.Version) {
		return fmt.Errorf("%q is no version: give -version 1.2.3", r.Version)
	}
	var err error
	if r.Time, err = committed(); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	made := 0
	for _, k := range kinds {
		if only != "" && k.name != only {
			continue
		}
		if err := k.make(r); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
		made++
	}
	if made == 0 {
		return fmt.Errorf("there is no kind %q of packages", only)
	}
	return nil
}

// committed is the time of the commit, so that packages do not depend on when they
// are made.
func committed() (time.Time, error) {
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		out, err := output("git", "log", "-1", "--format=%ct")
		if err != nil {
			return time.Time{}, fmt.Errorf("the commit's time: %w (or set SOURCE_DATE_EPOCH)", err)
		}
		seconds = strings.TrimSpace(string(out))
	}
	var unix int64
	if _, err := fmt.Sscan(seconds, &unix); err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH %q is no time: %w", seconds, err)
	}
	return time.Unix(unix, 0).UTC(), nil
}

// read returns a binary.
func (r release) read(p platform) ([]byte, error) {
	return os.ReadFile(filepath.Join(r.binaries, p.binary()))
}

// help is what `signet-wrap help WORDS` says, from the source: the binaries may be
// for other machines.
func help(words ...string) ([]byte, error) {
	return output("go", append([]string{"run", ".", "help"}, words...)...)
}

// output is what a command wrote to stdout; its stderr is in the error.
func output(name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	out, err := cmd.Output()
	if err != nil {
		said := out
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			said = append(said, exit.Stderr...)
		}
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(said)))
	}
	return out, nil
}

// fill is an embedded template with data in it.
func fill(name string, data any) ([]byte, error) {
	t, err := template.New(name).Option("missingkey=error").ParseFS(files, "files/"+name)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}
