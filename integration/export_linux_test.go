package integration

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Nothing is lost on the way to rsyslog, which confirms nothing, and is killed.
func TestExportRsyslog(t *testing.T) {
	rsyslogd, err := exec.LookPath("/usr/sbin/rsyslogd")
	if err != nil {
		missing(t, "there is no rsyslogd: apt-get install rsyslog")
	}
	t.Parallel()
	address, dir := freeAddress(t), t.TempDir()
	_, port, _ := net.SplitHostPort(address)
	file, conf := filepath.Join(dir, "received.log"), filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(conf, []byte(strings.NewReplacer("PORT", port, "FILE", file, "DIR", dir).Replace(`
global(workDirectory="DIR")
module(load="imtcp")
input(type="imtcp" port="PORT" address="127.0.0.1")
*.* action(type="omfile" file="FILE" template="RSYSLOG_FileFormat")
`)), 0o600); err != nil {
		t.Fatal(err)
	}
	x := newExporting(t, exportedRecords(t), "syslog", "syslog+tcp://"+address, func() *exec.Cmd {
		os.Remove(filepath.Join(dir, "pid"))
		return exec.Command(rsyslogd, "-n", "-f", conf, "-i", filepath.Join(dir, "pid"))
	})
	killed(x, file)
}

// An export that is stopped, with its files open and a request half sent, keeps no wrapper
// waiting; and when it goes on, it sends what was recorded meanwhile.
func TestExportStopped(t *testing.T) {
	t.Parallel()
	address, file := freeAddress(t), filepath.Join(t.TempDir(), "received.json")
	command := fake(t, "otlp", address, file, "0")
	x := newExporting(t, 3000, "otlp", "http://"+address, func() *exec.Cmd { return exec.Command(command[0], command[1:]...) })
	x.startReceiver()
	x.startExport()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if st, err := os.Stat(file); err == nil && st.Size() > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing came")
		}
	}
	must(t, x.export.Process.Signal(syscall.SIGSTOP))
	const calls = 50
	var in strings.Builder
	for i := range calls {
		fmt.Fprintf(&in, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"read","arguments":{"n":%d}}}`+"\n", i, i)
	}
	for range 2 { // two sessions, one after the other
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, binary(t), "--system-log", "off", "--outcomes", "off", "--", "cat")
		cmd.Env, cmd.Stdin = append(os.Environ(), "SIGNET_HOME="+x.home), strings.NewReader(in.String())
		out, err := cmd.Output()
		if err != nil || strings.Count(string(out), "_signet") != calls {
			t.Fatalf("%v: %d of %d calls were forwarded", err, strings.Count(string(out), "_signet"), calls)
		}
	}
	if out, err := exec.Command(binary(t), "audit", "--home", x.home, "--limit", "all", "--tool", "read", "--json").Output(); err != nil || strings.Count(string(out), `"n":`) < 2*calls {
		t.Errorf("%v: %d calls are in the log", err, strings.Count(string(out), `"n":`))
	}
	must(t, x.export.Process.Signal(syscall.SIGCONT))
	x.arrived(file)
	if r, _ := x.verify(file); r.Completeness != "whole" || r.Damaged > 0 {
		t.Errorf("%+v", r)
	}
}

// What the unit of docs/OPERATIONS.md starts exports to where the configuration says, with
// the headers of a file that is named as it is there. (TestArchiveUnits has systemd look at it.)
func TestExportUnit(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/OPERATIONS.md")
	must(t, err)
	_, unit, _ := strings.Cut(string(page), "# /etc/systemd/user/signet-wrap-export.service\n")
	program := binary(t)
	unit = strings.ReplaceAll(unit, "/usr/bin/signet-wrap", program)

	_, line, _ := strings.Cut(unit, "ExecStart=")
	line, _, _ = strings.Cut(line, "\n")
	words := strings.Fields(line)
	if words[0] != program {
		t.Fatalf("ExecStart=%s", line)
	}
	address, file := freeAddress(t), filepath.Join(t.TempDir(), "received.json")
	command := fake(t, "otlp", address, file, "0")
	x := newExporting(t, 50, "", "", func() *exec.Cmd { return exec.Command(command[0], command[1:]...) })
	must(t, os.WriteFile(filepath.Join(x.home, "export-headers"), []byte("Authorization: Bearer x\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(x.home, "config.toml"), fmt.Appendf(nil, "[export]\nformat = \"otlp\"\noutput = \"http://%s\"\nheaders-file = \"~/export-headers\"\n", address), 0o600))
	x.startReceiver()
	x.export = exec.Command(program, words[1:]...)
	x.export.Env, x.export.Stderr = append(os.Environ(), "SIGNET_HOME="+x.home, "HOME="+x.home), &x.said
	must(t, x.export.Start())
	x.arrived(file)
	// As systemd stops it.
	must(t, x.export.Process.Signal(syscall.SIGTERM))
	if err := x.export.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	x.export = nil
	if r, status := x.verify(file); status != 0 || r.Completeness != "whole" || r.Records != 50 {
		t.Errorf("status %d, %+v", status, r)
	}
}
