package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/verify"
)

// defaultUnanchored is how old what is not anchored may be with --require witness.
const defaultUnanchored = 15 * time.Minute

// anchorFlags are those of verify --chain about anchors.
func anchorFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.BoolFlag{Name: "online"}, &ucli.StringFlag{Name: "store"}, &ucli.StringFlag{Name: "kit"},
		&ucli.DurationFlag{Name: "max-unanchored"}, &ucli.StringSliceFlag{Name: "require"}, &ucli.StringSliceFlag{Name: "accept"},
	}
}

// anchors gathers what is known from outside the log about how far it went: from
// the store, a kit and, with --online, the witnesses.
func (c *command) anchors(ctx context.Context, u *ucli.Context, h home.Dir, accept []string) (*verify.Anchors, error) {
	a, err := c.wanted(u, accept)
	if err != nil {
		return nil, err
	}
	given, roots, err := c.givenPolicy(u)
	if err != nil {
		return nil, err
	}
	dir, inHome := c.store(u, h)
	a.Given = u.IsSet("store")
	a.Trusted = given != nil || a.Given || u.IsSet("kit")

	peers, newest, err := c.kit(u, a, &given)
	if err != nil {
		return nil, err
	}
	var s *anchor.Store
	var claims []anchor.Claim
	if h != "" || a.Given {
		s, err = anchor.Open(dir)
	}
	if err == nil && s != nil {
		claims, err = s.Claims(given, roots)
	}
	switch {
	case err == nil && s == nil: // of the log of --log, no store is known
	case errors.Is(err, anchor.ErrNoStore) && (a.Given || !inHome):
		a.Store, a.Why = "absent", err.Error()
	case errors.Is(err, anchor.ErrNoStore):
		if _, lerr := os.Lstat(dir); lerr == nil {
			a.Store, a.Why = "unreadable", "it has no policy"
		}
	case err != nil:
		a.Store, a.Why = "unreadable", err.Error()
	default:
		a.Store = "present"
		if peers == nil {
			peers = s
		}
		if a.Policy.IsZero() {
			a.Origin, a.Policy = s.Policy.Log.Name(), s.PolicyHash()
		}
		for _, f := range s.Refusals() {
			a.Refused = append(a.Refused, verify.Refused{Kind: string(f.Kind), By: f.By, Origin: f.Origin, Size: f.Size, Enough: f.Proven})
		}
		for _, cl := range claims {
			root := cl.Root
			by := verify.Claim{By: "store", Origin: cl.Origin, Size: cl.Size, Root: &root, Quorum: cl.Quorum, Since: cl.Since, Stamped: cl.Stamped}
			for _, w := range cl.Cosignatures {
				by.Witnesses = append(by.Witnesses, w.Witness)
			}
			a.Claims = append(a.Claims, by)
			if cl.Origin == a.Origin && (newest == nil || cl.Size > newest.Size) {
				newest = cl.Signed
			}
		}
	}
	if given != nil && a.Origin == "" {
		a.Origin = given.Log.Name()
	}
	if !u.Bool("online") {
		return a, nil
	}
	if peers == nil || newest == nil {
		return nil, &failure{exitUsage, errors.New("--online: there is no checkpoint to ask the witnesses with"), `give --kit FILE or --store DIR; "signet-wrap anchor enroll" makes a kit`}
	}
	a.Enough = peers.Policy.Enough
	asked, err := peers.Ask(ctx, newest)
	if err != nil {
		return nil, &failure{exitUsage, fmt.Errorf("--online: %w", err), ""}
	}
	for _, w := range asked {
		said := verify.Asked{Name: w.Name, Size: w.Size, Fork: w.Fork}
		if w.Err != nil {
			said.Size, said.Error = -1, w.Err.Error()
		}
		a.Asked = append(a.Asked, said)
	}
	return a, nil
}

