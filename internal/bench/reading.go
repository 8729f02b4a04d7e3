package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// readings are what people ask of a log: how long it takes, and the most memory. URL is a
// collector that keeps nothing, FILE a file.
var readings = []string{
	"audit",
	"audit --tool " + testlog.RareTool + " --limit all",
	"audit --server FILES --limit 20",
	"audit --client testlog --limit 20",
	"audit --outcome failed --limit 1000",
	"audit --outcome failed --limit all",
	"audit --since 30m",
	"audit --grep no-such-text",
	"audit --grep FILE-123. --limit 5",
	"audit --json",
	"audit --csv",
	"audit --records",
	"audit stats",
	"audit export --format records",
	"audit export --format csv",
	"audit export --format json",
	"audit export --format otlp",
	"audit export --format syslog",
	"audit export --format otlp --output URL",
	"audit export --format otlp --output FILE",
	"verify FILE",
}

// A reading is one command on one log.
type reading struct {
	Records int     `json:"records"`
	Command string  `json:"command"`
	Seconds float64 `json:"seconds"`
	First   float64 `json:"first_seconds"` // until the first output; -1: there was none
	Peak    float64 `json:"peak_mb"`       // -1: not known
	CPU     float64 `json:"cpu_seconds"`   // of processor time, of all cores; -1: not known
}

// read measures the readings of a log. They go on a disk's cache: the log has just been
// written.
func (b *bench) read(ctx context.Context, s *scaled) error {
	file := filepath.Join(s.home, "exported.json")
	defer os.Remove(file)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"partialSuccess":{}}`)
	}))
	defer collector.Close()
	b.writeReadings(s.records)
	for _, command := range readings {
		r, err := b.readOnce(ctx, s, command, " FILE", " "+file, " URL", " "+collector.URL)
		if err == nil {
			err = b.writeReading(r)
		}
		if err != nil {
			return fmt.Errorf("%s at %d records: %w", command, s.records, err)
		}
	}
	return nil
}

func (b *bench) writeReadings(records int) {
	if !b.json {
		fmt.Fprintf(b.out, "\n%-46s  %10s  %10s  %10s  %8s\n", thousands(float64(records))+" records", "seconds", "first", "processor", "MB")
	}
}

func (b *bench) writeReading(r reading) error {
	if b.json {
		return writeJSON(b.out, r)
	}
	known := func(v float64, form string) string {
		if v < 0 {
			return "-"
		}
		return fmt.Sprintf(form, v)
	}
	_, err := fmt.Fprintf(b.out, "%-46s  %10.3f  %10s  %10s  %8s\n", r.Command, r.Seconds, known(r.First, "%.2f"), known(r.CPU, "%.2f"), known(r.Peak, "%.0f"))
	return err
}

func (b *bench) readOnce(ctx context.Context, s *scaled, command string, places ...string) (r reading, err error) {
	args := strings.Fields(strings.NewReplacer(places...).Replace(command))
	cmd := exec.CommandContext(ctx, b.binary, append(args, "--home", filepath.Join(s.home, ".signet"))...)
	cmd.Env = append(os.Environ(), "SIGNET_HOME=")
	out := &firstOutput{began: time.Now()}
	cmd.Stdout = out
	var errs strings.Builder
	cmd.Stderr = &errs
	peak, err := watched(cmd)
	// The log ends in a record that nobody signed, so verify says 1.
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 && strings.HasPrefix(command, "verify") {
		err = nil
	}
	if err != nil {
		return r, fmt.Errorf("%w: %s", err, errs.String())
	}
	r = reading{Records: s.records, Command: command, Seconds: time.Since(out.began).Seconds(), First: -1, Peak: peak,
		CPU: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()}
	if !out.at.IsZero() {
		r.First = out.at.Sub(out.began).Seconds()
	}
	return r, nil
}

// firstOutput notes when the first output came.
type firstOutput struct{ began, at time.Time }

func (f *firstOutput) Write(p []byte) (int, error) {
	if f.at.IsZero() {
		f.at = time.Now()
	}
	return len(p), nil
}
