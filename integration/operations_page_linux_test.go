package integration

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// inOperations is set where a test has an /etc, /home and /mnt of its own: the binary.
const inOperations = "SIGNET_WRAP_TEST_OPERATIONS"

// Every command of docs/OPERATIONS.md is run as it is written there, from top to bottom: by
// the user ada, or by root after sudo. A command that is on the page and not here fails.
func TestOperationsPage(t *testing.T) {
	if bin := os.Getenv(inOperations); bin != "" {
		operations(t, bin)
		return
	}
	t.Parallel()
	for _, tool := range []string{"jq", "ssh-agent", "systemctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			missing(t, "%v", err)
		}
	}
	isolated(t, inOperations, "^TestOperationsPage$", syscall.CLONE_NEWNS)
}

// A fence is a block of a page: its language, and its lines without their indentation.
type fence struct{ language, text string }

var fenced = regexp.MustCompile("(?ms)^( *)```(.*?)\n(.*?)^ *```$")

// fencesOf are the blocks of a page, in their order.
func fencesOf(t *testing.T, page string) (all []fence) {
	t.Helper()
	b, err := os.ReadFile(page)
	must(t, err)
	for _, m := range fenced.FindAllStringSubmatch(string(b), -1) {
		var text strings.Builder
		for line := range strings.Lines(m[3]) {
			text.WriteString(strings.TrimPrefix(line, m[1]))
		}
		all = append(all, fence{m[2], text.String()})
	}
	return all
}

// commandsOf are the commands in blocks of sh: of several lines, if a shell wants more.
func commandsOf(t *testing.T, all []fence) (commands []string) {
	t.Helper()
	for _, f := range all {
		if f.language != "sh" {
			continue
		}
		command := ""
		for line := range strings.Lines(f.text) {
			command += line
			if !strings.HasSuffix(command, "\\\n") && exec.Command("sh", "-n", "-c", command).Run() == nil {
				commands = append(commands, strings.TrimSuffix(command, "\n"))
				command = ""
			}
		}
		if command != "" {
			t.Errorf("not a whole command: %s", command)
		}
	}
	return commands
}

// listsEvents is the command of the page that says what nobody has accepted.
const listsEvents = `signet-wrap verify --chain --json | jq -r '(.arguments.erased[]?,
  .completeness.archived.events[]?) | select(.gone != 0 and (.accepted | not)) | .id'`

