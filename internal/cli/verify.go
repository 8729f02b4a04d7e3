package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
)

const verifyHelp = `signet-wrap verify: check a receipt, or with --chain the whole log

USAGE
  signet-wrap verify RECEIPT.json|-  [--pubkey KEY]... [--json]
  signet-wrap verify --chain         [--pubkey KEY]... [--json]

EXAMPLE
  signet-wrap verify receipt.json --pubkey ci-bot.pub
  signet-wrap verify --chain

FLAGS
  --pubkey KEY   a key that you know to be its owner's: a NAME in the home
                 folder, a .pub FILE, or ed25519:B64; may be repeated.
                 Default: all keys in the home folder
  --chain        the log: is it whole, unedited, and signed by keys you know?
  --json         the findings as JSON
  --home DIR     keys and log (default: $SIGNET_HOME or ~/.signet)

Anybody can make a receipt that agrees with itself. It is valid if one of the
keys that you know signed it. What a receipt says was asked for then was asked
for by the holder of that key; its time is by their clock. Ctrl-C ends --chain,
which says what was found so far.

EXIT STATUS
  0 valid: all is established
  1 tampered: what was signed is not what is there, or the log is damaged
  2 unchecked: no such file, not a receipt, no records, Ctrl-C, bad usage
  3 unconfirmed: nothing is wrong, but not all is established (a signer is not
    known, the receipt has expired, ...)
`

func (c *command) verifyVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "verify",
		Usage:              "check a receipt, or with --chain the whole log",
		CustomHelpTemplate: verifyHelp,
		OnUsageError:       usageError,
		HideHelpCommand:    true,
		Flags:              []ucli.Flag{&ucli.BoolFlag{Name: "chain"}, &ucli.BoolFlag{Name: "json"}, pubkeyFlag(), homeFlag()},
		Action: func(u *ucli.Context) error {
			args := c.args(u)
			switch {
			case u.Bool("chain") && len(args) > 0:
				return misuse("--chain checks the log in --home DIR", "there is no place for %q beside --chain", args[0])
			case u.Bool("chain"):
				return c.verifyChain(u)
			case len(args) == 0:
				return misuse("signet-wrap verify RECEIPT.json, or signet-wrap verify --chain", "what is to be verified is missing")
			case len(args) > 1:
				return misuse("verify takes one receipt", "there is no place for %q", args[1])
			}
			return c.verifyReceipt(u, args[0])
		},
	}
}

// finding is what verifying one receipt came to. Its JSON is the answer of
// --json.
type finding struct {
	Verdict string   `json:"verdict"`           // "valid", "tampered" or "unconfirmed"
	Reasons []string `json:"reasons,omitempty"` // why it is not valid

	ID        string          `json:"id,omitempty"`
	Version   int             `json:"v,omitempty"`
	Event     string          `json:"event,omitempty"` // type, for an event of the log
	Tool      string          `json:"tool,omitempty"`
	Target    string          `json:"target,omitempty"`
	Params    string          `json:"params,omitempty"` // "match", "match as bytes", "hash only" or "none"
	Time      string          `json:"time,omitempty"`   // by the signer's clock
	Expires   string          `json:"expires,omitempty"`
	Expired   bool            `json:"expired"`
	Responded string          `json:"responded,omitempty"`
	Outcome   string          `json:"outcome,omitempty"`
	Signers   []findingSigner `json:"signers,omitempty"`
}

type findingSigner struct {
	Role    string `json:"role"`
	Name    string `json:"name"` // what it calls itself
	Owner   string `json:"owner,omitempty"`
	Pubkey  string `json:"pubkey"`
	Known   bool   `json:"known"`
	KnownAs string `json:"known_as,omitempty"` // what it is called here
}

func (c *command) verifyReceipt(u *ucli.Context, path string) error {
	ring, err := c.keyring(u)
	if err != nil {
		return err
	}
	b, err := c.readFile(path, sign.MaxReceipt)
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("reading the receipt: %w", err), ""}
	}
	v, err := sign.Verify(b)
	var invalid *sign.InvalidError
	var f finding
	switch {
	case errors.As(err, &invalid) && isPublicKey(b):
		return &failure{exitUsage, fmt.Errorf("%s is a public key, not a receipt", path), "signet-wrap verify RECEIPT.json --pubkey " + path}
	case errors.As(err, &invalid):
		f = finding{Verdict: "tampered", Reasons: []string{invalid.Reason}}
	case err != nil:
		return &failure{exitUsage, fmt.Errorf("%s: %w", path, err), receiptHint(b)}
	default:
		f = judge(v, ring, time.Now())
	}
	if u.Bool("json") {
		line, err := json.Marshal(f)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.Stdout, "%s\n", line)
	} else {
		c.printFinding(f)
		if f.Verdict == "unconfirmed" && ring.unknown(v) {
			c.complain("the keys known are those "+ring.from, "if a key's owner gave it to you, name it with --pubkey")
		}
	}
	return map[string]error{"valid": nil, "tampered": status(exitFailed), "unconfirmed": status(exitUnconfirmed)}[f.Verdict]
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

// unknown says whether one who signed is not in the keyring.
func (k keyring) unknown(v *sign.Verified) bool {
	for _, s := range v.Signers {
		if _, known := k.name(s.Key); !known {
			return true
		}
	}
	return false
}

// judge says what is established by a receipt whose signatures are good.
func judge(v *sign.Verified, ring keyring, now time.Time) finding {
	f := finding{
		Verdict: "valid", Reasons: v.Doubts,
		ID: v.ID, Version: v.Version, Event: v.Type, Tool: v.Tool, Target: v.Target,
		Time: formatTime(v.Time), Expired: v.Expired(now), Outcome: v.Outcome.Status,
	}
	if !v.Expires.IsZero() {
		f.Expires = formatTime(v.Expires)
	}
	if !v.Responded.IsZero() {
		f.Responded = formatTime(v.Responded)
	}
	if v.Type == "" {
		f.Params = paramsFinding(v)
	}
	vouched := false // by a root that is known; sign.Verify has checked its delegations
	for _, s := range v.Signers {
		name, known := ring.name(s.Key)
		f.Signers = append(f.Signers, findingSigner{s.Role, s.Name, s.Owner, formatKey(s.Key), known, name})
		if !known && !vouched {
			f.Reasons = append(f.Reasons, fmt.Sprintf("the key of the %s, who calls itself %q, is not known here: anybody can make such a receipt", s.Role, s.Name))
		}
		vouched = vouched || known && s.Role == "root" // it comes first
	}
	if f.Expired {
		f.Reasons = append(f.Reasons, "it expired at "+f.Expires)
	}
	if len(f.Reasons) > 0 {
		f.Verdict = "unconfirmed"
	}
	return f
}

// paramsFinding is what is established about the arguments. sign.Verify has
// compared them with their hash.
func paramsFinding(v *sign.Verified) string {
	switch {
	case v.Exact:
		return "match as bytes"
	case v.Apart:
		return "match"
	case v.HashOnly:
		return "hash only"
	case v.Params == nil:
		return "none"
	}
	return "match"
}

// printFinding says it to a person: the verdict, why not more, what is known.
func (c *command) printFinding(f finding) {
	w := c.Stdout
	switch f.Verdict {
	case "tampered":
		fmt.Fprintf(w, "%s: %s\n", c.paint(red, "tampered"), clean(f.Reasons[0]))
		return
	case "valid":
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