// wanted is what is asked of anchors, and nothing that is known of them yet.
func (c *command) wanted(u *ucli.Context, accept []string) (*verify.Anchors, error) {
	a := &verify.Anchors{MaxUnanchored: u.Duration("max-unanchored"), Accept: accept, Require: required(u, "witness")}
	for _, r := range u.StringSlice("require") {
		if r != "witness" && r != requireSystem {
			return nil, misuse("--require witness or --require system-log", "--require takes no %q", r)
		}
	}
	switch {
	case a.MaxUnanchored < 0:
		return nil, misuse("for example 15m", "--max-unanchored %s", a.MaxUnanchored)
	case a.Require && !u.IsSet("max-unanchored"):
		a.MaxUnanchored = defaultUnanchored
	}
	return a, nil
}

// requireSystem is what --require calls the system's log.
const requireSystem = "system-log"

func required(u *ucli.Context, what string) bool {
	return slices.Contains(u.StringSlice("require"), what)
}

// givenPolicy is what --policy and --tsa-root name; nil for what is not given.
func (c *command) givenPolicy(u *ucli.Context) (*tlog.Policy, []byte, error) {
	roots, err := c.tsaRoots(u)
	if err != nil || u.String("policy") == "" {
		return nil, roots, err
	}
	p, _, err := c.policy(u)
	return p, roots, err
}

// kit reads the kit of --kit, adds what it claims to a, and returns whom to ask,
// and with what; nil without one.
func (c *command) kit(u *ucli.Context, a *verify.Anchors, given **tlog.Policy) (*anchor.Store, *tlog.Signed, error) {
	path := u.String("kit")
	if path == "" {
		return nil, nil, nil
	}
	b, err := c.readFile(path, anchor.MaxKit)
	if err != nil {
		return nil, nil, &failure{exitUsage, fmt.Errorf("--kit: %w", err), ""}
	}
	s, cp, err := anchor.ParseKit(b)
	if err != nil {
		return nil, nil, &failure{exitUsage, fmt.Errorf("--kit %s: %w", path, err), ""}
	}
	if *given == nil {
		*given = s.Policy
	}
	a.Origin, a.Policy = cp.Origin, s.PolicyHash()
	a.Claims = append(a.Claims, verify.Claim{By: "kit", Origin: cp.Origin, Size: cp.Size, Root: &cp.Root, Quorum: cp.Quorum, Since: cp.Since})
	return s, cp, nil
}

// printAnchored says to a person up to where others have seen the log.
func (c *command) printAnchored(row func(name, format string, a ...any), a *verify.Anchored) {
	for _, x := range a.Contradictions {
		what := map[string]string{"rollback": "the log is shorter", "fork": "the log is a different one"}[x.Kind]
		accepted := ""
		if x.Accepted != "" {
			accepted = ", accepted by " + x.Accepted
		}
		if x.Kind == "fork" && strings.HasPrefix(x.By, "witness ") { // which one it knows, it does not say
			row("", "fork: %s has cosigned another log as %s than this one of %s (%s now)%s", x.By, x.Origin, count(x.Size, "record"), grouped(x.Records), accepted)
			continue
		}
		row("", "%s: %s remembers %s of %s, and %s (%s now)%s", x.Kind, x.By, count(x.Size, "record"), x.Origin, what, grouped(x.Records), accepted)
	}
	switch a.State {
	case "witnessed":
		row("", "anchored up to record %s at %s, by %s", grouped(a.Records), a.Since, strings.Join(a.By, ", "))
	case "unwitnessed":
		row("", "not anchored: no quorum of witnesses has cosigned it, and its own checkpoint")
		row("", "of %s would show no truncation by who can write the store", count(a.Signed, "record"))
	case "absent", "unreadable":
		row("", "witnesses: the store is %s %s", a.State, a.Why)
	}
	if a.Stamped > 0 {
		row("", "stamped up to record %s at %s", grouped(a.Stamped), a.StampAt)
	}
	if a.State == "witnessed" && a.Unanchored > 0 {
		row("", "%s since %s: if more came after and were cut off, it does not show", are(a.Unanchored, "is not anchored", "are not anchored"), a.Oldest)
	}
	few(row, a.Lacking)
}

func are(n int64, one, many string) string {
	if n == 1 {
		return count(n, "record") + " " + one
	}
	return count(n, "record") + " " + many
}
