package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// verifyProof verifies a proof that a record is in a log.
func (c *command) verifyProof(u *ucli.Context, path string, r io.Reader, ring keyring) error {
	b, err := io.ReadAll(io.LimitReader(r, tlog.MaxProof+1))
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("reading the proof: %w", unread(err)), ""}
	}
	o := verify.ProofOptions{Keys: ring.Keys, Now: time.Now()}
	if s := u.String("hash"); s != "" {
		hash, err := event.ParseHash(s)
		if err != nil {
			return misuse("the record_hash, as the log has it", "--hash %q: %w", s, err)
		}
		o.RecordHash = &hash
	}
	if o.Policy, o.FromHome, err = c.policy(u); err != nil {
		return err
	}
	if roots, err := c.tsaRoots(u); err != nil {
		return err
	} else if roots != nil {
		o.Stamp = func(token, message []byte) (time.Time, error) { return anchor.CheckStamp(token, message, roots) }
	}
	f, err := verify.CheckProof(b, o)
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("%s: %w", path, err), ""}
	}
	if u.Bool("json") {
		if err := c.printJSON(f); err != nil {
			return err
		}
	} else {
		c.printProof(f)
		if f.Verdict == verify.Unconfirmed && f.Receipt != nil && f.Receipt.SignerUnknown() {
			c.complainOfKeys(ring)
		}
	}
	return exitOf(f.Verdict)
}

// policy is the one of --policy or, if the home has one, that; else nil.
func (c *command) policy(u *ucli.Context) (p *tlog.Policy, fromHome bool, err error) {
	if path := u.String("policy"); path != "" {
		b, err := c.readFile(path, tlog.MaxPolicy)
		if err == nil {
			p, err = tlog.ParsePolicy(b)
		}
		if err != nil {
			return nil, false, &failure{exitUsage, fmt.Errorf("--policy %s: %w", path, err), ""}
		}
		return p, false, nil
	}
	h, err := c.home(u)
	if err != nil {
		return nil, false, nil // of which only the keys would be wanted
	}
	dir, _ := c.storeOf(h)
	s, err := anchor.Open(dir)
	if err != nil {
		if !errors.Is(err, anchor.ErrNoStore) {
			c.complain(fmt.Sprintf("the policy of this home: %v", err), "")
		}
		return nil, false, nil
	}
	return s.Policy, true, nil
}

// tsaRoots are the certificates of --tsa-root; nil without it.
func (c *command) tsaRoots(u *ucli.Context) ([]byte, error) {
	path := u.String("tsa-root")
	if path == "" {
		return nil, nil
	}
	roots, err := c.readFile(path, 1<<20)
	if err == nil {
		err = anchor.CheckRoots(roots)
	}
	if err != nil {
		return nil, &failure{exitUsage, fmt.Errorf("--tsa-root %s: %w", path, err), ""}
	}
	return roots, nil
}

func (c *command) printProof(f *verify.Proof) {
	w := c.Stdout
	switch f.Verdict {
	case verify.Tampered:
		fmt.Fprintf(w, "%s: %s\n", c.paint(red, "tampered"), clean(f.Reasons[len(f.Reasons)-1]))
		return
	case verify.Valid:
		fmt.Fprintf(w, "%s: the record is in the log, as the policy's signers vouch\n", c.paint(green, "valid"))
	default:
		fmt.Fprintf(w, "%s: the proof agrees with itself, but not all is established\n", c.paint(yellow, "unconfirmed"))
		for _, r := range f.Reasons {
			fmt.Fprintf(w, "  - %s\n", clean(r))
		}
	}
	row := func(name, format string, a ...any) {
		fmt.Fprintf(w, "  %-10s %s\n", name, clean(fmt.Sprintf(format, a...)))
	}
	if r := f.Receipt; r != nil {
		if r.Event != "" {
			row("event", "%s", r.Event)
		} else {
			row("call", "%s", r.Tool)
		}
		row("id", "%s", r.ID)
		row("time", "%s, by the signer's own clock", r.Time)
	}
	row("log", "%s", f.Origin)
	row("place", "record %s of %s", grouped(f.Index+1), grouped(f.Size))
	if len(f.Witnesses) > 0 {
		var names []string
		for _, w := range f.Witnesses {
			names = append(names, w.Name+" at "+w.Time)
		}
		row("witnesses", "%s", strings.Join(names, ", "))
	}
	if f.Since != "" {
		row("there at", "%s, by enough witnesses' clocks", f.Since)
	}
	if f.Stamped != "" {
		row("stamped", "%s, by the time-stamp authority", f.Stamped)
	}
}
