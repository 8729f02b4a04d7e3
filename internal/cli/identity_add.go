package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/sshagent"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/keys"
)

const addHelp = `signet-wrap identity add: sign with a key that an SSH agent holds

USAGE
  signet-wrap identity add --name N --ssh-agent [FINGERPRINT|COMMENT] [flags]

EXAMPLE
  ssh-keygen -t ed25519 -f ci-bot.ssh && ssh-add ci-bot.ssh
  signet-wrap identity add --name ci-bot --ssh-agent
  signet-wrap --key ci-bot -- COMMAND

FLAGS
  --name N         1 to 64 letters, digits, - and _
  --ssh-agent      of the agent (OpenSSH's or gpg-agent): the key with this
                   fingerprint or comment (ssh-add -l), or the only one
  --socket PATH    the agent's socket (default: $SSH_AUTH_SOCK, each time)
  --owner O        who is responsible for it; every receipt has this
  --home DIR       keys and log (default: $SIGNET_HOME or ~/.signet)

The private half stays with the agent: programs that read files cannot take it.
Receipts are those of a key file. Whoever reaches the unlocked agent can
have it sign: this prevents theft of the key, not its use. A key that asks each
time (ssh-add -c, a touch) asks for every record, also responses and events.
Only plain ssh-ed25519 keys: no sk- keys, no certificates, none that is limited
to hosts (ssh-add -h). A call that is not signed within 20 seconds is refused.

EXIT STATUS
  0 added, 1 failed, 2 bad usage
`

// agentFlag is --ssh-agent, whose value is optional and may stand after it or "=".
type agentFlag struct{}

func (agentFlag) String() string  { return "--ssh-agent" }
func (agentFlag) Names() []string { return []string{"ssh-agent"} }
func (agentFlag) IsSet() bool     { return false }

func (agentFlag) Apply(set *flag.FlagSet) error {
	set.Var(new(agentValue), "ssh-agent", "")
	return nil
}

// agentValue is what stood after "=", if anything did.
type agentValue string

func (v *agentValue) String() string   { return string(*v) }
func (v *agentValue) Get() any         { return string(*v) }
func (v *agentValue) IsBoolFlag() bool { return true }

func (v *agentValue) Set(s string) error {
	switch s {
	case "":
		return errors.New("neither a fingerprint nor a comment")
	case "true": // package flag, if there is no "="
		s = ""
	}
	*v = agentValue(s)
	return nil
}

// agentArgs are the positional arguments of a verb with --ssh-agent, after the key that
// the flag names by "=".
func (c *command) agentArgs(u *ucli.Context) []string {
	if v, _ := u.Value("ssh-agent").(string); v != "" {
		return append([]string{v}, c.args(u)...)
	}
	return c.args(u)
}

func (c *command) addVerb() *ucli.Command {
	return &ucli.Command{
		Name: "add", CustomHelpTemplate: addHelp,
		Flags: []ucli.Flag{
			&ucli.StringFlag{Name: "name"}, agentFlag{}, &ucli.StringFlag{Name: "socket"},
			&ucli.StringFlag{Name: "owner"}, homeFlag(),
		},
		Action: c.addKey,
	}
}

func (c *command) addKey(u *ucli.Context) error {
	name, err := c.validName(u, "name")
	if err != nil {
		return err
	}
	args := c.agentArgs(u)
	switch {
	case !u.IsSet("ssh-agent"):
		return misuse(fmt.Sprintf("see %q; \"identity generate\" makes a key file", helpCommand(u)), "--ssh-agent is missing")
	case len(args) > 1:
		return misuse("signet-wrap identity add --name N --ssh-agent [FINGERPRINT|COMMENT]", "identity add takes one fingerprint or comment (got also %q)", args[1])
	}
	h, err := c.home(u)
	if err != nil {
		return err
	}
	held, chosen, err := c.agentKey(u, args)
	if err != nil {
		return err
	}
	key, socket := held.Key, held.Socket
	store := h.Keys()
	_, err = store.AddHeld(name, u.String("owner"), key, socket)
	if errors.Is(err, fs.ErrExist) {
		return fail("a key is never overwritten: choose another --name", fmt.Errorf("there is a key %q in %s", name, store.Dir))
	}
	if err != nil {
		return fmt.Errorf("adding the key %q: %w", name, err)
	}
	private, public := store.Paths(name)
	inHome := ""
	if flagUp(u, "home") != "" {
		inHome = " --home " + text.Quote(string(h))
	}
	where := "where $SSH_AUTH_SOCK says, each time"
	if socket != "" {
		where = clean(socket)
	}
	fmt.Fprintf(c.Stdout, "added the key %q, held by an SSH agent\n", name)
	fmt.Fprintf(c.Stdout, "  in the agent  %s (%s)\n", chosen.Fingerprint(), brief(chosen.Comment))
	fmt.Fprintf(c.Stdout, "  its socket    %s\n", where)
	fmt.Fprintf(c.Stdout, "  named by      %s (nothing in it is secret)\n", private)
	fmt.Fprintf(c.Stdout, "  public        %s\n", public)
	fmt.Fprintf(c.Stdout, "                %s\n", formatKey(key))
	fmt.Fprintf(c.Stdout, "next\n")
	fmt.Fprintf(c.Stdout, "  sign with it  signet-wrap --key %s%s -- COMMAND\n", name, inHome)
	fmt.Fprintf(c.Stdout, "a key that asks each time (ssh-add -c, a touch) asks for every record\n")
	return nil
}

// agentKey is the key that an SSH agent holds and that is meant, by args a fingerprint or
// a comment. It has been tried.
func (c *command) agentKey(u *ucli.Context, args []string) (*keys.HeldKey, sshagent.Key, error) {
	var none sshagent.Key
	socket := ""
	if given := u.String("socket"); given != "" {
		path, err := home.Expand(given)
		if err == nil {
			socket, err = filepath.Abs(path)
		}
		if err != nil {
			return nil, none, err
		}
	}
	const noAgent = "start an agent (eval $(ssh-agent)) and ssh-add the key, or name the agent's socket with --socket PATH"
	asked := socket
	if asked == "" {
		var err error
		if asked, err = sshagent.Default(c.Getenv); err != nil {
			return nil, none, fail(noAgent, fmt.Errorf("asking an SSH agent: %w", err))
		}
	}
	ctx, stop := c.interruptible()
	defer stop()
	list, err := sshagent.List(ctx, asked)
	if errors.Is(err, sshagent.ErrUnreachable) {
		return nil, none, fail(noAgent, err)
	}
	if err != nil {
		return nil, none, err
	}
	chosen, err := sshagent.Choose(list, strings.Join(args, " "))
	if err != nil {
		return nil, none, fail("ssh-add -l lists the keys, ssh-add -X unlocks the agent", err)
	}
	key, _ := chosen.Ed25519()
	if err := tryAgent(ctx, asked, key); err != nil {
		return nil, none, fail("a key limited to hosts (ssh-add -h) signs nothing else; one that asks (ssh-add -c) wants a yes",
			fmt.Errorf("trying the key %s: %w", chosen.Fingerprint(), err))
	}
	return &keys.HeldKey{Key: key, Socket: socket}, chosen, nil
}

// tryAgent has an agent sign something that is no receipt.
func tryAgent(ctx context.Context, socket string, key []byte) error {
	_, err := sshagent.Sign(ctx, socket, key, fmt.Appendf(nil, `{"signet-wrap":"is this key usable?","nonce":%q}`, rand.Text()))
	return err
}
