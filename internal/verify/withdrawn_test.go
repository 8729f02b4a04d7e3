package verify

import (
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestWithdrawn: what a key signs after it was rotated, retired or revoked, by its
// place in the log and not by the time that it claims.
func TestWithdrawn(t *testing.T) {
	other := []sign.Party{{Role: "agent", Name: "b", Key: []byte(strings.Repeat("b", 32))}}
	at := func(minute int) time.Time { return time.Date(2026, 5, 1, 10, minute, 0, 0, time.UTC) }
	key := FormatKey(by[0].Key)
	calls := 0
	record := func(minute int, session string, signers []sign.Party) *sign.Verified {
		calls++
		v := askedBy(calls, session)
		v.Time, v.Signers = at(minute), signers
		return v
	}
	told := func(minute int, e event.Event) *sign.Verified {
		v := said(e, "")
		v.Time, v.ID = at(minute), "evt_1"
		return v
	}
	rotated := event.KeyRotated{Name: "a", Key: key, Successor: FormatKey(other[0].Key)}
	for _, c := range []struct {
		name string
		log  []*sign.Verified
		want int64
	}{
		{"sessions that go on", []*sign.Verified{record(1, "ses_a", by), record(1, "ses_b", by), told(2, rotated), record(3, "ses_a", by), record(4, "ses_b", by)}, 0},
		{"the successor", []*sign.Verified{record(1, "ses_a", by), told(2, rotated), record(3, "ses_c", other)}, 0},
		{"a session that begins", []*sign.Verified{record(1, "ses_a", by), told(2, rotated), record(3, "ses_c", by), record(1, "ses_c", by)}, 2},
		{"by hand", []*sign.Verified{told(2, rotated), record(3, "", by)}, 1},
		{"retired", []*sign.Verified{record(1, "ses_a", by), told(2, event.KeyRetired{Name: "a", Key: key}), record(3, "ses_c", by)}, 1},
		{"revoked", []*sign.Verified{record(1, "ses_a", by), told(2, event.KeyRevoked{Name: "a", Key: key}), record(3, "ses_a", by)}, 1},
		{"another's", []*sign.Verified{record(1, "ses_a", by), told(2, event.KeyRevoked{Name: "b", Key: FormatKey(other[0].Key)}), record(3, "ses_a", by)}, 0},
		// At 10:30 the log was: what claims 10:05 after that is not older.
		{"since", []*sign.Verified{record(1, "ses_a", by), record(30, "ses_b", other), record(5, "ses_a", by), told(31, event.KeyRevoked{Name: "a", Key: key, Since: at(29)})}, 3},
		{"since, and nothing", []*sign.Verified{record(1, "ses_a", by), record(2, "ses_a", by), {Version: 1, ID: "evt_1", Type: "key_revoked", Time: at(31), Signers: other,
			Event: event.KeyRevoked{Name: "a", Key: key, Since: at(29)}}}, 0},
	} {
		o := newOutcomes()
		w := newWithdrawals(o)
		for _, v := range c.log {
			o.see(v)
			w.see(v)
		}
		all, open := w.finding(nil)
		// Since counts whole hours: of these all stand in one.
		if len(all) != 1 || open != (c.want > 0) || !strings.HasPrefix(c.name, "since") && all[0].Records != c.want {
			t.Errorf("%s: %+v, %v", c.name, all, open)
		}
		w = newWithdrawals(o)
		w.all = []*Withdrawn{{ID: "evt_1", Records: 1}}
		if _, open := w.finding([]string{"evt_1"}); open {
			t.Errorf("%s: accepted, and open", c.name)
		}
	}
}
