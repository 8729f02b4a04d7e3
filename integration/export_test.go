package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// exported is how many records exports are tested with.
func exportedRecords(t *testing.T) int {
	return fromEnv(t, "SIGNET_WRAP_EXPORT", 2000, strconv.Atoi)
}

// An exporting is an export of a log that is followed, and its receiver. Both are killed
// and come back.
type exporting struct {
	t        *testing.T
	home     string
	args     []string
	export   *exec.Cmd
	receive  func() *exec.Cmd
	receiver *exec.Cmd
	said     bytes.Buffer
}

func newExporting(t *testing.T, records int, format, output string, receive func() *exec.Cmd) *exporting {
	t.Helper()
	x := &exporting{t: t, home: t.TempDir(), receive: receive}
	if err := testlog.Write(x.home, testlog.Options{Records: records}); err != nil {
		t.Fatal(err)
	}
	x.args = []string{"audit", "export", "--home", x.home, "--format", format, "--output", output, "--follow", "--timeout", "10s"}
	t.Cleanup(func() {
		for _, c := range []*exec.Cmd{x.export, x.receiver} {
			if c != nil {
				c.Process.Kill()
				c.Wait()
			}
		}
		if t.Failed() {
			t.Logf("the export said: %s", x.said.String())
		}
	})
	return x
}

func (x *exporting) startExport() {
	x.t.Helper()
	x.export = exec.Command(binary(x.t), x.args...)
	x.export.Stdout, x.export.Stderr = nil, &x.said
	if err := x.export.Start(); err != nil {
		x.t.Fatal(err)
	}
}

func (x *exporting) startReceiver() {
	x.t.Helper()
	x.receiver = x.receive()
	if err := x.receiver.Start(); err != nil {
		x.t.Fatal(err)
	}
}

func (x *exporting) killExport() {
	x.export.Process.Kill()
	x.export.Wait()
}

func (x *exporting) killReceiver() {
	x.receiver.Process.Kill()
	x.receiver.Wait()
}

// A returned is what verify --json says of what came back.
type returned struct {
	Verdict      string
	Form         string
	Completeness string
	Records      int64
	Duplicates   int64
	Gaps         []string
	Notes        []string
	Damaged      int64
}

func (x *exporting) verify(file string) (r returned, status int) {
	x.t.Helper()
	cmd := exec.Command(binary(x.t), "verify", file, "--home", x.home, "--json")
	out, _ := cmd.Output()
	json.Unmarshal(out, &r) // there may be nothing yet
	return r, cmd.ProcessState.ExitCode()
}

// last is a part of the newest record, as it is in whatever the receiver writes.
func (x *exporting) last() string {
	x.t.Helper()
	id := ""
	for e, err := range testlog.Records(filepath.Join(x.home, "audit")) {
		if err != nil {
			x.t.Fatal(err)
		}
		id = e.RecordHash.String()
	}
	return id
}

// arrived waits until the receiver has the newest record.
func (x *exporting) arrived(file string) {
	x.t.Helper()
	last := x.last()
	for end := time.Now().Add(5 * patience); ; time.Sleep(100 * time.Millisecond) {
		if b, _ := os.ReadFile(file); bytes.Contains(b, []byte(last)) {
			return
		}
		if time.Now().After(end) {
			x.t.Fatalf("the newest record never came: %s", x.said.String())
		}
	}
}

