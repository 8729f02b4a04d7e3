package cli

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap"
)

const signHelp = `signet-wrap sign: make a receipt by hand

USAGE
  signet-wrap sign --key N --tool T [--params JSON|@FILE|-] [flags]

EXAMPLE
  signet-wrap sign --key ci-bot --tool deploy --params '{"env":"prod"}'

FLAGS
  --key NAME               the identity that signs (default: default)
  --tool T                 the tool that is called
  --params JSON|@FILE|-    its arguments: as given, in a file, on stdin
  --hash-only              a hash of the arguments instead of the arguments
  --target URI  --session S  --call-id C  --trace-id T  --parent-receipt-id R
                           further members of the receipt
  --output FILE            write the receipt to a new file instead of stdout
  --no-log                 do not record it in the log
  --home DIR               keys and log (default: $SIGNET_HOME or ~/.signet)
  --passphrase-file F      file with the passphrase of the key (or
                           $SIGNET_PASSPHRASE; else you are asked)

The receipt is in the log, and on the disk, before it is printed.

EXIT STATUS
  0 signed, 1 failed, 2 bad usage
`

func (c *command) signVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "sign",
		Usage:              "make a receipt by hand",
		CustomHelpTemplate: signHelp,
		Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "key", Value: home.DefaultKey},
			&ucli.StringFlag{Name: "tool"},
			&ucli.StringFlag{Name: "params"},
			&ucli.BoolFlag{Name: "hash-only"},
			&ucli.StringFlag{Name: "target"},
			&ucli.StringFlag{Name: "session"},
			&ucli.StringFlag{Name: "call-id"},
			&ucli.StringFlag{Name: "trace-id"},
			&ucli.StringFlag{Name: "parent-receipt-id"},
			&ucli.StringFlag{Name: "output"},
			&ucli.BoolFlag{Name: "no-log"},
			homeFlag(), passphraseFileFlag(),
		},
		Action: c.sign,
	}
}

func (c *command) sign(u *ucli.Context) error {
	name, err := c.keyName(u, "key")
	if err != nil {
		return err
	}
	if u.String("tool") == "" {
		return misuse(`see "signet-wrap help sign"`, "--tool is missing")
	}
	h, err := c.home(u)
	if err != nil {
		return err
	}
	output := u.String("output")
	if _, err := os.Lstat(output); output != "" && err == nil { // before anything is recorded
		return fail("a receipt is never written over a file: choose another --output", fmt.Errorf("%s is there already", output))
	}
	params, err := c.params(u)
	if err != nil {
		return err
	}
	signer, err := c.signer(u, h, name)
	if err != nil {
		return err
	}
	draft, err := signer.Prepare(sign.Action{
		Tool:      u.String("tool"),
		Arguments: params,
		HashOnly:  u.Bool("hash-only"),
		Target:    u.String("target"),
		Session:   u.String("session"),
		CallID:    u.String("call-id"),
		TraceID:   u.String("trace-id"),
		ParentID:  u.String("parent-receipt-id"),
	})
	if err != nil {
		return misuse(`for example --params '{"path":"/tmp"}'`, "--params: %w", err)
	}
	receipt, err := c.record(u, h, signer, draft)
	if err != nil {
		return err
	}
	// As logged, with arguments that were signed by their bytes: this receipt
	// is not on its way to a server, which has them already.
	line := append(bytes.Clone(receipt.Record), '\n')
	if output == "" {
		_, err = c.Stdout.Write(line)
	} else {
		err = durable.WriteNew(output, line, 0o644)
	}
	if err != nil {
		return fmt.Errorf("signed %s, but could not write it: %w", receipt.ID, err)
	}
	return nil
}

// params are the arguments that --params gives, nil without it.
func (c *command) params(u *ucli.Context) ([]byte, error) {
	if !u.IsSet("params") {
		return nil, nil
	}
	s := u.String("params")
	path, file := strings.CutPrefix(s, "@")
	if s == "-" {
		path, file = "-", true
	}
	b := []byte(s)
	if file {
		var err error
		if b, err = c.readFile(path, wrap.DefaultMaxCall); err != nil {
			return nil, fmt.Errorf("reading the arguments: %w", err)
		}
	}
	// White space around a value is not a part of it (RFC 8259, section 2).
	// What is left is never nil, which would mean that there are no arguments.
	return append([]byte{}, bytes.Trim(b, " \t\r\n")...), nil
}

// signer opens the key name, asking for its passphrase if need be.
func (c *command) signer(u *ucli.Context, h home.Dir, name string) (*sign.Signer, error) {
	key, err := c.openKey(u, h, name)
	if err != nil {
		return nil, err
	}
	return sign.NewSigner(key, key.Name, key.Owner)
}

// record signs draft, in the log's turn unless there is --no-log.
func (c *command) record(u *ucli.Context, h home.Dir, signer *sign.Signer, draft *sign.Draft) (receipt *sign.Receipt, err error) {
	if u.Bool("no-log") {
		return draft.Sign(time.Now())
	}
	err = c.appendRecord(h, signer, c.policyOf(h), func(at chain.At) ([]byte, error) {
		if receipt, err = draft.SignAt(at.Time, at.Prev); err != nil {
			return nil, err
		}
		return receipt.Record, nil
	})
	if err != nil {
		return nil, fail("--no-log signs without recording", fmt.Errorf("recording the receipt: %w", err))
	}
	return receipt, nil
}
