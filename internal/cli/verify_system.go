package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/internal/verify"
)

// systemFlags are those of verify --chain about what others keep of the log.
func systemFlags() []ucli.Flag {
	return []ucli.Flag{&ucli.StringSliceFlag{Name: "against"}, &ucli.BoolFlag{Name: "remember"}, &ucli.StringFlag{Name: "reason"}}
}

// addEvidence adds to o what this machine's system log and those of --against have
// kept. It reads before the log is, or that would seem to end too early.
func (c *command) addEvidence(ctx context.Context, u *ucli.Context, p logPlace, ring keyring, o *verify.Options) error {
	log, _ := chain.First(p.audit) // the zero Hash, if nothing is left
	own, err := c.systemLog(ctx, u, p, ring.Keys, log)
	if err != nil {
		return err
	}
	o.SystemHeads = append(o.SystemHeads, own)
	return c.addAgainst(ctx, u, ring, log, o)
}

// addAgainst adds to o what those of --against have kept of a log.
func (c *command) addAgainst(ctx context.Context, u *ucli.Context, ring keyring, log chain.Hash, o *verify.Options) error {
	for _, against := range u.StringSlice("against") {
		if k := verify.ExpectHash(against); k != nil {
			o.Expected = append(o.Expected, k)
			continue
		}
		m, k, err := c.readAgainst(ctx, against, ring.Keys, log)
		if err != nil {
			return &failure{exitUsage, fmt.Errorf("--against %s: %w", against, unread(err)), againstHint}
		}
		if m != nil {
			o.SystemHeads = append(o.SystemHeads, m)
		}
		if k != nil {
			o.Expected = append(o.Expected, k)
		}
	}
	return nil
}

const againstHint = `a head ("sha256:..."), what journalctl printed, a syslog file, receipts that others kept, or the directory of another party's log`

// readAgainst reads what others kept, from a file, standard input, or the directory
// of a log or of the home that has it.
func (c *command) readAgainst(ctx context.Context, path string, keys verify.Keys, log chain.Hash) (*verify.SystemHeads, *verify.Expected, error) {
	if st, err := os.Stat(path); path != "-" && err == nil && st.IsDir() {
		s, err := chain.TakeSnapshot(path)
		if err == nil && len(s.Days()) == 0 {
			s, err = chain.TakeSnapshot(home.Dir(path).Audit())
		}
		if err != nil {
			return nil, nil, err
		}
		debug.SetGCPercent(20) // of millions of calls their hashes are held, in which there is nothing to follow
		k, err := verify.ReadAgainstLog(ctx, s, path, keys, log)
		return nil, k, err
	}
	in, err := c.open(ctx, path)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	return verify.ReadAgainst(in, path, keys, log)
}

// systemLogTries is how often the system's log is read, until all of it could be.
const systemLogTries = 3

// systemLog reads what this machine's own system log has kept.
func (c *command) systemLog(ctx context.Context, u *ucli.Context, p logPlace, keys verify.Keys, log chain.Hash) (*verify.SystemHeads, error) {
	var m *verify.SystemHeads
	var err error
	// While journald rotates its files, a reader may not find one that it has just seen:
	// then all is read again.
	for range systemLogTries {
		m = &verify.SystemHeads{Log: log, Dirs: heads.Dirs(p.audit), Began: time.Now()}
		add, done := m.Gather(keys, nil)
		m.Reach, err = c.ReadLog(ctx, owners(p), func(e systemlog.Entry) bool {
			add(e)
			return true
		})
		done()
		if err == nil && m.Reach.Partial == "" || errors.Is(err, systemlog.ErrAbsent) || ctx.Err() != nil {
			break
		}
	}
	to := c.OpenLog()
	if err == nil && m.Reach.From.IsZero() && (to == nil || to.To() != "journald") {
		err = systemlog.ErrAbsent // journalctl without a journal says nothing
	}
	switch {
	case ctx.Err() != nil:
		return nil, &failure{exitUsage, errors.New("interrupted while the system's log was read"), ""}
	case errors.Is(err, systemlog.ErrAbsent):
		m.State, m.Why = "absent", err.Error()
		if to != nil {
			m.State, m.Why = "unreadable", fmt.Sprintf("heads go to %s, which only --against FILE reads", to.To())
		}
	case err != nil:
		m.State, m.Why = "unreadable", err.Error()
	}
	others := sync.OnceValue(func() map[chain.Hash]string { return c.otherLogs(u, p.home) })
	m.There = func(log chain.Hash, named, file string, end int64) bool {
		dir, known := others()[log]
		if !known && named != "" {
			first, err := chain.First(named)
			dir, known = named, err == nil && first == log
		}
		return known && reaches(filepath.Join(dir, file), end)
	}
	return m, nil
}

