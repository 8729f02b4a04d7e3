package cli

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/install"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
)

// examination looks at a home directory and at the log in it, and changes neither.
type examination struct {
	home       home.Dir
	key        string
	passphrase func() ([]byte, error)

	names    []string // of what is in the log's directory
	blocked  bool     // there is something there that no writer passes
	findings []finding
}

func (x *examination) ok(check, format string, a ...any) {
	x.findings = append(x.findings, finding{Check: check, State: "ok", Says: fmt.Sprintf(format, a...)})
}

func (x *examination) note(check, do, format string, a ...any) {
	x.findings = append(x.findings, finding{Check: check, State: "note", Says: fmt.Sprintf(format, a...), Do: do})
}

func (x *examination) repair(check, do, format string, a ...any) {
	x.findings = append(x.findings, finding{Check: check, State: "repair", Says: fmt.Sprintf(format, a...), Do: do})
}

func (x *examination) all() {
	if !x.directory("home", string(x.home)) {
		if x.key != home.DefaultKey { // which alone the first call makes
			x.signingKey(x.home.Keys())
		}
		x.room()
		return
	}
	x.keys()
	if x.directory("log", x.home.Audit()) {
		x.log()
		x.locks()
		if !x.blocked {
			x.end()
		}
	}
	x.room()
}

// directory looks at a directory and says whether there is one.
func (x *examination) directory(check, dir string) bool {
	st, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := install.Writable(dir); err != nil {
			x.repair(check, "let yourself create "+dir+", or give another home with --home", "there is no %s, and it cannot be made: %v", dir, err)
		} else {
			x.note(check, "", "there is no %s yet: the first call makes it", dir)
		}
		return false
	case err != nil:
		x.repair(check, "", "%v", err)
		return false
	case !st.IsDir():
		x.repair(check, "move it away", "%s is not a directory: nothing can be recorded", dir)
		return false
	case lax(st):
		x.repair(check, "chmod 700 "+dir, "others may look into %s (mode %03o)", dir, st.Mode().Perm())
	default:
		x.ok(check, "%s is there%s", dir, yoursAlone)
	}
	return true
}

// lax says whether others than the owner have rights to a file.
func lax(st fs.FileInfo) bool { return runtime.GOOS != "windows" && st.Mode().Perm()&0o077 != 0 }

var yoursAlone = map[bool]string{false: ", for you alone"}[runtime.GOOS == "windows"]

// keys looks at the key files, and opens the key that signs.
func (x *examination) keys() {
	store := x.home.Keys()
	files, _ := filepath.Glob(filepath.Join(store.Dir, "*.key")) // fails for bad patterns only
	var open []string
	for _, f := range files {
		if st, err := os.Stat(f); err == nil && st.Mode().IsRegular() && lax(st) {
			open = append(open, f)
		}
	}
	if len(open) > 0 {
		x.repair("key", "chmod 600 "+strings.Join(open, " "), "others may read %s: who has read one can sign as you", count(int64(len(open)), "private key"))
	}
	x.signingKey(store)
	x.otherKeys(store)
	x.lock(filepath.Join(store.Dir, ".lock"), "no key can be made or changed")
}

func (x *examination) signingKey(store keys.Store) {
	key, err := store.Load(x.key, x.passphrase)
	advice := store.Advice(x.key, err)
	switch {
	case errors.Is(err, keys.ErrNoKey) && x.key == home.DefaultKey:
		x.note("key", advice, "there is no key %q yet: the first call makes it, not encrypted", x.key)
	case errors.Is(err, keys.ErrNoKey):
		x.repair("key", advice, "there is no key %q: calls that it should sign are refused", x.key)
	case errors.Is(err, keys.ErrPassphraseNeeded):
		if _, err := store.Public(x.key); err != nil {
			x.repair("key", store.Advice(x.key, err), "verification will not know the key %q: %v", x.key, err)
		}
		x.note("key", passphraseHint+", as the client's configuration does", "the key %q is encrypted, and was not opened for want of the passphrase", x.key)
	case errors.Is(err, keys.ErrWrongPassphrase):
		x.repair("key", advice, "the passphrase does not open the key %q", x.key)
	case err != nil:
		x.repair("key", advice, "the key %q cannot be used, and calls that it should sign are refused: %v", x.key, err)
	case key.Held():
		x.heldKey(key)
	default:
		x.warnings(key)
		x.ok("key", "the key %q opens", x.key)
	}
}

