package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// A built is a release that `make release` made of a clone with a tag.
type built struct {
	t   *testing.T
	dir string // dist
	env []string
}

const tag = "v1.8.9"

// TestRelease makes a release twice, from clones at paths of different lengths and
// with nothing in Go's cache, compares them to the byte, and installs each package
// where there is nothing else. It takes half an hour and wants root.
func TestRelease(t *testing.T) {
	if os.Getenv("SIGNET_WRAP_RELEASE") == "" {
		t.Skip("set SIGNET_WRAP_RELEASE=1 to make a release twice and install its packages")
	}
	one, two := release1(t, "a"), release1(t, "a/longer/path")
	for _, name := range one.names() {
		a, err1 := os.ReadFile(filepath.Join(one.dir, name))
		b, err2 := os.ReadFile(filepath.Join(two.dir, name))
		if err := errors.Join(err1, err2); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s is not the same twice: %v", name, err)
		}
	}
	t.Run("version", one.version)
	t.Run("sums", one.sums)
	t.Run("lintian", one.lintian)
	t.Run("debian", one.debian)
	t.Run("rpm", one.rpm)
	t.Run("image", one.image)
	t.Run("formula", one.formula)
	t.Run("go install", one.goInstall)
}

func release1(t *testing.T, path string) *built {
	t.Helper()
	clone := filepath.Join(t.TempDir(), path)
	run(t, nil, "git", "clone", "-q", "--no-tags", "../..", clone)
	run(t, nil, "git", "-C", clone, "tag", tag)
	env := append(os.Environ(), "GOCACHE="+t.TempDir(), "CI=")
	run(t, env, "make", "-C", clone, "release")
	return &built{t, filepath.Join(clone, "dist"), env}
}

// run is what a command printed, both ways; it ends the test if that fails.
func run(t *testing.T, env []string, argv ...string) string {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", argv, err, out)
	}
	return string(out)
}

