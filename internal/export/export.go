package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/envelope"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

// A Format is how records are written.
type Format string

// Formats.
const (
	Records Format = "records" // the lines of the log
	OTLP    Format = "otlp"
	Syslog  Format = "syslog"
)

// Bounds of a batch.
const (
	maxBatch     = 1000
	maxBatchSize = 1 << 20 // in bytes, but for a batch of one
)

// An Item is a record as it is sent.
type Item struct {
	Data []byte
	at   chain.Position
	hash string          // "" for a line that is no record
	bare envelope.Record // without its body and its attributes
}

// A Sink takes batches. When Send returns nil, the receiver has all of it.
type Sink interface {
	Send(ctx context.Context, batch []Item) error
	Close() error
}

// A SendError says why a batch was not taken, and what to do.
type SendError struct {
	Err   error
	What  Remedy
	After time.Duration // the receiver asks to be left alone so long; 0: it does not
}

func (e *SendError) Error() string { return e.Err.Error() }
func (e *SendError) Unwrap() error { return e.Err }

// A Remedy is what to do about a batch that was not taken.
type Remedy int

// Remedies.
const (
	Again  Remedy = iota // send it again
	Back                 // send it again, with what was taken just before: the receiver may have lost it
	Split                // it is too large, or something in it is not liked
	Change               // somebody has to change something
)

// Options say what [Run] exports, and to where.
type Options struct {
	Log    string // the directory
	Filter history.Filter
	Format Format
	Follow bool
	Header envelope.Header
	// MaxBody is how long a line may be, in bytes, that is sent with its record; in
	// syslog, the message. 0: any.
	MaxBody int

	Sink   Sink
	Cursor *Cursor       // nil: none is kept
	GiveUp time.Duration // when nothing was taken for so long; 0: never
	Every  time.Duration // how often the log is looked at; 0: once a second
	Settle time.Duration // what was taken so recently is sent again if the receiver may have lost it

	Say      func(string)                      // called with problems that pass; nil: nothing is
	Progress func(records, bytes, total int64) // nil: nobody
}

// A Result is what was done.
type Result struct {
	Records     int64 // that the receiver has taken, each counted once
	NotExported int64 // of them, without their bodies
	Rejected    int64 // that the receiver says it has not kept
}

// Run exports, until all is sent or, if it follows the log, until ctx is done: then its
// error is nil, and what was read is not lost: the next run goes on at the cursor.
func Run(ctx context.Context, o Options) (Result, error) {
	e := newExporter(o)
	err := e.run(ctx)
	if cerr := o.Sink.Close(); err == nil {
		err = cerr
	}
	if err == nil || ctx.Err() != nil {
		err = errors.Join(err, e.keep(true))
	}
	if o.Follow && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	return e.done(), err
}

// RunList is Run for what a filter finds that needs more than one record: list puts the
// rows. It is sent once, and goes back nowhere.
func RunList(ctx context.Context, o Options, list func(put func(*history.Row) error) error) (Result, error) {
	e := newExporter(o)
	e.once = true
	err := list(func(row *history.Row) error {
		err := e.put(ctx, e.item(row.Record, nil))
		if err == nil && row.Response != nil && row.Response != row.Record {
			err = e.put(ctx, e.item(row.Response, nil))
		}
		return err
	})
	if err == nil {
		err = e.flush(ctx)
	}
	if cerr := o.Sink.Close(); err == nil {
		err = cerr
	}
	return e.done(), err
}

// done is what was done.
func (e *exporter) done() Result {
	if r, ok := e.Sink.(interface{ rejected() int64 }); ok {
		e.result.Rejected = r.rejected()
		e.result.Records = max(0, e.result.Records-e.result.Rejected)
	}
	return e.result
}

// mark is a record that the receiver has taken.
type mark struct {
	at   chain.Position
	hash string
	when time.Time
}

type exporter struct {
	Options
	once     bool // nothing can be read again
	contexts *contexts
	batch    []Item
	size     int

	begun    mark   // where the export began; a zero place: at the log's beginning
	taken    []mark // ends of batches, oldest first, the first one settled
	known    bool   // the log has the record at which the export began
	furthest chain.Position
	scanned  chain.Position // up to there a log that is followed has nothing more to send

	saved   time.Time
	since   time.Time // nothing was taken since
	waits   time.Duration
	result  Result
	problem string
}

func newExporter(o Options) *exporter {
	if o.Every <= 0 {
		o.Every = time.Second
	}
	return &exporter{Options: o, contexts: newContexts(), since: time.Now()}
}

// errBack says that the export has to go back to what is settled.
var errBack = errors.New("the receiver may have lost what it had taken")

