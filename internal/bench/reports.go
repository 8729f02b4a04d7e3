package main

import (
	"bytes"
	"context"
	_ "embed" // for the script
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// reportSizes are the logs of which reports are made, in records.
var reportSizes = map[bool][]int{false: {10_000, 100_000}, true: {400}}

// reportScript has Node.js do what a browser does with report.html.
//
//go:embed reports.mjs
var reportScript string

// reports measures reports of whole logs: writing them, verifying them, and what the page
// in them takes to verify itself.
func (b *bench) reports(ctx context.Context, brief bool) error {
	for _, records := range reportSizes[brief] {
		if err := b.report(ctx, records); err != nil {
			return fmt.Errorf("reports at %d records: %w", records, err)
		}
	}
	return nil
}

func (b *bench) report(ctx context.Context, records int) error {
	b.say("reports: a log of %s records", thousands(float64(records)))
	home := filepath.Join(b.dir, "reported")
	if err := b.quiet(home); err != nil {
		return err
	}
	defer os.RemoveAll(home)
	// Another log than those of other rows, whose heads would be of this one, too.
	log := testlog.Options{Records: records, Start: testlog.Day.AddDate(0, 0, 2)}
	if err := testlog.Write(filepath.Join(home, ".signet"), log); err != nil {
		return err
	}
	if _, err := b.signet(ctx, home, "identity", "generate", "--name", "default", "--unencrypted"); err != nil {
		return err
	}
	b.writeReadings(records)
	put := func(what string, r ran) error {
		return b.writeReading(reading{Records: records, Command: what, Seconds: r.took.Seconds(), First: -1, CPU: r.processor.Seconds(), Peak: r.peak})
	}
	file := filepath.Join(home, "report.zip")
	made, err := b.signet(ctx, home, "audit", "report", "--output", file)
	if err != nil {
		return err
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	z, err := bundle.Open(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		return err
	}
	_, core, err := z.Core()
	if err != nil {
		return err
	}
	if err := put(fmt.Sprintf("audit report, %.1f MB (%.1f without page)", float64(len(whole))/1e6, float64(core)/1e6), made); err != nil {
		return err
	}
	native, err := b.signet(ctx, home, "verify", file)
	if err != nil {
		return err
	}
	if err := put("verify report.zip", native); err != nil {
		return err
	}
	return b.reportPage(ctx, z, home, native.processor, put)
}

// reportPage measures the page of a report, if it verifies itself and there is Node.js.
func (b *bench) reportPage(ctx context.Context, z *bundle.Bundle, home string, native time.Duration, put func(string, ran) error) error {
	page, err := fs.ReadFile(z.FS(), "report.html")
	if err != nil {
		return err
	}
	if !bytes.Contains(page, []byte(`data-verifies="true"`)) {
		b.say("the page does not verify itself: this signet-wrap was built without that part; see `make build`")
		return nil
	}
	node, err := exec.LookPath("node")
	if err != nil {
		b.say("no figures of the page, for there is no node")
		return nil
	}
	html, script := filepath.Join(home, "report.html"), filepath.Join(home, "reports.mjs")
	if err := errors.Join(os.WriteFile(html, page, 0o600), os.WriteFile(script, []byte(reportScript), 0o600)); err != nil {
		return err
	}
	for _, doing := range []struct{ ask, what string }{{"check", "report.html: verified"}, {"join", "report.html: calls listed"}} {
		var errs strings.Builder
		var said bytes.Buffer
		cmd := exec.CommandContext(ctx, node, script, html, doing.ask)
		cmd.Stdout, cmd.Stderr = &said, &errs
		began := time.Now()
		peak, err := watched(cmd)
		if err != nil {
			return fmt.Errorf("%s: %w: %s", doing.what, err, errs.String())
		}
		took := ran{time.Since(began), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peak, nil}
		var found struct{ Verify struct{ Verdict string } }
		if err := json.Unmarshal(said.Bytes(), &found); err != nil || doing.ask == "check" && found.Verify.Verdict != "unconfirmed" {
			return fmt.Errorf("%s: %v: %.500s", doing.what, err, said.Bytes())
		}
		what := doing.what
		if doing.ask == "check" {
			what += fmt.Sprintf(", %.1f times native", took.processor.Seconds()/native.Seconds())
		}
		if err := put(what, took); err != nil {
			return err
		}
	}
	return nil
}
