package integration

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inNetwork is set where a test has a network of its own: the binary.
const inNetwork = "SIGNET_WRAP_TEST_NETWORK"

// TestSigstoreTimestamps has sigstore's authority stamp a log: make nightly installs
// github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server, which is too large
// for every run. Its metrics take a fixed port, so it has a network of its own, for
// which root is needed.
func TestSigstoreTimestamps(t *testing.T) {
	server := os.Getenv("SIGNET_WRAP_TIMESTAMP_SERVER")
	if server == "" {
		t.Skip("SIGNET_WRAP_TIMESTAMP_SERVER names no timestamp-server: see make nightly")
	}
	if bin := os.Getenv(inNetwork); bin != "" {
		stampedBySigstore(t, server, bin)
		return
	}
	isolated(t, inNetwork, "^TestSigstoreTimestamps$", syscall.CLONE_NEWNET)
}

func stampedBySigstore(t *testing.T, server, bin string) {
	loopbackUp(t)
	const address = "http://127.0.0.1:3004"
	for _, flags := range [][]string{nil, {"--use-http-201", "--include-chain-in-response"}} {
		cmd := exec.Command(server, append([]string{"serve", "--host", "127.0.0.1", "--port", "3004", "--timestamp-signer", "memory", "--disable-ntp-monitoring"}, flags...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var chain []byte
		poll(t, "the server has certificates", func() bool {
			r, err := http.Get(address + "/api/v1/timestamp/certchain")
			if err != nil {
				return false
			}
			defer r.Body.Close()
			chain, err = io.ReadAll(r.Body)
			return err == nil && r.StatusCode == 200
		})
		dir := t.TempDir()
		h := home{dir}
		h.quiet(t)
		pem, proof := filepath.Join(dir, "tsa.pem"), filepath.Join(dir, "proof")
		if err := os.WriteFile(pem, chain, 0o600); err != nil {
			t.Fatal(err)
		}
		run := func(status int, args ...string) string { return h.exits(t, bin, status, args...) }
		run(0, "identity", "generate", "--name", "default", "--unencrypted")
		run(0, "sign", "--tool", "x", "--output", filepath.Join(dir, "receipt.json"))
		run(0, "anchor", "init", "--tsa", address+"/api/v1/timestamp", "--tsa-root", pem)
		if out := run(0, "anchor", "now"); !strings.Contains(out, "its time is stamped") {
			t.Errorf("%s", out)
		}
		if out := run(0, "verify", "--chain"); !strings.Contains(out, "stamped up to record 2 at ") {
			t.Errorf("%s", out)
		}
		run(0, "prove", h.records(t)[0].ID, "--output", proof)
		policy := filepath.Join(dir, "policy")
		b, err := os.ReadFile(filepath.Join(h.store(), "policy"))
		if err == nil {
			err = os.WriteFile(policy, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if out := run(0, "verify", proof, "--policy", policy, "--tsa-root", pem); !strings.Contains(out, "by the time-stamp authority") {
			t.Errorf("%s", out)
		}
		run(3, "verify", proof, "--policy", policy)
		cmd.Process.Kill()
		cmd.Wait()
		run(0, "sign", "--tool", "x")
		if out := run(3, "anchor", "now"); !strings.Contains(out, "cannot be reached") {
			t.Errorf("%s", out)
		}
	}
}

// loopbackUp brings up the interface lo of a new network.
func loopbackUp(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, lo)
	}
	if err == nil {
		lo.SetUint16(lo.Uint16() | unix.IFF_UP)
		err = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
	}
	if err != nil {
		t.Fatal(err)
	}
}
