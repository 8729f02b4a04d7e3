package integration

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// inJournal is set where the tests have a journald of their own.
const inJournal = "SIGNET_WRAP_TEST_JOURNAL"

const (
	journald = "/lib/systemd/systemd-journald"
	socket   = "/run/systemd/journal/socket"
)

// TestSystemLog plays an agent that has a shell, the key and the log, against a
// journald of the test's own, in a mount namespace. It takes root: the agent is an
// account without rights, another one for each part.
func TestSystemLog(t *testing.T) {
	if bin := os.Getenv(inJournal); bin != "" {
		inNamespace(t, bin)
		return
	}
	needJournald(t)
	if err := os.Mkdir("/etc/signet-wrap", 0o755); err == nil { // to be mounted over
		defer os.Remove("/etc/signet-wrap")
	}
	parts := "^TestSystemLog$"
	if run := flag.Lookup("test.run").Value.String(); strings.HasPrefix(run, "TestSystemLog/") {
		parts = run
	}
	isolated(t, inJournal, parts, syscall.CLONE_NEWNS)
}

// inNamespace runs the parts.
func inNamespace(t *testing.T, bin string) {
	for _, dir := range []string{"/run", "/var/log", "/etc/signet-wrap"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	const dir = "/run/agent"
	for path, b := range map[string][]byte{
		dir + "/signet-wrap":                      content,
		dir + "/fakes":                            self,
		"/run/systemd/journald.conf.d/small.conf": []byte("[Journal]\nSystemMaxUse=32M\nSystemMaxFileSize=4M\nRateLimitBurst=0\n"),
		"/run/systemd/journal/flushed":            nil, // as after the start of a system
		"/var/log/journal/readme":                 nil,
		dir + "/path/journalctl":                  []byte("#!/bin/sh\necho '{}'\n"),
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	j := startJournald(t)
	// The last ones end the journal.
	for i, part := range slices.Concat(systemLogParts, systemLogKeys, systemLogAttacks, systemLogArchive, systemLogReports, systemLogLife) {
		t.Run(part.name, func(t *testing.T) {
			s := &agent{t: t, uid: uint32(20_000 + i), dir: filepath.Join(dir, fmt.Sprint(i)), bin: dir + "/signet-wrap", journald: j}
			s.home = filepath.Join(s.dir, ".signet")
			if err := os.Mkdir(s.dir, 0o755); err != nil {
				t.Fatal(err)
			}
			s.own(s.dir)
			part.run(s)
		})
	}
}

// journal is a running journald.
type journal struct {
	t   *testing.T
	cmd *exec.Cmd
}

func startJournald(t *testing.T) *journal {
	t.Helper()
	j := &journal{t: t}
	j.start()
	t.Cleanup(j.stop)
	return j
}

func (j *journal) start() {
	j.t.Helper()
	os.Remove(socket)
	j.cmd = exec.Command(journald)
	j.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := j.cmd.Start(); err != nil {
		j.t.Fatal(err)
	}
	poll(j.t, "journald takes messages", func() bool {
		c, err := net.Dial("unixgram", socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// stop kills it.
func (j *journal) stop() {
	j.cmd.Process.Kill()
	j.cmd.Wait()
}

func poll(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// agent is an account with a home and a log.
type agent struct {
	t        *testing.T
	uid      uint32
	dir      string // its own
	home     string
	bin      string
	journald *journal
}

// fakes is the path of this program, where the account can run it.
func (s *agent) fakes() string { return filepath.Join(filepath.Dir(s.bin), "fakes") }

// own gives all in a directory to the account.
func (s *agent) own(dir string) {
	s.t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(s.uid), int(s.uid))
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// by is the same home, used by another user.
func (s *agent) by(uid uint32) *agent {
	other := *s
	other.uid = uid
	return &other
}

func (s *agent) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.bin, args...)
	cmd.Env = []string{"HOME=" + s.dir, "PATH=/run/agent/path:/usr/bin:/bin", "SIGNET_HOME=" + s.home}
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.uid, Gid: s.uid}, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// calls are so many requests.
func calls(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"x","arguments":{"n":%d}}}`+"\n", i, i)
	}
	return b.String()
}

// session is one from its beginning to its end, with so many calls.
func (s *agent) session(n int, flags ...string) {
	s.t.Helper()
	cmd := s.command(append(flags, "--", "cat")...)
	cmd.Stdin = strings.NewReader(calls(n))
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
}

// remembered is what verify --json says of the system's log.
type remembered struct {
	Verdict   string `json:"verdict"`
	Records   int64  `json:"records"`
	Head      string `json:"head"`
	Arguments struct {
		Erased []struct{ ID string }
	} `json:"arguments"`
	Completeness struct {
		SystemLog string `json:"system_log"`
		Archived  struct {
			Days   int                   `json:"days"`
			Events []struct{ ID string } `json:"events"`
		} `json:"archived"`
		Heads struct {
			Why            string                      `json:"why"`
			From           string                      `json:"reaches_from"`
			To             string                      `json:"reaches_to"`
			Heads          int64                       `json:"heads"`
			Records        int64                       `json:"records"`
			After          int64                       `json:"unanchored_records"`
			Mismatched     int64                       `json:"mismatched"`
			MismatchedList []struct{ ID, Why string }  `json:"mismatched_heads"`
			Replaced       []struct{ Log, ID string }  `json:"replaced_logs"`
			Gone           []struct{ Log, Dir string } `json:"other_logs"`
			Missing        int64                       `json:"missing_heads"`
			Silent         int64                       `json:"silent_sessions"`
			Elsewhere      int64                       `json:"sessions_elsewhere"`
			Unread         string                      `json:"unread"`
			Unended        int64                       `json:"unended_sessions"`
			Backdated      int64                       `json:"backdated"`
			Ahead          int64                       `json:"dated_ahead"`
			Accept         string                      `json:"accept"`
		} `json:"heads"`
	} `json:"completeness"`
}

func (s *agent) verify(flags ...string) (int, remembered) {
	s.t.Helper()
	cmd := s.command(append([]string{"verify", "--chain", "--json"}, flags...)...)
	out, err := cmd.Output()
	var f remembered
	if len(out) > 0 {
		if err := json.Unmarshal(out, &f); err != nil {
			s.t.Fatalf("%v: %s", err, out)
		}
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), f
}

// seen waits until journald has all that was sent of the log.
func (s *agent) seen() remembered {
	s.t.Helper()
	var f remembered
	var status int
	poll(s.t, "the journal covers the log", func() bool {
		status, f = s.verify()
		return status == 0 && f.Records > 0 && f.Completeness.Heads.After == 0
	})
	return f
}

func (s *agent) must(want int, flags ...string) remembered {
	s.t.Helper()
	status, f := s.verify(flags...)
	if status != want {
		s.t.Errorf("verify %q: exit status %d, want %d: %+v", flags, status, want, f)
	}
	return f
}

// log is the log's only file and its lines.
func (s *agent) log() (path string, lines [][]byte) {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.home, "audit", "*.jsonl"))
	if err != nil || len(files) == 0 {
		s.t.Fatal("no log", err)
	}
	path = files[len(files)-1]
	b, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return path, bytes.SplitAfter(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
}

func (s *agent) put(path string, lines ...[]byte) {
	s.t.Helper()
	if err := os.WriteFile(path, bytes.Join(lines, nil), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.own(s.dir)
}

func (s *agent) signer() *sign.Signer {
	s.t.Helper()
	signer, err := signerIn(s.home)()
	if err != nil {
		s.t.Fatal(err)
	}
	return signer
}

// forge writes a log with these receipts, signed again with the key, after what is
// there.
func (s *agent) forge(receipts ...func(at chain.At) ([]byte, error)) {
	s.t.Helper()
	l := chain.New(filepath.Join(s.home, "audit"), chain.Options{})
	defer l.Close()
	if _, err := l.Append(len(receipts), func(i int, at chain.At) ([]byte, error) { return receipts[i](at) }); err != nil {
		s.t.Fatal(err)
	}
	s.own(s.dir)
}

func (s *agent) call(tool string) func(chain.At) ([]byte, error) {
	signer := s.signer()
	return func(at chain.At) ([]byte, error) {
		return testlog.Call(signer, sign.Action{Tool: tool, Arguments: []byte(`{"n":1}`), Target: "mcp://x", Session: "ses_" + strings.Repeat("0", 32)}, at)
	}
}

func (s *agent) event(e event.Event) func(chain.At) ([]byte, error) {
	signer := s.signer()
	return func(at chain.At) ([]byte, error) {
		r, err := signer.Event(e, at.Time, at.Prev)
		if err != nil {
			return nil, err
		}
		return r.Record, nil
	}
}

// say sends a message to the journal as the account.
func (s *agent) say(message []byte) {
	s.t.Helper()
	cmd := exec.Command("logger", "--journald")
	cmd.Stdin = bytes.NewReader(append([]byte("SYSLOG_IDENTIFIER=signet-wrap\nMESSAGE="), append(message, '\n')...))
	cmd.SysProcAttr = s.command().SysProcAttr
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("logger: %v\n%s", err, out)
	}
}

type systemLogPart struct {
	name string
	run  func(s *agent)
}

var systemLogParts = []systemLogPart{
	{"Honest", func(s *agent) {
		s.session(3)
		if f := s.seen(); f.Completeness.SystemLog != "all" || f.Completeness.Heads.Missing > 0 {
			s.t.Errorf("%+v", f)
		}
		s.must(0, "--require", "system-log")
		for _, verb := range []string{"doctor", "status"} {
			if out, _ := s.command(verb).CombinedOutput(); !bytes.Contains(out, []byte("where the log ends goes to journald, ")) {
				s.t.Errorf("%s: %s", verb, out)
			}
		}
	}},
	{"Truncates", func(s *agent) {
		s.session(3)
		s.seen()
		path, lines := s.log()
		s.put(path, lines[:len(lines)-1]...)
		f := s.must(1)
		if len(f.Completeness.Heads.MismatchedList) == 0 {
			s.t.Fatalf("%+v", f)
		}
		// Nothing in the account excuses it: an id must be accepted from outside.
		id := f.Completeness.Heads.MismatchedList[0].ID
		s.must(0, "--accept", id)
		s.must(1, "--accept", "evt_00000000000000000000000000000000")
		if err := os.WriteFile("/etc/signet-wrap/accepted", []byte(id+" a restored backup\n"), 0o644); err != nil {
			s.t.Fatal(err)
		}
		defer os.Remove("/etc/signet-wrap/accepted")
		s.must(0)
		if err := os.Chown("/etc/signet-wrap/accepted", int(s.uid), 0); err != nil {
			s.t.Fatal(err)
		}
		s.must(1)
	}},
	{"TruncatesBetweenHeads", func(s *agent) {
		s.session(200) // a burst, of which not each has a head
		f := s.seen()
		if f.Completeness.Heads.Heads >= 200 {
			s.t.Errorf("%d heads", f.Completeness.Heads.Heads)
		}
		path, lines := s.log()
		s.put(path, lines[:len(lines)-2]...)
		s.must(1)
	}},
	{"TruncatesAfterKill", func(s *agent) {
		cmd := s.command("--", "cat")
		in, err := cmd.StdinPipe()
		if err != nil {
			s.t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprint(in, calls(3))
		poll(s.t, "the calls are covered", func() bool {
			status, f := s.verify()
			return status == 0 && f.Records >= 3 && f.Completeness.Heads.After == 0
		})
		cmd.Process.Kill()
		cmd.Wait()
		if f := s.must(0); f.Completeness.Heads.Unended != 1 {
			s.t.Errorf("%+v", f)
		}
		path, lines := s.log()
		s.put(path, lines[:len(lines)-1]...)
		s.must(1)
	}},
	{"RestoresAnOlderCopy", func(s *agent) {
		s.session(2)
		path, lines := s.log()
		s.session(2)
		s.seen()
		s.put(path, append(lines, []byte("\n"))...)
		s.must(1)
	}},
	{"DeletesAll", func(s *agent) {
		s.session(2)
		s.seen()
		os.RemoveAll(filepath.Join(s.home, "audit"))
		s.must(1)
		os.RemoveAll(s.home)
		s.must(1)
		s.must(1, "--home", s.home)
		// a new key, and a new log
		s.session(2)
		f := s.must(1)
		if len(f.Completeness.Heads.Replaced) != 1 {
			s.t.Fatalf("%+v", f)
		}
		s.must(0, "--accept", f.Completeness.Heads.Replaced[0].Log)
	}},
	{"RewritesAll", func(s *agent) {
		s.session(2)
		s.seen()
		path, _ := s.log()
		os.Remove(path)
		s.forge(s.call("a"), s.call("b"), s.call("c"))
		s.must(1)
	}},
	{"EditsAndSignsAnew", func(s *agent) {
		s.session(3)
		s.seen()
		path, lines := s.log()
		s.put(path, lines[0])
		s.forge(s.call("y"), s.call("x"), s.call("x"), s.call("x"), s.call("x"))
		s.must(1)
		// and an event that explains it
		s.forge(s.event(event.NewEpoch{Origin: "o", Size: 5, Root: "AAAA", Reason: "restored a backup"}))
		s.must(1)
	}},
	{"ForgesAHead", func(s *agent) {
		s.session(2)
		s.seen()
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			s.t.Fatal(err)
		}
		signer, err := sign.NewSigner(key, "x", "")
		if err != nil {
			s.t.Fatal(err)
		}
		first, err := chain.First(filepath.Join(s.home, "audit"))
		if err != nil {
			s.t.Fatal(err)
		}
		path, _ := s.log()
		r, err := signer.Event(event.Head{
			Log: first, Dirs: heads.Dirs(filepath.Join(s.home, "audit")), File: filepath.Base(path), End: 7, Head: event.HashOf(nil), Session: "ses_" + strings.Repeat("1", 32),
		}, time.Now(), event.HashOf(nil))
		if err != nil {
			s.t.Fatal(err)
		}
		s.say(append([]byte(heads.Phrase), r.JSON...))
		poll(s.t, "it contradicts", func() bool {
			status, _ := s.verify()
			return status == 1
		})
	}},
	{"MovesTheHome", func(s *agent) {
		s.session(3)
		s.seen()
		old := s.home
		s.home = filepath.Join(s.dir, "elsewhere")
		if err := os.Rename(old, s.home); err != nil {
			s.t.Fatal(err)
		}
		s.must(0, "--require", "system-log")
		if err := os.Symlink(s.home, old); err != nil {
			s.t.Fatal(err)
		}
		path, lines := s.log()
		s.put(path, lines[:len(lines)-1]...)
		s.must(1)
		s.home = old
		s.must(1)
	}},
	{"Backdates", func(s *agent) {
		s.session(2)
		s.seen()
		path, lines := s.log()
		last, err := chain.ParseEntry(bytes.TrimSpace(lines[len(lines)-1]))
		if err != nil {
			s.t.Fatal(err)
		}
		receipt, err := s.call("x")(chain.At{Time: time.Now().Add(-time.Hour), Prev: last.RecordHash})
		if err != nil {
			s.t.Fatal(err)
		}
		line, _ := recordLine(last.RecordHash, receipt)
		s.put(path, append(lines, []byte("\n"), line)...)
		if f := s.must(3); f.Completeness.Heads.Backdated != 1 {
			s.t.Errorf("%+v", f)
		}
	}},
	{"SendsNoHeads", func(s *agent) {
		s.session(2)
		s.seen()
		s.session(2, "--system-log", "off")
		// At once.
		if f := s.must(0); f.Completeness.Heads.Silent != 1 || f.Completeness.Heads.After == 0 {
			s.t.Errorf("%+v", f)
		}
		s.must(3, "--require", "system-log")
		s.session(2) // which covers them; the session stays counted
		poll(s.t, "it is covered", func() bool {
			_, f := s.verify()
			return f.Completeness.Heads.After == 0
		})
		s.must(3, "--require", "system-log")
	}},
	{"NormalLife", func(s *agent) {
		first := s.home
		done := make(chan bool)
		for range 4 {
			go func() {
				cmd := s.command("--", "cat")
				cmd.Stdin = strings.NewReader(calls(20))
				done <- cmd.Run() == nil
			}()
		}
		for range 4 {
			if !<-done {
				s.t.Error("a session failed")
			}
		}
		s.session(5, "--sync", "off")
		s.seen()
		s.must(0, "--require", "system-log")
		// a second home
		s.home = filepath.Join(s.dir, "second")
		s.session(2)
		s.seen()
		s.home = first
		s.must(0)
		// a torn line
		path, lines := s.log()
		s.put(path, append(lines, []byte("\n"), lines[0][:100])...)
		s.must(0) // as the system's log has seen that it is all
		s.session(1)
		poll(s.t, "it goes on", func() bool {
			status, f := s.verify()
			return status == 0 && f.Completeness.Heads.After == 0
		})
		// a rotated journal
		s.journald.cmd.Process.Signal(syscall.SIGUSR2)
		s.session(1)
		s.seen()
	}},
	{"Records", func(s *agent) {
		cmd := s.command("--system-log", "records", "--", "cat")
		long := fmt.Sprintf(`{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"long","arguments":{"x":"%s"}}}`+"\n", strings.Repeat("y", 300_000))
		cmd.Stdin = strings.NewReader(calls(2) + long)
		if out, err := cmd.CombinedOutput(); err != nil {
			s.t.Fatalf("%v\n%s", err, out)
		}
		s.seen()
		out, err := exec.Command("/usr/bin/journalctl", "-o", "cat", "--all", "--no-pager", fmt.Sprintf("_UID=%d", s.uid), "SYSLOG_IDENTIFIER=signet-wrap-record").Output()
		if err != nil {
			s.t.Fatal(err)
		}
		_, lines := s.log()
		if got := bytes.Count(out, []byte("\n")); got != len(lines) || !bytes.Contains(out, bytes.TrimSpace(lines[0])) || !bytes.Contains(out, []byte(`"tool":"long"`)) {
			s.t.Errorf("%d records of %d, %d bytes", got, len(lines), len(out))
		}
	}},
	{"Floods", func(s *agent) {
		s.session(2)
		s.seen()
		flood := s.command()
		flood.Path, flood.Args = "/bin/sh", []string{"sh", "-c", "head -c 80000000 /dev/urandom | base64 -w 40000 | systemd-cat -t flood"}
		if out, err := flood.CombinedOutput(); err != nil {
			s.t.Fatalf("%v\n%s", err, out)
		}
		poll(s.t, "its heads are gone", func() bool {
			status, f := s.verify()
			return status == 0 && f.Completeness.SystemLog == "absent" && f.Completeness.Heads.From != ""
		})
		s.must(3, "--require", "system-log")
		// The next head covers what came before it, and there is no finding of sessions
		// before the reach.
		defer func() {
			s.session(1)
			s.seen()
			s.must(0, "--require", "system-log")
		}()
		out, _ := s.command("verify", "--chain").Output()
		if first, _, _ := strings.Cut(string(out), "\n"); !strings.HasPrefix(first, "valid by itself: ") || !strings.Contains(first, "which reaches from 2") {
			s.t.Errorf("%s", out)
		}
	}},
	{"Against", func(s *agent) {
		s.session(3)
		f := s.seen()
		export := filepath.Join(s.dir, "journal.json")
		out, err := exec.Command("/usr/bin/journalctl", "-o", "json", "--all", "--no-pager", fmt.Sprintf("_UID=%d", s.uid)).Output()
		if err != nil {
			s.t.Fatal(err)
		}
		cat, err := exec.Command("/usr/bin/journalctl", "-o", "cat", "--all", "--no-pager", fmt.Sprintf("_UID=%d", s.uid)).Output()
		if err != nil {
			s.t.Fatal(err)
		}
		var syslog []byte
		for line := range bytes.Lines(cat) {
			syslog = append(append(syslog, "Nov 29 17:05:36 host signet-wrap[1]: "...), line...)
		}
		s.put(export, out)
		s.put(export+".cat", cat)
		s.put(export+".syslog", syslog)
		path, lines := s.log()
		receipts := filepath.Join(s.dir, "kept.jsonl")
		s.put(receipts, append(lines, []byte("\n"))...)
		for _, x := range []string{export, export + ".cat", export + ".syslog", receipts, f.Head} {
			s.must(0, "--against", x)
		}
		empty := filepath.Join(s.dir, "empty")
		s.put(empty, []byte("nothing\n"))
		s.must(2, "--against", empty)
		// The journal is gone: it was volatile, or the system was reinstalled.
		os.RemoveAll("/var/log/journal")
		defer func() {
			os.Mkdir("/var/log/journal", 0o755)
			s.restart("")
		}()
		if f := s.must(0); f.Completeness.SystemLog != "absent" {
			s.t.Errorf("%+v", f)
		}
		s.must(3, "--require", "system-log")
		s.put(path, lines[0])
		for _, x := range []string{export, export + ".cat", export + ".syslog", receipts, f.Head} {
			s.must(1, "--against", x)
		}
		other := &agent{t: s.t, uid: s.uid, dir: s.dir, home: filepath.Join(s.dir, "third"), bin: s.bin}
		other.session(1, "--system-log", "off")
		other.must(3, "--against", export)
	}},
}
