// Package testlog makes logs of any size for tests and benchmarks, as wrappers
// would write them: sessions of calls and their responses, signed, chained, bound
// to their places, and spread evenly over a time. The same options make the same
// log, except for the nonces of responses.
package testlog

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Options are the options of [Write].
type Options struct {
	Records int           // in all: two for each call, and one for each session
	Start   time.Time     // of the first call. Zero: [Day]
	Span    time.Duration // from the first record to the last. Zero: a day less a second
	Batch   int           // records of one time, in one append. 0: 1000
	Apart   bool          // arguments are in files beside the log
	// Progress is called from time to time with the number of records done. nil: not called.
	Progress func(records int)
}

// Day is when logs begin by default.
var Day = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

// PerSession is how many calls a session has.
const PerSession = 1000

// RareTool is asked for by the call RareEvery/2, counted from 0, and by each
// RareEvery-th from there on.
const (
	RareTool  = "delete_database"
	RareEvery = 100_000
)

// Tools are asked for in turn.
var Tools = []string{"read_text_file", "search_files", "write_file", "list_directory"}

// batch is how many records are appended in one hold of the log's lock.
const batch = 1000

// Key signs the logs. It proves nothing: anybody can have it.
func Key() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte("signet-wrap testlog, no secret!!"))
}

// Call returns the receipt of a call, made for its place in a log.
func Call(s *sign.Signer, a sign.Action, at chain.At) ([]byte, error) {
	d, err := s.Prepare(a)
	if err != nil {
		return nil, err
	}
	r, err := d.SignAt(at.Time, at.Prev)
	if err != nil {
		return nil, err
	}
	return r.Record, nil
}

// Write makes the log in the directory audit of home, which must not have one, and
// the public half of its key in the directory keys, so that home verifies as valid.
// Records are not synced. A record takes some 20 µs, most of it Ed25519, and
// some 850 bytes.
func Write(home string, o Options) error {
	if o.Start.IsZero() {
		o.Start = Day
	}
	if o.Span == 0 {
		o.Span = 24*time.Hour - time.Second
	}
	if err := writePublic(home); err != nil {
		return err
	}
	if o.Batch == 0 {
		o.Batch = batch
	}
	signer, err := sign.NewSigner(Key(), "testlog", "nobody")
	if err != nil {
		return err
	}
	w := &writer{signer: signer, o: o}
	log := chain.New(filepath.Join(home, "audit"), chain.Options{NoSync: true, Now: w.now})
	defer log.Close()
	for w.n < o.Records {
		if _, err := log.AppendLater(min(o.Batch, o.Records-w.n), w.build); err != nil {
			return err
		}
		if o.Progress != nil {
			o.Progress(w.n)
		}
	}
	return nil
}

// writePublic writes the public half of the key.
func writePublic(home string) error {
	dir := filepath.Join(home, "keys")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	pub := keys.FormatPublic(&keys.Public{Name: "testlog", Owner: "nobody", Key: Key().Public().(ed25519.PublicKey), Created: Day})
	return os.WriteFile(filepath.Join(dir, "testlog.pub"), pub, 0o644)
}

// writer makes the records one by one.
type writer struct {
	signer *sign.Signer
	o      Options
	n      int // records made

	calls   int            // made
	session string         // of the last call
	told    bool           // the session's event was made
	last    *sign.Response // the call that gets a response next; nil: none
}

// now is the time of the next record: records are spread over the span.
func (w *writer) now() time.Time {
	return w.o.Start.Add(time.Duration(float64(w.o.Span) * float64(w.n) / float64(w.o.Records)))
}

func (w *writer) build(_ int, at chain.At) ([]byte, error) {
	w.n++
	switch {
	case w.last == nil:
		return w.call(at)
	case !w.told:
		return w.event(at)
	}
	return w.response(at)
}

func (w *writer) call(at chain.At) ([]byte, error) {
	if w.calls%PerSession == 0 {
		w.session, w.told = "ses_"+event.HashOf(fmt.Append(nil, w.calls)).String()[len("sha256:"):][:32], false
	}
	tool := Tools[w.calls%len(Tools)]
	if w.calls%RareEvery == RareEvery/2 {
		tool = RareTool
	}
	action := sign.Action{
		Tool:      tool,
		Arguments: fmt.Appendf(nil, `{"head":100,"path":"/home/alice/project/internal/wrap/file-%d.go"}`, w.calls),
		Target:    "mcp://files", Session: w.session, CallID: fmt.Sprintf("n:%d", w.calls%PerSession),
		Apart: w.o.Apart,
	}
	draft, err := w.signer.Prepare(action)
	if err != nil {
		return nil, err
	}
	receipt, err := draft.SignAt(at.Time, at.Prev)
	if err != nil {
		return nil, err
	}
	if receipt.Beside != nil {
		at.Beside(receipt.Beside)
	}
	w.last = &sign.Response{Action: action, ParamsHash: draft.ParamsHash(), RequestID: receipt.ID, Requested: at.Time}
	w.calls++
	return receipt.Record, nil
}

func (w *writer) event(at chain.At) ([]byte, error) {
	w.told = true
	receipt, err := w.signer.Event(event.Session{
		Session: w.session, Target: "mcp://files", Client: &event.Implementation{Name: "testlog", Version: "1"},
	}, at.Time, at.Prev)
	if err != nil {
		return nil, err
	}
	return receipt.Record, nil
}

// contentHash is the hash of every response's content.
var contentHash = event.HashOf([]byte(`{"content":[]}`))

// response says that a call was executed; for every seventh call, that it failed.
func (w *writer) response(at chain.At) ([]byte, error) {
	a := *w.last
	w.last = nil
	a.Responded, a.ContentHash, a.Outcome.Status = at.Time, contentHash, "executed"
	if w.calls%7 == 0 {
		a.Outcome = sign.Outcome{Status: "failed", Reason: "isError"}
	}
	receipt, err := w.signer.Respond(a)
	if err != nil {
		return nil, err
	}
	return receipt.Record, nil
}

// Records yields the records of the log in the directory audit, oldest first, as
// [chain.Snapshot.Records] does.
func Records(audit string) iter.Seq2[chain.Entry, error] {
	return func(yield func(chain.Entry, error) bool) {
		log, err := chain.TakeSnapshot(audit)
		if err != nil {
			yield(chain.Entry{}, err)
			return
		}
		for e, err := range log.Records(context.Background(), chain.ReadOptions{}) {
			if !yield(e, err) {
				return
			}
		}
	}
}

// Verify takes a snapshot of the log in the directory audit and verifies it.
func Verify[R any](ctx context.Context, audit string, o chain.VerifyOptions[R]) (*chain.Report, error) {
	log, err := chain.TakeSnapshot(audit)
	if err != nil {
		return nil, err
	}
	return chain.Verify(ctx, log, o)
}