// heldKey has the agent that holds the key sign something.
func (x *examination) heldKey(key *keys.Key) {
	x.warnings(key)
	_, err := key.Sign(nil, []byte(`{"signet-wrap":"doctor"}`), nil)
	if err != nil {
		x.repair("key", "", "the key %q cannot be used, and calls that it should sign are refused: %v", x.key, err)
		return
	}
	x.note("key", "let no program that you do not trust reach the agent; ssh-add -c has it ask, for every record",
		"the key %q is held by an SSH agent, which signs: nobody can take it, and whoever reaches the unlocked agent can use it", x.key)
}

// otherKeys looks at all other keys of the store, and opens those that take no
// passphrase.
func (x *examination) otherKeys(store keys.Store) {
	names, err := store.Names()
	if err != nil {
		x.repair("key", "", "%v", err)
	}
	public := 0
	for _, name := range names {
		if name == x.key {
			continue
		}
		key, err := store.Load(name, nil)
		if errors.Is(err, keys.ErrPublicOnly) || errors.Is(err, keys.ErrPassphraseNeeded) {
			if _, perr := store.Public(name); perr != nil {
				err = perr // its public half is all that can be looked at
			}
		}
		switch {
		case errors.Is(err, keys.ErrPublicOnly):
			public++ // somebody else's, to verify with
		case errors.Is(err, keys.ErrPassphraseNeeded):
			x.ok("key", "the key %q is encrypted", name)
		case err != nil:
			x.repair("key", store.Advice(name, err), "the key %q cannot be used: %v", name, err)
		case key.Held():
			x.warnings(key)
			x.ok("key", "the key %q is held by an SSH agent, which was not asked", name)
		default:
			x.warnings(key)
			x.ok("key", "the key %q opens", name)
		}
	}
	if public > 0 {
		x.ok("key", "%s without a private half here, to verify with", count(int64(public), "other key"))
	}
}

func (x *examination) warnings(key *keys.Key) {
	for _, w := range key.Warnings {
		if !strings.Contains(w, "chmod 600") { // that is said above, of all keys
			x.repair("key", "", "%s", w)
		}
	}
}

// log looks at the log's files and tries to write beside them.
func (x *examination) log() {
	dir := x.home.Audit()
	entries, err := os.ReadDir(dir)
	if err != nil {
		x.repair("log", "", "%v", err)
		return
	}
	var open, others, quarantined []string
	for _, e := range entries {
		name := e.Name()
		x.names = append(x.names, name)
		day, rest, found := strings.Cut(name, ".jsonl")
		_, notDay := time.Parse(time.DateOnly, day)
		switch {
		case !found:
		case notDay != nil && rest == "":
			others = append(others, name)
		case notDay != nil:
		case strings.HasPrefix(rest, ".torn-"):
			quarantined = append(quarantined, name)
		case rest == "" && !e.Type().IsRegular():
			x.blocked = true
			x.repair("log", "move it away", "%s is not a regular file: nothing can be recorded", filepath.Join(dir, name))
		case rest == "":
			if st, err := e.Info(); err == nil && lax(st) {
				open = append(open, filepath.Join(dir, name))
			}
		}
	}
	if len(open) > 0 {
		x.repair("log", "chmod 600 "+strings.Join(open, " "), "others may read %s of the log", count(int64(len(open)), "file"))
	}
	if len(others) > 0 {
		x.note("log", "move them away", "not of the log, though the reference implementation would read them: %s", strings.Join(others, ", "))
	}
	if len(quarantined) > 0 {
		x.note("log", "", "%s quarantined: what crashes left, kept as it was", count(int64(len(quarantined)), "partial record"))
	}
	if x.blocked {
		return
	}
	if err := tryWriting(dir); err != nil {
		x.repair("log", cmp.Or(durable.Permit(err), "until then calls are refused, or not recorded if --fail-open is given"), "the log cannot be written: %v", err)
	} else {
		x.ok("log", "it can be written")
	}
}

// tryWriting makes a file as a record would, and takes it away again. The log's
// newest file is opened too, and left alone.
func tryWriting(dir string) (err error) {
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		if rerr := os.Remove(f.Name()); err == nil {
			err = rerr
		}
	}()
	if _, err := f.Write(make([]byte, 4096)); err != nil {
		return err
	}
	if err := durable.Sync(f); err != nil {
		return err
	}
	days, _ := filepath.Glob(filepath.Join(dir, "????-??-??.jsonl"))
	if len(days) == 0 {
		return nil
	}
	newest, err := os.OpenFile(days[len(days)-1], os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	return newest.Close()
}

// lockPatience is how long a lock may be held before it counts as stuck: a
// thousand times as long as writers hold it.
const lockPatience = 2 * time.Second

// locks looks whether some process holds a lock of the log.
func (x *examination) locks() {
	for _, name := range x.names {
		if !strings.HasSuffix(name, ".lock") {
			continue
		}
		if !x.lock(filepath.Join(x.home.Audit(), name), "calls wait for it and are then refused") {
			return
		}
	}
	x.ok("lock", "no process holds it")
}

