package integration

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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
