package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/keys"
)

// trustFile is the trust file of the system, in force where --trust names none.
// Whose log it is must not be able to write it, so it counts only if root alone can.
// Tests put another in its place.
var trustFile = "/etc/signet-wrap/trust"

// trustFlags are those of verify about who is trusted, and whose log it is.
func trustFlags() []ucli.Flag {
	return []ucli.Flag{&ucli.StringFlag{Name: "trust"}, &ucli.StringSliceFlag{Name: "log"}}
}

// A logPlace is the log that is verified and, if it is one's, the home that it is in.
type logPlace struct {
	home     home.Dir // "": not known
	audit    string   // the log's directory
	archived []string // directories to which days of it were moved
}

// logPlace is what --log and --home name. The home of a log that --log names is not
// known, unless --home names it, too: then nothing of it is taken.
func (c *command) logPlace(u *ucli.Context) (p logPlace, err error) {
	dirs := append(u.StringSlice("log"), "")
	dir := dirs[0]
	if dir == "" || flagUp(u, "home") != "" {
		if p.home, err = c.home(u); err != nil {
			return p, err
		}
		p.audit = p.home.Audit()
	}
	if dir != "" {
		if p.audit, err = home.Expand(dir); err == nil {
			p.audit, err = filepath.Abs(p.audit)
		}
		if err != nil {
			return p, &failure{exitUsage, fmt.Errorf("--log: %w", err), ""}
		}
		if st, err := os.Stat(p.audit); err != nil || !st.IsDir() {
			return p, misuse("the directory with the day files, of any name", "--log %s: there is no such directory", p.audit)
		}
		p.archived = dirs[1 : len(dirs)-1]
	}
	return p, nil
}

// trust adds the trust file in force, if there is one, to the keys that are known.
// Its errors have the status of verify for "could not check": a line that is not
// understood may be the one that closes a leaked key.
func (c *command) trust(u *ucli.Context, p logPlace, k *keyring) error {
	path, system := u.String("trust"), false
	var b []byte
	var err error
	if path == "" {
		path, system = trustFile, true
		b, err = readRoots(path, keys.MaxTrust)
		if b == nil && err == nil {
			return nil
		}
		if err != nil {
			return &failure{exitUsage, fmt.Errorf("the trust file %s: %w", path, err), "correct it, or name another with --trust FILE"}
		}
	} else {
		b, err = c.readFile(path, keys.MaxTrust)
	}
	var lines []keys.TrustLine
	if err == nil {
		lines, err = keys.ParseTrust(b)
	}
	if err != nil {
		return &failure{exitUsage, fmt.Errorf("the trust file %s: %w", path, err), "its lines are those of ssh-keygen's allowed_signers: see `signet-wrap identity trust --help`"}
	}
	k.Trust = path
	k.from = strings.TrimPrefix(k.from+" and in the trust file "+path, " and ")
	if why := within(path, p); !system && why != "" {
		c.complain(fmt.Sprintf("%s names keys, and makes none trusted: %s", path, why), "keep it where the account whose log it is cannot write it, such as "+trustFile)
		for _, l := range lines {
			k.Add(l.Key, strings.Join(l.Principals, ", "))
		}
		return nil
	}
	for _, l := range lines {
		k.AddGrant(l)
	}
	return nil
}

// within says why a trust file is within the reach of the account whose log is
// verified; "" if it is not. Who verifies the log of the account that it runs as, or
// a copy, names the file by its own word.
func within(path string, p logPlace) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	abs = heads.Resolve(abs)
	for _, dir := range []string{string(p.home), p.audit} {
		if rel, err := filepath.Rel(heads.Resolve(dir), abs); dir != "" && err == nil && filepath.IsLocal(rel) {
			return "it lies in " + dir
		}
	}
	st, err := os.Stat(p.audit)
	if err != nil {
		return ""
	}
	owner, ok := systemlog.Owner(st)
	if !ok || owner == 0 || int(owner) == os.Getuid() {
		return ""
	}
	for at := abs; ; at = filepath.Dir(at) {
		st, err := os.Stat(at)
		if err != nil {
			return ""
		}
		uid, _ := systemlog.Owner(st)
		if uid == owner || st.Mode().Perm()&0o002 != 0 && st.Mode()&fs.ModeSticky == 0 {
			return "the log's owner can write " + at
		}
		if at == filepath.Dir(at) {
			return ""
		}
	}
}

// trustWords are what the list of signers says of trust in one.
func trustWords(s verify.Signer, inForce bool) string {
	var all []string
	say := func(n int64, what string) {
		if n > 0 {
			all = append(all, fmt.Sprintf("%s %s", count(n, "record"), what))
		}
	}
	switch {
	case s.Trust == verify.Trusted && inForce:
		all = append(all, "trusted")
	case s.Trust == verify.Carried:
		all = append(all, "named by the bundle alone")
	case s.Trust == verify.Named && inForce:
		all = append(all, "named by this home alone")
	}
	say(s.OwnWord, "by its own word: no anchor saw them before it was closed")
	say(s.Outside, "of a time at which it is not trusted")
	if len(all) == 0 {
		return ""
	}
	return ": " + strings.Join(all, ", ")
}

// withdrawnLine is what is said of a key that was rotated, retired or revoked.
func withdrawnLine(w verify.Withdrawn) string {
	s := fmt.Sprintf("the key %s (%q) was %s", w.Pubkey, w.Name, strings.TrimPrefix(w.Kind, "key_"))
	if w.Since != "" {
		s += " from " + w.Since + " on"
	}
	if w.Reason != "" {
		s += fmt.Sprintf(" (%q)", w.Reason)
	}
	switch {
	case w.Records == 0:
		return s
	case w.Kind == "key_revoked":
		s += fmt.Sprintf(", and signed %s from there on", count(w.Records, "record"))
	default:
		s += fmt.Sprintf(", and signed %s in sessions that began later", count(w.Records, "record"))
	}
	if w.Accepted {
		return s + ", accepted"
	}
	return s + "; if that was you: --accept " + w.ID
}
