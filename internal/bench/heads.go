package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// busy is how many calls an agent makes in a day that works all of it. Each has a head
// of its own, and one of its response, at most.
const busy = 5_000

// heads measures "verify --chain" of a log of so many records, without heads and with
// one for each record, and what heads take in the system's log. They are in the journal,
// if it is our own, else in a file.
func (b *bench) heads(ctx context.Context, records int) error {
	b.say("heads: a log of %s records", thousands(float64(records)))
	home := filepath.Join(b.dir, "heads")
	if err := b.quiet(home); err != nil {
		return err
	}
	defer os.RemoveAll(home)
	signet := filepath.Join(home, ".signet")
	// Another log than that of anchoring, which is gone.
	if err := testlog.Write(signet, testlog.Options{Records: records, Start: testlog.Day.AddDate(0, 0, 1)}); err != nil {
		return err
	}
	args := []string{"verify", "--chain", "--json"}
	without, err := b.signet(ctx, home, args...)
	if err != nil {
		return err
	}
	all := []finding{
		{"verify --chain, no head", "ms", *in(time.Millisecond, without.took)},
		{"  processor time", "ms", *in(time.Millisecond, without.processor)},
		{"  memory at most", "MB", without.peak},
	}
	from := "the journal"
	before := journalBytes()
	write := sendHead
	if before < 0 {
		from = "a file"
		file, err := os.Create(filepath.Join(home, "heads.json"))
		if err != nil {
			return err
		}
		defer file.Close()
		args = append(args, "--against", file.Name())
		write = func(_ context.Context, head []byte) error { return writeHead(file, head) }
	}
	if err := b.eachHead(ctx, filepath.Join(signet, "audit"), write); err != nil {
		return err
	}
	with, err := b.signet(ctx, home, args...)
	if err != nil {
		return err
	}
	if bytes.Count(with.out, fmt.Appendf(nil, `"heads":%d,`, records)) != 1 {
		return fmt.Errorf("verify did not find %d heads: %s", records, with.out)
	}
	all = append(all,
		finding{"verify --chain, a head a record, in " + from, "ms", *in(time.Millisecond, with.took)},
		finding{"  processor time, with journalctl's", "ms", *in(time.Millisecond, with.processor)},
		finding{"  memory at most", "MB", with.peak})
	if before >= 0 {
		each := float64(journalBytes()-before) / float64(records)
		all = append(all,
			finding{"a head in the journal", "B", each},
			finding{"  a day of " + thousands(busy) + " calls, two each, at most", "MB", each * 2 * busy / 1e6},
			finding{"  a day of as many as are ever sent", "MB", each * heads.Rate * 24 * 3600 / 1e6})
	}
	return b.findings("heads", "with the program's start", records, all)
}

// eachHead calls write with the message of a head of each record, in order. They have
// the time of their record, so that nothing is taken for backdated.
func (b *bench) eachHead(ctx context.Context, audit string, write func(context.Context, []byte) error) error {
	signer, err := sign.NewSigner(testlog.Key(), "", "")
	if err != nil {
		return err
	}
	log, err := chain.TakeSnapshot(audit)
	if err != nil {
		return err
	}
	h := event.Head{Dirs: heads.Dirs(audit), Session: "ses_" + strings.Repeat("7", 32)}
	var last []byte
	for e, err := range log.Records(ctx, chain.ReadOptions{}) {
		if err != nil {
			return err
		}
		if h.Log.IsZero() {
			h.Log = e.RecordHash
		}
		var r struct{ Ts time.Time }
		if err := json.Unmarshal(e.Receipt, &r); err != nil {
			return err
		}
		h.File, h.End, h.Head = e.File, e.Offset+int64(len(e.Raw))+1, e.RecordHash
		receipt, err := signer.Event(h, r.Ts, h.Head)
		if err != nil {
			return err
		}
		last = append([]byte(heads.Phrase), receipt.JSON...)
		if err := write(ctx, last); err != nil {
			return err
		}
		h.Seq++
	}
	if journalBytes() < 0 {
		return nil
	}
	return until(ctx, "the newest head is in the journal", func() bool {
		newest, err := exec.CommandContext(ctx, "/usr/bin/journalctl", "-o", "cat", "--all", "-n", "1", "SYSLOG_IDENTIFIER="+systemlog.Identifier).Output()
		return err == nil && bytes.Equal(bytes.TrimSpace(newest), last)
	})
}

// until waits for something.
func until(ctx context.Context, what string, done func() bool) error {
	for end := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Now().After(end) {
			return errors.New("never: " + what)
		}
	}
	return nil
}

// sendHead sends a head to the system's log, and waits while its queue is full.
func sendHead(ctx context.Context, head []byte) error {
	to := systemlog.Open()
	return until(ctx, "the system's log takes a head", func() bool { return to.Send(systemlog.Identifier, head) == nil })
}

// writeHead writes a head as `journalctl -o json` has it.
func writeHead(file *os.File, head []byte) error {
	now := strconv.FormatInt(time.Now().UnixMicro(), 10)
	return writeJSON(file, map[string]string{
		"__REALTIME_TIMESTAMP": now, "_SOURCE_REALTIME_TIMESTAMP": now, "_UID": "1000", "_MACHINE_ID": fmt.Sprintf("%032x", 1),
		"_TRANSPORT": "journal", "_PID": "1234", "_COMM": "signet-wrap", "_EXE": "/usr/bin/signet-wrap", "_CMDLINE": "signet-wrap -- server",
		"_BOOT_ID": fmt.Sprintf("%032x", 2), "_HOSTNAME": "host", "PRIORITY": "6", "SYSLOG_IDENTIFIER": systemlog.Identifier, "MESSAGE": string(head),
	})
}