// lock looks whether some process holds the lock at path, which need not be
// there, and says whether it is free.
func (x *examination) lock(path, consequence string) bool {
	free, err := isFree(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true
	case err != nil:
		x.repair("lock", cmp.Or(durable.Permit(err), "move it away: it is made again"), "%v", err)
	case !free:
		x.repair("lock", "find the process that has it open (lsof, fuser, or Resource Monitor) and end it",
			"%s has been held for %v: %s", path, lockPatience, consequence)
	}
	return free && err == nil
}

func isFree(path string) (bool, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return false, err
	}
	if !st.Mode().IsRegular() {
		return false, fmt.Errorf("%s is not a regular file: nothing can be recorded", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close() // and the lock goes with it
	for end := time.Now().Add(lockPatience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if free, err := durable.TryLock(f); free || err != nil {
			return free, err
		}
	}
	return false, nil
}

// clockSlack is how far the newest record may be ahead of a clock: as package
// chain has it.
const clockSlack = 2 * time.Second

// end looks at the log's last record, and from it at the clock.
func (x *examination) end() {
	var known []ed25519.PublicKey
	all, _ := x.home.Keys().Known() // what is wrong with them is said of the keys
	for _, p := range all {
		known = append(known, p.Key)
	}
	looked := 0
	log, err := chain.TakeSnapshot(x.home.Audit())
	if err != nil {
		x.repair("end", cmp.Or(durable.Permit(err), "signet-wrap verify --chain"), "the log cannot be read: %v", err)
		return
	}
	for e, err := range log.Records(context.Background(), chain.ReadOptions{Backward: true, Workers: 1}) {
		var bad *chain.LineError
		switch {
		case errors.As(err, &bad) && !endsInNewline(filepath.Join(x.home.Audit(), bad.File)):
			x.note("end", "", "%s ends in a partial record, such as a crash leaves; the next call quarantines it", bad.File)
			return
		case errors.As(err, &bad):
			x.repair("end", "keep a copy of the log, and see `signet-wrap verify --chain`; the next call is recorded after it", "%v", bad)
			return
		case err != nil:
			x.repair("end", cmp.Or(durable.Permit(err), "signet-wrap verify --chain"), "the log cannot be read: %v", err)
			return
		}
		// Only a record that a key of the home has signed tells the time.
		if v, err := sign.Verify(e.Receipt, sign.Keys(known...)); err == nil {
			x.clock(v.Time, strings.TrimSuffix(e.File, ".jsonl"))
			return
		}
		if looked++; looked == maxUnsigned {
			break
		}
	}
	if looked > 0 && len(known) > 0 { // else that is said of the keys
		x.note("end", "signet-wrap verify --chain", "no key that is here has signed any of the last %s", count(int64(looked), "record"))
	}
}

// maxUnsigned is how many records are looked at for one that a key of the home has
// signed.
const maxUnsigned = 1000

func endsInNewline(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	last := make([]byte, 1)
	end, err := f.Seek(-1, io.SeekEnd)
	if err == nil {
		_, err = f.ReadAt(last, end)
	}
	return err == nil && last[0] == '\n'
}

// clock compares it with the newest record, of the time last in the file of day.
func (x *examination) clock(last time.Time, day string) {
	now := time.Now()
	switch set := "set the clock, if it is wrong"; {
	case now.Before(last.Add(-clockSlack)):
		x.repair("clock", set, "the clock says %s, and the newest record is of %s: the next ones will have that time", formatTime(now), formatTime(last))
	case day > now.UTC().Format(time.DateOnly):
		x.repair("clock", set, "the newest file of the log is that of %s, which is in the future: all records go there until then", day)
	default:
		x.ok("clock", "it is not before the newest record, of %s", formatTime(last))
	}
}

// leastRoom is how much of a disk must be free, in bytes: some 100,000 records.
const leastRoom = 64 << 20

// room looks at the disk that the home is on, or would be on.
func (x *examination) room() {
	dir := x.home.Audit()
	for _, err := os.Stat(dir); err != nil && filepath.Dir(dir) != dir; _, err = os.Stat(dir) {
		dir = filepath.Dir(dir)
	}
	switch free, err := durable.Free(dir); {
	case err != nil:
		x.note("disk", "", "how much room there is cannot be found out: %v", err)
	case free < leastRoom:
		x.repair("disk", "make room", "there are only %d MiB free where the log is", free>>20)
	default:
		x.ok("disk", "%.1f GiB are free", float64(free)/(1<<30))
	}
}
