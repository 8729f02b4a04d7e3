//go:build unix

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

func init() {
	fakes["crowd"] = fakeCrowd         // HOME BEGAN AT SERVERLOG: a wrapper under a clock that jumps
	fakes["reference"] = fakeReference // HOME AT N: appends N records as the reference does
}

// crowdSize is the number of calls of each of the 16 processes. The promise is
// made for 10000: SIGNET_WRAP_CROWD=10000.
func crowdSize(t *testing.T) int { return fromEnv(t, "SIGNET_WRAP_CROWD", 200, strconv.Atoi) }

const crowd = 16

// TestCrowd has 16 wrappers share one home over a midnight, under clocks that
// jump back and forth. They make one unbroken chain in which each call is once,
// in the order of time.
func TestCrowd(t *testing.T) {
	t.Parallel()
	n := crowdSize(t)
	h := newHome(t)
	eve := time.Date(2025, 4, 30, 23, 59, 57, 0, time.UTC)
	began := time.Now()
	midnight := began.Add(3 * time.Second)
	h.fill(t, 1, eve)
	serverLogs := h.gather(t, began, eve, n, func() { time.Sleep(time.Until(midnight)) })
	h.crowded(t, serverLogs, n, 1)
	f := h.finding(t)
	days, err := filepath.Glob(filepath.Join(h.audit(), "*.jsonl"))
	if err != nil || len(days) != 2 {
		t.Errorf("the log is in %q: %v", days, err)
	}
	steps := len(h.events(t, "clock_step"))
	t.Logf("%d calls of %d processes, %d records with %d clock steps, in %v", crowd*n, crowd, f.Records, steps, time.Since(began).Round(time.Millisecond))
	if steps == 0 {
		t.Error("the clocks never stepped back")
	}
}

// TestCrowdBesideReference has a writer of another kind among them, which takes
// the reference's lock, reads the day's file and appends to it.
func TestCrowdBesideReference(t *testing.T) {
	t.Parallel()
	const n, theirs = 50, 100
	h := newHome(t)
	noon := time.Date(2025, 5, 2, 12, 0, 0, 0, time.UTC)
	h.fill(t, 1, noon)
	store := keys.Store{Dir: filepath.Join(h.dir, ".signet", "keys")}
	if _, err := store.Generate("reference", "", nil); err != nil {
		t.Fatal(err)
	}
	var others []*proc
	for range 2 {
		others = append(others, start(t, h.dir, fake(t, "reference", h.dir, noon.Format(time.DateOnly), itoa(theirs))))
	}
	serverLogs := h.gather(t, time.Now(), noon, n, func() {})
	for _, p := range others {
		p.finish()
	}
	h.crowded(t, serverLogs, n, 1+2*theirs)
}

// gather runs the crowd, whose clocks said at when it began, and calls between
// when each has made half of its n calls. It returns what their servers got.
func (h home) gather(t *testing.T, began, at time.Time, n int, between func()) []serverLog {
	t.Helper()
	var serverLogs []serverLog
	var procs []*proc
	for range crowd {
		l := newServerLog(t)
		serverLogs = append(serverLogs, l)
		procs = append(procs, start(t, h.dir, fake(t, "crowd", h.dir, strconv.FormatInt(began.UnixNano(), 10), at.Format(time.RFC3339), string(l))))
	}
	half := func(from, to int) {
		var all sync.WaitGroup
		for _, p := range procs {
			all.Go(func() {
				for i := from; i < to && !t.Failed(); i += burst {
					p.callAll(i, min(i+burst, to))
				}
			})
		}
		all.Wait()
	}
	half(0, n/2)
	between()
	half(n/2, n)
	for _, p := range procs {
		p.finish()
	}
	return serverLogs
}

// burst is how many calls a client of the crowd makes before it reads responses.
const burst = 20

// callAll makes the calls after from up to to, and expects them back.
func (p *proc) callAll(from, to int) {
	var lines strings.Builder
	for i := from; i < to; i++ {
		lines.WriteString(numbered(i + 1))
	}
	if _, err := p.in.WriteString(lines.String()); err != nil {
		p.t.Error(err)
		return
	}
	for i := from; i < to; i++ {
		line, err := p.out.ReadSlice('\n')
		if err != nil || !bytes.Contains(line, []byte(`"method"`)) {
			p.t.Errorf("call %d: got %q, %v", i+1, line, err)
			return
		}
	}
}

