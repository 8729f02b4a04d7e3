package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/keys"
)

const verifyHelp = `signet-wrap verify: check a receipt, an export, a proof, or the log (--chain)

USAGE
  signet-wrap verify FILE|-  [--pubkey KEY]... [--json]
  signet-wrap verify --chain [--pubkey KEY]... [--online] [--kit FILE] [flags]
  signet-wrap verify FILE.tlog-proof|REPORT.zip [--policy FILE] [--tsa-root F]

EXAMPLE
  signet-wrap verify export.jsonl --pubkey ci-bot.pub
  signet-wrap verify --chain --online --kit kit.json --require witness

FLAGS
  --pubkey KEY   a key whose holder you know: a NAME in the home, a .pub FILE,
                 or ed25519:B64; may be repeated (default: all of the home)
  --trust FILE   who is trusted, until when (default: /etc/signet-wrap/trust)
  --chain        the log: is it unbroken, unedited, signed by known keys, and
                 as the system's log, the store (--store) and witnesses say?
  --against X    and as X says: a head ("sha256:..."), a file of "journalctl
                 -o json", of syslog or of receipts, the directory of another
                 party's log; may be repeated
  --log DIR      the log; again: where days of it are (audit archive --to DIR)
  --online       ask the witnesses, too; --kit FILE of "anchor enroll" will do
  --policy FILE  which log and which witnesses count
  --tsa-root PEM the roots of the time-stamp authority that counts
  --require W    exit 3 unless W (system-log or witness) covers all records; of
                 a witness --max-unanchored D (15m) allows newer records
  --accept ID    accept this loss: the ID of a new_epoch event, a log, a head
                 with all missed before it (ID:N: these are at most N);
                 --remember does, as root, for good (--reason TEXT)
  --hash HASH    the record_hash, for a proof without a receipt
  --json         the findings as JSON
  --home DIR     keys and log (default: $SIGNET_HOME or ~/.signet)

FILE is a receipt, a proof of "prove", a bundle of "audit report", lines of
"audit export", or what comes back from a collector, syslog or a SIEM: of that
it shows what is missing. A receipt is valid if a known key signed it.

EXIT STATUS
  0 valid: all is established
  1 tampered: changed after signing, damaged, or not the log that others know
  2 unchecked: no such file, not a receipt, no records, Ctrl-C, bad usage
  3 unconfirmed: nothing is wrong, but not all is established
`

func (c *command) verifyVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "verify",
		Usage:              "check a receipt, an export, or with --chain the log",
		CustomHelpTemplate: verifyHelp,
		Flags: append([]ucli.Flag{
			&ucli.BoolFlag{Name: "chain"}, &ucli.BoolFlag{Name: "json"}, pubkeyFlag(), homeFlag(),
			&ucli.StringFlag{Name: "policy"}, &ucli.StringFlag{Name: "tsa-root"}, &ucli.StringFlag{Name: "hash"},
		}, slices.Concat(anchorFlags(), systemFlags(), trustFlags())...),
		Action: func(u *ucli.Context) error {
			args := c.args(u)
			switch {
			case u.Bool("chain") && len(args) > 0:
				return misuse("--chain checks the log in --home DIR, or in --log DIR", "--chain takes no arguments (got %q)", args[0])
			case u.Bool("chain"):
				return c.verifyChain(u)
			case u.IsSet("log"):
				return misuse("signet-wrap verify --chain --log DIR", "--log goes with --chain")
			case u.Bool("remember") && len(args) == 0:
				return c.acceptForGood(u)
			case len(args) == 0:
				return misuse("signet-wrap verify FILE, or signet-wrap verify --chain", "verify needs a FILE, or --chain")
			case len(args) > 1:
				return misuse("signet-wrap verify FILE", "verify takes one FILE (got also %q)", args[1])
			}
			return c.verifyFile(u, args[0])
		},
	}
}

// verifyFile verifies a file of whatever kind: package verify knows it by its
// content.
func (c *command) verifyFile(u *ucli.Context, path string) error {
	if isBundle(path) {
		return c.verifyBundle(u, path)
	}
	h, err := c.existingHome(u)
	ring, err := c.keyringOf(u, h, err)
	if err == nil {
		err = c.trust(u, logPlace{home: h, audit: h.Audit()}, &ring)
	}
	if err != nil {
		return err
	}
	ctx, stop := c.interruptible()
	defer stop()
	in, err := c.open(ctx, path)
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("reading the receipt: %w", unread(err)), ""}
	}
	defer in.Close()
	content, start := peek(in, 64)
	if tlog.IsProof(start) {
		return c.verifyProof(u, path, content, ring)
	}
	if isCallList(start) {
		return &failure{exitUsage, fmt.Errorf("%s lists calls (audit --json or --csv, audit export --format json or csv): nothing in it is signed", path),
			"signet-wrap audit export --output FILE, without --format, writes what can be verified"}
	}
	debug.SetGCPercent(50) // of a file of millions of records their hashes are held
	bar := c.progress("verifying")
	receipt, selection, err := verify.CheckFile(ctx, content, path, ring.Keys, verify.Options{Now: time.Now(), Progress: bar.show})
	bar.clear()
	switch other, notReceipt := errors.AsType[*verify.NotReceiptError](err); {
	case selection != nil:
		return c.tellSelection(u, path, selection, ring, err)
	case notReceipt && isPublicKey(other.Content):
		return &failure{exitUsage, fmt.Errorf("%s is a public key, not a receipt", path), "signet-wrap verify RECEIPT.json --pubkey " + path}
	case notReceipt:
		return &failure{exitUsage, fmt.Errorf("%s: %w", path, err), receiptHint(other.Content)}
	case err != nil:
		return &failure{exitUsage, fmt.Errorf("reading the receipt: %s: %w", path, unread(err)), ""}
	}
	if u.Bool("json") {
		if err := c.printJSON(receipt); err != nil {
			return err
		}
	} else {
		c.printReceipt(receipt)
		if receipt.Verdict == verify.Unconfirmed && receipt.SignerUnknown() {
			c.complainOfKeys(ring)
		}
	}
	return exitOf(receipt.Verdict)
}

