package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestAgentCancelled: a call that the client cancels while a person is asked is not
// forwarded, whatever the person says. What came meanwhile is, in its order.
func TestAgentCancelled(t *testing.T) {
	t.Parallel()
	a := newSSHAgent(t, false)
	a.answers("")
	a.key("agent", "-c")
	a.must(binary(t), "identity", "add", "--name", "agent", "--ssh-agent")
	p, l := a.wrap("--outcomes", "off")
	go_, before := filepath.Join(a.dir, "go"), a.asked()
	script := fmt.Sprintf("#!/bin/sh\necho x >> %s.asked\nwhile [ ! -e %s ]; do sleep 0.05; done\n", a.ask, go_)
	if err := os.WriteFile(a.ask, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	const ping = `{"jsonrpc":"2.0","id":9,"method":"ping"}` + "\n"
	p.send(numbered(1))
	for end := time.Now().Add(patience); a.asked() == before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody was asked")
		}
	}
	const cancel = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}` + "\n"
	p.send(cancel + ping)
	p.taken()
	if err := os.WriteFile(go_, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// Our reply comes between the server's lines.
	var got, refused string
	for range 3 {
		if line := string(p.line()); strings.Contains(line, "cancelled by the client") {
			refused = line
		} else {
			got += line
		}
	}
	if refused == "" || got != cancel+ping {
		t.Errorf("the call got %q, and then came %q", refused, got)
	}
	if got := p.ask(numbered(2)); got != sentBack {
		t.Errorf("the next call got %v", got)
	}
	p.finish()
	if calls := l.calls(t); len(calls) != 1 || calls[0].id != "2" {
		t.Errorf("forwarded: %v", calls)
	}
}

// taken waits until the process has read all that was sent.
func (p *proc) taken() {
	p.t.Helper()
	raw, err := p.in.SyscallConn()
	if err != nil {
		p.t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		left := 0
		raw.Control(func(fd uintptr) { left, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
		if err != nil || left == 0 {
			time.Sleep(100 * time.Millisecond) // it looks at it, too
			return
		}
		if time.Now().After(end) {
			p.t.Fatal("what was sent is not read")
		}
	}
}
