package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// systemLogKeys are an auditor with a trust file of their own, and keys that an SSH
// agent holds.
var systemLogKeys = []systemLogPart{
	// The auditor's line of the README, with a copy of the log under another name.
	{"Auditor", func(s *agent) {
		if out, err := s.command("identity", "generate", "--name", "default", "--unencrypted").CombinedOutput(); err != nil {
			s.t.Fatalf("%v: %s", err, out)
		}
		s.session(3)
		s.seen()
		dir := s.t.TempDir()
		file := func(name string, b []byte) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				s.t.Fatal(err)
			}
			return path
		}
		run := func(args ...string) (int, string) {
			cmd := exec.Command(s.bin, args...) // as root, who is not the owner
			cmd.Env = []string{"HOME=" + dir, "PATH=/usr/bin:/bin"}
			out, _ := cmd.CombinedOutput()
			return cmd.ProcessState.ExitCode(), string(out)
		}
		pub := file("them.pub", okay(s.command("identity", "export", "--name", "default").Output()))
		journal := func(form string) string {
			return file("journal."+form, okay(exec.Command("/usr/bin/journalctl", "-o", form, "--all", "--no-pager", fmt.Sprintf("_UID=%d", s.uid)).Output()))
		}
		kept := journal("json")
		log := filepath.Join(dir, "their log")
		if err := os.CopyFS(log, os.DirFS(filepath.Join(s.home, "audit"))); err != nil {
			s.t.Fatal(err)
		}
		trust := filepath.Join(dir, "trust")
		grant := func(flags ...string) {
			if status, out := run(append([]string{"identity", "trust", "add", "--trust", trust, "--principal", "alice@example.com", pub}, flags...)...); status != 0 {
				s.t.Fatal(out)
			}
		}
		audit := func(want int, says string, against string) {
			s.t.Helper()
			status, out := run("verify", "--chain", "--log", log, "--trust", trust, "--against", against, "--require", "system-log")
			if status != want || !strings.Contains(out, says) {
				s.t.Errorf("exit status %d, want %d with %q\n%s", status, want, says, out)
			}
		}
		grant()
		audit(0, "trusted", kept)
		for was := time.Now().Unix(); time.Now().Unix() == was; { // the file has whole seconds
			time.Sleep(10 * time.Millisecond)
		}
		closed := time.Now().UTC().Format("20060102150405Z")
		grant("--valid-before", closed)
		audit(0, "trusted", kept)
		audit(3, "by its own word", journal("cat"))
		// Who has the key goes on, backdates, and tells the system's log.
		s.session(1)
		s.seen()
		kept = journal("json")
		if err := os.CopyFS(filepath.Join(dir, "later"), os.DirFS(filepath.Join(s.home, "audit"))); err != nil {
			s.t.Fatal(err)
		}
		log = filepath.Join(dir, "later")
		audit(3, "of a time at which it is not trusted", kept)
		grant()
		audit(0, "trusted", kept)
		// A trust file that the log's owner can write makes nobody trusted.
		theirs := filepath.Join(s.dir, "trust")
		s.put(theirs, okay(os.ReadFile(trust)))
		trust = theirs
		if status, out := run("verify", "--chain", "--home", s.home, "--trust", theirs); status != 3 || !strings.Contains(out, "makes none trusted: the log's owner can write") {
			s.t.Errorf("exit status %d\n%s", status, out)
		}
	}},
	// Heads are signed by a key in memory: the agent is not asked for them.
	{"KeyInAnAgent", func(s *agent) {
		for _, tool := range []string{"ssh-agent", "ssh-add", "ssh-keygen"} {
			if _, err := exec.LookPath(tool); err != nil {
				missing(s.t, "%v", err)
			}
		}
		socket := filepath.Join(s.dir, "s")
		as := func(argv ...string) *exec.Cmd {
			cmd := s.command()
			cmd.Args, cmd.Path = argv, argv[0]
			if path, err := exec.LookPath(argv[0]); err == nil {
				cmd.Path, cmd.Err = path, nil
			}
			cmd.Env = append(cmd.Env, "SSH_AUTH_SOCK="+socket)
			return cmd
		}
		holder := as("ssh-agent", "-D", "-a", socket)
		if err := holder.Start(); err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { syscall.Kill(holder.Process.Pid, syscall.SIGKILL); holder.Wait() })
		poll(s.t, "the agent listens", func() bool { _, err := os.Stat(socket); return err == nil })
		// By root: these want a name of the user.
		for _, argv := range [][]string{{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "k"}, {"ssh-add", "-q", "k"}} {
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "SSH_AUTH_SOCK="+socket)
			if out, err := cmd.CombinedOutput(); err != nil {
				s.t.Fatalf("%q: %v: %s", argv, err, out)
			}
		}
		if out, err := as(s.bin, "identity", "add", "--name", "default", "--ssh-agent", "--socket", socket).CombinedOutput(); err != nil {
			s.t.Fatalf("%v: %s", err, out)
		}
		s.session(3)
		if f := s.seen(); f.Completeness.SystemLog != "all" || f.Completeness.Heads.Missing > 0 {
			s.t.Errorf("%+v", f)
		}
		s.must(0, "--require", "system-log")
		_, lines := s.log()
		if all := bytes.Join(lines, nil); !bytes.Contains(all, []byte(`"heads":{"key":"ed25519:`)) {
			s.t.Error("no event names the key of the heads")
		}
		// A file without a trusted writer: the events that name the keys vouch for them.
		kept := filepath.Join(s.dir, "kept")
		s.put(kept, okay(exec.Command("/usr/bin/journalctl", "-o", "cat", "--no-pager", fmt.Sprintf("_UID=%d", s.uid)).Output()))
		if out, err := s.command("verify", "--chain", "--against", kept).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("anchored up to record")) {
			s.t.Errorf("%v\n%s", err, out)
		}
		path, lines := s.log()
		s.put(path, lines[:len(lines)-1]...)
		s.must(1)
		out, _ := s.command("verify", "--chain", "--json", "--against", kept).Output()
		var f struct {
			Completeness struct {
				Against []struct {
					MismatchedHeads []struct{ Doubtful bool } `json:"mismatched_heads"`
				}
			}
		}
		if err := json.Unmarshal(out, &f); err != nil || len(f.Completeness.Against) != 1 || len(f.Completeness.Against[0].MismatchedHeads) == 0 || f.Completeness.Against[0].MismatchedHeads[0].Doubtful {
			s.t.Errorf("%v, %+v", err, f)
		}
	}},
}

func okay(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
