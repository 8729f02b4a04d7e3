package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// A built is a release that `make release` made of a clone with a tag.
type built struct {
	t   *testing.T
	dir string // dist
}

const tag = "v1.8.9"

// TestRelease makes a release of a tag, compares it to the byte with what another
// clone makes, and installs each package where there is nothing else. It takes some
// ten minutes and wants root.
func TestRelease(t *testing.T) {
	if os.Getenv("SIGNET_WRAP_RELEASE") == "" {
		t.Skip("set SIGNET_WRAP_RELEASE=1 to make a release and install its packages")
	}
	one := cloned(t, "../..", "a")
	one.make(t, os.Environ(), "release")
	t.Run("reproducible", one.reproducible)
	t.Run("version", one.version)
	t.Run("sums", one.sums)
	t.Run("lintian", one.lintian)
	t.Run("debian", one.debian)
	t.Run("rpm", one.rpm)
	t.Run("image", one.image)
	t.Run("formula", one.formula)
	t.Run("go install", one.goInstall)
}

// cloned is a clone of from with the tag, at a new path that ends in path.
func cloned(t *testing.T, from, path string) *built {
	t.Helper()
	clone := filepath.Join(t.TempDir(), path)
	run(t, nil, "git", "clone", "-q", "--no-tags", from, clone)
	run(t, nil, "git", "-C", clone, "tag", tag)
	return &built{t, filepath.Join(clone, "dist")}
}

func (b *built) make(t *testing.T, env []string, targets ...string) {
	t.Helper()
	began := time.Now()
	run(t, append(env, "CI="), append([]string{"make", "-C", filepath.Dir(b.dir)}, targets...)...)
	t.Logf("make %s: %v", strings.Join(targets, " "), time.Since(began).Round(time.Second))
}

