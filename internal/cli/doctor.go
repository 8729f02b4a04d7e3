package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/config"
	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/home"
)

const doctorHelp = `signet-wrap doctor: check the home directory, and say what to do

USAGE
  signet-wrap doctor [--key NAME] [--passphrase-file FILE] [--json]

EXAMPLE
  signet-wrap doctor
  signet-wrap doctor --json | jq -r 'select(.state == "repair") | .do'

FLAGS
  --key NAME          the identity that signs (default: as wrapping has it)
  --passphrase-file F file with its passphrase (or $SIGNET_PASSPHRASE)
  --json              one object a line: check, state, says, do; for each
                      setting setting, value and from
  --home DIR          keys and log (default: $SIGNET_HOME or ~/.signet)

Checks who can read the home directory; whether the key opens; whether the log
can be written (in a temporary file), locked and continued; the free space;
the clock; who can read the key and rewrite the log; who else remembers it;
whether hooks record the own tools of clients that are here (docs/HOOKS.md);
and the settings in force (docs/CONFIG.md). It repairs nothing. "signet-wrap
verify --chain" says whether the log is unedited, and "signet-wrap status"
whether your clients' servers are wrapped.

EXIT STATUS
  0 in order, 1 something needs repair, 2 it could not check, or bad usage
`

func (c *command) doctorVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "doctor",
		Usage:              "is this home in order",
		CustomHelpTemplate: doctorHelp,
		Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "key"}, passphraseFileFlag(), &ucli.BoolFlag{Name: "json"}, homeFlag(),
		},
		Action: c.doctor,
	}
}

// finding is what the doctor says of one thing. Its JSON is a line of --json.
type finding struct {
	Check string `json:"check"` // "home", "key", "log", "lock", "end", "disk", "clock", "reads", "writes", "anchor", "heads", "hooks" or "config"
	State string `json:"state"` // "ok", "note" or "repair"
	Says  string `json:"says"`
	Do    string `json:"do,omitempty"` // what repairs or improves it

	// Of "config": a setting, its value in force, and where that comes from.
	Setting string        `json:"setting,omitempty"`
	Value   any           `json:"value,omitempty"`
	From    config.Source `json:"from,omitempty"`
}

func (c *command) doctor(u *ucli.Context) error {
	if err := c.noArgs(u); err != nil {
		return err
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	// What cannot be looked at is not in order, but not to be repaired from here.
	for _, dir := range []string{string(h), h.Audit(), h.Keys().Dir} {
		if _, err := os.ReadDir(dir); errors.Is(err, fs.ErrPermission) {
			return &failure{exitUsage, fmt.Errorf("looking at the home directory: %w", err), durable.Permit(err)}
		}
	}
	flags := make(map[string]string)
	for _, name := range []string{"key", "passphrase-file"} {
		if v := flagUp(u, name); v != "" {
			flags[name] = v
		}
	}
	k := c.doctored(u, h)
	s := inForce(k.wrapping(flags))
	unlock := home.Unlock{Home: h, Key: s.key, File: s.passphraseFile, Getenv: c.Getenv}
	x := examination{home: h, key: s.key, passphrase: unlock.Passphrase}
	x.all()
	x.findings = append(x.findings, c.readsFinding(h, s)...)
	if _, err := os.Stat(h.Audit()); err == nil {
		x.findings = append(x.findings, c.writesFinding(h), c.anchorFinding(h), c.headsFinding(h))
	}
	x.findings = append(x.findings, c.hookFindings(u, h)...)
	x.findings = append(x.findings, k.configFindings(c.SystemConfig, flags, u.Bool("json"))...)

	repairs := 0
	for _, r := range x.findings {
		if r.State == "repair" {
			repairs++
		}
		if !u.Bool("json") {
			c.printFinding(r)
			continue
		}
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.Stdout, "%s\n", line)
	}
	if !u.Bool("json") && repairs == 0 {
		fmt.Fprintf(c.Stdout, "\n%s: %s\n", c.paint(green, "in order"), clean(string(h)))
	} else if !u.Bool("json") {
		fmt.Fprintf(c.Stdout, "\n%s in %s\n", c.paint(red, count(int64(repairs), "thing")+" to repair"), clean(string(h)))
	}
	if repairs > 0 {
		return status(exitFailed)
	}
	return nil
}

// doctored is the configuration of the home that is looked at.
func (c *command) doctored(u *ucli.Context, h home.Dir) *configuration {
	if flagUp(u, "home") != "" {
		return c.configurationOf(h)
	}
	return c.configuration("", c.Getenv)
}

// doctorIndent is where in a line begins what is found.
const doctorIndent = len("check  REPAIR  ")

func (c *command) printFinding(r finding) {
	word := map[string]string{"ok": c.paint(green, "ok    "), "note": c.paint(yellow, "note  "), "repair": c.paint(red, "REPAIR")}[r.State]
	fmt.Fprintf(c.Stdout, "%-6s %s  %s\n", r.Check, word, c.fold(clean(r.Says), doctorIndent))
	if r.Do != "" {
		fmt.Fprintf(c.Stdout, "       do      %s\n", c.fold(clean(r.Do), doctorIndent))
	}
}
