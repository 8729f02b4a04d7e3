// Package integration drives the built binary over real pipes, between real
// clients and real servers, and compares what happens with what happens when
// it is not there.
//
// The servers and clients are:
//   - from npm, locked in node/: the TypeScript SDKs' clients, and the
//     everything, filesystem and memory servers (transcript_test.go);
//   - mcp-go's client and server (mcpgo_test.go);
//   - fakes that send exact bytes and die in exact ways. A fake server is this
//     test binary started again as `integration.test fake NAME`, see
//     fake_test.go; a fake client is a [proc].
//
// Everything a test starts carries an environment variable that is its own, so
// that the processes it leaves can be found (and are killed) at its end.
package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait for something that must happen. It is not a
// promise about speed: tests run beside others on small machines.
const patience = 60 * time.Second

// scratch is a directory for what is made once for all tests. TestMain removes it.
var scratch string

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "fake" {
		os.Exit(runFake(os.Args[2], os.Args[3:]))
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "signet-wrap-integration-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		scratch = dir
		return m.Run()
	}())
}

// binary returns the path of signet-wrap, built once as it is released.
func binary(t testing.TB) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "signet-wrap")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags=-s -w", "-o", path, "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// A way is how a client comes by a server: directly, or through the wrapper.
type way string

const (
	direct  way = "direct"
	wrapped way = "wrapped"
)

// argv is the command line that starts server in this way. flags are the
// wrapper's.
func (w way) argv(t testing.TB, flags []string, server ...string) []string {
	t.Helper()
	if w == direct {
		return server
	}
	if !slices.Contains(flags, "--system-log") {
		flags = slices.Concat([]string{"--system-log", "off"}, flags) // this machine's own
	}
	return slices.Concat([]string{binary(t)}, flags, []string{"--"}, server)
}

// noSuchThing ends a test of what this operating system does not have. On those that
// have it, it is missing.
func noSuchThing(t testing.TB, on []string, format string, a ...any) {
	t.Helper()
	if slices.Contains(on, runtime.GOOS) {
		t.Skipf(format, a...)
	}
	missing(t, format, a...)
}

// missing ends a test that needs a tool this machine does not have. On CI that
// is a failure: there, nothing is left untested silently.
func missing(t testing.TB, format string, a ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, a...)
	}
	t.Skipf(format, a...)
}

// fromEnv is a length or size of a test that can be run at length.
func fromEnv[T any](t testing.TB, name string, byDefault T, parse func(string) (T, error)) T {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return byDefault
	}
	v, err := parse(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}