// isCallList says whether a file begins as what "audit" writes for programs and
// spreadsheets.
func isCallList(start []byte) bool {
	for _, begin := range []string{`{"kind":"call","id":"rec_`, `{"kind":"event","id":"evt_`, "time,tool,server,"} {
		if bytes.HasPrefix(start, []byte(begin)) {
			return true
		}
	}
	return false
}

func (c *command) complainOfKeys(ring keyring) {
	c.complain("the keys known are those "+ring.from, "if a key's owner gave it to you, name it with --pubkey")
}

func (c *command) printJSON(finding any) error {
	line, err := json.Marshal(finding)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Stdout, "%s\n", line)
	return err
}

// exitOf is the exit status of a verdict.
func exitOf(v verify.Verdict) error {
	return map[verify.Verdict]error{
		verify.Valid: nil, verify.Tampered: status(exitFailed), verify.Unchecked: status(exitUsage), verify.Unconfirmed: status(exitUnconfirmed),
	}[v]
}

// receiptHint guesses what was meant by something that is not a receipt.
func receiptHint(b []byte) string {
	var line struct {
		Receipt json.RawMessage
		Params  struct {
			Meta json.RawMessage `json:"_meta"`
		}
	}
	switch json.Unmarshal(b, &line); {
	case line.Receipt != nil:
		return "this is a line of a log: verify --chain checks logs, and `jq .receipt` takes the receipt out"
	case line.Params.Meta != nil:
		return "this is a request: `jq .params._meta._signet` takes the receipt out"
	}
	return ""
}

// isPublicKey says whether b is the content of a .pub file: easily mistaken on
// the command line, and no receipt that somebody tampered with.
func isPublicKey(b []byte) bool {
	_, err := keys.ParsePublic(b)
	return err == nil
}

// printReceipt says it to a person: the verdict, why not more, what is known.
func (c *command) printReceipt(f *verify.Receipt) {
	w := c.Stdout
	switch f.Verdict {
	case verify.Tampered:
		fmt.Fprintf(w, "%s: %s\n", c.paint(red, "tampered"), clean(f.Reasons[0]))
		return
	case verify.Valid:
		var names []string
		for _, s := range f.Signers {
			if s.Known {
				names = append(names, s.KnownAs)
			}
		}
		fmt.Fprintf(w, "%s: unaltered, and signed by a key known here (%s)\n", c.paint(green, "valid"), strings.Join(names, ", "))
	default:
		fmt.Fprintf(w, "%s: nothing in the receipt is wrong, but not all is established\n", c.paint(yellow, "unconfirmed"))
		for _, r := range f.Reasons {
			fmt.Fprintf(w, "  - %s\n", clean(r))
		}
	}
	row := func(name, format string, a ...any) { fmt.Fprintf(w, "  %-10s %s\n", name, fmt.Sprintf(format, a...)) }
	if f.Event != "" {
		row("event", "%s, in the log", clean(f.Event))
	} else {
		on := ""
		if f.Target != "" {
			on = " on " + clean(f.Target)
		}
		row("call", "%s%s", clean(f.Tool), on)
	}
	row("id", "%s, fits the signature", f.ID)
	for _, s := range f.Signers {
		row("signature", "good, of the %s %q: %s", s.Role, clean(s.Name), s.Pubkey)
		if s.Owner != "" {
			row("", "its owner, by its own word: %s", clean(s.Owner))
		}
		switch {
		case s.Known && s.KnownAs != s.Name && !strings.HasPrefix(s.KnownAs, "ed25519:"):
			row("", "the key is known here as %q", s.KnownAs)
		case s.Known:
			row("", "the key is known here")
		default:
			row("", "the key is not known here; its name is its own word only")
		}
	}
	switch f.Params {
	case "match":
		row("arguments", "fit their signed hash")
	case "match as bytes":
		row("arguments", "fit their signed hash, byte for byte as sent")
	case "hash only":
		row("arguments", "not in the receipt, which has only their hash")
	case "none":
		row("arguments", "none")
	}
	row("time", "%s, by the signer's own clock", f.Time)
	if f.Responded != "" {
		row("response", "%s %s", f.Responded, clean(f.Outcome))
	}
	if f.Expires != "" {
		row("expires", "%s", f.Expires)
	}
}