// reproducible compares the release with that of a clone at a longer path, whose
// binary for this platform is built with nothing in Go's cache. A cold build takes a
// minute or more, so the other platforms' are those of the first.
func (b *built) reproducible(t *testing.T) {
	two := cloned(t, filepath.Dir(b.dir), "a/longer/path") // ../.. may have another commit by now
	two.make(t, append(os.Environ(), "GOCACHE="+t.TempDir()), "dist", "BUILDVCS=-buildvcs=true", "PLATFORMS=linux/"+runtime.GOARCH)
	for _, name := range b.names() {
		if strings.HasPrefix(name, "signet-wrap-") && !strings.Contains(name, ".") || strings.HasSuffix(name, ".exe") {
			if to := filepath.Join(two.dir, name); !exists(to) {
				run(t, nil, "cp", filepath.Join(b.dir, name), to)
			}
		}
	}
	two.make(t, os.Environ(), "-o", "dist", "packages", "sbom")
	if a, b := b.names(), two.names(); !slices.Equal(a, b) {
		t.Fatalf("the files are %q and %q", a, b)
	}
	for _, name := range b.names() {
		a, err1 := os.ReadFile(filepath.Join(b.dir, name))
		b, err2 := os.ReadFile(filepath.Join(two.dir, name))
		if err := errors.Join(err1, err2); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s is not the same twice: %v", name, err)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
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

// root is a Debian with nothing in it. A mirror of this machine's release is near.
func root(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "debian")
	run(t, nil, "mmdebstrap", "-q", "--variant=minbase", codename(t), root)
	return root
}

func codename(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(run(t, nil, "sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME"))
}

// inside runs a script in the Debian at root, with a /proc of its own.
func inside(t *testing.T, root, script string) string {
	t.Helper()
	return run(t, nil, "unshare", "--mount", "/bin/sh", "-c", `mount -t proc proc "$1/proc" && exec chroot "$1" /bin/sh -ec "$2"`, "sh", root, script)
}

// walk has a package installed and a session in it, and says how long that took.
func walk(t *testing.T, steps ...func() string) {
	t.Helper()
	began, out := time.Now(), ""
	for _, step := range steps {
		out = step()
	}
	t.Logf("a signed call after %.1f s", time.Since(began).Seconds())
	if !strings.Contains(out, "greet") || !strings.Contains(out, "valid") {
		t.Errorf("audit and verify say %s", out)
	}
}

// debian installs the package in an empty Debian, twice, upgrades it under a running
// wrapper, and removes it while a configuration names it.
func (b *built) debian(t *testing.T) {
	root := root(t)
	run(t, nil, "cp", b.file(t, "*_"+runtime.GOARCH+".deb"), filepath.Join(root, "signet-wrap.deb"))
	in := func(script string) string { t.Helper(); return inside(t, root, script) }
	walk(t, func() string { return in("dpkg -i /signet-wrap.deb") }, func() string { return in(session) })
	in("dpkg -i /signet-wrap.deb")
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
	b.removed(t, root, func() string { return in("dpkg -r signet-wrap") })
	if out := in("find /usr -name '*signet-wrap*' ! -path '*/dpkg/*'"); out != "" {
		t.Errorf("the removal left %s", out)
	}
}

// removed takes the package away while a configuration names it, which the removal
// says, with the command that another copy then has to run.
func (b *built) removed(t *testing.T, root string, remove func() string) {
	t.Helper()
	in := func(script string) string { t.Helper(); return inside(t, root, "export HOME=/root; "+script) }
	const before = `{"mcpServers": {"a": {"command": "sh", "args": ["-c", "cat"]}}}`
	in("mkdir -p /root/.cursor; printf '%s' '" + before + "' >/root/.cursor/mcp.json; signet-wrap install --all")
	if out := remove(); !strings.Contains(out, "signet-wrap uninstall --all") {
		t.Errorf("the removal says %s", out)
	}
	run(t, nil, "cp", b.file(t, "signet-wrap-linux-"+runtime.GOARCH), filepath.Join(root, "other-copy"))
	if out := in("/other-copy status || true"); !strings.Contains(out, "/usr/bin/signet-wrap") || !strings.Contains(out, "uninstall --all") {
		t.Errorf("status after the removal says %s", out)
	}
	if out := in("/other-copy uninstall --all >&2; cat /root/.cursor/mcp.json"); !strings.HasSuffix(out, before) {
		t.Errorf("uninstall left %s", out)
	}
}

// rpm installs the package in a Debian that has no rpm, from outside.
func (b *built) rpm(t *testing.T) {
	root, arch := root(t), map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	rpm := func(words ...string) string {
		t.Helper()
		return run(t, nil, append([]string{"rpm", "--root", root}, words...)...)
	}
	file := b.file(t, "*."+arch+".rpm")
	rpm("--initdb")
	// Its /bin/sh is in no database of rpm's.
	walk(t, func() string { return rpm("-U", "--nodeps", file) },
		func() string { return inside(t, root, session) })
	rpm("-U", "--nodeps", "--replacepkgs", file)
	b.removed(t, root, func() string { return rpm("-e", "signet-wrap") })
	if out := run(t, nil, "find", filepath.Join(root, "usr"), "-name", "*signet-wrap*"); out != "" {
		t.Errorf("the removal left %s", out)
	}
}

// image copies the program from the image into one with a server, as
// docs/INSTALL.md says, and runs it there, and as it is.
func (b *built) image(t *testing.T) {
	storage := t.TempDir()
	buildah := func(words ...string) string {
		t.Helper()
		all := append([]string{"buildah", "--root", storage, "--runroot", storage + "/run", "--storage-driver", "vfs"}, words...)
		return strings.TrimSpace(run(t, nil, all...))
	}
	const name = "ghcr.io/signet-wrap/signet-wrap"
	buildah("pull", "-q", "oci-archive:"+b.file(t, "*-oci.tar"))
	id, _, _ := strings.Cut(buildah("images", "-q"), "\n")
	buildah("tag", id, name)
	container := buildah("from", "-q", name)
	if out := buildah("run", "--isolation", "chroot", container, "/usr/local/bin/signet-wrap", "version"); !strings.Contains(out, tag) {
		t.Errorf("the version is %s", out)
	}
	buildah("rm", container)

	// An image with a shell and little else, as the one with the server.
	dir := t.TempDir()
	run(t, nil, "mmdebstrap", "-q", "--variant=extract", "--include=busybox-static", codename(t), filepath.Join(dir, "root"))
	file := "FROM scratch\nCOPY root /\nCOPY --from=" + name + " /usr/local/bin/signet-wrap /usr/local/bin/\n"
	err := errors.Join(os.Symlink("busybox", filepath.Join(dir, "root/bin/sh")), os.WriteFile(filepath.Join(dir, "Containerfile"), []byte(file), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	walk(t, func() string { return buildah("build", "--isolation", "chroot", "-q", "-t", "servers", dir) },
		func() string {
			return buildah("run", "--isolation", "chroot", buildah("from", "-q", "servers"), "/bin/sh", "-c", session)
		})
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
	files := strings.Fields(run(t, nil, "git", "-C", filepath.Dir(b.dir), "ls-files"))
	var modules []string // of their own, which the zip file of a module may not have
	for _, name := range files {
		if dir, base := path.Split(name); base == "go.mod" && dir != "" {
			modules = append(modules, dir)
		}
	}
	for _, name := range files {
		if slices.ContainsFunc(modules, func(dir string) bool { return strings.HasPrefix(name, dir) }) {
			continue
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
	env := append(os.Environ(), "GOBIN="+bin, "GOPROXY=file://"+proxy+",file://"+cache+"/cache/download", "GONOSUMDB=*", "GOFLAGS=-modcacherw",
		"GOMODCACHE="+t.TempDir())
	began := time.Now()
	run(t, env, "go", "-C", bin, "install", module+"@"+tag)
	t.Logf("installed after %.1f s", time.Since(began).Seconds())
	if out := run(t, nil, filepath.Join(bin, "signet-wrap"), "version"); !strings.HasPrefix(out, "signet-wrap "+tag+",") {
		t.Errorf("the version is %s", out)
	}
}
