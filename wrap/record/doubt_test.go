package record

import (
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// appendAs appends one receipt to the scene's log, as another program does, whose
// clock says now.
func (s *scene) appendAs(now time.Time, build func(at chain.At) ([]byte, error)) {
	s.t.Helper()
	l := chain.New(s.dir, chain.Options{NoSync: true, Now: func() time.Time { return now }})
	defer l.Close()
	if _, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) { return build(at) }); err != nil {
		s.t.Fatal(err)
	}
}

// TestTimesOfOthers: what a program without a known key writes into the log, the
// file of a day to come included, does not date the calls after it; what another
// key of this home has signed does. Each leaves a signed event.
func TestTimesOfOthers(t *testing.T) {
	other, err := sign.NewSigner(ed25519.NewKeyFromSeed([]byte(strings.Repeat("o", ed25519.SeedSize))), "other", "")
	if err != nil {
		t.Fatal(err)
	}
	far := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	soon := time.Now().Add(48 * time.Hour)
	unsigned := func(at chain.At) ([]byte, error) { return event.Unsigned(event.Other{Kind: "note"}, at.Time) }
	signed := func(at chain.At) ([]byte, error) {
		r, err := other.Event(event.Other{Kind: "note"}, at.Time, at.Prev)
		if err != nil {
			return nil, err
		}
		return r.Record, nil
	}
	for name, c := range map[string]struct {
		now   time.Time
		build func(chain.At) ([]byte, error)
		knows bool
		event string
		dates bool
	}{
		"unsigned, far":      {far, unsigned, true, "torn_line", false},
		"unsigned, soon":     {soon, unsigned, true, "torn_line", false},
		"unsigned, today":    {time.Now(), unsigned, true, "log_damaged", false},
		"unknown key, far":   {far, signed, false, "torn_line", false},
		"key of this home":   {soon, signed, true, "clock_step", true},
		"unknown key, today": {time.Now(), signed, false, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, func(o *Options) {
				o.NoOutcomes = true
				o.Knows = func(ed25519.PublicKey) bool { return c.knows }
			})
			s.client(toolCall("1", "before"))
			s.appendAs(c.now, c.build)
			began := time.Now().Truncate(time.Millisecond)
			next := newScene(t, func(o *Options) { *o = s.rec.opts })
			next.client(toolCall("2", "after"))
			next.close()
			var calls []*sign.Verified
			var kinds []string
			for e, err := range testlog.Records(s.dir) {
				if err != nil {
					t.Fatal(err)
				}
				v, err := sign.Verify(e.Receipt, sign.AnyKey)
				switch {
				case err != nil: // the note, unsigned
				case v.Type == "":
					calls = append(calls, v)
				case v.Type != "note":
					kinds = append(kinds, v.Type)
				}
			}
			if len(calls) != 2 {
				t.Fatalf("%d calls", len(calls))
			}
			after := calls[1].Time
			switch {
			case c.dates && after.Before(c.now.Truncate(time.Millisecond)):
				t.Errorf("the call is of %v, before %v", after, c.now)
			case !c.dates && (after.Before(began) || after.After(time.Now())):
				t.Errorf("the call is of %v, made at %v", after, began)
			}
			if got := strings.Join(kinds, " "); got != c.event {
				t.Errorf("events %q, want %q", got, c.event)
			}
			if said := next.told(); (c.event != "") != (said != "") {
				t.Errorf("it said %q", said)
			}
		})
	}
}

// TestPlantedTornLines: files that are named as quarantined lines, or nearly,
// refuse no call.
func TestPlantedTornLines(t *testing.T) {
	s := newScene(t)
	s.client(toolCall("1", "before"))
	day := time.Now().UTC().Format(time.DateOnly) + ".jsonl"
	for _, name := range []string{"zzz", "", "1x", "-2"} {
		if err := os.WriteFile(filepath.Join(s.dir, day+".torn-"+name+".pending"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 500 {
		if err := os.WriteFile(filepath.Join(s.dir, fmt.Sprintf("%s.torn-%d.pending", day, i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.play("> "+toolCall("2", "after"), `< {"id":2,"result":{}}`)
	if st := s.end(); len(st.calls) != 2 {
		t.Errorf("%d calls", len(st.calls))
	}
	if said := s.told(); strings.Count(said, "is ignored") != 1 || strings.Count(said, "quarantined an invalid record") != 1 || strings.Count(said, "more records were quarantined") != 1 {
		t.Errorf("it said %q", said)
	}
}
