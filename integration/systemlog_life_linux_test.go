package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// start starts a session, which ends with its input.
func (s *agent) start(flags ...string) (in io.WriteCloser, cmd *exec.Cmd) {
	s.t.Helper()
	cmd = s.command(append(flags, "--", "cat")...)
	in, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return in, cmd
}

// covered waits until the system's log covers all, whatever else verify says.
func (s *agent) covered(records int64) remembered {
	s.t.Helper()
	var f remembered
	poll(s.t, "the system's log covers all", func() bool {
		_, f = s.verify()
		return f.Records >= records && f.Completeness.Heads.Heads > 0 && f.Completeness.Heads.After == 0
	})
	return f
}

// restart starts it again, with what is written to its configuration.
func (s *agent) restart(conf string) {
	s.t.Helper()
	s.journald.stop()
	conf = "[Journal]\nSystemMaxUse=256M\nSystemMaxFileSize=4M\nRuntimeMaxUse=64M\nRateLimitBurst=0\n" + conf
	if err := os.WriteFile("/run/systemd/journald.conf.d/small.conf", []byte(conf), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.journald.start()
}

// noJournal ends journald, and removes all that it has.
func (s *agent) noJournal() {
	s.t.Helper()
	s.journald.stop()
	for _, path := range []string{"/run/log/journal", "/var/log/journal", "/run/systemd/journal"} {
		if err := os.RemoveAll(path); err != nil {
			s.t.Fatal(err)
		}
	}
}

// machine makes this another machine, and gives back what ends that.
func (s *agent) machine(id string) (back func()) {
	s.t.Helper()
	path := filepath.Join("/run", id)
	err := errors.Join(os.WriteFile(path, []byte(id+"\n"), 0o444), unix.Mount(path, "/etc/machine-id", "", unix.MS_BIND, ""))
	if err == nil {
		err = os.MkdirAll("/var/log/journal", 0o755)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.restart("")
	return func() {
		if err := unix.Unmount("/etc/machine-id", 0); err != nil {
			s.t.Fatal(err)
		}
		s.restart("")
	}
}

// export is what journalctl has of the account, as a file of its own.
func (s *agent) export(name string) string {
	s.t.Helper()
	out, err := exec.Command("/usr/bin/journalctl", "-o", "json", "--all", "--no-pager", fmt.Sprintf("_UID=%d", s.uid)).Output()
	if err != nil {
		s.t.Fatal(err)
	}
	path := filepath.Join(s.dir, name)
	s.put(path, out)
	return path
}

// cut leaves so many records.
func (s *agent) cut(n int64) (whole [][]byte) {
	s.t.Helper()
	path, lines := s.log()
	s.put(path, lines[:n]...)
	return lines
}

// systemLogLife is what may happen to a log that nobody has changed: verify exits
// with 0.
var systemLogLife = []systemLogPart{
	{"RacesOverMidnight", func(s *agent) {
		s.session(1, "--system-log", "off") // makes the key
		if err := os.RemoveAll(filepath.Join(s.home, "audit")); err != nil {
			s.t.Fatal(err)
		}
		done := make(chan error)
		for range 4 {
			go func() {
				cmd := s.command("fake", "recorders", s.home, "60")
				cmd.Path = s.fakes()
				out, err := cmd.CombinedOutput()
				if err != nil {
					err = fmt.Errorf("%w: %s", err, out)
				}
				done <- err
			}()
		}
		for range 4 {
			if err := <-done; err != nil {
				s.t.Fatal(err)
			}
		}
		s.seen()
		if files, _ := filepath.Glob(filepath.Join(s.home, "audit", "*.jsonl")); len(files) != 2 {
			s.t.Errorf("%q", files)
		}
		s.must(0, "--require", "system-log")
		path, lines := s.log()
		s.put(path, lines[:len(lines)-1]...)
		s.must(1)
		os.Remove(path)
		s.must(1)
	}},
	// The disk fails: what could not be synced is taken back, and never had a head.
	{"TakesBack", func(s *agent) {
		strace, err := exec.LookPath("strace")
		if err != nil {
			missing(s.t, "strace is missing")
		}
		s.session(2)
		for n := 1; n <= 4; n++ {
			cmd := s.command("-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", fmt.Sprintf("inject=fdatasync:error=EIO:when=%d", n), s.bin, "--", "cat")
			cmd.Path = strace
			cmd.Stdin = strings.NewReader(calls(3))
			if out, err := cmd.CombinedOutput(); err != nil {
				s.t.Fatalf("%v\n%s", err, out)
			}
		}
		s.session(1)
		s.seen()
		s.must(0, "--require", "system-log")
	}},
	{"KilledDaily", func(s *agent) {
		for i := range 3 {
			in, cmd := s.start("--outcomes", "off")
			fmt.Fprint(in, calls(2))
			s.covered(int64(2 * (i + 1)))
			cmd.Process.Kill()
			cmd.Wait()
		}
		if f := s.must(0, "--require", "system-log"); f.Completeness.Heads.Unended != 3 {
			s.t.Errorf("%+v", f)
		}
	}},
	// What an older wrapper writes: records and a session's event, and no heads.
	{"OldWrappersStillRun", func(s *agent) {
		in, cmd := s.start()
		fmt.Fprint(in, calls(1))
		poll(s.t, "it has begun", func() bool {
			_, f := s.verify()
			return f.Records > 0
		})
		old := event.Session{Session: "ses_" + strings.Repeat("5", 32), Protocol: "2025-11-25", Target: "mcp://x", Command: []string{"cat"}}
		for range 5 {
			s.forge(s.call("old"), s.event(old))
			fmt.Fprint(in, calls(1))
			poll(s.t, "nothing is wrong", func() bool {
				status, _ := s.verify()
				return status == 0
			})
		}
		s.forge(s.call("old"))
		s.must(0)
		in.Close()
		cmd.Wait()
		s.session(1)
		s.seen()
		s.must(0, "--require", "system-log")
	}},
	{"LogOfTheReference", func(s *agent) {
		if err := os.CopyFS(s.home, os.DirFS("../chain/testdata/log")); err != nil {
			s.t.Fatal(err)
		}
		s.own(s.dir)
		f := s.must(0)
		// An account that has sent nothing has no journal that it may read.
		if state := f.Completeness.SystemLog; state != "absent" && state != "unreadable" || f.Completeness.Heads.Silent > 0 {
			s.t.Errorf("%+v", f)
		}
		s.must(3, "--require", "system-log")
		s.must(0, "--against", f.Head)
	}},
	{"Demo", func(s *agent) {
		if out, err := s.command("demo").CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--against")) {
			s.t.Errorf("%v\n%s", err, out)
		}
	}},
	// journald syncs every five minutes: its newest heads are gone, and the log has
	// the records. And with --sync off, records are gone that never had a head.
	{"PowerCut", func(s *agent) {
		s.session(2)
		s.seen()
		s.journald.stop()
		if out, err := exec.Command("cp", "-a", "/var/log/journal", "/var/log/before").CombinedOutput(); err != nil {
			s.t.Fatalf("%v: %s", err, out)
		}
		s.restart("")
		s.session(3)
		s.seen()
		s.journald.stop()
		if err := errors.Join(os.RemoveAll("/var/log/journal"), os.Rename("/var/log/before", "/var/log/journal")); err != nil {
			s.t.Fatal(err)
		}
		s.restart("")
		if f := s.must(0); f.Completeness.Heads.After == 0 || f.Completeness.Heads.Records == 0 {
			s.t.Errorf("%+v", f)
		}
		s.must(3, "--require", "system-log")
		s.session(1)
		s.seen()

		in, cmd := s.start("--sync", "off", "--outcomes", "off")
		fmt.Fprint(in, calls(300))
		poll(s.t, "all is in the log", func() bool {
			_, lines := s.log()
			return len(lines) >= 300
		})
		cmd.Process.Kill()
		cmd.Wait()
		// What has come by now, in whatever order, is all that will.
		var f remembered
		poll(s.t, "the journal has what was sent", func() bool {
			before := f
			_, f = s.verify()
			return f.Completeness.Heads.Heads > 0 && f.Completeness.Heads.Heads == before.Completeness.Heads.Heads
		})
		s.cut(f.Completeness.Heads.Records)
		s.must(0)
		s.cut(f.Completeness.Heads.Records - 1)
		s.must(1)
	}},
	{"CorruptJournal", func(s *agent) {
		s.session(2)
		s.seen()
		s.journald.cmd.Process.Signal(syscall.SIGUSR2) // rotates
		var old []string
		poll(s.t, "it is rotated", func() bool {
			old, _ = filepath.Glob(fmt.Sprintf("/var/log/journal/*/user-%d@*.journal", s.uid))
			return len(old) > 0
		})
		s.session(1)
		s.seen()
		for _, path := range old {
			if err := os.Truncate(path, 100); err != nil {
				s.t.Fatal(err)
			}
		}
		f := s.must(0)
		if f.Completeness.SystemLog != "partial" || f.Completeness.Heads.Unread == "" {
			s.t.Errorf("%+v", f)
		}
		s.must(3, "--require", "system-log")
		out, _ := s.command("verify", "--chain").Output()
		if first, _, _ := strings.Cut(string(out), "\n"); !strings.Contains(first, "not all of it could be read") {
			s.t.Errorf("%s", out)
		}
	}},
	{"HomeOnTwoMachines", func(s *agent) {
		s.session(2)
		here := s.seen()
		back := s.machine("11111111111111111111111111111111")
		s.must(0) // nothing of it is known there
		s.session(2)
		f := s.covered(here.Records + 1)
		if f.Completeness.Heads.Elsewhere != 1 {
			s.t.Errorf("%+v", f)
		}
		s.must(0, "--require", "system-log")
		there := s.export("there.json")
		back()
		f = s.must(0)
		if f.Completeness.Heads.After == 0 || f.Completeness.Heads.Elsewhere != 1 || f.Completeness.Heads.Silent > 0 {
			s.t.Errorf("%+v", f)
		}
		s.must(3, "--require", "system-log")
		s.must(0, "--require", "system-log", "--against", there)
		s.cut(f.Completeness.Heads.Records)
		s.must(0) // what that one did, this one never saw
		s.must(1, "--against", there)
	}},
	{"Reinstalled", func(s *agent) {
		s.session(2)
		s.seen()
		s.journald.stop()
		if err := os.RemoveAll("/var/log/journal"); err != nil {
			s.t.Fatal(err)
		}
		defer s.machine("22222222222222222222222222222222")()
		if f := s.must(0); f.Completeness.Heads.Heads != 0 || f.Completeness.Heads.Elsewhere != 1 {
			s.t.Errorf("%+v", f)
		}
		s.session(1)
		s.seen()
		s.must(0, "--require", "system-log")
	}},
	// A journal in memory, which only root and the like may read, and a reboot.
	{"Volatile", func(s *agent) {
		s.journald.stop()
		os.RemoveAll("/var/log/journal")
		s.restart("Storage=volatile\n")
		s.session(2)
		root := s.by(0)
		f := root.covered(3)
		if f := s.must(0); f.Completeness.SystemLog != "unreadable" || !strings.Contains(f.Completeness.Heads.Why, "systemd-journal") {
			s.t.Errorf("%+v", f)
		}
		s.must(3, "--require", "system-log")
		s.must(0, "--require", "system-log", "--against", s.export("export.json"))
		root.must(0, "--require", "system-log")
		whole := s.cut(f.Records - 1)
		root.must(1)
		path, _ := s.log()
		s.put(path, append(whole, []byte("\n"))...)
		s.journald.stop()
		if err := os.RemoveAll("/run/log/journal"); err != nil {
			s.t.Fatal(err)
		}
		s.restart("Storage=volatile\n")
		if f := root.must(0); f.Completeness.SystemLog != "absent" || f.Completeness.Heads.Silent+f.Completeness.Heads.Missing > 0 {
			s.t.Errorf("%+v", f)
		}
		s.session(1)
		root.covered(f.Records + 1)
		root.must(0, "--require", "system-log")
	}},
	// A journald that takes all and keeps nothing.
	{"StorageNone", func(s *agent) {
		s.journald.stop()
		os.RemoveAll("/var/log/journal")
		os.RemoveAll("/run/log/journal")
		s.restart("Storage=none\n")
		s.session(2)
		f := s.must(0)
		if f.Completeness.SystemLog != "absent" && f.Completeness.SystemLog != "unreadable" {
			s.t.Errorf("%+v", f)
		}
		s.must(3, "--require", "system-log")
		s.by(0).must(0)
		s.by(0).must(3, "--require", "system-log")
		s.session(2)
		s.must(0)
	}},
	{"NoJournal", func(s *agent) {
		s.noJournal()
		s.session(2)
		f := s.must(0)
		if f.Completeness.SystemLog != "absent" || f.Completeness.Heads.Why != "there is no journal" {
			s.t.Errorf("%+v", f)
		}
		s.must(3, "--require", "system-log")
		path, lines := s.log()
		s.put(path, lines[:len(lines)-1]...)
		s.must(0)
		s.must(1, "--against", f.Head)
	}},
	// rsyslog and no journald. It takes its socket into /dev, so that is ours.
	{"Rsyslog", func(s *agent) {
		rsyslogd, err := exec.LookPath("/usr/sbin/rsyslogd")
		if err != nil {
			missing(s.t, "there is no rsyslogd: apt-get install rsyslog")
		}
		s.noJournal()
		if err := os.Mkdir("/run/dev", 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := unix.Mount("tmpfs", "/run/dev", "tmpfs", 0, "mode=755"); err != nil {
			s.t.Fatal(err)
		}
		for _, name := range []string{"null", "zero", "random", "urandom"} {
			to := filepath.Join("/run/dev", name)
			if err := errors.Join(os.WriteFile(to, nil, 0o644), unix.Mount(filepath.Join("/dev", name), to, "", unix.MS_BIND, "")); err != nil {
				s.t.Fatal(err)
			}
		}
		if err := unix.Mount("/run/dev", "/dev", "", unix.MS_MOVE, ""); err != nil {
			s.t.Fatal(err)
		}
		const conf = "/run/rsyslog.conf"
		if err := os.WriteFile(conf, []byte(`module(load="imuxsock" SysSock.Name="/dev/log" SysSock.RateLimit.Interval="0")
$FileCreateMode 0644
*.* action(type="omfile" file="/var/log/syslog" template="RSYSLOG_TraditionalFileFormat")
`), 0o644); err != nil {
			s.t.Fatal(err)
		}
		daemon := exec.Command(rsyslogd, "-n", "-f", conf, "-i", "/run/rsyslogd.pid")
		daemon.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := daemon.Start(); err != nil {
			s.t.Fatal(err)
		}
		defer func() {
			daemon.Process.Kill()
			daemon.Wait()
		}()
		poll(s.t, "rsyslog listens", func() bool {
			st, err := os.Stat("/dev/log")
			return err == nil && st.Mode()&os.ModeSocket != 0
		})
		s.session(3)
		const file = "/var/log/syslog"
		poll(s.t, "it has the last head", func() bool {
			b, _ := os.ReadFile(file)
			return bytes.Contains(b, []byte(`"last":true`))
		})
		if f := s.must(0); f.Completeness.SystemLog != "unreadable" || !strings.Contains(f.Completeness.Heads.Why, "syslog") {
			s.t.Errorf("%+v", f)
		}
		s.must(3, "--require", "system-log")
		s.must(0, "--require", "system-log", "--against", file)
		if out, _ := s.command("doctor").CombinedOutput(); !bytes.Contains(out, []byte("syslog")) {
			s.t.Errorf("%s", out)
		}
		_, lines := s.log()
		s.cut(int64(len(lines) - 1))
		s.must(0)
		s.must(1, "--against", file)
	}},
}
