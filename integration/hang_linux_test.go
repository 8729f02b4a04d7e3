package integration

import (
	"os/exec"
	"testing"
)

// TestDiskHangs: a disk that does not respond keeps the call from the server, but
// not the wrapper from ending when the server does. It says so. (The disk's
// answer comes after all, because strace holds on to a process for so long.)
func TestDiskHangs(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		missing(t, "this test needs strace: %v", err)
	}
	home := newHome(t)
	argv := append([]string{strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync",
		"-e", "inject=fdatasync,fsync:delay_enter=8000000"}, // microseconds
		wrapped.argv(t, nil, "sh", "-c", "sleep 1; exit 7")...)
	p := start(t, home.dir, argv)
	p.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}` + "\n")
	if out := p.rest(); len(out) > 0 {
		t.Errorf("it said %q", out)
	}
	if how := p.how(); how != "exit status 7" {
		t.Errorf("it ended with %q", how)
	}
	if !p.says("the disk does not respond") {
		t.Error("it waited for the disk")
	}
}
