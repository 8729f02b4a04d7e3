package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// keep measures what the ways to keep a log cost, at logs of so many calls, each with
// its response: verifying with the arguments in the log, with the day compressed, and
// with arguments apart; and how long erasing holds the lock of the log.
func (b *bench) keep(ctx context.Context, calls int) error {
	b.say("verifying logs of %s calls", thousands(float64(calls)))
	s := &scaled{records: 2 * calls}
	b.writeReadings(s.records)
	verify := func(name string) error {
		r, err := b.readOnce(ctx, s, "verify --chain")
		if r.Command += name; err == nil {
			err = b.writeReading(r)
		}
		return err
	}
	day, err := b.generateKept(s, false)
	if err == nil {
		err = verify("")
	}
	if err == nil {
		err = compress(day)
	}
	if err == nil {
		err = verify(", compressed")
	}
	if err = errors.Join(err, os.RemoveAll(s.home)); err != nil {
		return err
	}
	if day, err = b.generateKept(s, true); err == nil {
		err = verify(", arguments apart")
	}
	if err == nil {
		err = b.erase(s, day)
	}
	return errors.Join(err, os.RemoveAll(s.home))
}

// generateKept makes the log, and returns the path of its day.
func (b *bench) generateKept(s *scaled, apart bool) (day string, err error) {
	s.home = filepath.Join(b.dir, "kept")
	signet := filepath.Join(s.home, ".signet")
	err = testlog.Write(signet, testlog.Options{Records: s.records, Apart: apart})
	return filepath.Join(signet, "audit", testlog.Day.Format(time.DateOnly)+".jsonl"), err
}

// compress is what `audit archive --compress` leaves of a day.
func compress(path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(path + ".gz")
	if err != nil {
		return err
	}
	z := gzip.NewWriter(to)
	_, err = io.Copy(z, from)
	return errors.Join(err, z.Close(), to.Close(), os.Remove(path))
}

// erase removes the arguments of every other call, and says how long the lock is held.
func (b *bench) erase(s *scaled, day string) error {
	dir, name := filepath.Dir(day), filepath.Base(day)
	st, err := os.Stat(filepath.Join(dir, chain.BesideFile(name)))
	if err != nil {
		return err
	}
	began := time.Now()
	n, err := chain.EraseBeside(dir, name, func(id [16]byte) bool { return id[15]%2 == 0 })
	if err != nil {
		return err
	}
	what := fmt.Sprintf("erasing %s lines of %.1f MB", thousands(float64(n)), float64(st.Size())/1e6)
	return b.writeReading(reading{Records: s.records, Command: what, Seconds: time.Since(began).Seconds(), First: -1, CPU: -1, Peak: -1})
}
