package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
)

const anchorInitHelp = `signet-wrap anchor init: make a store, or change it

USAGE
  signet-wrap anchor init [--origin O] [--witness VKEY@URL]... [flags]

EXAMPLE
  signet-wrap anchor init --witness example.com/w1+7e…+BD…@https://w1.example \
      --tsa https://tsa.example.com --tsa-root tsa.pem

FLAGS
  --origin O          the log's name, for witnesses (default: a random one)
  --witness VKEY@URL  a witness (c2sp.org/tlog-witness); may be repeated
  --quorum K          how many of them must cosign (default: more than half)
  --tsa URL           a time-stamp authority (RFC 3161), and
  --tsa-root PEM      a file with the roots of its certificates
  --proxy URL         for both (default: $HTTPS_PROXY and the like)
  --ca FILE           further roots for https, in PEM form
  --plain-http        allow http:// addresses of other hosts: others on the
                      network cannot forge a signature, but can hold it back
  --store DIR         where all of this is kept (default: <home>/anchor)
  --key NAME          the identity that signs the event (default: default)
  --passphrase-file F file with the passphrase of the key
  --home DIR          keys and log (default: $SIGNET_HOME or ~/.signet)

For a store that exists, the witnesses, the quorum, the authority and the rest
are replaced by those given. The log's key and origin stay. A signed event in
the log records the policy. If the log belongs to another user, that user's
"anchor status --store DIR" writes the event. A store outside the home knows
that home: with --store DIR, and without --home or $SIGNET_HOME, it is taken.

EXIT STATUS
  0 done, 2 could not run or bad usage
`

func (c *command) anchorInit(u *ucli.Context) error {
	h, err := c.home(u)
	if err != nil {
		return err
	}
	a := c.anchoring(u, h)
	o, err := c.anchorSettings(a)
	if err != nil {
		return err
	}
	write, err := c.eventLog(u, h)
	if err != nil {
		return err
	}
	dir, inHome := c.store(u, h)
	if !inHome {
		if o.Config.Home, err = filepath.Abs(string(h)); err != nil {
			return err
		}
	}
	s, err := anchor.Open(dir)
	switch {
	case errors.Is(err, anchor.ErrNoStore):
		if s, err = anchor.Create(dir, o); err != nil {
			return err
		}
		fmt.Fprintf(c.Stdout, "made %s, for the log %s\n", dir, s.Policy.Log.Name())
	case err != nil:
		return err
	case a.has("origin") && a.value("origin") != s.Policy.Log.Name():
		return misuse(`a log keeps its origin until "signet-wrap anchor new-epoch"`, "%s is for the log %s", dir, s.Policy.Log.Name())
	case !a.has("witness") && !a.has("tsa"):
		return misuse("give --witness or --tsa to change it", "%s exists already, for the log %s", dir, s.Policy.Log.Name())
	default:
		if s, err = s.Reconfigure(o); err != nil {
			return err
		}
		fmt.Fprintf(c.Stdout, "changed %s, for the log %s\n", dir, s.Policy.Log.Name())
	}
	err = c.logEvent(write, policyEvent(s, inHome))
	if err == nil && write != nil {
		err = h.SetStore(dir)
	}
	if err == nil && len(s.Policy.Witnesses) > 0 {
		fmt.Fprintf(c.Stdout, "next: signet-wrap anchor enroll%s, for the operator of each witness\n", storeArg(u))
	}
	return err
}

// anchorSettings are the settings of a store.
func (c *command) anchorSettings(a anchoring) (o anchor.Settings, err error) {
	if o.Origin = a.value("origin"); !a.has("origin") {
		o.Origin = anchor.RandomOrigin()
	}
	o.Config = anchor.Config{Proxy: a.value("proxy"), TSA: a.value("tsa"), Plain: a.value("plain-http") == "true"}
	for _, w := range a["witness"] {
		i := strings.LastIndex(w, "@http")
		if i < 0 {
			return o, misuse("for example example.com/w1+7e0f…+BD…@https://w1.example.com", "--witness %.200q is not a key, @ and a URL", w)
		}
		o.Witnesses = append(o.Witnesses, tlog.Witness{Key: w[:i], URL: w[i+1:]})
	}
	o.Quorum = len(o.Witnesses)/2 + 1
	if a.has("quorum") {
		n := len(o.Witnesses)
		if o.Quorum, err = strconv.Atoi(a.value("quorum")); err != nil || o.Quorum < 1 || o.Quorum > n {
			return o, misuse("how many of the witnesses must cosign: from 1 on", "--quorum %s does not fit %s", a.value("quorum"), count(int64(n), "witness"))
		}
	}
	if a.has("ca") {
		ca, err := a.path("ca")
		if err == nil {
			o.Config.CA, err = filepath.Abs(ca)
		}
		if err != nil {
			return o, fmt.Errorf("--ca: %w", err)
		}
	}
	if a.has("tsa") != a.has("tsa-root") {
		return o, misuse("without the roots any time stamp would count", "--tsa URL and --tsa-root PEM belong together")
	}
	if a.has("tsa-root") {
		roots, err := a.path("tsa-root")
		if err == nil {
			o.TSARoots, err = c.readFile(roots, 1<<20)
		}
		if err != nil {
			return o, fmt.Errorf("--tsa-root: %w", err)
		}
	}
	return o, nil
}
