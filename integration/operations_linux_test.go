package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// unitOf is a unit of systemd in docs/OPERATIONS.md: its first line says where it goes.
var unitOf = regexp.MustCompile("(?s)```ini\n# (/etc/systemd/user/[a-z.-]+)\n(.*?)```")

// The units of docs/OPERATIONS.md are what systemd takes, and their commands do what the
// page says.
func TestArchiveUnits(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		missing(t, "there is no systemd-analyze: apt-get install systemd")
	}
	page, err := os.ReadFile("../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	root, home := t.TempDir(), t.TempDir()
	var commands, files []string
	for _, m := range unitOf.FindAllStringSubmatch(string(page), -1) {
		text := strings.ReplaceAll(m[2], "/usr/bin/signet-wrap", binary(t))
		for line := range strings.Lines(text) {
			if command, ok := strings.CutPrefix(line, "ExecStart="); ok && !strings.Contains(line, "--follow") {
				commands = append(commands, command)
			}
		}
		path := filepath.Join(root, m[1])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	if len(files) != 3 || len(commands) != 2 {
		t.Fatalf("units %q with %q", files, commands)
	}
	verify := exec.Command("systemd-analyze", append([]string{"verify", "--user", "--man=no"}, files...)...)
	verify.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir())
	if out, err := verify.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
	audit := filepath.Join(home, ".signet", "audit")
	if err := testlog.Write(filepath.Dir(audit), testlog.Options{Records: 40, Batch: 1, Apart: true, Start: time.Now().AddDate(0, 0, -60), Span: 59 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	run := func(line string) {
		t.Helper()
		cmd := exec.Command("sh", "-c", line)
		cmd.Env = append(os.Environ(), "HOME="+home, "SIGNET_HOME=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	run(binary(t) + " identity generate --name default --unencrypted")
	kept := func() (days, packed int, lines int) {
		plain, _ := filepath.Glob(filepath.Join(audit, "*.jsonl"))
		gz, _ := filepath.Glob(filepath.Join(audit, "*.jsonl.gz"))
		beside, _ := filepath.Glob(filepath.Join(audit, "*.params"))
		for _, path := range beside {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			lines += bytes.Count(b, []byte("\n"))
		}
		return len(plain), len(gz), lines
	}
	_, _, before := kept()
	for range 2 { // on the next day, too
		for _, command := range commands {
			run(command)
		}
	}
	if days, packed, lines := kept(); packed < 15 || days < 15 || lines == before || lines == 0 {
		t.Errorf("%d days, %d compressed, arguments of %d calls, %d before", days, packed, lines, before)
	}
	run(binary(t) + " verify --chain")
}
