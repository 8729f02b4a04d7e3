package history

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A following is a Follow that runs.
type following struct {
	s    *scene
	rows chan string
	done chan error
	stop context.CancelFunc
	bad  chan error
}

// follow begins to follow the log of s.
func (s *scene) follow(f Filter) *following {
	s.t.Helper()
	return s.followWith(FollowOptions{Filter: f})
}

func (s *scene) followWith(o FollowOptions) *following {
	s.t.Helper()
	log, err := chain.TakeSnapshot(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(s.t.Context())
	x := &following{s, make(chan string, 1000), make(chan error, 1), stop, make(chan error, 1000)}
	began := make(chan struct{}, 1)
	go func() {
		o.Every, o.Problem = time.Millisecond, func(err error) { x.bad <- err }
		o.Idle = func() error {
			select {
			case began <- struct{}{}:
			default:
			}
			return nil
		}
		x.done <- Follow(ctx, log, o, func(r *Row) error {
			text := words(r)
			if name := r.Context.ClientName(); name != "" {
				text += " by " + name
			}
			x.rows <- text
			return nil
		})
	}()
	s.t.Cleanup(stop)
	<-began
	return x
}

// want waits for these rows, and for no other.
func (x *following) want(want ...string) {
	x.s.t.Helper()
	for _, w := range want {
		select {
		case got := <-x.rows:
			if got != w {
				x.s.t.Fatalf("%q, want %q", got, w)
			}
		case err := <-x.done:
			x.s.t.Fatalf("ended before %q: %v", w, err)
		case <-time.After(time.Minute):
			x.s.t.Fatalf("nothing, want %q", w)
		}
	}
}

// end stops it, and nothing more must have come.
func (x *following) end() {
	x.s.t.Helper()
	x.stop()
	if err := <-x.done; err != nil {
		x.s.t.Errorf("ended with %v", err)
	}
	for len(x.rows) > 0 {
		x.s.t.Errorf("%q, too", <-x.rows)
	}
}

// A call is told when it begins and when it ends, also one that was open before, with
// who made it; and others, as a list has them.
func TestFollow(t *testing.T) {
	s := newScene(t)
	s.event(s.a, event.Session{Session: sessionA, Client: &event.Implementation{Name: "desk", Version: "1"}})
	s.call("before")
	s.call("done")
	s.respond(s.a, "done", "executed")
	x := s.follow(Filter{})
	s.call("pay")
	x.want("pay is open by desk 1")
	s.respond(s.a, "before", "executed")
	s.respond(s.a, "pay", "failed")
	x.want("before executed by desk 1", "pay failed by desk 1")
	s.respond(s.a, "pay", "executed")
	x.want("pay is a further response by desk 1")
	s.call("look")
	s.unanswered(s.a, sessionA, "look")
	x.want("look is open by desk 1", "look is unanswered: cancelled by desk 1")
	s.call("sell")
	s.respond(s.b, "sell", "executed")
	x.want("sell is open by desk 1", "sell disagrees")
	s.raw(s.receipts[len(s.receipts)-2]) // a copy
	s.event(s.a, event.Gap{Session: sessionA})
	x.want("gap by desk 1")
	x.end()
}

// A call whose session is told of after its end is put again then, if that is asked for.
func TestFollowAgain(t *testing.T) {
	s := newScene(t)
	s.call("before")
	x := s.followWith(FollowOptions{Again: true})
	s.call("pay")
	x.want("pay is open")
	s.respond(s.a, "pay", "executed")
	x.want("pay executed")
	s.event(s.a, event.Session{Session: sessionA, Client: &event.Implementation{Name: "desk", Version: "1"}})
	x.want("pay executed by desk 1")
	s.event(s.a, event.Session{Session: sessionA, Client: &event.Implementation{Name: "desk", Version: "1"}})
	x.end()
}

// Filters are those of a list: of a call that is asked for by how it ended, only the
// end is told.
func TestFollowFilter(t *testing.T) {
	s := newScene(t)
	failed, pay, grep := s.follow(Filter{Outcomes: []Outcome{Failed}}), s.follow(Filter{Tool: "PAY"}), s.follow(Filter{Grep: `{"A":1`})
	for _, tool := range []string{"pay", "look"} {
		s.call(tool)
		s.respond(s.a, tool, "failed")
	}
	failed.want("pay failed", "look failed")
	pay.want("pay is open", "pay failed")
	grep.want("pay is open", "pay failed", "look is open", "look failed")
	failed.end()
	pay.end()
	grep.end()
}

// The client of a session is recorded after its first call, which waits for it.
func TestFollowFirstCall(t *testing.T) {
	s := newScene(t)
	x := s.follow(Filter{Client: "desk"})
	l := chain.New(s.dir, chain.Options{NoSync: true})
	defer l.Close()
	action := sign.Action{Tool: "first", Session: sessionA, Arguments: []byte(`{}`)}
	_, err := l.Append(2, func(i int, at chain.At) ([]byte, error) {
		if i == 0 {
			return testlog.Call(s.a, action, at)
		}
		r, err := s.a.Event(event.Session{Session: sessionA, Client: &event.Implementation{Name: "Desk"}}, at.Time, at.Prev)
		if err != nil {
			return nil, err
		}
		return r.Record, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	x.want("first is open by Desk")
	x.end()
}

// Midnight, two writers, a line that a crash broke off, which a writer moves away, a
// record that a writer takes back, and a day that is archived: nothing is lost, nothing
// is told twice, and what is no record is said.
func TestFollowThroughTheNight(t *testing.T) {
	s := newScene(t)
	now := time.Date(2026, 5, 1, 23, 59, 59, 0, time.UTC)
	clock := func() time.Time { return now }
	one, other := chain.New(s.dir, chain.Options{NoSync: true, Now: clock}), chain.New(s.dir, chain.Options{NoSync: true, Now: clock})
	defer one.Close()
	defer other.Close()
	call := func(l *chain.Log, tool string) {
		t.Helper()
		_, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) {
			return testlog.Call(s.a, sign.Action{Tool: tool, Session: sessionA, Arguments: []byte(`{}`)}, at)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	call(one, "old")
	x := s.follow(Filter{})
	call(one, "a")
	call(other, "b")
	x.want("a is open", "b is open")
	now = now.Add(2 * time.Second)
	call(other, "c")
	call(one, "d")
	x.want("c is open", "d is open")
	yesterday, today := filepath.Join(s.dir, "2026-05-01.jsonl"), filepath.Join(s.dir, "2026-05-02.jsonl")
	if _, err := os.Stat(today); err != nil {
		t.Fatal(err)
	}

	// As writers do it: what is written goes to the end, what is taken away is cut off.
	write := func(text string) {
		t.Helper()
		f, err := os.OpenFile(today, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"receipt":{"action`)
	call(one, "e")                                   // which quarantines it
	x.want("torn_line is not believed", "e is open") // this writer has no key

	b, err := os.ReadFile(today)
	if err != nil {
		t.Fatal(err)
	}
	e := bytes.LastIndexByte(b[:len(b)-1], '\n') + 1
	if err := os.Truncate(today, int64(e)); err != nil {
		t.Fatal(err)
	}
	write("no record\n")
	select {
	case err := <-x.bad:
		if bad := (*chain.LineError)(nil); !errors.As(err, &bad) || !strings.Contains(err.Error(), "not JSON") {
			t.Errorf("%v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("a line that is no record is not said")
	}
	if err := os.Truncate(today, int64(e)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(yesterday); err != nil {
		t.Fatal(err)
	}
	now = now.AddDate(0, 0, 1)
	third := chain.New(s.dir, chain.Options{NoSync: true, Now: clock})
	defer third.Close()
	call(third, "f")
	x.want("f is open")
	x.end()
	if names, _ := filepath.Glob(filepath.Join(s.dir, "*.jsonl")); !slices.Contains(names, filepath.Join(s.dir, "2026-05-03.jsonl")) {
		t.Errorf("%q", names)
	}
}

// A log that is not there yet, and one that comes in place of another.
func TestFollowAnotherLog(t *testing.T) {
	s := newScene(t)
	x := s.follow(Filter{})
	s.call("first")
	s.call("second")
	x.want("first is open", "second is open")
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
	s.call("third")
	x.want("third is open")
	x.end()
}
