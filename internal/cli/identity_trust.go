package cli

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/sshagent"
	"github.com/signet-wrap/signet-wrap/keys"
)

const trustHelp = `signet-wrap identity trust: who is trusted to sign, and until when

USAGE
  signet-wrap identity trust add --principal P KEY [--trust FILE] [flags]
  signet-wrap identity trust list [--trust FILE] [--json]
  signet-wrap identity trust remove P|KEY [--trust FILE]

EXAMPLE
  sudo signet-wrap identity trust add --principal alice@example.com alice.pub
  sudo signet-wrap identity trust add --principal alice@example.com alice.pub \
    --valid-before 20261129120000Z
  signet-wrap verify --chain --trust FILE

KEY is a NAME in the home, a .pub FILE, a FILE of ssh-keygen, or ed25519:B64.

FLAGS
  --trust FILE      which file (default: /etc/signet-wrap/trust)
  --principal P     who holds the key, as verify prints it
  --valid-after T   records that claim an earlier time are not trusted
  --valid-before T  nor are those that no anchor has seen by then: closes a key
                    that leaked; T is YYYYMMDD[HHMM[SS]], with Z in UTC
  --maintenance     its events may accept that records are gone
  --home DIR        keys and log (default: $SIGNET_HOME or ~/.signet)

The file is one of ssh-keygen's allowed_signers; other lines in it stay as they
are. "add" replaces the line of the same principal and key. A trust file counts
where the account whose log is verified cannot write it.

EXIT STATUS
  0 done, 1 failed, 2 bad usage
`

func (c *command) trustVerb() *ucli.Command {
	verb := func(name string, action ucli.ActionFunc, flags ...ucli.Flag) *ucli.Command {
		return &ucli.Command{
			Name: name, CustomHelpTemplate: trustHelp,
			Flags: append(flags, &ucli.StringFlag{Name: "trust"}, homeFlag()), Action: action,
		}
	}
	str := func(name string) ucli.Flag { return &ucli.StringFlag{Name: name} }
	return &ucli.Command{
		Name: "trust", CustomHelpTemplate: trustHelp,
		Action: func(u *ucli.Context) error {
			if a := c.args(u); len(a) > 0 {
				return noSuchVerb(u.App.Commands, "identity trust", a[0], `see "signet-wrap help identity trust"`)
			}
			fmt.Fprint(c.Stdout, trustHelp)
			return nil
		},
		Subcommands: []*ucli.Command{
			verb("add", c.trustAdd, str("principal"), str("valid-after"), str("valid-before"), &ucli.BoolFlag{Name: "maintenance"}),
			verb("list", c.trustList, &ucli.BoolFlag{Name: "json"}),
			verb("remove", c.trustRemove),
		},
	}
}

// readTrust reads the trust file that the command line names. One that is not there
// is empty.
func (c *command) readTrust(u *ucli.Context) (path string, b []byte, lines []keys.TrustLine, err error) {
	path = trustFile
	if given := u.String("trust"); given != "" {
		if path, err = home.Expand(given); err != nil {
			return path, nil, nil, err
		}
	}
	b, err = c.readFile(path, keys.MaxTrust)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil, nil, nil
	}
	if err == nil {
		lines, err = keys.ParseTrust(b)
	}
	if err != nil {
		return path, nil, nil, fmt.Errorf("the trust file %s: %w", path, err)
	}
	return path, b, lines, nil
}

// writeTrust puts a trust file in the place of what it was.
func (c *command) writeTrust(path string, before, after []byte) (err error) {
	if _, err := keys.ParseTrust(after); err != nil { // before anything is changed
		return err
	}
	if before == nil {
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = durable.WriteNew(path, after, 0o644)
		}
	} else {
		_, err = durable.Replace(path, before, after)
	}
	if do := durable.Permit(err); do != "" {
		return fail(do, err)
	}
	return err
}

// trustKey finds the key that an argument means.
func (c *command) trustKey(u *ucli.Context, arg string) (ed25519.PublicKey, error) {
	h, _ := c.home(u)
	p, _, err := c.pubkey(h, arg)
	if err == nil {
		return p.Key, nil
	}
	// A file of ssh-keygen, or such a line.
	b, rerr := c.readFile(arg, 64<<10)
	if rerr != nil {
		b = []byte(arg)
	}
	fields := strings.Fields(string(b))
	if i := slices.Index(fields, "ssh-ed25519"); i >= 0 && i+1 < len(fields) {
		if blob, berr := base64.StdEncoding.DecodeString(fields[i+1]); berr == nil {
			if key, ok := sshagent.ParseBlob(blob); ok {
				return key, nil
			}
		}
	}
	return nil, &failure{exitUsage, fmt.Errorf("the key %q: %w", arg, err), "a NAME in the home, a .pub FILE, a FILE of ssh-keygen, or ed25519:B64"}
}

