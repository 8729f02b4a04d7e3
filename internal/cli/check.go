package cli

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/wrap/check"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

const checkHelp = `signet-wrap check: stand in front of a server, verify the receipts of calls

USAGE
  signet-wrap check [flags] -- COMMAND [ARG...]

EXAMPLE
  signet-wrap check --trust agents.trust --missing refuse -- npx SERVER

FLAGS
  --trust FILE     whose receipts count: a trust file ("help identity trust")
                   (default: /etc/signet-wrap/trust, else the keys of the home)
  --pubkey KEY     a key whose receipts count, too: a NAME in the home, a .pub
                   FILE or ed25519:B64; may be repeated
  --target URI     only receipts for this target count; the name in the log
  --max-age D      how old a receipt may be (default: 5m, 24h at most)
  --missing log|allow|refuse
                   what happens to calls without a receipt (default: log)
  --cosign         sign the responses, too, for the clients' logs
  --home DIR       keys, log and receipts that were used (default: $SIGNET_HOME
                   or ~/.signet)

The other flags are those of wrapping ("signet-wrap help wrap"): --key,
--params, --hash-only, --hash-only-tool, --mask-secrets, --fail-open, --sync,
--outcomes, --environment, --system-log, --meta-key, --max-call,
--passphrase-file, --verbose.

A call passes, unchanged, if its receipt is what a trusted key signed, is for
this tool with exactly these arguments, is fresh, and was not used before. If
not, the client gets an error whose data.reason says why, the log an event, and
the server nothing. What passes is logged as a wrapper does, by a key of this
side.

EXIT STATUS
  the server's own; 127 COMMAND not found, 126 not executable, 125 own failure
`

// checkFlags are the flags of check besides those of wrapping.
var checkFlags = []wrapFlag{
	{"trust", "FILE", "", "", func(s *wrapSettings, v string) error {
		if s.check.trust = v; v == "" {
			return misuseOfWrap("leave it out for the system's", "--trust must not be empty")
		}
		return nil
	}},
	{"pubkey", "KEY", "", "", func(s *wrapSettings, v string) error { s.check.pubkeys = strings.Split(v, "\n"); return nil }},
	{"max-age", "D", "", "", func(s *wrapSettings, v string) (err error) {
		if s.check.maxAge, err = time.ParseDuration(v); err != nil || s.check.maxAge <= 0 || s.check.maxAge > check.MaxMaxAge {
			return misuseOfWrap("for example 5m or 90s, and 24h at most", "--max-age %q is not a time that a receipt may be old", v)
		}
		return nil
	}},
	{"cosign", "", "", "", func(s *wrapSettings, v string) error { s.Cosign = v == "true"; return nil }},
	{"missing", "M", "", "", func(s *wrapSettings, v string) error {
		m, ok := map[string]check.Missing{"allow": check.MissingAllow, "log": check.MissingLog, "refuse": check.MissingRefuse}[v]
		if s.check.missing = m; !ok {
			return misuseOfWrap("log and allow let calls without a receipt pass, refuse does not", "--missing takes allow, log or refuse, not %q", v)
		}
		return nil
	}},
}

// checkSettings are what the flags of check say.
type checkSettings struct {
	trust   string
	pubkeys []string
	maxAge  time.Duration
	missing check.Missing
}

func (c *command) checkVerb() *ucli.Command {
	return &ucli.Command{
		Name:               checkName,
		Usage:              "stand in front of a server, verify the receipts of calls",
		CustomHelpTemplate: checkHelp,
		Flags:              cliFlags(flagsOfVerb(checkName)),
		Action: func(u *ucli.Context) error {
			return misuse("signet-wrap check [flags] -- COMMAND [ARG...]", `the server's command is missing, and the "--" before it`)
		},
	}
}

const checkName = "check"

// checker is what decides in a check which calls pass. If what it needs cannot be had,
// no call passes.
func (c *command) checker(h home.Dir, s *wrapSettings) (*check.Checker, error) {
	if s.MetaKey == record.NoMetaKey {
		return nil, misuseOfWrap("it names the member that the clients' wrappers put receipts in", "a check cannot read receipts from --meta-key none")
	}
	trust, err := c.checkTrust(h, s)
	if err != nil {
		return nil, err
	}
	return check.New(check.Options{
		Trust: trust, Replays: h.Replays(), Target: s.Target, MaxAge: s.check.maxAge, Missing: s.check.missing,
	})
}

// checkTrust says whose receipts count: as for verify, but who starts the check is
// taken at their word.
func (c *command) checkTrust(h home.Dir, s *wrapSettings) (check.Trust, error) {
	var all []check.Trust
	var named []ed25519.PublicKey
	for _, n := range s.check.pubkeys {
		p, _, err := c.pubkey(h, n)
		if err != nil {
			return nil, misuseOfWrap("a NAME in the home directory, a .pub FILE, or ed25519:B64 as in receipts", "--pubkey %q: %w", n, err)
		}
		named = append(named, p.Key)
	}
	if named != nil {
		all = append(all, check.Keys(named...))
	}
	path, err := s.check.trust, error(nil)
	if path != "" {
		if path, err = home.Expand(path); err != nil {
			return nil, misuseOfWrap("", "--trust: %w", err)
		}
		if _, err := os.Stat(path); err != nil {
			c.complain(fmt.Sprintf("the trust file: %v: until it is there, no call passes", err), "")
		}
	}
	_, err = os.Stat(trustFile)
	system := !errors.Is(err, fs.ErrNotExist)
	switch {
	case path != "":
		all = append(all, check.TrustFile(path))
	case system:
		all = append(all, systemTrust)
	case named == nil:
		all = append(all, keysOf(h))
	}
	return check.AnyOf(all...), nil
}

// systemTrust is the trust of the system's file, which counts only if root alone can
// write it.
func systemTrust(key ed25519.PublicKey, at, now time.Time) (string, error) {
	b, err := readRoots(trustFile, keys.MaxTrust)
	if err == nil && b == nil {
		err = fs.ErrNotExist // it was there at the start
	}
	if err != nil {
		return "", fmt.Errorf("the trust file %s: %w", trustFile, err)
	}
	lines, err := keys.ParseTrust(b)
	if err != nil {
		return "", fmt.Errorf("the trust file %s: %w", trustFile, err)
	}
	return check.Granted(lines, key, at, now)
}

// keysOf trusts the keys in a home, but for those that were retired.
func keysOf(h home.Dir) check.Trust {
	var mu sync.Mutex
	var read time.Time
	known := map[string]string{}
	return func(key ed25519.PublicKey, _, _ time.Time) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(read) > time.Second {
			list, _ := h.Keys().List() // without those that cannot be read
			clear(known)
			for _, p := range list {
				known[string(p.Key)] = p.Name
			}
			read = time.Now()
		}
		if name, ok := known[string(key)]; ok {
			return name, nil
		}
		return "", check.ErrUnknownKey
	}
}