func (e *exporter) run(ctx context.Context) error {
	if e.Cursor != nil {
		e.begun = mark{at: chain.Position{File: e.Cursor.File, Offset: e.Cursor.Offset}, hash: e.Cursor.RecordHash}
	}
	if e.begun.at.File != "" {
		if err := e.gather(ctx, chain.Position{}, e.begun.at.File); err != nil {
			return err
		}
	}
	var until chain.Position // what follows is read in the next round, when its events are there, too
	for {
		log, err := chain.TakeSnapshotUnlocked(e.Log)
		if err == nil {
			err = e.round(ctx, log, until)
		}
		switch {
		case errors.Is(err, errBack):
			continue
		case err != nil:
			return err
		case !e.Follow:
			return nil
		}
		until = log.End()
		if err := e.keep(false); err != nil {
			return err
		}
		if err := pause(ctx, e.Every); err != nil {
			return err
		}
	}
}

// errUntil ends a round of an export that follows the log.
var errUntil = errors.New("the rest is for the next round")

// round sends what the log has up to a place, or all if nobody follows it.
func (e *exporter) round(ctx context.Context, log *chain.Snapshot, until chain.Position) error {
	from := e.begun
	if n := len(e.taken); n > 0 {
		from = e.taken[n-1]
	}
	start := from.at
	if start.Compare(e.scanned) < 0 {
		start = e.scanned
	}
	nothing := e.Follow && start.Compare(until) >= 0
	if nothing && e.known && log.End().Compare(from.at) >= 0 {
		return nil
	}
	if err := continues(ctx, log, from); err != nil {
		return err
	}
	if e.known = true; nothing {
		return nil
	}
	if err := e.gather(ctx, start, ""); err != nil {
		return err
	}
	err := history.Each(ctx, log, e.Filter, start, e.item, func(x Item) error {
		switch {
		case x.at == from.at && from.hash != "":
			return nil // it is the last one that was taken
		case e.Follow && x.at.Compare(until) >= 0:
			return errUntil
		}
		return e.put(ctx, x)
	})
	if err == nil || errors.Is(err, errUntil) {
		err = e.flush(ctx)
	}
	if err != nil {
		e.batch, e.size = e.batch[:0], 0
	} else if e.Follow {
		e.scanned = until
	}
	return err
}

// continues says whether the log has the record after which it is to go on.
func continues(ctx context.Context, log *chain.Snapshot, from mark) error {
	if from.hash == "" {
		return nil
	}
	for entry, err := range log.Records(ctx, chain.ReadOptions{From: from.at, Workers: 1}) {
		if _, bad := errors.AsType[*chain.LineError](err); err != nil && !bad {
			return err
		}
		if err == nil && entry.Position() == from.at && entry.RecordHash.String() == from.hash {
			return nil
		}
		if err == nil && entry.File != from.at.File && entry.PrevHash.String() == from.hash {
			return nil // the file with it was put away, and it was the last in it
		}
		break
	}
	return &OtherLogError{from.at, from.hash}
}

// An OtherLogError says that a log does not have the record that was exported last.
type OtherLogError struct {
	At   chain.Position
	Hash string
}

func (e *OtherLogError) Error() string {
	return fmt.Sprintf("it does not have the record that was exported last (%s, byte %d, %s): it is another log, or it was changed or put away", e.At.File, e.At.Offset, e.Hash)
}

// gather finds the events that say more of calls: from a place on, or in the files of a
// day and the one before it.
func (e *exporter) gather(ctx context.Context, from chain.Position, day string) error {
	if e.Format == Records {
		return nil
	}
	o := chain.ReadOptions{From: from, Filter: isContext}
	if day != "" {
		if t, err := time.Parse("2006-01-02.jsonl", day); err == nil {
			o.Since = t.AddDate(0, 0, -1)
		}
	}
	log, err := chain.TakeSnapshotUnlocked(e.Log)
	if err != nil {
		return err
	}
	return history.Events(ctx, log, o, e.contexts.see)
}

// item is a record as it is sent. Several goroutines call it at once.
func (e *exporter) item(r *history.Record, bad *chain.LineError) Item {
	x := carried(r, bad)
	if e.Format != Records {
		e.contexts.add(&x, r.Says)
	}
	x.Selection = e.once || !e.Filter.All()
	item := Item{at: r.Position(), hash: x.Hash, bare: x}
	item.bare.Line, item.bare.Attributes = nil, nil
	if e.MaxBody > 0 && len(x.Line) > e.MaxBody {
		x.Line = nil
	}
	if item.Data = e.encode(&x); e.Format == Syslog && e.MaxBody > 0 && len(item.Data) > e.MaxBody && x.Line != nil {
		x.Line = nil
		item.Data = e.encode(&x)
	}
	if x.Line == nil && len(r.Raw) > 0 {
		item.bare.Size = -len(r.Raw) // its body is gone already
	}
	return item
}

func (e *exporter) encode(x *envelope.Record) []byte {
	switch e.Format {
	case OTLP:
		return x.AppendOTLP(make([]byte, 0, len(x.Line)+len(x.Line)/4+1500))
	case Syslog:
		return x.AppendSyslog(make([]byte, 0, len(x.Line)+300), e.Header)
	}
	return bytes.Clone(x.Line)
}