// reaches says whether a day file, compressed or not, has so many bytes.
func reaches(path string, end int64) bool {
	if st, err := os.Stat(path); err == nil {
		return st.Size() >= end
	}
	day, err := chain.OpenCompressed(path + ".gz")
	if err != nil {
		return false
	}
	defer day.Close()
	_, err = io.CopyN(io.Discard, day, end)
	return err == nil
}

// otherLogs are the logs of the user whose directories are known, but for that of
// h: the usual one, and those that clients' configurations name.
func (c *command) otherLogs(u *ucli.Context, h home.Dir) map[chain.Hash]string {
	dirs := []string{}
	if k := c.configuration("", c.Getenv); k.dirErr == nil {
		dirs = append(dirs, k.dir.Audit())
	}
	sys, err := c.system()
	var t *targets
	if err == nil {
		t, err = c.targets(u, sys, h)
	}
	if err == nil {
		for _, f := range t.configs {
			if f.Err != nil {
				continue
			}
			for _, e := range f.Doc.Entries {
				if dir, err := home.Expand(flagValue(e.Flags, "home")); err == nil && dir != "" {
					dirs = append(dirs, home.Dir(dir).Audit())
				}
			}
		}
	}
	found := map[chain.Hash]string{}
	for _, dir := range dirs {
		if first, err := chain.First(dir); err == nil {
			found[first] = dir
		}
	}
	return found
}

