package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/erase"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/home"
)

const auditEraseHelp = `signet-wrap audit erase: remove arguments that are kept apart from the log

USAGE
  signet-wrap audit erase [filters] [ID...]                     list them
  signet-wrap audit erase [filters] [ID...] --reason TEXT --yes remove them

EXAMPLE
  signet-wrap audit erase --until 30d --reason "kept for 30 days" --yes

FLAGS
  --since T --until T   calls of this time, in the forms of "audit --help"
  --tool S --server S --client S --owner S --where S --via S --grep S
  --signer S --session S --outcome LIST --failed --open
                        the other filters of "audit --help"
  --all                 all calls, if there is no filter and no ID
  --reason TEXT         why, for the event in the log
  --yes                 remove them; else they are only listed
  --dry-run             list them, whatever else is given
  --key NAME            the identity that signs the event (default: default)
  --passphrase-file F   file with the passphrase of the key
  --home DIR            keys and log (default: $SIGNET_HOME or ~/.signet)

Arguments of sessions with --params apart are in <day>.jsonl.params, beside the
log. Signed events say first which calls are meant and why, and not what the
arguments were. The log itself does not change: arguments in it stay. After it
"verify --chain" is exit 3 until the events are accepted from outside (verify
--accept ID --remember, or a trust file), for whoever has the account can sign
one. Copies are not found: backups, exports, what the system's log has.

EXIT STATUS
  0 erased, or listed, or nothing to erase; 1 not or not wholly erased: of
  some calls the arguments are in the log, or no call has one of the IDs;
  2 bad usage
`

func (c *command) auditEraseVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "erase",
		CustomHelpTemplate: auditEraseHelp,
		Flags: append(filterFlags(),
			&ucli.BoolFlag{Name: "all"}, &ucli.StringFlag{Name: "reason"}, &ucli.BoolFlag{Name: "yes"}, &ucli.BoolFlag{Name: "dry-run"},
			&ucli.StringFlag{Name: "key"}, homeFlag(), passphraseFileFlag()),
		Action: c.auditErase,
	}
}

func (c *command) auditErase(u *ucli.Context) error {
	filter, err := auditFilter(u, time.Now())
	if err != nil {
		return err
	}
	var only map[string]bool
	for _, id := range c.args(u) {
		if _, ok := history.ParseID(id); !ok {
			return misuse("rec_ and 32 hex digits, as `signet-wrap audit --json` has them", "%q is not the ID of a call", id)
		}
		if only == nil {
			only = map[string]bool{}
		}
		only[id] = true
	}
	do := u.Bool("yes") && !u.Bool("dry-run")
	asked := only != nil
	for _, f := range filterFlags() {
		asked = asked || u.IsSet(f.Names()[0])
	}
	switch {
	case !asked && !u.Bool("all"):
		return misuse("--all is for every call in the log", "which calls? There is no filter, and no ID")
	case asked && u.Bool("all"):
		return misuse("", "--all does not go with a filter or an ID")
	case do && strings.TrimSpace(u.String("reason")) == "":
		return misuse("for the event in the log", "--reason TEXT is missing")
	case len(u.String("reason")) > maxReason:
		return misuse("a sentence will do", "--reason is longer than %d bytes", maxReason)
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	p, err := c.findErasable(h, filter, only)
	if err != nil {
		return err
	}
	if !do {
		c.listErasable(p)
		return c.notFound(p)
	}
	if len(p.Calls) > 0 {
		err = c.erase(u, h, p)
	} else {
		c.complain(nothingToErase, "")
	}
	if err == nil {
		err = c.notErased(p)
	}
	if err == nil {
		err = c.notFound(p)
	}
	return err
}

// notFound says which IDs are of no call that was found.
func (c *command) notFound(p *erase.Plan) error {
	if len(p.Absent) == 0 {
		return nil
	}
	names := strings.Join(p.Absent[:min(len(p.Absent), maxShown)], " ")
	if len(p.Absent) > maxShown {
		names += " ..."
	}
	return fail("signet-wrap audit --json --limit all has the IDs of all calls; days that were moved are not searched",
		fmt.Errorf("the log has no such call: %s", names))
}

// maxReason is the maximum length of a reason, in bytes.
const maxReason = 1000

func (c *command) findErasable(h home.Dir, filter history.Filter, only map[string]bool) (*erase.Plan, error) {
	ctx, stop := c.interruptible()
	defer stop()
	bar := c.progress("searching")
	defer bar.clear()
	log, err := chain.TakeSnapshot(h.Audit())
	if err != nil {
		return nil, fmt.Errorf("searching the log: %w", err)
	}
	p, err := erase.Find(ctx, log, filter, only, h.Knows, bar.show)
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return nil, errors.New("interrupted: nothing was erased")
	case err != nil:
		return nil, fmt.Errorf("searching the log: %w", err)
	case p.Bad != nil:
		c.complain(fmt.Sprintf("the log cannot be read as a whole: %v", p.Bad), "signet-wrap verify --chain")
	}
	return p, nil
}