func operations(t *testing.T, bin string) {
	const ada, home = 4711, "/home/ada"
	blocks := fencesOf(t, "../docs/OPERATIONS.md")
	for _, dir := range []string{"/home", "/mnt"} {
		must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"))
	}
	etcInMemory(t)
	var fs unix.Statfs_t
	if must(t, unix.Statfs("/etc", &fs)); fs.Type != unix.OVERLAYFS_SUPER_MAGIC {
		missing(t, "no overlay over /etc: units would be the machine's")
	}
	tools, err := os.MkdirTemp("", "signet-operations-") // t.TempDir is for its owner alone
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(tools) })
	must(t, os.Chmod(tools, 0o755))
	b, err := os.ReadFile(bin)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(tools, "signet-wrap"), b, 0o755))
	for _, dir := range []string{home, "/home/grace", "/mnt/archive"} {
		must(t, os.Mkdir(dir, 0o700))
		must(t, os.Chown(dir, ada, ada))
	}
	for path, line := range map[string]string{"/etc/passwd": "ada:x:4711:4711::/home/ada:/bin/sh", "/etc/hosts": "127.0.0.1 otel.example.com"} {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		must(t, err)
		_, err = f.WriteString("\n" + line + "\n")
		must(t, errors.Join(err, f.Close()))
	}
	// The files of the page, each where its first line says.
	for _, f := range blocks {
		first, text, _ := strings.Cut(f.text, "\n")
		switch path, ok := strings.CutPrefix(first, "# /etc/"); {
		case f.language == "sh":
		case !ok:
			t.Errorf("a block of %q does not begin with its path: %s", f.language, first)
		default:
			must(t, os.MkdirAll(filepath.Dir("/etc/"+path), 0o755))
			must(t, os.WriteFile("/etc/"+path, []byte(text), 0o644))
		}
	}

	at, socket := home, filepath.Join(home, "agent")
	var event, split string // in place of evt_ID and HOST-LOG.json
	run := func(command string, status int, says string) string {
		t.Helper()
		rest, root := strings.CutPrefix(command, "sudo ")
		cmd := exec.Command("sh", "-c", strings.NewReplacer("evt_ID", event, "HOST-LOG.json", split).Replace(rest))
		cmd.Dir = at
		cmd.Env = []string{"HOME=" + at, "PATH=" + tools + ":" + os.Getenv("PATH"), "SSH_AUTH_SOCK=" + socket}
		if root {
			cmd.Env = append(cmd.Env, "SUDO_USER=ada", "SIGNET_HOME="+home+"/.signet")
		} else {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ada, Gid: ada}}
		}
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != status || !regexp.MustCompile(says).Match(out) {
			t.Fatalf("%s\nexit status %d, want %d and %q\n%s", command, got, status, says, out)
		}
		return string(out)
	}
	latest := func() {
		t.Helper()
		ids := strings.Fields(run(listsEvents, 0, `\Aevt_[0-9a-f]{32}\n\z`))
		event = ids[len(ids)-1]
	}

	// A log of 40 days within 500, and one session of today, which the locks apply to.
	old := testlog.Options{Records: 40, Batch: 1, Apart: true, Start: time.Now().AddDate(0, 0, -500), Span: 499 * 24 * time.Hour}
	must(t, testlog.Write(home+"/.signet", old))
	must(t, os.WriteFile(home+"/.signet/config.toml", []byte("system-log = \"off\"\n"), 0o600))
	must(t, os.WriteFile(home+"/calls", []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","arguments":{"to":"ada@example.com"}}}`+"\n"+
		`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"read","arguments":{"to":"grace"}}}`+"\n"), 0o644))
	must(t, exec.Command("chown", "-R", "4711:4711", home).Run())
	run("signet-wrap identity generate --name default --unencrypted", 0, "")
	run("signet-wrap --params log -- cat < calls", 0, "--params log has no effect")
	agent := exec.Command("ssh-agent", "-D", "-a", socket)
	agent.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ada, Gid: ada}}
	must(t, agent.Start())
	t.Cleanup(func() { agent.Process.Kill(); agent.Wait() })
	run("until test -S "+socket+"; do sleep 0.05; done", 0, "")
	run(`ssh-keygen -q -t ed25519 -N "" -C maintenance@example.com -f key && ssh-add -q key`, 0, "")

	again := func() { // the log as it was, with all its days
		must(t, os.RemoveAll(home+"/.signet"))
		must(t, exec.Command("cp", "-a", home+"/before", home+"/.signet").Run())
	}
	type step struct {
		command string
		status  int
		says    string
		before  func()
	}
	check := func(status int, says string) func() {
		return func() { t.Helper(); run("signet-wrap verify --chain", status, says) }
	}
	both := "signet-wrap verify --chain --home ~/.signet --log ~/.signet/audit \\\n  --log /mnt/archive/audit"
	steps := []step{
		{"signet-wrap doctor", 0, `params is "apart", locked by /etc/signet-wrap/config.toml`, nil},
		{"signet-wrap audit erase --until 30d", 0, `\d+ calls would be erased`, check(0, "apart: beside the log, those of 2[0-9] calls are there")},
		{`signet-wrap audit erase --until 30d --reason "kept for 30 days" --yes`, 0, `\d+ calls were erased`, nil},
		{`signet-wrap audit erase --grep ada@example.com --reason "request 4711" --yes`, 0, "1 call were erased", nil},
		{listsEvents, 0, "^evt_", check(3, "request 4711")},
		{"sudo signet-wrap verify --home /home/ada/.signet --accept evt_ID --remember \\\n  --reason \"kept for 30 days\"", 0, `\Asignet-wrap: evt_[0-9a-f]+ is accepted on this machine: /etc/signet-wrap/accepted\n\z`, func() {
			latest()
			run("signet-wrap audit show evt_ID", 0, "request 4711")
		}},
		{"signet-wrap identity add --name maintenance --ssh-agent maintenance@example.com", 0, "", check(0, "request 4711.*, which is accepted")},
		{"signet-wrap identity export --name maintenance > maintenance.pub", 0, "", nil},
		{"signet-wrap identity export --name default > default.pub", 0, "", nil},
		{"sudo signet-wrap identity trust add --principal ada@example.com default.pub", 0, "/etc/signet-wrap/trust", nil},
		{"sudo signet-wrap identity trust add --maintenance --principal it@example.com \\\n  maintenance.pub", 0, "signet-maintenance", nil},
		{`signet-wrap audit erase --tool read --reason "by hand" --key maintenance --yes`, 0, "1 call were erased", func() {
			check(3, "")() // for the key of the old records is not in the file
			run("signet-wrap identity export --name testlog > testlog.pub", 0, "")
			run("sudo signet-wrap identity trust add --principal old testlog.pub", 0, "")
		}},
		{"signet-wrap audit archive --until 30d              # lists them", 0, "within the retention", check(0, "by hand.*, which is accepted")},
		{"signet-wrap audit archive --until 30d --compress   # to <day>.jsonl.gz", 0, "compressed, 1 record", nil},
		{"sudo systemctl --global enable signet-wrap-archive.timer", 0, "", check(0, "^valid")},
		{"signet-wrap audit archive --until 366d --to /mnt/archive/audit", 0, "moved, 1 record", func() {
			run("signet-wrap audit archive --until 300d --delete", 1, "younger than the retention of 365 days")
			must(t, exec.Command("cp", "-a", home+"/.signet", home+"/before").Run())
		}},
		{"signet-wrap audit archive --until 366d --delete", 0, "deleted, 1 record", func() {
			check(3, "moved by")()
			again()
		}},
		{both, 0, "^valid", check(3, "deleted by")},
		{"signet-wrap verify --chain --accept evt_ID", 0, "^valid", latest},
		{`sudo signet-wrap verify --accept evt_ID --remember --reason "retention"`, 0, `\Asignet-wrap: evt_[0-9a-f]+ is accepted on this machine: /etc/signet-wrap/accepted\n\z`, check(3, "")},
		{"signet-wrap audit export --format csv --since 30d --output calls.csv", 0, "exported", check(0, "^valid")},
		{"signet-wrap audit export --format otlp --output log.json", 0, "exported", nil},
		{"signet-wrap audit export --format syslog --output log.txt", 0, "exported", nil},
		{"sudo systemctl --global enable signet-wrap-export.service", 0, "", nil},
		{"install -d -m 700 ~/.signet", 0, "", nil},
		{`(umask 077; echo "Authorization: Bearer TOKEN" > ~/.signet/export-headers)`, 0, "", nil},
		{"signet-wrap verify log.json", 0, "valid", func() { // as the unit begins: with these headers, to nobody here
			run("signet-wrap audit export --follow 2> said & until grep -q 'https://otel.example.com/v1/logs.*refused' said; do kill -0 $! || exit; sleep 0.1; done; kill $!; wait $!; cat said", 0, "")
		}},
		{"signet-wrap verify log.txt", 0, "valid", nil},
		{`jq -r '.resourceLogs[].resource.attributes | map({(.key): .value.stringValue}) | add
  | ."host.name" + " " + ."signet.log"' all.json | sort -u > logs`, 0, "", func() {
			// A collector's file with two logs, whose oldest records it has deleted: some
			// requests have records of one log, and some of both.
			at = "/home/grace"
			must(t, os.Remove("/etc/signet-wrap/config.toml")) // it locks where exports go
			for _, h := range []string{"$HOME/.signet", "$HOME/other"} {
				// The export begins before the log does, as on a new laptop.
				run("signet-wrap identity generate --name default --unencrypted --home "+h, 0, "")
				run("signet-wrap audit export --follow --format otlp --output "+h+".all --home "+h+" & until ls "+h+"/export-*.lock; do kill -0 $! || exit; sleep 0.1; done\n"+
					"for i in 1 2 3 4 5 6; do signet-wrap sign --tool t --home "+h+" || exit; done\n"+
					`until test "$(grep -o '"body"' `+h+`.all | wc -l)" = 6; do kill -0 $! || exit; sleep 0.1; done; kill $!; wait $!`, 0, "")
				run(`jq -sc '{resourceLogs: [{resource: .[0].resourceLogs[0].resource,
					scopeLogs: [{logRecords: map(.resourceLogs[].scopeLogs[].logRecords[])}]}]}' `+h+".all > "+h+".json", 0, "")
			}
			run("jq -sc '{resourceLogs: map(.resourceLogs[] | .scopeLogs[].logRecords |= .[2:4])}' .signet.json other.json > all.json", 0, "")
			run("jq -c '.resourceLogs[].scopeLogs[].logRecords |= .[4:]' .signet.json other.json >> all.json", 0, "")
			id := run(`jq -r '.resourceLogs[].resource.attributes[] | select(.key == "signet.log").value.stringValue' .signet.json`, 0, "^sha256:")
			host, err := os.Hostname()
			must(t, err)
			split = host + "-" + strings.TrimPrefix(strings.TrimSpace(id), "sha256:") + ".json"
		}},
		{`while read -r host log; do
  jq -c --arg log "$log" '.resourceLogs |= map(select(any(.resource.attributes[];
    .key == "signet.log" and .value.stringValue == $log)))' all.json > "$host-${log#*:}.json"
done < logs`, 0, "", func() { run("wc -l < logs", 0, `\A2\n`) }},
		{"signet-wrap identity export --name default > ada.pub", 0, "", nil},
		{"signet-wrap identity trust add --trust fleet.trust --principal ada@example.com ada.pub", 0, "", nil},
		{"signet-wrap verify HOST-LOG.json --trust fleet.trust", 0, "4 receipts", func() {
			run("signet-wrap verify all.json --trust fleet.trust", 3, "8 receipts(.|\n)*gaps")
		}},
	}
	var here []string
	for _, s := range steps {
		here = append(here, s.command)
	}
	for _, command := range commandsOf(t, blocks) {
		if !slices.Contains(here, command) {
			t.Errorf("no test runs this command of docs/OPERATIONS.md: %s", command)
		}
	}
	for _, command := range here {
		if !slices.Contains(commandsOf(t, blocks), command) {
			t.Errorf("this command is not in docs/OPERATIONS.md: %s", command)
		}
	}
	if t.Failed() {
		return
	}
	for _, s := range steps {
		if s.before != nil {
			s.before()
		}
		run(s.command, s.status, s.says)
	}
	for _, link := range []string{"timers.target.wants/signet-wrap-archive.timer", "default.target.wants/signet-wrap-export.service"} {
		if _, err := os.Lstat("/etc/systemd/user/" + link); err != nil {
			t.Error(err)
		}
	}
}