// owners are the users whose entries count: the owners of the log's directory and of the
// home, and who may have put these in their place: the owners of links on the way there,
// and of what the directories are in, but for root. The caller has no part in it, unless
// the directory is gone and all that it was in is root's: then nothing else says whose log
// it was.
func owners(p logPlace) []uint32 {
	around := string(p.home)
	if around == "" {
		around = filepath.Dir(p.audit)
	}
	var uids []uint32
	add := func(st os.FileInfo, err error) bool {
		if err != nil {
			return false
		}
		if uid, ok := systemlog.Owner(st); ok && !slices.Contains(uids, uid) {
			uids = append(uids, uid)
		}
		return true
	}
	audit, err := filepath.Abs(p.audit)
	if err != nil {
		audit = p.audit
	}
	there := add(os.Stat(audit))
	add(os.Stat(around))
	for path := audit; path != filepath.Dir(path); path = filepath.Dir(path) {
		st, err := os.Lstat(path)
		if err != nil || st.Mode()&os.ModeSymlink == 0 {
			continue
		}
		if uid, _ := systemlog.Owner(st); uid != 0 { // such as /home
			add(st, nil)
		}
	}
	for dir := filepath.Dir(around); ; dir = filepath.Dir(dir) {
		if st, err := os.Stat(dir); err == nil {
			if uid, _ := systemlog.Owner(st); uid != 0 {
				add(st, nil)
			}
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	none := len(uids) == 0 || slices.Equal(uids, []uint32{0})
	if uid := os.Getuid(); uid > 0 && none && !there {
		uids = append(uids, uint32(uid))
	}
	return uids
}

// accepted are the ids that were accepted from outside the account: by --accept,
// and in the file that root alone writes.
func (c *command) accepted(u *ucli.Context) ([]string, error) {
	given := u.StringSlice("accept")
	for _, id := range given {
		if !acceptable(id) {
			return nil, misuse("an id that verify --chain printed", "--accept %q is none", id)
		}
	}
	switch {
	case u.Bool("remember") && len(given) == 0:
		return nil, misuse("verify --accept ID --remember", "--remember goes with --accept")
	case u.IsSet("reason") && !u.Bool("remember"):
		return nil, misuse("verify --accept ID --remember --reason TEXT", "--reason goes with --remember")
	}
	kept, err := readAccepted()
	if err != nil {
		c.complain(fmt.Sprintf("%s does not count: %v", acceptedFile, err), "")
	}
	return append(slices.Clone(given), kept...), nil
}

// remember writes what was accepted to the file that root alone writes. Of a head it
// writes how many it covers, by what was found of the logs: all others of the log are
// not accepted, whatever comes.
func (c *command) remember(u *ucli.Context, found ...*verify.Log) error {
	ids := slices.Clone(u.StringSlice("accept"))
	for i, id := range ids {
		for _, f := range found {
			for _, r := range append(f.Completeness.Against, f.Completeness.Heads) {
				if r != nil && r.Bound[id] != "" {
					ids[i] = r.Bound[id]
				}
			}
		}
	}
	if err := remember(ids, u.String("reason")); err != nil {
		return &failure{exitUsage, fmt.Errorf("--remember: %w", err), "only root can: sudo signet-wrap verify --accept ID --remember"}
	}
	for _, id := range ids {
		hint := ""
		if a, _ := verify.ParseAcceptance(id); a.Most == 0 && strings.HasPrefix(id, "evt_") && !namesLoss(found, id) {
			hint = "no such event was found in a log: if it is a head, ID:N as verify --chain prints it covers less"
		}
		c.complain(fmt.Sprintf("%s is accepted on this machine: %s", id, acceptedFile), hint)
	}
	return nil
}

// namesLoss says whether id is an event of these logs that itself says what is missing, so
// that accepting it covers no more.
func namesLoss(found []*verify.Log, id string) bool {
	for _, f := range found {
		if a := f.Completeness.Archived; a != nil && slices.ContainsFunc(a.Events, func(e verify.Removal) bool { return e.ID == id }) {
			return true
		}
		if a := f.Arguments; a != nil && slices.ContainsFunc(a.Erased, func(e verify.Erased) bool { return e.ID == id }) {
			return true
		}
		if a := f.Completeness.Anchored; a != nil && slices.ContainsFunc(a.Epochs, func(e verify.Epoch) bool { return e.ID == id }) {
			return true
		}
		if slices.ContainsFunc(f.Authenticity.Withdrawn, func(w verify.Withdrawn) bool { return w.ID == id }) {
			return true
		}
	}
	return false
}

// acceptable says whether something looks like an id that can be accepted.
func acceptable(id string) bool {
	a, err := verify.ParseAcceptance(id)
	return err == nil && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) && len(id) <= 100 &&
		(strings.HasPrefix(a.ID, "evt_") || a.Most == 0 && (strings.HasPrefix(id, "rec_") || strings.HasPrefix(id, "sha256:")))
}

// acceptForGood is verify --accept ID --remember without --chain. Of a head it looks for
// the log in the home, and in that of the user who runs sudo.
func (c *command) acceptForGood(u *ucli.Context) error {
	if _, err := c.accepted(u); err != nil {
		return err
	}
	bare := slices.ContainsFunc(u.StringSlice("accept"), func(id string) bool {
		return strings.HasPrefix(id, "evt_") && !strings.Contains(id, ":")
	})
	var found []*verify.Log
	if bare && os.Getuid() == 0 {
		for _, p := range c.ownPlaces(u) {
			if f, _, err := c.checkChain(u, p); err == nil {
				found = append(found, f)
			}
		}
	}
	return c.remember(u, found...)
}

// ownPlaces are the homes that a command with sudo may be about.
func (c *command) ownPlaces(u *ucli.Context) (all []logPlace) {
	if p, err := c.logPlace(u); err == nil {
		all = append(all, p)
	}
	if of, err := user.Lookup(c.Getenv("SUDO_USER")); err == nil {
		h := home.Dir(filepath.Join(of.HomeDir, ".signet"))
		all = append(all, logPlace{home: h, audit: h.Audit()})
	}
	return all
}

// printOthers says to a person what others keep of the log, but for witnesses.
func (c *command) printOthers(row func(name, format string, a ...any), f *verify.Completeness) {
	if r := f.Heads; r != nil {
		c.printHeads(row, r)
		if (r.State == "absent" || r.State == "unreadable") && f.Anchored.State == "none" {
			row("", "not anchored: truncation, or a rewrite by the key holder, would not show;")
			row("", "keep a copy of the head elsewhere, for verify --against HEAD")
		}
	}
	for _, a := range f.Against {
		c.printHeads(row, a)
	}
	for _, k := range f.Expected {
		if t := k.Conversation; t != nil {
			row("against", "%s: the other side of %s, of which %s refused", k.By, count(t.Calls+t.Refused, "call"), grouped(t.Refused))
			for _, found := range []struct {
				n    int64
				what string
			}{
				{t.Request, "with another tool or other arguments there"}, {t.Response, "with another response there"},
				{t.Twice, "further, with a receipt that was used already"},
				{t.NotHere, "that only the other log has"}, {t.NotThere, "that only this log has"},
				{t.Lost, "that only the client's log has, without a response"},
				{t.Left, "not compared: there are too many"},
			} {
				if found.n > 0 {
					row("", "%s %s", count(found.n, "call"), found.what)
				}
			}
			for i, what := range t.First {
				if i == maxShown {
					row("", "and more: --json lists them")
					break
				}
				row("", "%s", clean(what))
			}
		} else {
			row("against", "%s: %s of %s in the log", k.By, grouped(k.Looked-k.Absent), count(k.Looked, "kept record"))
		}
		for _, id := range k.First {
			row("", "not in the log, and somebody kept it: %s", id)
		}
		if k.Gone > 0 {
			row("", "%s of these may be in the days that are not there: --log DIR, or records instead of receipts", grouped(k.Gone))
		}
		if k.Others > 0 {
			row("", "%s not looked for: false, by hand, or by keys that are not known here", count(k.Others, "receipt"))
		}
	}
}

// printHeads says to a person what system logs have kept of the log.
func (c *command) printHeads(row func(name, format string, a ...any), r *verify.HeadsResult) {
	row(r.By, "%s", describe(r))
	if r.From != "" && r.By == systemLogName {
		row("", "it reaches from %s to %s", r.From, r.To)
	}
	if r.Kept != "" {
		row("", "what was cut off before its oldest head, of %s, does not show", r.Kept)
	}
	if r.Unread != "" {
		row("", "not all of it could be read: %s", r.Unread)
	}
	for i, x := range r.MismatchedHeads {
		if i == maxShown {
			row("", "and more: --json lists them")
			break
		}
		row("", "not what it saw: at %s the log ended at byte %s of %s, and %s (%s)%s", x.At, grouped(x.End), x.File, x.Why, x.ID, words(x.Doubtful, x.Accepted))
	}
	for _, o := range r.Replaced {
		row("", "not what it saw: another log was in this directory, with heads up to %s", o.At)
		row("", "(%s)%s", o.Log, words(o.Doubtful, o.Accepted))
	}
	if r.Accept != "" && r.Tampered() {
		row("", "causes: records were cut off, or the log was replaced; or, with no bad intent,")
		row("", "  a restored backup, a new installation: verify it again with --accept")
		row("", "    %s", r.Accept)
		row("", "    (for good: sudo signet-wrap verify --accept ID:N --remember --reason TEXT);")
		row("", "    it covers these heads, and none that are missed later, newer or older")
		row("", "  the log was moved: signet-wrap verify --chain --home DIR, with where it is")
		row("", "  a mount is missing: mount it, and verify again")
	}
	for _, o := range r.Gone {
		if o.Dir != "" {
			row("", "another log of this user, in %s, is gone or shorter:", o.Dir)
			row("", "the system's log saw it last at %s (%s)", o.At, o.Log)
			continue
		}
		row("", "another log of this user, last seen at %s, is gone or shorter, or its", o.At)
		row("", "directory is not known here (%s)", o.Log)
	}
	if r.Elsewhere > 0 {
		row("", "%s on other machines, whose system logs have their heads: ask there, or", count(r.Elsewhere, "session"))
		row("", "take what they have kept to verify --chain --against FILE")
	}
	few(row, r.Examples)
	few(row, r.Aheads)
	if r.Unended > 0 {
		row("", "%s without a last head (running, or killed): what came up to a second after", count(r.Unended, "session"))
		row("", "the newest, of %s, and was cut off, does not show", r.Window)
	}
}

const systemLogName = "system log"

func words(doubtful, accepted bool) string {
	switch {
	case accepted:
		return ", accepted"
	case doubtful:
		return ", by a key that is not known, in a file that anybody could have written"
	}
	return ""
}

// describe says in a phrase how far heads agree with the log.
func describe(r *verify.HeadsResult) string {
	switch {
	case r.State == "absent" || r.State == "unreadable":
		return fmt.Sprintf("%s: %s", r.State, r.Why)
	case r.Records == 0:
		return "with none of its heads"
	}
	s := fmt.Sprintf("anchored up to record %s at %s", grouped(r.Records), r.At)
	if r.After > 0 {
		s += fmt.Sprintf("; %s since are not", count(r.After, "record"))
	}
	return s
}

// shortfalls are what the first line counts.
func shortfalls(r *verify.HeadsResult) string {
	var all []string
	say := func(n int64, what, rest string) {
		if n > 0 {
			all = append(all, count(n, what)+rest)
		}
	}
	say(r.Missing, "head", " missing")
	say(r.Silent, "session", " without heads")
	say(int64(len(r.Gone)), "other log", " gone or shorter")
	say(r.Older, "head", " not looked at")
	if r.Unread != "" {
		all = append(all, "not all of it could be read")
	}
	if len(all) == 0 {
		return ""
	}
	return "; " + strings.Join(all, ", ")
}

// bySystemLog is what the first line says of the system's log: whether the log is
// more than valid by itself, and the rest of the sentence.
func bySystemLog(f *verify.Log) (checked bool, rest string) {
	r := f.Completeness.Heads
	if r == nil {
		return false, ""
	}
	if r.State == "absent" || r.State == "unreadable" {
		for _, a := range f.Completeness.Against {
			if a.Records > 0 {
				return true, fmt.Sprintf("; by %s %s%s", a.By, describe(a), shortfalls(a))
			}
		}
		reach := ""
		if r.From != "" {
			reach = fmt.Sprintf(", which reaches from %s to %s,", r.From, r.To)
		}
		return false, "; the system's log" + reach + " was not checked: " + r.Why + shortfalls(r)
	}
	return true, fmt.Sprintf("; by the system's log, which reaches from %s to %s, %s%s", cmp.Or(r.From, "?"), cmp.Or(r.To, "?"), describe(r), shortfalls(r))
}
