//go:build unix

package main

import (
	"bufio"
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A machine is a home with nothing in it, npm's registry for it, and npm.
type machine struct {
	t    *testing.T
	home string
	env  []string
}

const version = "7.8.9"

// newMachine makes the packages of this platform and puts them into a registry.
func newMachine(t *testing.T) *machine {
	for _, tool := range []string{"node", "npm", "npx"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	t.Chdir("../..")
	here := platform{runtime.GOOS, runtime.GOARCH}
	r := release{Version: version, Time: time.Unix(1e9, 0).UTC(), binaries: t.TempDir(), out: t.TempDir()}
	build := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags=-s -w", "-o", filepath.Join(r.binaries, here.binary()), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := r.npm([]platform{here}); err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, home: t.TempDir()}
	m.env = append(os.Environ(), "HOME="+m.home, "SIGNET_HOME="+filepath.Join(m.home, ".signet"), "npm_config_registry="+registry(t, r.out),
		"npm_config_cache="+filepath.Join(m.home, ".npm"), "npm_config_update_notifier=false", "npm_config_audit=false")
	return m
}

// registry serves the packages in dir as npm's registry does, and nothing else.
func registry(t *testing.T, dir string) string {
	type published struct {
		manifest
		Dist map[string]string `json:"dist"`
	}
	packages := make(map[string]published)
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	names, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(names) != 2 {
		t.Fatalf("packages %q, %v", names, err)
	}
	for _, file := range names {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		about, err := exec.Command("tar", "-xzOf", file, "package/package.json").Output()
		var p published
		if err = errors.Join(err, json.Unmarshal(about, &p)); err != nil {
			t.Fatal(err)
		}
		sum := sha512.Sum512(data)
		p.Dist = map[string]string{
			"tarball":   server.URL + "/-/" + filepath.Base(file),
			"integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
		}
		packages[p.Name] = p
	}
	mux.Handle("/-/", http.StripPrefix("/-/", http.FileServer(http.Dir(dir))))
	mux.HandleFunc("/", func(w http.ResponseWriter, q *http.Request) {
		name, _ := url.PathUnescape(strings.TrimPrefix(q.URL.EscapedPath(), "/"))
		p, ok := packages[name]
		if !ok {
			http.NotFound(w, q)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{
			"name": name, "dist-tags": map[string]string{"latest": p.Version}, "versions": map[string]published{p.Version: p},
		})
	})
	return server.URL + "/"
}

func (m *machine) command(argv ...string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = m.env, m.home
	return cmd
}

// run is what a command printed, both ways; it ends the test if that fails.
func (m *machine) run(argv ...string) string {
	m.t.Helper()
	out, err := m.command(argv...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("%q: %v\n%s", argv, err, out)
	}
	return string(out)
}

// server is an MCP server, as far as this goes: a shell that responds to each line.
const server = `echo $$ >server.pid; while read -r line; do echo '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'; done`

const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"greet","arguments":{}}}` + "\n"

// called has a server called once by way of argv, and ends its input.
func (m *machine) called(argv ...string) {
	m.t.Helper()
	cmd := m.command(append(argv, "--system-log", "off", "--", "/bin/sh", "-c", server)...)
	cmd.Stdin = strings.NewReader(call)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || !bytes.Contains(out, []byte(`"result"`)) {
		m.t.Fatalf("%q: %v\n%s%s", argv, err, out, &stderr)
	}
}

func TestNPM(t *testing.T) {
	m := newMachine(t)
	m.ways(t)
	m.shim(t)
}

// ways goes the ways that people go with npm: npx, a global installation, and what a
// client's configuration then names.
func (m *machine) ways(t *testing.T) {
	began := time.Now()
	m.called("npx", "-y", "signet-wrap")
	t.Logf("npx: a signed call after %v", time.Since(began))
	m.run("npx", "--offline", "-y", "signet-wrap", "version") // from its cache
	if out := m.run("npx", "-y", "signet-wrap", "verify", "--chain"); !strings.Contains(out, "valid") {
		t.Errorf("verify says %s", out)
	}
	if out := m.run("npx", "-y", "signet-wrap", "audit"); !strings.Contains(out, "greet") {
		t.Errorf("the call is not in the log:\n%s", out)
	}

	const before = `{"mcpServers": {"a": {"command": "node", "args": ["server.js"]}}}`
	config := filepath.Join(m.home, ".cursor", "mcp.json")
	if err := errors.Join(os.MkdirAll(filepath.Dir(config), 0o755), os.WriteFile(config, []byte(before), 0o644)); err != nil {
		t.Fatal(err)
	}
	out, err := m.command("npx", "-y", "signet-wrap", "install", "--all").CombinedOutput()
	if now, _ := os.ReadFile(config); err == nil || !bytes.Contains(out, []byte("npm install -g signet-wrap")) || string(now) != before {
		t.Errorf("install from npx's cache: %v\n%s%s", err, out, now)
	}

	prefix := filepath.Join(m.home, "prefix")
	global := []string{"npm", "install", "-g", "--prefix", prefix, "signet-wrap"}
	began = time.Now()
	m.run(global...)
	shim := filepath.Join(prefix, "bin", "signet-wrap")
	m.called(shim)
	t.Logf("npm install: a signed call after %v", time.Since(began))
	m.run(global...) // twice is as once
	m.run(shim, "install", "--all")
	now, _ := os.ReadFile(config)
	var read struct {
		MCPServers map[string]struct {
			Command string
			Args    []string
		}
	}
	if err := json.Unmarshal(now, &read); err != nil {
		t.Fatal(err)
	}
	named := read.MCPServers["a"].Command
	if strings.Contains(named, "_npx") || !strings.HasPrefix(named, prefix) {
		t.Fatalf("install wrote %s", now)
	}
	m.called(named) // without Node.js
	m.run(shim, "status")

	// What is gone is still named, and unwrapped by another way in.
	m.run("npm", "uninstall", "-g", "--prefix", prefix, "signet-wrap")
	out, err = m.command("npx", "-y", "signet-wrap", "status").CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("cannot be executed")) || !bytes.Contains(out, []byte("signet-wrap uninstall --all")) {
		t.Errorf("status after the removal: %v\n%s", err, out)
	}
	m.run("npx", "-y", "signet-wrap", "uninstall", "--all")
	if now, _ := os.ReadFile(config); string(now) != before {
		t.Errorf("uninstall left %s", now)
	}
}

// shim has the shim end as signet-wrap does, and nothing left when it is killed.
func (m *machine) shim(t *testing.T) {
	prefix := filepath.Join(m.home, "prefix")
	m.run("npm", "install", "-g", "--prefix", prefix, "signet-wrap")
	shim := filepath.Join(prefix, "bin", "signet-wrap")
	wrapping := func(script string) *exec.Cmd {
		return m.command(shim, "--system-log", "off", "--", "/bin/sh", "-c", script)
	}
	var exit *exec.ExitError
	if err := wrapping("exit 7").Run(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("exit 7 came as %v", err)
	}
	if err := wrapping("kill -TERM $$").Run(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("SIGTERM came as %v", err)
	}
	if out, err := wrapping("env | grep SIGNET_WRAP_SHIM; exit 0").Output(); err != nil || len(out) > 0 {
		t.Errorf("the server sees the shim: %v\n%s", err, out)
	}

	without := filepath.Join(m.home, "without")
	m.run("npm", "install", "-g", "--prefix", without, "signet-wrap")
	if err := os.RemoveAll(filepath.Join(without, "lib/node_modules/signet-wrap/node_modules")); err != nil {
		t.Fatal(err)
	}
	out, err := m.command(filepath.Join(without, "bin", "signet-wrap"), "version").CombinedOutput()
	if !errors.As(err, &exit) || exit.ExitCode() != 127 || !bytes.Contains(out, []byte("is not installed")) {
		t.Errorf("without the platform's package: %v\n%s", err, out)
	}

	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		cmd := wrapping(server)
		stdin, err1 := cmd.StdinPipe() // stays open: the end of input is no help
		stdout, err2 := cmd.StdoutPipe()
		if err := errors.Join(err1, err2, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		io.WriteString(stdin, call)
		if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		cmd.Process.Signal(signal)
		// Not cmd.Wait, which would close the input.
		if state, err := cmd.Process.Wait(); err != nil || state.Sys().(syscall.WaitStatus).Signal() != signal {
			t.Errorf("%v came as %v, %v", signal, state, err)
		}
		var pid int
		written, err := os.ReadFile(filepath.Join(m.home, "server.pid"))
		if _, err2 := fmt.Sscan(string(written), &pid); errors.Join(err, err2) != nil {
			t.Fatal(err, err2)
		}
		for deadline := time.Now().Add(time.Minute); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("after %v of the shim, the server lives", signal)
			}
		}
		stdin.Close()
		cmd.Wait() // closes the pipes
	}
}
