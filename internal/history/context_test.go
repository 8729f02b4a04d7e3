package history

import (
	"reflect"
	"slices"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// contexts lists the contexts of calls, with a limit and without, which must come to
// the same.
func (s *scene) contexts(f Filter) (said []string) {
	s.t.Helper()
	log, err := chain.TakeSnapshot(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	list := func(limit int) (said []string) {
		_, err := List(s.t.Context(), log, Options{Filter: f, Limit: limit, Contexts: true}, func(r *Row) error {
			if r.IsCall() {
				said = append(said, r.Says.Tool+" by "+r.Context.ClientName()+" at "+r.Context.Where()+" for "+r.Context.Owner)
			}
			return nil
		})
		if err != nil {
			s.t.Fatal(err)
		}
		return said
	}
	said = list(0)
	for _, limit := range []int{1, 2, 3, 1000, 5000} {
		if limited := list(limit); !slices.Equal(limited, said[len(said)-len(limited):]) || limit == 1 && f.Tool != "" && len(limited) != len(said) {
			s.t.Errorf("%q, limited to %d: %q", said, limit, limited)
		}
	}
	return said
}

// TestContexts: events of a call's own session, key and id say who made it, and those
// of others do not.
func TestContexts(t *testing.T) {
	me, other := &event.Implementation{Name: "me", Version: "1"}, &event.Implementation{Name: "other"}
	here := &event.Environment{User: "alice", UserID: "7", Host: "laptop"}
	s := newScene(t)
	s.call("pay")
	s.event(s.b, event.Session{Session: sessionA, Client: other})
	s.event(s.a, event.Session{Session: "ses_other", Client: other})
	want := func(f Filter, want ...string) {
		t.Helper()
		if got := s.contexts(f); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: %q, want %q", f, got, want)
		}
	}
	want(Filter{}, "pay by  at  for ")
	s.event(s.a, event.Session{Session: sessionA, Client: me, Environment: here})
	s.call("look")
	s.event(s.b, event.CallContext{Session: sessionA, Calls: []event.Context{{Call: s.bodies["pay"].RequestID, Client: other}}})
	want(Filter{}, "pay by me 1 at alice@laptop for ", "look by me 1 at alice@laptop for ")
	s.event(s.a, event.CallContext{Session: sessionA, Calls: []event.Context{{Call: s.bodies["look"].RequestID, Client: other}}})
	s.event(s.b, event.Owner{Owner: "Mallory"})
	s.event(s.a, event.Owner{Owner: "Old team"})
	s.event(s.a, event.Owner{Owner: "Build team", Was: "Old team"})
	s.respond(s.a, "look", "executed")
	want(Filter{}, "pay by me 1 at alice@laptop for Build team", "look by other at alice@laptop for Build team")
	want(Filter{Client: "me"}, "pay by me 1 at alice@laptop for Build team")
	want(Filter{Client: "oth"}, "look by other at alice@laptop for Build team")
	want(Filter{Where: "alice@", Owner: "Build"}, "pay by me 1 at alice@laptop for Build team", "look by other at alice@laptop for Build team")
	want(Filter{Owner: "Mallory"})
	s.call("late")
	s.event(s.a, event.CallContext{Session: sessionA, Calls: []event.Context{{Call: s.bodies["late"].RequestID, Span: "1"}}})
	want(Filter{Tool: "late"}, "late by me 1 at alice@laptop for Build team")
	want(Filter{}, "pay by me 1 at alice@laptop for Build team", "look by other at alice@laptop for Build team", "late by me 1 at alice@laptop for Build team")
	want(Filter{Target: "bank", Tool: "pay"}, "pay by me 1 at alice@laptop for Build team")
	want(Filter{Target: "elsewhere"})
	s.want(Filter{Client: "oth"}, "look executed")
}

// TestContextsAreBounded: what is remembered of sessions has a bound.
func TestContextsAreBounded(t *testing.T) {
	m := map[int]int{}
	for i := range maxContexts + 10 {
		put(m, i, i, false)
	}
	if len(m) != maxContexts {
		t.Errorf("%d", len(m))
	}
}

// The way that calls came is in the event of their session, and can be asked for.
func TestVia(t *testing.T) {
	s := newScene(t)
	s.call("pay")
	s.event(s.a, event.Session{Session: sessionA, Via: "sdk"})
	for via, n := range map[string]int{"SDK": 1, "wrap": 0} {
		log, err := chain.TakeSnapshot(s.dir)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		_, err = List(t.Context(), log, Options{Filter: Filter{Via: via}}, func(r *Row) error {
			got = append(got, r.View().Via)
			return nil
		})
		if err != nil || len(got) != n || n > 0 && got[0] != "sdk" {
			t.Errorf("%s: %q, %v", via, got, err)
		}
	}
}