func (c *command) trustAdd(u *ucli.Context) error {
	args := c.args(u)
	if len(args) != 1 || u.String("principal") == "" {
		return misuse(fmt.Sprintf("see %q", helpCommand(u)), "one KEY and --principal are needed")
	}
	l := keys.TrustLine{Principals: strings.Split(u.String("principal"), ","), Maintenance: u.Bool("maintenance")}
	for _, x := range []struct {
		flag string
		to   *time.Time
	}{{"valid-after", &l.After}, {"valid-before", &l.Before}} {
		if s := u.String(x.flag); s != "" {
			at, err := keys.ParseTrustTime(s)
			if err != nil {
				return misuse("for example 20261129120000Z", "--%s: %w", x.flag, err)
			}
			*x.to = at
		}
	}
	var err error
	if l.Key, err = c.trustKey(u, args[0]); err != nil {
		return err
	}
	line := keys.FormatTrust(l)
	if _, err := keys.ParseTrust([]byte(line)); err != nil {
		return misuse("a name such as alice@example.com, and --valid-after before --valid-before", "%s", strings.TrimPrefix(err.Error(), "line 1: "))
	}
	path, before, lines, err := c.readTrust(u)
	if err != nil {
		return err
	}
	same := func(o keys.TrustLine) bool { return o.Key.Equal(l.Key) && slices.Equal(o.Principals, l.Principals) }
	after, replaced := withoutLines(before, lines, same)
	if len(after) > 0 && after[len(after)-1] != '\n' {
		after = append(after, '\n')
	}
	if err := c.writeTrust(path, before, append(after, line+"\n"...)); err != nil {
		return err
	}
	done := "added to"
	if replaced > 0 {
		done = "replaced in"
	}
	fmt.Fprintf(c.Stdout, "%s %s: %s\n", done, clean(path), clean(line))
	return nil
}

// withoutLines is a trust file without some of its lines, and how many those were.
func withoutLines(b []byte, lines []keys.TrustLine, drop func(keys.TrustLine) bool) (after []byte, dropped int) {
	gone := map[int]bool{}
	for _, l := range lines {
		if drop(l) {
			gone[l.Number] = true
		}
	}
	number := 0
	for line := range bytes.Lines(b) {
		if number++; !gone[number] {
			after = append(after, line...)
		}
	}
	return after, len(gone)
}

func (c *command) trustRemove(u *ucli.Context) error {
	args := c.args(u)
	if len(args) != 1 {
		return misuse(fmt.Sprintf("see %q", helpCommand(u)), "one principal or key is needed")
	}
	path, before, lines, err := c.readTrust(u)
	if err != nil {
		return err
	}
	meant := func(l keys.TrustLine) bool { return slices.Contains(l.Principals, args[0]) }
	if !slices.ContainsFunc(lines, meant) {
		if key, kerr := c.trustKey(u, args[0]); kerr == nil {
			meant = func(l keys.TrustLine) bool { return l.Key.Equal(key) }
		}
	}
	after, dropped := withoutLines(before, lines, meant)
	if dropped == 0 {
		return fail("see `signet-wrap identity trust list`", fmt.Errorf("%s has no line of %q", path, args[0]))
	}
	if err := c.writeTrust(path, before, after); err != nil {
		return err
	}
	fmt.Fprintf(c.Stdout, "removed from %s: %s\n", clean(path), count(int64(dropped), "line"))
	return nil
}

// trusted is a line of `identity trust list --json`.
type trusted struct {
	Line        int      `json:"line"`
	Principals  []string `json:"principals"`
	Pubkey      string   `json:"pubkey"` // as in receipts
	Fingerprint string   `json:"fingerprint"`
	ValidAfter  string   `json:"valid_after,omitempty"`
	ValidBefore string   `json:"valid_before,omitempty"`
	Maintenance bool     `json:"maintenance,omitempty"`
}

func (c *command) trustList(u *ucli.Context) error {
	if err := c.noArgs(u); err != nil {
		return err
	}
	path, before, lines, err := c.readTrust(u)
	if err != nil {
		return err
	}
	if before == nil {
		c.complain("there is no "+path, "signet-wrap identity trust add --principal P KEY")
		return nil
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return formatTime(t)
	}
	t := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	if !u.Bool("json") && len(lines) > 0 {
		fmt.Fprintln(t, "PRINCIPALS\tVALID AFTER\tVALID BEFORE\tPUBLIC KEY")
	}
	for _, l := range lines {
		if u.Bool("json") {
			b, err := json.Marshal(trusted{l.Number, l.Principals, formatKey(l.Key), sshagent.Fingerprint(l.Key), at(l.After), at(l.Before), l.Maintenance})
			if err != nil {
				return err
			}
			fmt.Fprintf(c.Stdout, "%s\n", b)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", brief(strings.Join(l.Principals, ",")), cmp.Or(at(l.After), "-"), cmp.Or(at(l.Before), "-"), formatKey(l.Key))
	}
	return t.Flush()
}