// listErasable says what would be erased.
func (c *command) listErasable(p *erase.Plan) {
	if len(p.Calls) > 0 {
		fmt.Fprintf(c.Stdout, "%s would be erased:\n", arguments(int64(len(p.Calls))))
	}
	for i, call := range p.Calls {
		if i == maxShown {
			fmt.Fprintf(c.Stdout, "  and %s more\n", count(int64(len(p.Calls)-i), "call"))
			break
		}
		fmt.Fprintf(c.Stdout, "  %s  %s  %s  %s\n", formatTime(call.Time), brief(call.Tool), brief(call.Target), call.ID)
	}
	if p.InLog > 0 {
		fmt.Fprintf(c.Stdout, "%s are in the log itself, where they stay\n", arguments(p.InLog))
	}
	if len(p.Calls) == 0 {
		c.complain(nothingToErase, "")
	} else {
		c.complain("nothing was erased: --reason TEXT --yes erases them", "")
	}
}

const nothingToErase = "no arguments of such calls are kept apart from the log: nothing to erase"

func arguments(calls int64) string { return "the arguments of " + count(calls, "call") }

// erase signs the events and then removes the arguments.
func (c *command) erase(u *ucli.Context, h home.Dir, p *erase.Plan) error {
	write, err := c.eventLog(u, h)
	if err != nil {
		return err
	}
	if write == nil {
		return errors.New("the log belongs to another user: its owner erases in it")
	}
	events := p.Events(u.String("reason"))
	for _, e := range events {
		if err := write(e); err != nil {
			return fmt.Errorf("nothing was erased: %w", err)
		}
	}
	removed, err := p.Remove(h.Audit())
	if err != nil {
		return fail("run it again: it goes on where it was", fmt.Errorf("%s were removed, and then: %w", count(removed, "line"), err))
	}
	fmt.Fprintf(c.Stdout, "%s were erased; the log has %s about it\n", arguments(int64(len(p.Calls))), count(int64(len(events)), "new event"))
	c.complain(`"signet-wrap verify --chain" names the events, and is exit 3 until they are accepted from outside of this account or were signed by a maintenance key`, `docs/OPERATIONS.md, "Erasing arguments"`)
	return nil
}

// notErased says which calls have their arguments in the log.
func (c *command) notErased(p *erase.Plan) error {
	if p.InLog == 0 {
		return nil
	}
	for _, v := range p.Logged {
		fmt.Fprintf(c.Stderr, "  %s  %s  %s  %s\n", formatTime(v.Time), brief(v.Tool), brief(v.Target), v.ID)
	}
	return fail("--params apart keeps arguments of later calls where they can be erased",
		fmt.Errorf("%s are in the log itself, where they cannot be erased", arguments(p.InLog)))
}
