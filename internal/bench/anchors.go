package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// nobodysKey is a witness's, of which nobody has the private half.
const nobodysKey = "example.com/w1+1e3de1cb+BFrnBysYrFV5SFM6t//LaIObokV+E/BUYUefDWwXS50V"

// smallest is the size of the smallest messages, in bytes: what goes on beside a
// call does not depend on its size.
const smallest = 200

// anchorWays are calls whose log is to be anchored by a witness that is of no use:
// none of them may cost a call anything, compared with that without anchors.
func (b *bench) anchorWays(server []string) (all []*way) {
	for _, witness := range []struct {
		name string
		do   http.HandlerFunc // nil: nobody is there
	}{
		{"unreachable", nil},
		{"slow", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(10 * time.Second):
			case <-r.Context().Done():
			}
		}},
		{"garbage", func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1<<20)) }},
	} {
		all = append(all, &way{
			name: "wrapped: call, its witness " + witness.name, base: nameDirect, argv: b.wrap(server), memory: true, syncs: true, most: smallest,
			open: func(w *way, l *load, home string) (*opened, error) {
				if err := b.anchored(home, witness.do); err != nil {
					return nil, err
				}
				return openPipes(w, l, home)
			},
		})
	}
	return all
}

// anchored makes a key and a store in a home, unless they are there, for a witness
// that responds like that.
func (b *bench) anchored(home string, handler http.HandlerFunc) error {
	if _, err := os.Stat(filepath.Join(home, ".signet", "anchor")); err == nil {
		return nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if handler == nil {
		l.Close()
	} else {
		server := &http.Server{Handler: handler}
		b.ending = append(b.ending, func() { server.Close() })
		go server.Serve(l)
	}
	if err := b.quiet(home); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"identity", "generate", "--name", "default", "--unencrypted"},
		{"anchor", "init", "--witness", nobodysKey + "@http://" + l.Addr().String()},
	} {
		if _, err := b.signet(context.Background(), home, args...); err != nil {
			return err
		}
	}
	return nil
}

// ran is what a verb took, and what it said on stdout.
type ran struct {
	took, processor time.Duration
	peak            float64 // MB; -1: not known
	out             []byte
}

// signet runs a verb of signet-wrap.
func (b *bench) signet(ctx context.Context, home string, args ...string) (ran, error) {
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, b.binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = environ(home), &out, &errs
	began := time.Now()
	peak, err := watched(cmd)
	if err != nil {
		return ran{}, fmt.Errorf("signet-wrap %s: %w: %s%s", strings.Join(args[:min(2, len(args))], " "), err, out.Bytes(), errs.Bytes())
	}
	return ran{time.Since(began), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peak, out.Bytes()}, nil
}

// anchoring measures "anchor now" and proofs for a log of so many records, with
// nobody to ask.
func (b *bench) anchoring(ctx context.Context, records int) error {
	b.say("anchors: a log of %s records", thousands(float64(records)))
	home := filepath.Join(b.dir, "anchors")
	signet := filepath.Join(home, ".signet")
	if err := b.quiet(home); err != nil {
		return err
	}
	defer os.RemoveAll(home)
	if err := testlog.Write(signet, testlog.Options{Records: records, Start: testlog.Day.AddDate(0, 0, 3)}); err != nil {
		return err
	}
	run := func(args ...string) (ran, error) {
		return b.signet(ctx, home, args...)
	}
	for _, args := range [][]string{{"identity", "generate", "--name", "default", "--unencrypted"}, {"anchor", "init"}} {
		if _, err := run(args...); err != nil {
			return err
		}
	}
	first, err := run("anchor", "now")
	if err != nil {
		return err
	}
	var later, proving, checking []time.Duration
	var size int64
	for i := range 5 {
		receipt, proof := filepath.Join(home, fmt.Sprint(i, ".json")), filepath.Join(home, fmt.Sprint(i, ".proof"))
		if _, err := run("sign", "--tool", "x", "--output", receipt); err != nil {
			return err
		}
		one, err := run("anchor", "now")
		if err != nil {
			return err
		}
		later = append(later, one.took)
		var id struct{ ID string }
		text, err := os.ReadFile(receipt)
		if err == nil {
			err = json.Unmarshal(text, &id)
		}
		if err != nil {
			return err
		}
		if one, err = run("prove", id.ID, "--output", proof); err != nil {
			return err
		}
		proving = append(proving, one.took)
		if one, err = run("verify", proof, "--policy", filepath.Join(signet, "anchor", "policy")); err != nil {
			return err
		}
		checking = append(checking, one.took)
		st, err := os.Stat(proof)
		if err != nil {
			return err
		}
		size = st.Size()
	}
	return b.findings("anchors", "with the program's start, and nobody to ask", records, []finding{
		{"anchor now, the first", "ms", *in(time.Millisecond, first.took)},
		{"  for each record", "us", *in(time.Microsecond, first.took) / float64(records)},
		{"  memory at most", "MB", first.peak},
		{"anchor now, one record more", "ms", *in(time.Millisecond, median(later))},
		{"prove the newest record", "ms", *in(time.Millisecond, median(proving))},
		{"verify that proof", "ms", *in(time.Millisecond, median(checking))},
		{"the proof, with its receipt", "B", float64(size)},
	})
}