// freeAddress is one at which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Nothing is lost, whoever is killed and whenever, and what arrived verifies: a collector
// that dies at requests, before and after it has kept them, and an export that is killed,
// too. Meanwhile the log goes on.
func TestExportKilled(t *testing.T) {
	t.Parallel()
	n := exportedRecords(t)
	address, file := freeAddress(t), filepath.Join(t.TempDir(), "received.json")
	const deaths = 7
	command := fake(t, "otlp", address, file, strconv.Itoa(deaths))
	x := newExporting(t, n, "otlp", "http://"+address, func() *exec.Cmd { return exec.Command(command[0], command[1:]...) })
	x.startExport()
	for i := range deaths {
		x.startReceiver()
		x.receiver.Wait() // it dies at the next request
		if i%3 == 1 {
			x.killExport()
			x.startExport()
		}
	}
	x.startReceiver()
	x.arrived(file)
	l := chain.New(filepath.Join(x.home, "audit"), chain.Options{})
	defer l.Close()
	more := 3
	if _, err := l.Append(more, func(i int, _ chain.At) ([]byte, error) {
		return fmt.Appendf(nil, `{"action":{"tool":"t%d"},"v":9}`, i), nil
	}); err != nil {
		t.Fatal(err)
	}
	x.arrived(file)
	if b, err := os.ReadFile(file + ".died"); err != nil || string(b) != strconv.Itoa(deaths) {
		t.Errorf("it died %s times: %v", b, err)
	}
	// The last ones are no receipts, so not all is established.
	if r, status := x.verify(file); status != 3 || r.Completeness != "whole" || r.Records != int64(n+more) || r.Damaged > 0 || len(r.Gaps) > 0 || r.Duplicates == 0 || r.Form != "otlp" {
		t.Errorf("status %d, %+v", status, r)
	}
}

// The same with a collector as it is released: SIGNET_WRAP_OTELCOL is one with the
// receiver of OTLP and the exporter to files (integration/otelcol).
func TestExportCollector(t *testing.T) {
	if os.Getenv("SIGNET_WRAP_OTELCOL") == "" {
		t.Skip("SIGNET_WRAP_OTELCOL names no collector: make nightly builds one")
	}
	t.Parallel()
	x, _, file := collectorOf(t, exportedRecords(t))
	killed(x, file)
}

// collectorOf is an export to that collector, with the collector's address and its file.
func collectorOf(t *testing.T, records int) (x *exporting, address, file string) {
	t.Helper()
	address, dir := freeAddress(t), t.TempDir()
	file, conf := filepath.Join(dir, "received.json"), filepath.Join(dir, "conf.yaml")
	if err := os.WriteFile(conf, []byte(strings.NewReplacer("ADDRESS", address, "FILE", file).Replace(`
receivers:
  otlp:
    protocols:
      http:
        endpoint: ADDRESS
exporters:
  file:
    path: FILE
    append: true
    flush_interval: 200ms
service:
  telemetry:
    metrics:
      level: none
  pipelines:
    logs:
      receivers: [otlp]
      exporters: [file]
`)), 0o600); err != nil {
		t.Fatal(err)
	}
	x = newExporting(t, records, "otlp", "http://"+address, func() *exec.Cmd {
		c := exec.Command(os.Getenv("SIGNET_WRAP_OTELCOL"), "--config", "file:"+conf)
		c.Stderr = os.Stderr
		return c
	})
	return x, address, file
}

// killed has the receiver killed while it receives, and the export, too.
func killed(x *exporting, file string) {
	x.t.Helper()
	x.startReceiver()
	x.startExport()
	size := func() int64 {
		st, err := os.Stat(file)
		if err != nil {
			return 0
		}
		return st.Size()
	}
	for i := range 4 {
		before := size()
		for end := time.Now().Add(patience); size() <= before; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				break // all has come, and nothing more does
			}
		}
		x.killReceiver()
		if i%2 == 1 {
			x.killExport()
			x.startExport()
		}
		x.startReceiver()
	}
	x.arrived(file)
	var r returned
	var status int
	for end := time.Now().Add(5 * patience); ; time.Sleep(200 * time.Millisecond) {
		if r, status = x.verify(file); status == 0 && r.Records == int64(exportedRecords(x.t)) {
			break
		}
		if time.Now().After(end) {
			x.t.Fatalf("status %d, %+v", status, r)
		}
	}
	if r.Completeness != "whole" || r.Damaged > 0 {
		x.t.Errorf("%+v", r)
	}
	x.t.Logf("%d records, %d of them again", r.Records, r.Duplicates)
}
