package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/demo"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

const demoHelp = `signet-wrap demo: a session from start to end, with nothing else installed

USAGE
  signet-wrap demo

Wraps a small built-in MCP server in a temporary directory and calls a tool.
Shows the call, its receipt as the server got it, the log, and a good
verification. Then changes one byte of the log, and truncates it, and shows
that both are noticed. Your own keys and log are not touched. Nothing is
written to the system's log: "signet-wrap verify --help" says what that log
does against truncation.

EXIT STATUS
  0 all went as it should, 1 it did not
`

func (c *command) demoVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "demo",
		Usage:              "a session from end to end",
		CustomHelpTemplate: demoHelp,
		Flags:              []ucli.Flag{&ucli.StringFlag{Name: "serve", Hidden: true, Usage: "be the demo's server, and copy its input to this file"}},
		Action: func(u *ucli.Context) error {
			if copyTo := u.String("serve"); copyTo != "" {
				return c.demoServe(copyTo)
			}
			if a := c.args(u); len(a) > 0 {
				return misuse(`see "signet-wrap help demo"`, "demo takes no arguments (got %q)", a[0])
			}
			return c.demo()
		},
	}
}

// The demo's one tool and the call that is made of it.
const (
	demoTool      = "delete_rows"
	demoArguments = `{"table":"orders","where":"year < 2020"}`
)

func (c *command) demo() (err error) {
	// What it shows is what it is without a configuration.
	flags := []string{"--key", home.DefaultKey, "--hash-only=false", "--meta-key", record.DefaultMetaKey, "--outcomes", "on"}
	switch f, err := c.systemConfig(); {
	case err != nil:
		return err
	case f != nil:
		for _, name := range []string{"home", "key", "hash-only", "meta-key", "outcomes"} {
			if slices.Contains(f.Locked, name) {
				return fmt.Errorf("the demo has a home and settings of its own, and %s locks %s", f.Path, name)
			}
		}
	}
	dir, err := os.MkdirTemp("", "signet-wrap-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	received := filepath.Join(dir, "received")
	own := filepath.Join(dir, "home")
	// What a client's configuration would have: our flags, "--", a server.
	args := slices.Concat([]string{"--home", own, "--system-log", "off"}, flags, []string{"--", self, "demo", "--serve", received})

	c.step("1. An MCP client starts a server through signet-wrap and calls a tool.")
	c.show("signet-wrap --home %s -- %s demo --serve ...", "DIR", "signet-wrap")
	response, err := demo.Call(c.ctx, self, args, demoTool, json.RawMessage(demoArguments))
	if err != nil {
		return fmt.Errorf("running the demo's session: %w", err)
	}
	c.show("call     %s %s", demoTool, demoArguments)
	c.show("response %s", response)

	c.step("2. The server got the call with a signed receipt in it, written to the log before.")
	receipt, err := demoReceipt(received)
	if err != nil {
		return err
	}
	c.show("%s", receipt)

	c.step("3. The log.")
	if err := c.again("--home", own, "audit"); err != nil {
		return err
	}
	c.step("4. The log, verified.")
	if err := c.again("--home", own, "verify", "--chain"); err != nil {
		return err
	}

	c.step("5. Somebody edits one byte: year < 2020 becomes year < 2021.")
	file, log, err := demoLog(filepath.Join(own, "audit"))
	if err != nil {
		return err
	}
	edited := bytes.Replace(log, []byte("2020"), []byte("2021"), 1)
	if bytes.Equal(edited, log) {
		return errors.New("the log does not hold the call")
	}
	if err := c.demoTampered(file, edited, own); err != nil {
		return err
	}

	c.step("6. Somebody cuts the newest record off. By itself the log looks whole.")
	lines := bytes.SplitAfter(log, []byte("\n")) // the last one is empty
	newest, err := chain.ParseEntry(bytes.TrimSpace(lines[len(lines)-2]))
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, bytes.Join(lines[:len(lines)-2], nil), 0o600); err != nil {
		return err
	}
	if err := c.again("--home", own, "verify", "--chain"); err != nil {
		return err
	}
	c.step("7. Whoever kept the head that step 4 printed can tell. The system's log keeps heads\n   by default, where there is one; this demo leaves yours alone.")
	if err := c.demoTampered("", nil, own, "--against", newest.RecordHash.String()); err != nil {
		return err
	}
	c.step("Both were noticed. To wrap a server of your own, see `signet-wrap --help`.")
	return nil
}

func (c *command) step(s string) { fmt.Fprintf(c.Stdout, "\n%s\n", s) }

// show prints indented, as what a machine said.
func (c *command) show(format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	for _, l := range strings.Split(text, "\n") {
		fmt.Fprintf(c.Stdout, "    %s\n", clean(l))
	}
}

// again runs another verb in this process, as a person would type it.
func (c *command) again(args ...string) error {
	shown := append([]string{"signet-wrap"}, args[2:]...) // without --home DIR, which is the demo's own
	fmt.Fprintf(c.Stdout, "    $ %s\n", strings.Join(shown, " "))
	other := &command{System: c.System, ctx: c.ctx}
	return other.runVerb(c.ctx, append([]string{"signet-wrap"}, args...))
}

// demoServe is the server, and copies all that it is sent to a file.
func (c *command) demoServe(copyTo string) error {
	f, err := os.OpenFile(copyTo, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return demo.Serve(demoTool, io.TeeReader(c.Stdin, f), c.Stdout)
}

// demoReceipt finds the receipt in what the server received.
func demoReceipt(received string) (string, error) {
	b, err := os.ReadFile(received)
	if err != nil {
		return "", err
	}
	for _, l := range bytes.Split(b, []byte("\n")) {
		var m struct {
			Method string
			Params struct {
				Meta map[string]json.RawMessage `json:"_meta"`
			}
		}
		if json.Unmarshal(l, &m) != nil || m.Method != "tools/call" {
			continue
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, m.Params.Meta["_signet"], "", "  "); err != nil {
			return "", fmt.Errorf("reading the receipt that the server got: %w", err)
		}
		return pretty.String(), nil
	}
	return "", errors.New("the server got no call")
}

// demoLog is the only file of the demo's log, and what is in it.
func demoLog(audit string) (file string, content []byte, err error) {
	files, err := filepath.Glob(filepath.Join(audit, "*.jsonl"))
	if err != nil || len(files) == 0 {
		return "", nil, fmt.Errorf("there is no log in %s", audit)
	}
	content, err = os.ReadFile(files[0])
	return files[0], content, err
}

// demoTampered puts something else in the log's place, if a file is named, and
// verifies it: that must fail.
func (c *command) demoTampered(file string, content []byte, home string, flags ...string) error {
	if file != "" {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return err
		}
	}
	var s status
	if err := c.again(append([]string{"--home", home, "verify", "--chain"}, flags...)...); !errors.As(err, &s) || int(s) != exitFailed {
		return fmt.Errorf("it was not noticed: %v", err)
	}
	return nil
}
