package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// A hookWay is one process that a client starts for a use of a tool, and what it takes
// from its start to its end.
type hookWay struct {
	name  string
	home  string
	args  []string
	event string // of the document that it is given; "": none
	turns []time.Duration
	spent time.Duration // of the budget
}

// document is what Claude Code says of the use i of a tool.
func (w *hookWay) document(i int) []byte {
	if w.event == "" {
		return nil
	}
	result := ""
	if w.event == "PostToolUse" {
		result = `,"tool_response":{"stdout":"ok","stderr":"","interrupted":false}`
	}
	return fmt.Appendf(nil, `{"session_id":"24b84dc0-d46d-4cbf-9934-7fb9b578c476","cwd":"/","hook_event_name":"%s","tool_name":"Bash",`+
		`"tool_input":{"command":"git status --short","description":"What is changed"},"tool_use_id":"toolu_%d"%s}`, w.event, i, result)
}

// hookWays are the rows: each of a home of its own, whose log grows by the uses.
func (b *bench) hookWays(dir string) ([]*hookWay, error) {
	ways := []*hookWay{{name: "start: signet-wrap version", home: dir, args: []string{"version"}}}
	add := func(name, home string, flags ...string) {
		args := slices.Concat([]string{"hook", "--client", "claude-code"}, flags)
		ways = append(ways,
			&hookWay{name: "hook before a tool, " + name, home: home, args: args, event: "PreToolUse"},
			&hookWay{name: "hook after a tool, " + name, home: home, args: args, event: "PostToolUse"})
	}
	home := func(name string, identity ...string) (string, error) {
		home := filepath.Join(dir, name)
		if err := b.quiet(home); err != nil {
			return "", err
		}
		_, err := b.signet(context.Background(), home, append([]string{"identity"}, identity...)...)
		return home, err
	}
	plain, err := home("plain", "generate", "--name", "default", "--unencrypted")
	if err != nil {
		return nil, err
	}
	add("unencrypted key", plain)
	add("the same, --sync off", plain, "--sync", "off")
	if socket, err := b.sshAgent(); err != nil {
		b.say("hooks: no row for an SSH agent: %v", err)
	} else {
		held, err := home("held", "add", "--name", "default", "--ssh-agent", "--socket", socket)
		if err != nil {
			return nil, err
		}
		add("SSH agent", held)
	}
	passphrase := filepath.Join(dir, "passphrase")
	if err := os.WriteFile(passphrase, []byte("correct horse\n"), 0o600); err != nil {
		return nil, err
	}
	encrypted, err := home("encrypted", "generate", "--name", "default", "--passphrase-file", passphrase)
	if err != nil {
		return nil, err
	}
	add("protected key", encrypted, "--passphrase-file", passphrase)
	return ways, nil
}

// sshAgent starts OpenSSH's agent with one key, and returns its socket.
func (b *bench) sshAgent() (socket string, err error) {
	if runtime.GOOS == "windows" {
		return "", fmt.Errorf("on Windows it is a service")
	}
	for _, tool := range []string{"ssh-agent", "ssh-add", "ssh-keygen"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", err
		}
	}
	dir, err := os.MkdirTemp("", "a") // the paths of sockets are short
	if err != nil {
		return "", err
	}
	socket = filepath.Join(dir, "s")
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	if err := agent.Start(); err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	b.ending = append(b.ending, func() {
		agent.Process.Kill()
		agent.Wait()
		os.RemoveAll(dir)
	})
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(end) {
			return "", err
		}
	}
	key := filepath.Join(dir, "k")
	for _, argv := range [][]string{{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key}, {"ssh-add", "-q", key}} {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", argv[0], err, out)
		}
	}
	return socket, nil
}

// A hookRow is a line of the table of hooks.
type hookRow struct {
	Hook  string   `json:"hook"`
	Turns int      `json:"turns"`
	P50   float64  `json:"p50_ms"`
	P95   float64  `json:"p95_ms"`
	Start *float64 `json:"times_start,omitempty"` // P50, divided by that of a start
	Signs *float64 `json:"signs,omitempty"`       // P50 less that of a start, in signatures
}

// hookTurns is how many uses of a tool are measured at most: in full, and in brief.
var hookTurns = map[bool]int{false: 200, true: 1}

// hooks measures what a use of a client's own tool takes longer, at most turns times
// each. The ways take turns.
func (b *bench) hooks(ctx context.Context, turns int) error {
	b.say("hooks")
	dir, err := os.MkdirTemp(b.dir, "hooks-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ways, err := b.hookWays(dir)
	if err != nil {
		return err
	}
	sign, err := openSign(nil, nil, "")
	if err != nil {
		return err
	}
	var signed []time.Duration
	for i := range turns {
		for _, w := range ways {
			if w.spent > budget && len(w.turns) > 0 {
				continue
			}
			cmd := exec.CommandContext(ctx, b.binary, w.args...)
			var errs bytes.Buffer
			cmd.Env, cmd.Stdin, cmd.Stderr = environ(w.home), bytes.NewReader(w.document(i)), &errs
			began := time.Now()
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("%s: %w: %s", w.name, err, errs.Bytes())
			}
			took := time.Since(began)
			w.turns, w.spent = append(w.turns, took), w.spent+took
		}
		for range 20 {
			began := time.Now()
			if err := sign.turn(0); err != nil {
				return err
			}
			signed = append(signed, time.Since(began))
		}
	}
	slices.Sort(signed)
	return b.writeHooks(ways, quantile(signed, 0.5))
}

func (b *bench) writeHooks(ways []*hookWay, signature time.Duration) error {
	if !b.json {
		fmt.Fprintf(b.out, "\n%-*s %9s %9s %8s %8s %6s\n", nameWidth, "hooks, from start to end of the process", "p50", "p95", "x start", "signs", "turns")
	}
	var start time.Duration
	for i, w := range ways {
		slices.Sort(w.turns)
		p50 := quantile(w.turns, 0.5)
		r := hookRow{Hook: w.name, Turns: len(w.turns), P50: *in(time.Millisecond, p50), P95: *in(time.Millisecond, quantile(w.turns, 0.95))}
		if i == 0 {
			start = p50
		} else {
			times, signs := float64(p50)/float64(start), float64(p50-start)/float64(signature)
			r.Start, r.Signs = &times, &signs
		}
		if b.json {
			if err := writeJSON(b.out, r); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(b.out, "%-*s %9s %9s %8s %8s %6d\n", nameWidth, w.name, fmt.Sprintf("%.1f ms", r.P50), fmt.Sprintf("%.1f ms", r.P95),
			figure("%.2f", r.Start), figure("%.0f", r.Signs), r.Turns)
	}
	return nil
}
