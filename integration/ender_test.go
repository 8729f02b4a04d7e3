//go:build unix

package integration

import (
	"bytes"
	"cmp"
	"io"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"
)

// An ender is how a client ends its servers, step by step until the server is
// gone. docs/TRANSPARENCY.md has the list.
type ender struct {
	name  string
	group bool // it starts the server in a session of its own
	steps []step
}

// A step is what the client does, and how long it then waits.
type step struct {
	name string
	do   func(*proc)
	wait time.Duration
}

var enders = []ender{
	{"TypeScript SDK", false, []step{endInput(2 * time.Second), tell(syscall.SIGTERM, 2*time.Second), kill}},
	{"its probe", false, []step{endInput(0), tell(syscall.SIGTERM, 2*time.Second), kill}},
	{"Python SDK", true, []step{endInput(2 * time.Second), tellGroup(syscall.SIGTERM, 2*time.Second), killGroup}},
	{"Go SDK", false, []step{endInput(5 * time.Second), tell(syscall.SIGTERM, 5*time.Second), kill}},
	{"mcp-go", false, []step{endInput(2 * time.Second), tell(syscall.SIGTERM, 3*time.Second), kill}},
	{"VS Code", false, []step{endInput(10 * time.Second), tell(syscall.SIGTERM, 10*time.Second), kill}},
	{"Codex", true, []step{tellGroup(syscall.SIGTERM, 2*time.Second), killGroup}},
	{"Claude Code", false, []step{tell(syscall.SIGINT, time.Second), tell(syscall.SIGTERM, 2*time.Second), kill}},
	{"Cline", false, []step{tell(syscall.SIGTERM, 3*time.Second), kill}},
	{"kill -9", false, []step{kill}},
}

var (
	kill      = tell(syscall.SIGKILL, patience)
	killGroup = tellGroup(syscall.SIGKILL, patience)
)

func endInput(wait time.Duration) step {
	return step{"the end of input", func(p *proc) { p.in.Close() }, wait}
}

func tell(s syscall.Signal, wait time.Duration) step {
	return step{s.String(), func(p *proc) { p.cmd.Process.Signal(s) }, wait}
}

func tellGroup(s syscall.Signal, wait time.Duration) step {
	return step{s.String() + " to the group", func(p *proc) { syscall.Kill(-p.cmd.Process.Pid, s) }, wait}
}

// races says whether two steps come so close that either may end the server.
func (e ender) races() bool { return e.steps[0].wait == 0 }

// slowestFirst are the indices of the enders, those that wait longest first: so the
// others find time beside them.
func slowestFirst(enders []ender) []int {
	order := make([]int, len(enders))
	waits := make([]time.Duration, len(enders))
	for i, e := range enders {
		order[i] = i
		for _, s := range e.steps[:len(e.steps)-1] { // the last ends anything
			waits[i] += s.wait
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(waits[j], waits[i]) })
	return order
}

// A subject is a server, and what passes between it and a client before it is
// ended.
type subject struct {
	name string
	argv []string
	dir  string
	say  string // sent at the start
	hear int    // bytes that must come then; -1: a line
	ends bool   // by itself
	// leaves says that its first process ends without the others.
	leaves bool
}

// An outcome is all that a client sees of a server's end.
type outcome struct {
	out  []byte
	how  string   // "exit status 7"
	step int      // at which it was gone, from 0; -1: before
	left []string // what still ran a while later
}

// end plays the client against a server.
func (e ender) end(t *testing.T, w way, s subject) outcome {
	p := start(t, t.TempDir(), w.argv(t, nil, s.argv...), func(cmd *exec.Cmd) {
		cmd.Dir = s.dir
		if e.group {
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		}
	})
	var out bytes.Buffer
	heard, closed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(closed)
		if s.hear < 0 {
			line, _ := p.out.ReadBytes('\n')
			out.Write(line)
		} else {
			io.CopyN(&out, p.out, int64(s.hear))
		}
		close(heard)
		io.Copy(&out, p.out)
	}()
	io.WriteString(p.in, s.say)
	within(t, heard, patience, "%s did not answer", s.name)

	o := outcome{step: -1}
	if s.ends {
		within(t, p.ended, patience, "%s did not end by itself", s.name)
	} else {
		for i, step := range e.steps {
			step.do(p)
			o.step = i
			if step.wait > 0 && passed(p.ended, step.wait) {
				break
			}
		}
	}
	o.how = p.how()
	// Whoever else holds stdout open keeps it; a client closes its end.
	if !passed(closed, 2*time.Second) {
		p.pipe.SetReadDeadline(time.Now())
		<-closed
	}
	o.out = out.Bytes()
	o.left = p.mark.left()
	p.mark.kill()
	return o
}

// passed waits for c to be closed and says whether it was in time.
func passed(c <-chan struct{}, wait time.Duration) bool {
	select {
	case <-c:
		return true
	case <-time.After(wait):
		return false
	}
}

// within is passed for what must be. It does not end the test, so that it can
// be used in any goroutine.
func within(t *testing.T, c <-chan struct{}, wait time.Duration, format string, a ...any) {
	t.Helper()
	if !passed(c, wait) {
		t.Errorf(format, a...)
	}
}
