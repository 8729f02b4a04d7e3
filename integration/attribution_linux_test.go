package integration

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"golang.org/x/sys/unix"
)

// TestAttribution: two real clients, three servers and two keys in one home, and one
// table at 120 columns says of each call who made it, where, with what and for whom.
func TestAttribution(t *testing.T) {
	home := newHome(t)
	home.signet(t, 0, nil, "identity", "generate", "--name", "build", "--owner", "Build team", "--unencrypted")
	home.signet(t, 0, nil, "identity", "generate", "--name", "desk", "--owner", "Alice Example", "--unencrypted")

	talkTo := func(client, key, target string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c := dialMCPGo(t, home, "2026-07-28", wrapped.argv(t, []string{"--key", key, "--target", "mcp://" + target, "--system-log", "off"}, fake(t, "mcpgo")...))
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(c.Start(ctx))
		_, err := c.Initialize(ctx, mcp.InitializeRequest{Params: mcp.InitializeParams{
			ProtocolVersion: "2026-07-28", ClientInfo: mcp.Implementation{Name: client, Version: "2.1"}}})
		must(err)
		_, err = c.ListTools(ctx, mcp.ListToolsRequest{})
		must(err)
		_, err = c.CallTool(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "echo", Arguments: map[string]any{"text": "hello"},
			Meta: &mcp.Meta{AdditionalFields: map[string]any{"claudecode/toolUseId": "toolu_01A09q90qw90lq917835lq9",
				"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}}})
		must(err)
		must(c.Close())
	}
	talkTo("claude-code", "build", "github")
	talkTo("claude-code", "desk", "modern")
	talkTo("claude-code", "desk", "files")
	// And the TypeScript SDK with a server of its own.
	cmd := node(t, "client.mjs", "modern", "--", binary(t), "--key", "desk", "--target", "mcp://modern", "--system-log", "off", "--")
	cmd = append(cmd, node(t, "modern-server.mjs")...)
	ts := exec.Command(cmd[0], cmd[1:]...)
	ts.Env = scrubbed(home.dir)
	if out, err := ts.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	table := onScreen(t, home, 120, "audit")
	t.Logf("\n%s", table)
	lines := strings.Split(table, "\n")
	for _, line := range lines {
		if n := len([]rune(line)); n > 120 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
	for _, want := range []string{
		`echo +github +executed +.*claude-code 2.1 +build +Build team `,
		`echo +files +executed +.*claude-code 2.1 +desk +Alice Exam`,
		`echo +modern +executed +.*signet-wrap-\S+ +desk +Alice Exam`,
		regexp.QuoteMeta(me.Username + "@" + host),
	} {
		if !regexp.MustCompile(want).MatchString(table) {
			t.Errorf("the table does not say %s:\n%s", want, table)
		}
	}
	for _, filter := range []struct {
		flags []string
		rows  string // the servers
	}{
		{[]string{"--client", "claude-code"}, "github modern files"},
		{[]string{"--owner", "Build"}, "github"},
		{[]string{"--owner", "Alice", "--client", "claude"}, "modern files"},
		{[]string{"--target", "git"}, "github"},
		{[]string{"--where", "@" + host, "--tool", "echo"}, "github modern files modern modern"},
		{[]string{"--where", "nobody@nowhere"}, ""},
	} {
		table := home.signet(t, 0, nil, append([]string{"audit", "--limit", "all"}, filter.flags...)...)
		var got []string
		for _, line := range strings.Split(table, "\n")[1:] {
			if f := strings.Fields(line); len(f) > 3 && f[2] == "echo" {
				got = append(got, f[3])
			}
		}
		if strings.Join(got, " ") != filter.rows {
			t.Errorf("%q: %q, want %q\n%s", filter.flags, got, filter.rows, table)
		}
	}
	id := regexp.MustCompile(`(?m)github .* ([0-9a-f]{8}) +\{`).FindStringSubmatch(home.signet(t, 0, nil, "audit", "--target", "github"))
	if id == nil {
		t.Fatal("no id")
	}
	shown := home.signet(t, 0, nil, "audit", "show", id[1])
	for _, want := range []string{"claudecode/toolUseId toolu_01A09q90qw90lq917835lq9", "span 00f067aa0ba902b7", "4bf92f3577b34da6a3ce929d0e0e4736",
		"client claude-code 2.1", "Build team", fmt.Sprintf("by %s (%s) on %s in ", me.Username, me.Uid, host), "signet-wrap "} {
		if !strings.Contains(shown, want) {
			t.Errorf("show does not say %q:\n%s", want, shown)
		}
	}

	// The server "modern" was another one before: what it told the agent then, and
	// now, can be said.
	told := home.signet(t, 0, nil, "audit", "tools", "--target", "modern", "--tool", "echo")
	for _, want := range []string{`(?m)^modern +echo +[0-9a-f]{8} +\S+ \S+ +\S+ \S+ .*\b1 +desk *$`, `(?m)^modern +echo +[0-9a-f]{8} +\S+ \S+ +\S+ \S+ .*\b2 +desk *$`,
		`(?m)^echo of modern changed: [0-9a-f]{8}, and from \S+ \S+( \S+)? on [0-9a-f]{8}$`, `(?m)^  - +"text": \{$`, `(?m)^  \+ +"message": \{$`} {
		if !regexp.MustCompile(want).MatchString(told) {
			t.Errorf("audit tools does not say %s:\n%s", want, told)
		}
	}
	// Times and days with their zone, on a terminal of any width.
	for columns, zone := range map[int]string{80: `(?m)^days are those of UTC`, 120: `LAST USE \(UTC`, 200: `LISTED \(UTC`} {
		screen := onScreen(t, home, columns, "audit", "tools")
		if !regexp.MustCompile(zone).MatchString(screen) {
			t.Errorf("in %d columns audit tools does not say %s:\n%s", columns, zone, screen)
		}
		for line := range strings.Lines(screen) {
			if n := len([]rune(strings.TrimRight(line, " \n"))); n > columns && strings.HasPrefix(line, "SERVER") {
				t.Errorf("%d characters in %d:\n%s", n, columns, line)
			}
		}
	}
	home.signet(t, 0, nil, "verify", "--chain")
}

// onScreen is what a verb prints on a terminal of so many columns.
func onScreen(t *testing.T, home home, columns int, args ...string) string {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: uint16(columns)}); err != nil {
		t.Fatal(err)
	}
	theirs, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary(t), args...)
	cmd.Env = append(scrubbed(home.dir), "NO_COLOR=1")
	cmd.Stdout = theirs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	out, _ := io.ReadAll(ours) // a terminal without a program is an I/O error
	if err := cmd.Wait(); err != nil {
		t.Errorf("%q: %v\n%s", args, err, out)
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}