func (e *exporter) put(ctx context.Context, x Item) error {
	if len(e.batch) > 0 && (len(e.batch) >= maxBatch || e.size+len(x.Data) > maxBatchSize) {
		if err := e.flush(ctx); err != nil {
			return err
		}
	}
	e.batch = append(e.batch, x)
	e.size += len(x.Data)
	return nil
}

func (e *exporter) flush(ctx context.Context) error {
	if len(e.batch) == 0 {
		return nil
	}
	if err := e.send(ctx, e.batch); err != nil {
		return err
	}
	last := e.batch[len(e.batch)-1]
	for i := range e.batch {
		if x := &e.batch[i]; e.once || x.at.Compare(e.furthest) > 0 || e.furthest == (chain.Position{}) {
			e.result.Records++
			if x.bare.Size < 0 {
				e.result.NotExported++
			}
		}
	}
	if e.furthest.Compare(last.at) < 0 {
		e.furthest = last.at
	}
	clear(e.batch)
	e.batch, e.size = e.batch[:0], 0
	if last.hash != "" {
		e.took(mark{last.at, last.hash, time.Now()})
	}
	if e.Progress != nil {
		e.Progress(e.result.Records, 0, 0)
	}
	return e.keep(false)
}

// took remembers that all up to m was taken.
func (e *exporter) took(m mark) {
	e.taken = append(e.taken, m)
	i := 0
	for i+1 < len(e.taken) && m.when.Sub(e.taken[i+1].when) >= e.Settle {
		i++
	}
	e.taken = e.taken[i:]
}

// keep writes down how far the export is, at most once a second; at the end in any case.
func (e *exporter) keep(end bool) error {
	if e.Cursor == nil || len(e.taken) == 0 || !end && time.Since(e.saved) < time.Second {
		return nil
	}
	m := e.taken[len(e.taken)-1]
	if !end {
		for len(e.taken) > 1 && time.Since(e.taken[1].when) >= e.Settle {
			e.taken = e.taken[1:]
		}
		if m = e.taken[0]; time.Since(m.when) < e.Settle {
			return nil
		}
	}
	if m.at.Compare(chain.Position{File: e.Cursor.File, Offset: e.Cursor.Offset}) == 0 {
		return nil
	}
	e.saved = time.Now()
	err := e.Cursor.save(m)
	if err != nil && e.Follow && !end { // a full disk, say: what is sent twice is no harm
		e.say(err.Error())
		return nil
	}
	return err
}

// send sends a batch until it is taken.
func (e *exporter) send(ctx context.Context, batch []Item) error {
	for {
		err := e.Sink.Send(ctx, batch)
		if err == nil {
			if e.problem != "" {
				e.say("it goes on")
			}
			e.since, e.waits, e.problem = time.Now(), 0, ""
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		refused, ok := errors.AsType[*SendError](err)
		switch {
		case !ok:
			return err
		case refused.What == Split && len(batch) > 1:
			if err := e.send(ctx, batch[:len(batch)/2]); err != nil {
				return err
			}
			return e.send(ctx, batch[len(batch)/2:])
		case refused.What == Split && batch[0].bare.Size >= 0 && e.Format != Records:
			x := &batch[0]
			x.Data = e.encode(&x.bare)
			x.bare.Size = -max(x.bare.Size, 1)
			e.say(fmt.Sprintf("a record is sent without its body: %v", err))
			continue
		case refused.What >= Split && !e.Follow:
			return err
		case e.GiveUp > 0 && time.Since(e.since) >= e.GiveUp:
			return fmt.Errorf("given up after %s: %w", e.GiveUp, err)
		}
		e.say(text.Clip(err.Error(), 300))
		if err := pause(ctx, e.backOff(refused)); err != nil {
			return err
		}
		if refused.What == Back && e.goBack() {
			return errBack
		}
	}
}

// goBack forgets what is not settled, and says whether there was anything.
func (e *exporter) goBack() bool {
	if e.once || len(e.taken) == 0 {
		return false
	}
	keep := e.taken[:1]
	if time.Since(keep[0].when) < e.Settle {
		keep = nil
	}
	changed := len(keep) < len(e.taken)
	if e.taken = keep; changed {
		e.scanned = chain.Position{}
	}
	return changed
}

func (e *exporter) say(problem string) {
	if problem != e.problem && e.Say != nil {
		e.problem = problem
		e.Say(problem)
	}
}

// Pauses between attempts.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 30 * time.Second
	askedPause = 10 * time.Minute // the longest that a receiver can ask for
)

// backOff is how long to wait: what the receiver asks for, or else twice as long each time.
// Between half and all of it is waited, so that a thousand exports do not come together.
func (e *exporter) backOff(refused *SendError) time.Duration {
	e.waits = min(max(2*e.waits, firstPause), lastPause)
	d := e.waits
	if refused.What >= Split {
		d = lastPause
	}
	d = d/2 + rand.N(d/2+1)
	if asked := min(refused.After, askedPause); asked > d {
		d = asked + rand.N(asked/10+1)
	}
	if e.GiveUp > 0 {
		d = min(d, max(e.GiveUp-time.Since(e.since), time.Millisecond))
	}
	return d
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
