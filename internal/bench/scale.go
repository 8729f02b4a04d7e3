package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// scaleSizes are the logs of a scale run, in records. The others are compared
// with the log of scaleBase.
var scaleSizes = []int{10, 1_000, 100_000, 1_000_000, 10_000_000}

const scaleBase = 1_000

// readFrom is how long a log is of which the times of reading say something.
const readFrom = 100_000

// A scaled is a log of some size, of this day, and the home directory it is in.
type scaled struct {
	records int
	home    string
	load    *load             // for sessions
	times   [][]time.Duration // one for each of scaleMeasures

	log, other *chain.Log // the second is like another process
	synced     *chain.Log
	session    session
}

// A measure is something that may not cost more in a longer log. Logs take
// turns, as ways do.
type scaleMeasure struct {
	name                string
	rounds, block, warm int
	do                  func(b *bench, s *scaled, i int) (time.Duration, error)
}

var scaleMeasures = []scaleMeasure{
	{"append", 50, 20, 5, func(_ *bench, s *scaled, _ int) (time.Duration, error) { return timedAppend(s.log) }},
	{"append, fsync", 50, 8, 2, func(_ *bench, s *scaled, _ int) (time.Duration, error) { return timedAppend(s.synced) }},
	{"after another", 50, 10, 2, func(_ *bench, s *scaled, _ int) (time.Duration, error) {
		if _, err := timedAppend(s.other); err != nil {
			return 0, err
		}
		return timedAppend(s.log)
	}},
	{"start, 1st call", 30, 1, 0, func(b *bench, s *scaled, _ int) (time.Duration, error) {
		o, err := b.openScaled(s)
		if err != nil {
			return 0, err
		}
		o.close()
		return o.message, nil
	}},
	{"call", 50, 25, 5, func(b *bench, s *scaled, i int) (time.Duration, error) {
		if s.session == nil {
			o, err := b.openScaled(s)
			if err != nil {
				return 0, err
			}
			s.session = o
		}
		began := time.Now()
		err := s.session.turn(i)
		return time.Since(began), err
	}},
}

const scaleLegend = `
append           of one record by package chain, without fsync; p50 each, and divided by that of the log of 1,000
append, fsync    the same with fsync
after another    the same without, the first one after another process wrote: it reads the log's end again
start, 1st call  from the start of the wrapper (--sync off) to the response to the first signed call
call             a signed call through the wrapper (--sync off), there and back
at the end       how many records there were then
`

// scale measures reading, and the write path, at logs of up to most records.
func (b *bench) scale(ctx context.Context, most int, brief bool) error {
	began, before := time.Now(), loadAverage()
	small := loads()[0]
	small.fill()
	var logs []*scaled
	total := 0.0
	for _, n := range scaleSizes {
		if n <= max(most, scaleBase) {
			logs = append(logs, &scaled{
				records: n, home: filepath.Join(b.dir, fmt.Sprint(n)),
				load: small, times: make([][]time.Duration, len(scaleMeasures)),
			})
			total += float64(n)
		}
	}
	if err := b.need((total + 3*float64(logs[len(logs)-1].records)) * 900); err != nil {
		return err
	}
	defer func() {
		for _, s := range logs {
			s.close()
		}
	}()
	for _, s := range logs {
		if err := b.generate(ctx, s); err != nil {
			return err
		}
	}
	for _, s := range logs {
		if s.records < readFrom || brief {
			continue
		}
		b.say("reading a log of %s records", thousands(float64(s.records)))
		if err := b.read(ctx, s); err != nil {
			return err
		}
		if err := b.view(ctx, filepath.Join(s.home, ".signet"), s.records); err != nil {
			return err
		}
		if err := b.keep(ctx, s.records); err != nil {
			return err
		}
	}
	for m, measure := range scaleMeasures {
		b.say("%s", measure.name)
		if brief {
			measure.rounds = min(measure.rounds, 3)
		}
		for round := range measure.rounds {
			for i := range logs {
				s := logs[(round+i)%len(logs)]
				for j := range measure.block {
					took, err := measure.do(b, s, j)
					if err = errors.Join(err, ctx.Err()); err != nil {
						return fmt.Errorf("%s at %d records: %w", measure.name, s.records, err)
					}
					if j >= measure.warm {
						s.times[m] = append(s.times[m], took)
					}
				}
			}
		}
	}
	if !b.json {
		b.writeMachine(b.out, before)
	}
	if err := b.writeScale(logs); err != nil {
		return err
	}
	if after := loadAverage(); after != "" && !b.json {
		fmt.Fprintf(b.out, "\n%v, load %s after\n", time.Since(began).Round(time.Second), after)
	}
	return nil
}