func (b *built) names() (names []string) {
	all, err := os.ReadDir(b.dir)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// file is the path of the one file that pattern matches.
func (b *built) file(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(b.dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s is %q, %v", pattern, found, err)
	}
	return found[0]
}

func (b *built) version(t *testing.T) {
	out := run(t, nil, b.file(t, "signet-wrap-linux-"+runtime.GOARCH), "version")
	if !strings.Contains(out, "signet-wrap "+tag+",") || !strings.Contains(out, "commit ") || strings.Contains(out, "modified") {
		t.Errorf("the version is %s", out)
	}
}

// sums are signed and verified as docs/RELEASING.md and docs/INSTALL.md say.
func (b *built) sums(t *testing.T) {
	key := filepath.Join(t.TempDir(), "release")
	run(t, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
	run(t, nil, "make", "-C", filepath.Dir(b.dir), "sign", "KEY="+key)
	public, err := os.ReadFile(key + ".pub")
	signers := key + ".signers"
	if err = errors.Join(err, os.WriteFile(signers, append([]byte("releases@signet-wrap "), public...), 0o644)); err != nil {
		t.Fatal(err)
	}
	run(t, nil, "sh", "-ec", `cd "$1"; sha256sum --quiet -c SHA256SUMS
ssh-keygen -Y verify -f "$2" -I releases@signet-wrap -n file -s SHA256SUMS.sig <SHA256SUMS`, "sh", b.dir, signers)
	sums, _ := os.ReadFile(filepath.Join(b.dir, "SHA256SUMS"))
	for _, name := range b.names() {
		if !strings.HasPrefix(name, "SHA256SUMS") && !strings.Contains(string(sums), "  "+name+"\n") {
			t.Errorf("%s has no sum", name)
		}
	}
}

func (b *built) lintian(t *testing.T) {
	for _, deb := range []string{"*_amd64.deb", "*_arm64.deb"} {
		run(t, nil, "lintian", "--allow-root", "--fail-on", "error,warning", b.file(t, deb))
	}
}

// session has a server called once, and the log verified, in a file system that has
// no more than a shell.
const session = `set -e
export HOME=/root
printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","arguments":{}}}' |
	signet-wrap --system-log off -- /bin/sh -c 'while read -r line; do echo "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"; done'
signet-wrap audit
signet-wrap verify --chain
`

// debian installs the package in a Debian with nothing in it, twice, upgrades it under
// a running wrapper, and removes it.
func (b *built) debian(t *testing.T) {
	root := filepath.Join(t.TempDir(), "debian")
	suite := strings.TrimSpace(run(t, nil, "sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME")) // a mirror of this one is near
	run(t, nil, "mmdebstrap", "-q", "--variant=minbase", suite, root)
	deb := b.file(t, "*_"+runtime.GOARCH+".deb")
	run(t, nil, "cp", deb, filepath.Join(root, "signet-wrap.deb"))
	in := func(script string) string { return run(t, nil, "chroot", root, "/bin/sh", "-ec", script) }
	in("dpkg -i /signet-wrap.deb; dpkg -i /signet-wrap.deb")
	if out := in(session); !strings.Contains(out, "greet") {
		t.Errorf("audit says %s", out)
	}
	in("! command -v go && ! command -v node")
	// The old program goes on, and its server with it.
	out := in(`mkfifo /in; exec 3<>/in
signet-wrap --system-log off -- /bin/sh -c 'while read -r line; do echo "got $line"; done' </in >/out & pid=$!
echo '{"jsonrpc":"2.0","method":"one"}' >&3; until grep -q one /out; do sleep 0.1; done
dpkg -i /signet-wrap.deb >/dev/null
echo '{"jsonrpc":"2.0","method":"two"}' >&3; until grep -q two /out; do sleep 0.1; done
kill -TERM $pid; wait $pid || true; cat /out`)
	if strings.Count(out, "got ") != 2 {
		t.Errorf("a wrapper under an upgrade passed %s", out)
	}
	if out := in("dpkg -r signet-wrap"); !strings.Contains(out, "signet-wrap uninstall --all") {
		t.Errorf("the removal says %s", out)
	}
	if out := in("find /usr -name '*signet-wrap*' ! -path '*/dpkg/*'"); out != "" {
		t.Errorf("the removal left %s", out)
	}
}

// rpm installs the package in a file system that has nothing else.
func (b *built) rpm(t *testing.T) {
	root, arch := t.TempDir(), map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	file := b.file(t, "*."+arch+".rpm")
	run(t, nil, "rpm", "--root", root, "--initdb")
	run(t, nil, "rpm", "--root", root, "-i", "--nodeps", file)
	if out := run(t, nil, "chroot", root, "/usr/bin/signet-wrap", "version"); !strings.Contains(out, tag) {
		t.Errorf("the version is %s", out)
	}
	run(t, nil, "rpm", "--root", root, "-e", "--noscripts", "signet-wrap") // there is no shell for them
	if out := run(t, nil, "find", filepath.Join(root, "usr"), "-name", "*signet-wrap*"); out != "" {
		t.Errorf("the removal left %s", out)
	}
}

// image has the program of the image, unpacked, run as if in a container.
func (b *built) image(t *testing.T) {
	storage := t.TempDir()
	buildah := func(words ...string) string {
		all := append([]string{"buildah", "--root", storage, "--runroot", storage + "/run", "--storage-driver", "vfs"}, words...)
		return strings.TrimSpace(run(t, nil, all...))
	}
	container := buildah("from", "-q", "oci-archive:"+b.file(t, "*-oci.tar"))
	root := buildah("mount", container)
	if out := run(t, nil, "chroot", root, "/usr/local/bin/signet-wrap", "version"); !strings.Contains(out, tag) {
		t.Errorf("the version is %s", out)
	}
	buildah("umount", container)
	buildah("rm", container)
}

// formula is as far as one gets without Homebrew.
func (b *built) formula(t *testing.T) {
	text, err := os.ReadFile(b.file(t, "signet-wrap.rb"))
	sums, err2 := os.ReadFile(filepath.Join(b.dir, "SHA256SUMS"))
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		unix := strings.HasPrefix(name, "signet-wrap-linux-a") || strings.HasPrefix(name, "signet-wrap-darwin-a")
		if unix && filepath.Ext(name) == "" && !strings.Contains(string(text), `sha256 "`+sum+`"`) {
			t.Errorf("the formula has no sum of %s", name)
		}
	}
	run(t, nil, "ruby", "-c", b.file(t, "signet-wrap.rb"))
}

// goInstall has the Go command install the tag from a module proxy that is a directory.
func (b *built) goInstall(t *testing.T) {
	const module = "github.com/signet-wrap/signet-wrap"
	proxy, bin := t.TempDir(), t.TempDir()
	at := filepath.Join(proxy, module, "@v")
	gomod, err := os.ReadFile("../../go.mod")
	if err = errors.Join(err, os.MkdirAll(at, 0o755), os.WriteFile(filepath.Join(at, tag+".mod"), gomod, 0o644),
		os.WriteFile(filepath.Join(at, "list"), []byte(tag+"\n"), 0o644),
		os.WriteFile(filepath.Join(at, tag+".info"), []byte(`{"Version":"`+tag+`"}`), 0o644)); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(at, tag+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(file)
	source := os.DirFS(filepath.Dir(b.dir))
	for name := range strings.Lines(run(t, nil, "git", "-C", filepath.Dir(b.dir), "ls-files")) {
		name = strings.TrimSpace(name)
		if strings.HasPrefix(name, "integration/proofs/") {
			continue // a module of its own
		}
		data, err := fs.ReadFile(source, name)
		w, err2 := z.Create(module + "@" + tag + "/" + name)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		w.Write(data)
	}
	if err := errors.Join(z.Close(), file.Close()); err != nil {
		t.Fatal(err)
	}
	cache := strings.TrimSpace(run(t, nil, "go", "env", "GOMODCACHE"))
	env := append(b.env, "GOBIN="+bin, "GOPROXY=file://"+proxy+",file://"+cache+"/cache/download", "GONOSUMDB=*", "GOFLAGS=-modcacherw",
		"GOMODCACHE="+t.TempDir())
	cmd := exec.Command("go", "install", module+"@"+tag)
	cmd.Env, cmd.Dir = env, bin
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out := run(t, nil, filepath.Join(bin, "signet-wrap"), "version"); !strings.HasPrefix(out, "signet-wrap "+tag+",") {
		t.Errorf("the version is %s", out)
	}
}
