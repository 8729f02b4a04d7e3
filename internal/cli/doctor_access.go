package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/keys"
)

// readsFinding says who can read the key that signs, or use it, and the command that
// makes them fewer; nothing if there is no such key.
func (c *command) readsFinding(h home.Dir, s *wrapSettings) []finding {
	store := h.Keys()
	p, err := store.Public(s.key)
	if err != nil || !p.Private {
		return nil
	}
	r := finding{Check: "reads", State: "note"}
	path, _ := store.Paths(s.key)
	programs, root := programsOf(path)
	src, err := store.Source(s.key)
	switch {
	case p.Agent != "":
		r.Says = fmt.Sprintf("nobody can read the key %q; %s can use it that reaches the SSH agent while that is unlocked", s.key, programs)
		r.Do = "give the agent the key with ssh-add -c: it then asks, for every record"
		return []finding{r}
	case !p.Encrypted:
		r.Says = fmt.Sprintf("%s can read the key %q and sign with it%s", programs, s.key, root)
		r.Do = c.outOfReach(h, s.key)
	default:
		with := "who has its passphrase: see the client's configuration"
		switch {
		case s.passphraseFile != "":
			with = "who can read " + s.passphraseFile
		case err == nil && src.Kind == keys.Keychain:
			with = programs + " while the keychain is unlocked"
		case err == nil && src.Kind == keys.PassphraseFile:
			with = "who can read " + src.File
		case err == nil:
			with = programs + " that can run its passphrase command"
		}
		r.Says = fmt.Sprintf("the key %q is encrypted; it can be used by %s", s.key, with)
		r.Do = inAgent(h)
	}
	if others := openTo(path, 0o4); len(others) > 0 {
		r.State, r.Do = "repair", "chmod 600 "+path
		r.Says += "; its file also by " + strings.Join(others, ", ")
	}
	return []finding{r}
}

// outOfReach is the command that takes a key which is not encrypted out of the reach
// of programs: by an SSH agent, or the keychain where that is there and no agent is.
func (c *command) outOfReach(h home.Dir, key string) string {
	keychain := runtime.GOOS != "linux" || c.Getenv("DBUS_SESSION_BUS_ADDRESS") != ""
	if keychain && c.Getenv("SSH_AUTH_SOCK") == "" {
		return "`signet-wrap identity protect --name " + key + " --with keychain" + homeArg(h) + "`"
	}
	return inAgent(h)
}

func inAgent(h home.Dir) string {
	return "`signet-wrap identity add --name agent --ssh-agent" + homeArg(h) + "`, then wrap with --key agent"
}

// homeArg is the flag --home, if commands need it.
func homeArg(h home.Dir) string {
	if own, err := home.UserDir(); err == nil && string(h) == filepath.Join(own, ".signet") {
		return ""
	}
	return " --home " + text.Quote(string(h))
}

// programsOf is who has the rights of a file's owner, and who else has them always.
func programsOf(path string) (programs, root string) {
	me := userOf(path)
	if me != administrator {
		root = ", and so can " + administrator
	}
	return "every program of " + me, root
}

// writesFinding says who can rewrite the log, and where that shows.
func (c *command) writesFinding(h home.Dir) finding {
	dir := h.Audit()
	r := finding{Check: "writes", State: "note"}
	programs, root := programsOf(dir)
	r.Says = programs + " can rewrite the log" + root
	if others := openTo(dir, 0o2); len(others) > 0 {
		r.State, r.Do = "repair", "chmod go-w "+text.Quote(dir)+" and the directories above it"
		r.Says += "; also " + strings.Join(others, ", ")
		return r
	}
	// What to do about it is with "anchor".
	store, inHome := c.storeOf(h)
	switch _, err := os.Lstat(anchor.PolicyFile(store)); {
	case err != nil:
		r.Says += ": it shows where others remember it (see anchor and heads)"
	case inHome:
		r.Says += ": it shows to who keeps the kit elsewhere and asks the witnesses (see anchor)"
	default:
		r.State = "ok"
		r.Says += ": it shows by the store in " + store
	}
	return r
}