// generate makes the log, of this day and older than now, and opens it.
func (b *bench) generate(ctx context.Context, s *scaled) error {
	b.say("making a log of %s records", thousands(float64(s.records)))
	now := time.Now().UTC()
	day := now.Truncate(24 * time.Hour)
	signet := filepath.Join(s.home, ".signet")
	made := make(chan error, 1)
	go func() {
		made <- testlog.Write(signet, testlog.Options{
			Records: s.records, Start: day, Span: max(now.Sub(day)-time.Second, time.Millisecond),
			Progress: func(n int) {
				if n%1_000_000 == 0 && n < s.records {
					b.say("%s records", thousands(float64(n)))
				}
			},
		})
	}()
	select {
	case err := <-made:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	// Its way to the disk is not to be measured.
	file, err := os.OpenFile(filepath.Join(signet, "audit", day.Format(time.DateOnly)+".jsonl"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(durable.Sync(file), file.Close()); err != nil {
		return err
	}
	dir := filepath.Join(signet, "audit")
	check := sign.LogCheck(func(ed25519.PublicKey) bool { return false })
	s.log, s.other = chain.New(dir, chain.Options{NoSync: true, Check: check}), chain.New(dir, chain.Options{NoSync: true, Check: check})
	s.synced = chain.New(dir, chain.Options{Check: check})
	if _, err := timedAppend(s.log); err != nil { // makes lock files
		return err
	}
	// For two seconds after a change of the directory, writers read it again each
	// time. That is not how logs mostly are.
	old := now.Add(-time.Minute)
	return os.Chtimes(dir, old, old)
}

func (s *scaled) close() {
	if s.session != nil {
		s.session.close()
	}
	for _, l := range []*chain.Log{s.log, s.other, s.synced} {
		if l != nil {
			l.Close()
		}
	}
}

// openScaled starts a wrapper that writes to s.
func (b *bench) openScaled(s *scaled) (*opened, error) {
	w := &way{argv: b.wrap([]string{b.self, modeEcho}, "--sync", "off")}
	return openPipes(w, s.load, s.home)
}

// scaleReceipt is as large as that of a small call. Its time is missing.
var scaleReceipt = fmt.Sprintf(`{"action":{"call_id":"n:1","params":{"path":"notes/23.md","text":"%0100d"},"params_hash":"sha256:%064d",`+
	`"session":"ses_%032d","target":"mcp://bench","tool":"write_file","transport":"stdio"},"id":"rec_%032d","nonce":"rnd_%032d",`+
	`"sig":"ed25519:%088d","signer":{"name":"bench","owner":"","pubkey":"ed25519:%044d"},"ts":"`, 0, 0, 0, 0, 0, 0, 0)

func timedAppend(l *chain.Log) (time.Duration, error) {
	began := time.Now()
	_, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) {
		receipt := at.Time.AppendFormat(append(make([]byte, 0, 1<<10), scaleReceipt...), event.TimeForm)
		return append(receipt, `","v":1}`...), nil
	})
	return time.Since(began), err
}

// writeScale prints a line for each log; with -json one for each measure, too.
func (b *bench) writeScale(logs []*scaled) error {
	var base *scaled
	for _, s := range logs {
		if s.records == scaleBase {
			base = s
		}
	}
	if !b.json {
		fmt.Fprintf(b.out, "\n%10s", "records")
		for _, m := range scaleMeasures {
			fmt.Fprintf(b.out, "  %22s", m.name)
		}
		fmt.Fprintf(b.out, "  %11s\n", "at the end")
	}
	for _, s := range logs {
		grown, err := s.count(logs[0])
		if err != nil {
			return err
		}
		if !b.json {
			fmt.Fprintf(b.out, "%10s", thousands(float64(s.records)))
		}
		for i, m := range scaleMeasures {
			p50 := median(s.times[i])
			ratio := float64(p50) / float64(median(base.times[i]))
			if !b.json {
				fmt.Fprintf(b.out, "  %22s", fmt.Sprintf("%s  x %.2f", micros(in(time.Microsecond, p50)), ratio))
				continue
			}
			err := writeJSON(b.out, map[string]any{"records": s.records, "at_the_end": grown, "measure": m.name,
				"times": len(s.times[i]), "p50_us": *in(time.Microsecond, p50), "ratio": ratio})
			if err != nil {
				return err
			}
		}
		if !b.json {
			fmt.Fprintf(b.out, "  %11s\n", thousands(float64(grown)))
		}
	}
	if !b.json {
		fmt.Fprint(b.out, scaleLegend)
	}
	return nil
}

// count is how many records s has now. All logs got as many as the smallest,
// whose lines are counted.
func (s *scaled) count(smallest *scaled) (int, error) {
	files, err := filepath.Glob(filepath.Join(smallest.home, ".signet", "audit", "*.jsonl"))
	if err != nil {
		return 0, err
	}
	lines := 0
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return 0, err
		}
		lines += strings.Count(string(text), "\n")
	}
	return s.records + lines - smallest.records, nil
}
