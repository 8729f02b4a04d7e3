package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	cosign "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// systemLogAttacks are further ways of an agent that has a shell, the key and the
// log.
var systemLogAttacks = []systemLogPart{
	// A home that nothing names any more, and its heads have only a hash of its path.
	{"DeletesASecondHome", func(s *agent) {
		first := s.home
		s.session(2)
		s.seen()
		s.home = filepath.Join(s.dir, "second")
		s.session(2)
		s.seen()
		if err := os.RemoveAll(s.home); err != nil {
			s.t.Fatal(err)
		}
		s.home = first
		if f := s.must(0); len(f.Completeness.Heads.Gone) != 1 || f.Completeness.Heads.Gone[0].Dir != "" {
			s.t.Errorf("%+v", f)
		}
		s.must(3, "--require", "system-log")
	}},
	// A home that only the command line of its wrapper names, which the system's log has.
	{"NamesASecondHome", func(s *agent) {
		s.session(2)
		s.seen()
		second := *s
		second.home = filepath.Join(s.dir, "a second")
		s.session(2, "--home", second.home)
		second.seen()
		s.must(0, "--require", "system-log")
		path, lines := second.log()
		second.put(path, lines[0])
		dir := filepath.Dir(path)
		for range 2 {
			if f := s.must(0); len(f.Completeness.Heads.Gone) != 1 || f.Completeness.Heads.Gone[0].Dir != dir {
				s.t.Errorf("%+v", f)
			}
			s.must(3, "--require", "system-log")
			if out, _ := s.command("verify", "--chain").Output(); !bytes.Contains(out, []byte("another log of this user, in "+dir+", is gone or shorter")) {
				s.t.Errorf("%s", out)
			}
			if err := os.RemoveAll(second.home); err != nil {
				s.t.Fatal(err)
			}
		}
	}},
	// Each line stays as long as it was, so that nothing but hashes tells.
	{"EditsOneArgument", func(s *agent) {
		s.session(5, "--outcomes", "off")
		s.seen()
		path, lines := s.log()
		signer := s.signer()
		prev := chain.Hash{}
		for i, line := range lines {
			var r struct {
				Receipt struct {
					Action struct {
						Tool, Target, Session string
						CallID                string `json:"call_id"`
						Params                json.RawMessage
					}
					Ts time.Time
				}
				RecordHash chain.Hash `json:"record_hash"`
			}
			if err := json.Unmarshal(line, &r); err != nil {
				s.t.Fatal(err)
			}
			a := r.Receipt.Action
			if i < 2 {
				prev = r.RecordHash
				continue
			}
			if i == 2 {
				a.Params = []byte(`{"n":7}`)
			}
			d, err := signer.Prepare(sign.Action{Tool: a.Tool, Target: a.Target, Session: a.Session, CallID: a.CallID, Arguments: a.Params})
			if err != nil {
				s.t.Fatal(err)
			}
			receipt, err := d.SignAt(r.Receipt.Ts, prev)
			if err != nil {
				s.t.Fatal(err)
			}
			lines[i], prev = recordLine(prev, receipt.JSON)
		}
		_, before := s.log()
		if string(before[2]) == string(lines[2]) || len(bytes.Join(before, nil))+1 != len(bytes.Join(lines, nil)) {
			s.t.Fatalf("%d bytes, and there were %d", len(bytes.Join(lines, nil)), len(bytes.Join(before, nil)))
		}
		s.put(path, lines...)
		f := s.must(1)
		if u := f.Completeness.Heads.MismatchedList; len(u) == 0 || u[0].Why != "another record is there" {
			s.t.Errorf("%+v", f)
		}
	}},
	{"SignsRotate", func(s *agent) {
		s.session(2)
		s.seen()
		s.forge(s.event(event.Other{Kind: "rotate", Rest: []event.Member{{Name: "successor", Value: []byte(`"ed25519:AAAA"`)}}}))
		s.must(0)
		path, lines := s.log()
		s.put(path, lines[:len(lines)-2]...)
		s.must(1)
	}},
	// journald adds the command line to each entry, which so is longer than any head;
	// and whatever else the account logs may be long, too.
	{"LongEntries", func(s *agent) {
		cmd := s.command("--", "sh", "-c", "cat", strings.Repeat("x", 100_000))
		cmd.Stdin = strings.NewReader(calls(3))
		if out, err := cmd.CombinedOutput(); err != nil {
			s.t.Fatalf("%v\n%s", err, out)
		}
		s.seen()
		s.say(append([]byte("x\nLONG="), bytes.Repeat([]byte("x"), 100_000)...))
		poll(s.t, "the newest entry is the long one", func() bool {
			out, err := exec.Command("journalctl", "-o", "cat", "-n", "1", fmt.Sprintf("_UID=%d", s.uid)).Output()
			return err == nil && string(out) == "x\n"
		})
		if f := s.must(0); f.Completeness.Heads.To == "" {
			s.t.Errorf("%+v", f)
		}
		path, lines := s.log()
		s.put(path, lines[:len(lines)-1]...)
		s.must(1)
	}},
	// A link, above the home, to what another user has.
	{"LinksToAnothersHome", func(s *agent) {
		other := *s
		other.uid += 1000
		other.dir += ".other"
		other.home = filepath.Join(other.dir, "x", ".signet")
		if err := os.MkdirAll(filepath.Dir(other.home), 0o755); err != nil {
			s.t.Fatal(err)
		}
		other.own(other.dir)
		other.session(1)
		if out, err := exec.Command("chmod", "-R", "a+rX", other.dir).CombinedOutput(); err != nil {
			s.t.Fatalf("%v: %s", err, out)
		}
		s.home = filepath.Join(s.dir, "x", ".signet")
		if err := os.Mkdir(filepath.Dir(s.home), 0o755); err != nil {
			s.t.Fatal(err)
		}
		s.own(s.dir)
		s.session(2)
		s.seen()
		if err := errors.Join(os.RemoveAll(filepath.Dir(s.home)), os.Symlink(filepath.Dir(other.home), filepath.Dir(s.home))); err != nil {
			s.t.Fatal(err)
		}
		s.own(s.dir)
		s.must(1)
		if status, f := s.by(0).verify("--home", s.home); status != 1 {
			s.t.Errorf("exit status %d for root: %+v", status, f)
		}
	}},
	{"DeletesTheStore", func(s *agent) {
		if out, err := s.command("identity", "generate", "--name", "default", "--unencrypted").CombinedOutput(); err != nil {
			s.t.Fatalf("%v\n%s", err, out)
		}
		if out, err := s.command("anchor", "init", "--origin", "example.com/log").CombinedOutput(); err != nil {
			s.t.Fatalf("%v\n%s", err, out)
		}
		s.session(2)
		poll(s.t, "heads carry the policy", func() bool {
			_, f := s.verify()
			return f.Completeness.Heads.Heads > 0 && f.Completeness.Heads.After == 0
		})
		s.must(0)
		// An honest change is told to the system's log, too.
		_, vkey, err := note.GenerateKey(nil, "example.com/w")
		if err == nil {
			vkey, err = cosign.VKeyToCosignatureV1(vkey)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		// The process that the session's end has started may still be anchoring.
		poll(s.t, "the policy is changed", func() bool {
			out, err := s.command("anchor", "init", "--witness", vkey+"@http://127.0.0.1:9").CombinedOutput()
			if err != nil && !strings.Contains(string(out), "another process is anchoring") {
				s.t.Fatalf("%v\n%s", err, out)
			}
			return err == nil
		})
		poll(s.t, "the head of the change is there", func() bool {
			status, f := s.verify()
			return status == 0 && f.Completeness.Heads.After == 0
		})
		// The policy is edited, and then an event is signed that says so.
		policy := filepath.Join(s.home, "anchor", "policy")
		was, err := os.ReadFile(policy)
		if err != nil {
			s.t.Fatal(err)
		}
		s.put(policy, was, []byte("# edited\n"))
		s.must(3)
		store, err := anchor.Open(filepath.Dir(policy))
		if err != nil {
			s.t.Fatal(err)
		}
		s.forge(s.event(event.AnchorPolicy{Origin: store.Policy.Log.Name(), VKey: store.Policy.LogKey, Policy: store.PolicyHash(), Store: "home"}))
		s.must(3)
		s.session(1) // whose heads carry the edited one
		poll(s.t, "its heads are there", func() bool {
			_, f := s.verify()
			return f.Completeness.Heads.After == 0
		})
		s.put(policy, was)
		s.must(3)
		if err := os.RemoveAll(filepath.Dir(policy)); err != nil {
			s.t.Fatal(err)
		}
		s.must(3)
	}},
	{"RemembersByRoot", func(s *agent) {
		s.session(3)
		s.seen()
		path, lines := s.log()
		s.put(path, lines[:len(lines)-1]...)
		f := s.must(1)
		id := f.Completeness.Heads.MismatchedList[len(f.Completeness.Heads.MismatchedList)-1].ID
		remember := func(by *agent) (int, string) {
			cmd := by.command("verify", "--accept", id, "--remember", "--reason", "a disk\nwas full")
			cmd.Env = append(cmd.Env, "SUDO_USER=ada")
			out, _ := cmd.CombinedOutput()
			return cmd.ProcessState.ExitCode(), string(out)
		}
		if status, out := remember(s); status != 2 || !strings.Contains(out, "root's alone") {
			s.t.Errorf("%d: %s", status, out)
		}
		s.must(1)
		const accepted = "/etc/signet-wrap/accepted"
		defer os.Remove(accepted)
		if status, out := remember(s.by(0)); status != 0 || !strings.Contains(out, accepted) {
			s.t.Errorf("%d: %s", status, out)
		}
		if b, err := os.ReadFile(accepted); err != nil || !strings.HasPrefix(string(b), id+":1 accepted at 2") || !strings.HasSuffix(string(b), " by ada: a disk was full\n") {
			s.t.Errorf("%v: %s", err, b)
		}
		s.must(0)
		// What comes later is not accepted with it, however soon.
		s.session(2)
		s.seen()
		path, lines = s.log()
		s.put(path, lines[:len(lines)-1]...)
		s.must(1)
		// Nor is what others than root can write, whatever it is, and a pipe is not
		// waited for. The same holds for the trust file.
		const trust = "/etc/signet-wrap/trust"
		for _, spoil := range []func(path string) error{
			func(path string) error { return os.Chmod(path, 0o666) },
			func(path string) error { return os.Chmod(filepath.Dir(path), 0o777) },
			func(path string) error { return os.Chown(filepath.Dir(path), int(s.uid), 0) },
			func(path string) error { return os.Truncate(path, 1<<40) },
			func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) },
			func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o644)) },
			func(path string) error {
				theirs := filepath.Join(s.dir, "theirs")
				s.put(theirs, nil)
				return errors.Join(os.Remove(path), os.Symlink(theirs, path))
			},
			func(path string) error {
				return errors.Join(os.Remove(path), os.Symlink("/not/there", path))
			},
		} {
			for file, want := range map[string]int{accepted: 1, trust: 2} {
				kept, err := os.ReadFile(accepted)
				if err == nil && file == trust {
					err = os.WriteFile(trust, nil, 0o644)
				}
				if err == nil {
					err = spoil(file)
				}
				if err != nil {
					s.t.Fatal(err)
				}
				cmd := s.command("verify", "--chain")
				out, _ := cmd.CombinedOutput()
				says := map[int]string{1: accepted + " does not count: ", 2: "the trust file " + trust + ": "}[want]
				if status := cmd.ProcessState.ExitCode(); status != want || !strings.Contains(string(out), says) {
					s.t.Errorf("%s: exit status %d\n%s", file, status, out)
				}
				if status, out := remember(s.by(0)); file == accepted && status != 2 {
					s.t.Errorf("it was written to: %d\n%s", status, out)
				}
				if err := errors.Join(os.Chown(filepath.Dir(file), 0, 0), os.Chmod(filepath.Dir(file), 0o755), os.RemoveAll(file), os.WriteFile(accepted, kept, 0o644)); err != nil {
					s.t.Fatal(err)
				}
				if err := os.Chmod(accepted, 0o644); err != nil {
					s.t.Fatal(err)
				}
			}
		}
		for _, bad := range []string{"", " ", "evt_ x", "x", id + ":", id + ":0", id + ":-1", id + ":x", id + ":1:1"} {
			if status, _ := s.verify("--accept", bad); status != 2 {
				s.t.Errorf("--accept %q: %d", bad, status)
			}
		}
	}},
	// What was accepted covers no cut that comes later, further back: neither by the
	// flag as verify prints it, nor in root's file, whoever wrote it.
	{"CutsDeeperAfterwards", func(s *agent) {
		for range 12 { // each with heads of its own
			s.session(1, "--outcomes", "off")
		}
		s.seen()
		whole := s.cut(9)
		bound := s.must(1).Completeness.Heads.Accept
		id, _, _ := strings.Cut(bound, ":")
		s.must(0, "--accept", bound)
		s.session(1)
		s.covered(10)
		s.must(0, "--accept", bound)
		s.cut(9)
		s.must(1, "--accept", bound)
		s.must(0, "--accept", s.must(1).Completeness.Heads.Accept)
		const accepted = "/etc/signet-wrap/accepted"
		defer os.Remove(accepted)
		for _, flags := range [][]string{{}, {"--chain"}} { // with a bare id, too, it is bound
			os.Remove(accepted)
			id, _, _ := strings.Cut(s.must(1).Completeness.Heads.Accept, ":")
			cmd := s.by(0).command(append([]string{"verify", "--accept", id, "--remember"}, flags...)...)
			if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte(id+":")) {
				s.t.Errorf("%v: %s", err, out)
			}
			s.must(0)
			s.cut(4)
			s.must(1)
			s.must(1, "--accept", bound)
			s.put(func() string { path, _ := s.log(); return path }(), whole[:9]...)
			s.must(0)
		}
		os.Remove(accepted)
		s.cut(4)
		s.must(1, "--accept", id) // as the heads of the session since are newer
	}},
	// A call that claims a time ten minutes ahead was seen before it.
	{"DatesAhead", func(s *agent) {
		s.session(2)
		s.seen()
		path, lines := s.log()
		last, err := chain.ParseEntry(bytes.TrimSpace(lines[len(lines)-1]))
		if err != nil {
			s.t.Fatal(err)
		}
		receipt, err := s.call("x")(chain.At{Time: time.Now().Add(10 * time.Minute), Prev: last.RecordHash})
		if err != nil {
			s.t.Fatal(err)
		}
		line, _ := recordLine(last.RecordHash, receipt)
		s.put(path, append(lines, []byte("\n"), line)...)
		s.session(1) // whose times are not before that one
		var f remembered
		poll(s.t, "the system's log covers it", func() bool {
			_, f = s.verify()
			return f.Completeness.Heads.After == 0
		})
		if f.Completeness.Heads.Ahead != 1 {
			s.t.Errorf("%+v", f)
		}
		s.must(3)
	}},
	// Whose entries count: those of the directory's owner, and not the caller's; and
	// where nothing of it is left, in a directory of root's, the caller's.
	{"OwnersDirectory", func(s *agent) {
		s.session(1)
		roots := s.by(0)
		roots.home = s.dir + ".roots"
		roots.session(1, "--system-log", "off")
		if out, err := exec.Command("chmod", "-R", "a+rX", roots.home).CombinedOutput(); err != nil {
			s.t.Fatalf("%v: %s", err, out)
		}
		// By root's own entries, of which this user sees none, nothing can be said.
		if _, f := s.verify("--home", roots.home); f.Completeness.Heads.From != "" || f.Completeness.Heads.Silent > 0 {
			s.t.Errorf("%+v", f)
		}
		// A directory of root's in this user's, which they have put in their home's place.
		s.seen()
		aside := filepath.Join(s.dir, "aside")
		if err := errors.Join(os.Rename(s.home, aside), os.Rename(roots.home, s.home)); err != nil {
			s.t.Fatal(err)
		}
		s.must(1)
		if err := errors.Join(os.Rename(s.home, roots.home), os.Rename(aside, s.home), os.Chown(s.dir, 0, 0)); err != nil {
			s.t.Fatal(err)
		}
		defer s.own(s.dir)
		s.seen()
		os.RemoveAll(s.home)
		s.must(1, "--home", s.home)
	}},
	// Entries that are none of ours, of every kind, under our name.
	{"HostileEntries", func(s *agent) {
		s.session(3)
		f := s.seen()
		had := f.Completeness.Heads.Heads
		head := func() string {
			out, err := exec.Command("/usr/bin/journalctl", "-o", "cat", "--all", "-n", "1", "--no-pager", fmt.Sprintf("_UID=%d", s.uid), "SYSLOG_IDENTIFIER=signet-wrap").Output()
			if err != nil || len(out) == 0 {
				s.t.Fatal(err)
			}
			return strings.TrimSpace(string(out))
		}()
		var fields strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&fields, "X%d=%d\n", i, i)
		}
		for _, entry := range []string{
			"MESSAGE=\xff\xfe\x01", "MESSAGE=", "X=no message", "MESSAGE={}", "MESSAGE=" + strings.Repeat("[", 60_000),
			"MESSAGE=" + strings.Repeat("x", 100_000),
			"MESSAGE=head of a signet-wrap log ", "MESSAGE=head of a signet-wrap log {\"v\":1}", "MESSAGE=head of a signet-wrap log null",
			"MESSAGE=" + strings.Replace(head, `"seq":`, `"seq":9`, 1),
			"MESSAGE=" + head[:len(head)-1],
			"MESSAGE=" + head + "\nMESSAGE=" + head,
			"MESSAGE=" + head + "\nSYSLOG_IDENTIFIER=signet-wrap-record",
			fields.String() + "MESSAGE=x",
		} {
			s.send("SYSLOG_IDENTIFIER=signet-wrap\n" + entry + "\n")
		}
		// Longer than any datagram.
		s.say(bytes.Repeat([]byte("x"), 2_000_000))
		s.session(1)
		f = s.seen()
		if f.Completeness.Heads.Heads <= had || f.Completeness.Heads.Missing > 0 {
			s.t.Errorf("%+v", f)
		}
		s.must(0, "--require", "system-log")
	}},
}

// send sends a datagram to journald as the account.
func (s *agent) send(datagram string) {
	s.t.Helper()
	cmd := s.command("fake", "datagram", socket)
	cmd.Path = s.fakes()
	cmd.Stdin = strings.NewReader(datagram)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
}

// fakeDatagram is a fake that sends its input to a socket: PATH.
func fakeDatagram(args []string) int {
	c, err := net.Dial("unixgram", args[0])
	if err == nil {
		var b []byte
		if b, err = io.ReadAll(os.Stdin); err == nil {
			_, err = c.Write(b)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func init() { fakes["datagram"] = fakeDatagram }

// recordLine is a line of a log, and its hash.
func recordLine(prev chain.Hash, receipt []byte) (line []byte, hash chain.Hash) {
	hash = event.HashOf(fmt.Appendf(nil, `{"prev_hash":"%s","receipt":%s}`, prev, receipt))
	return fmt.Appendf(nil, `{"receipt":%s,"prev_hash":"%s","record_hash":"%s"}`+"\n", receipt, prev, hash), hash
}
