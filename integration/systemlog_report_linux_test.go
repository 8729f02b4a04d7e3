package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// systemLogReports are reports of a log of which a real journal has heads.
var systemLogReports = []systemLogPart{
	{"Reports", func(s *agent) {
		in := func(name string) string { return filepath.Join(s.dir, name) }
		run := func(want int, args ...string) string {
			s.t.Helper()
			cmd := s.command(args...)
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != want {
				s.t.Errorf("%q: exit status %d, want %d: %s", args, got, want, out)
			}
			return string(out)
		}
		first := func(out, want string) {
			s.t.Helper()
			if !strings.HasPrefix(out, want) {
				s.t.Errorf("%s, want %s", out, want)
			}
		}
		s.session(3)
		s.seen()
		run(0, "audit", "report", "--output", in("whole.zip"))
		whole := run(0, "verify", in("whole.zip"))
		first(whole, "valid by itself: the log is unbroken; that others saw it is the word of its maker\n")
		if !strings.Contains(whole, "its own heads anchored up to record ") || strings.Contains(whole, " since are not") {
			s.t.Errorf("%s", whole)
		}
		// As who collects the journal has it.
		journal, err := exec.Command("/usr/bin/journalctl", "-o", "json", "SYSLOG_IDENTIFIER=signet-wrap", fmt.Sprintf("_UID=%d", s.uid)).Output()
		if err == nil {
			err = os.WriteFile(in("journal"), journal, 0o644)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		first(run(0, "verify", in("whole.zip"), "--against", in("journal"), "--require", "system-log"), "valid: the log is unbroken; ")
		path, lines := s.log()
		s.put(path, lines[:len(lines)-1]...)
		run(0, "audit", "report", "--output", in("cut.zip"))
		if out := run(1, "verify", in("cut.zip")); !strings.Contains(out, "the log ends before it") {
			s.t.Errorf("%s", out)
		}
		run(0, "audit", "report", "--since", "1h", "--output", in("part.zip"))
		run(2, "verify", in("part.zip"), "--against", in("journal"))
	}},
}