// crowded checks a crowd's log, in which others have so many records too.
func (h home) crowded(t *testing.T, serverLogs []serverLog, n, others int) {
	t.Helper()
	if status, out := h.verdict(t); status != 0 {
		t.Errorf("verify --chain: exit status %d\n%s", status, out)
	}
	// By hand, too.
	var prev chain.Hash
	recorded := map[string]bool{}
	calls, last := 0, ""
	for e, err := range testlog.Records(h.audit()) {
		if err != nil {
			t.Fatal(err)
		}
		var r struct {
			V        int
			ID, Type string
			TS       string
		}
		if err := json.Unmarshal(e.Receipt, &r); err != nil {
			t.Fatal(err)
		}
		if e.PrevHash != prev {
			t.Fatalf("%s:%d follows %s, not %s", e.File, e.Line, e.PrevHash, prev)
		}
		prev = e.RecordHash
		if recorded[r.ID] {
			t.Errorf("%s:%d: %s occurs twice", e.File, e.Line, r.ID)
		}
		recorded[r.ID] = true
		if r.V == 1 && r.Type == "" {
			calls++
		}
		if r.TS < last && r.V == 1 {
			t.Errorf("%s:%d: %s comes after %s", e.File, e.Line, r.TS, last)
		}
		last = max(last, r.TS)
	}
	if calls != crowd*n+others {
		t.Errorf("%d calls in the log, want %d", calls, crowd*n+others)
	}
	for _, l := range serverLogs {
		got := l.calls(t)
		if len(got) != n {
			t.Errorf("a server received %d calls, want %d", len(got), n)
		}
		for i, c := range got {
			if c.id != itoa(i+1) || !recorded[c.receipt] {
				t.Errorf("call %d has id %s and receipt %q", i+1, c.id, c.receipt)
			}
		}
	}
}

// fakeCrowd is the wrapper but for the command line: there is no flag for the
// clock. Every seventh time that it looks, the clock is three hours slow, and
// every eleventh, four seconds ahead.
func fakeCrowd(args []string) int {
	home := args[0]
	nanos, err1 := strconv.ParseInt(args[1], 10, 64)
	at, err2 := time.Parse(time.RFC3339, args[2])
	if err := errors.Join(err1, err2); err != nil {
		return complain(err)
	}
	began := time.Unix(0, nanos)
	var looks atomic.Int64
	exit, err := wrap.Run(wrap.Options{Options: record.Options{
		NoHeads: true,
		Command: serverLog(args[3]).server(),
		Audit:   filepath.Join(home, ".signet", "audit"),
		Signer:  func() (*sign.Signer, error) { return signerOf(home, "default") },
		Now: func() time.Time {
			now := at.Add(time.Since(began))
			switch n := looks.Add(1); {
			case n%7 == 0:
				return now.Add(-3 * time.Hour)
			case n%11 == 0:
				return now.Add(4 * time.Second)
			}
			return now
		},
	}})
	if err != nil {
		return complain(err)
	}
	return exit.Code
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func signerOf(home, name string) (*sign.Signer, error) {
	key, err := keys.Store{Dir: filepath.Join(home, ".signet", "keys")}.Load(name, nil)
	if err != nil {
		return nil, err
	}
	return sign.NewSigner(key, key.Name, key.Owner)
}

// fakeReference appends to the log of a day in the reference's way: it locks
// the day's lock only, reads the whole file for the last line, and writes line
// and newline one after the other. Nothing of package chain is used.
func fakeReference(args []string) int {
	home, day := args[0], args[1]
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return complain(err)
	}
	signer, err := signerOf(home, "reference")
	if err != nil {
		return complain(err)
	}
	for range n {
		if err := appendAsReference(signer, filepath.Join(home, ".signet", "audit", day+".jsonl"), day); err != nil {
			return complain(err)
		}
		time.Sleep(time.Millisecond)
	}
	return 0
}

func appendAsReference(signer *sign.Signer, file, day string) error {
	lock, err := os.OpenFile(file+".lock", os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := durable.Lock(lock); err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	var last struct {
		RecordHash string `json:"record_hash"`
		Receipt    struct{ TS string }
	}
	if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil {
		return err
	}
	draft, err := signer.Prepare(sign.Action{Tool: "reference", Target: "mcp://reference", Arguments: []byte(`{"a":[1,2]}`)})
	if err != nil {
		return err
	}
	// Its clock is as good as that of the last record.
	now, err := time.Parse(time.RFC3339, last.Receipt.TS)
	if err != nil {
		if now, err = time.Parse(time.DateOnly, day); err != nil {
			return err
		}
		now = now.Add(24*time.Hour - time.Millisecond)
	}
	r, err := draft.Sign(now)
	if err != nil {
		return err
	}
	hashed, err := canon.Canonicalize(fmt.Appendf(nil, `{"receipt":%s,"prev_hash":%q}`, r.Record, last.RecordHash))
	if err != nil {
		return err
	}
	out, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := fmt.Fprintf(out, `{"receipt":%s,"prev_hash":%q,"record_hash":%q}`, r.Record, last.RecordHash, event.HashOf(hashed).String()); err != nil {
		return err
	}
	_, err = out.WriteString("\n")
	return err
}
