package verify

import (
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Withdrawn is an event of a key that was rotated, retired or revoked, and what the key
// signed all the same. It is part of Authenticity.
type Withdrawn struct {
	ID        string `json:"id"`   // of the event
	Kind      string `json:"kind"` // its type
	Name      string `json:"name"`
	Pubkey    string `json:"pubkey"`
	Successor string `json:"successor,omitempty"`
	Since     string `json:"since,omitempty"`
	Reason    string `json:"reason,omitempty"`
	// Records counts those that the key signed where it should not: after the event, of a
	// key that was rotated or retired in sessions that begin after it; or, with Since,
	// after the first record of that time, counted from the hour on.
	Records  int64 `json:"records"`
	Accepted bool  `json:"accepted,omitempty"`

	since  time.Time
	before int // sessions that had begun; -1: all records count
}

// withdrawals follows the keys of a log that were withdrawn.
type withdrawals struct {
	sessions *outcomes // which numbers them
	events   map[string][]*Withdrawn
	all      []*Withdrawn
	signed   map[string][]hour // by the key, as in receipts: only of keys that are known
	newest   time.Time         // of what is believed
}

// hour counts records that follow one of that hour and none of a later one.
type hour struct {
	at      time.Time
	newest  time.Time // of the log, at the last of them
	records int64
}

func newWithdrawals(o *outcomes) *withdrawals {
	return &withdrawals{sessions: o, events: map[string][]*Withdrawn{}, signed: map[string][]hour{}}
}

// see takes what is believed, in its order, after the sessions were numbered.
func (w *withdrawals) see(v *sign.Verified) {
	if v.Time.After(w.newest) {
		w.newest = v.Time
	}
	key := FormatKey(v.Signers[len(v.Signers)-1].Key)
	hours := w.signed[key]
	if at := w.newest.Truncate(time.Hour); len(hours) == 0 || !hours[len(hours)-1].at.Equal(at) {
		hours = append(hours, hour{at: at})
	}
	last := &hours[len(hours)-1]
	last.records++
	last.newest = w.newest
	w.signed[key] = hours
	for _, x := range w.events[key] {
		if x.since.IsZero() && w.late(x, v) {
			x.Records++
		}
	}
	switch e := v.Event.(type) {
	case event.KeyRotated:
		w.add(e.Key, &Withdrawn{ID: v.ID, Kind: v.Type, Name: e.Name, Successor: e.Successor, before: len(w.sessions.sessions)})
	case event.KeyRetired:
		w.add(e.Key, &Withdrawn{ID: v.ID, Kind: v.Type, Name: e.Name, before: len(w.sessions.sessions)})
	case event.KeyRevoked:
		w.add(e.Key, &Withdrawn{ID: v.ID, Kind: v.Type, Name: e.Name, Reason: e.Reason, since: e.Since, before: -1})
	}
}

// late says whether a record by a key that was withdrawn is one that it should not have
// signed.
func (w *withdrawals) late(x *Withdrawn, v *sign.Verified) bool {
	switch {
	case x.before < 0:
		return true
	case v.Session == "":
		return v.Type == "" // by hand; the log's own events are of sessions, too, and do not say which
	case w.sessions.join == nil:
		return false // too many are there to tell
	}
	return w.sessions.session(v.Session) >= uint32(x.before)
}

func (w *withdrawals) add(key string, x *Withdrawn) {
	if len(w.all) >= maxListed {
		return
	}
	x.Pubkey = text.Clip(key, maxClip)
	x.Name, x.Reason, x.Successor = text.Clip(x.Name, maxClip), text.Clip(x.Reason, maxClip), text.Clip(x.Successor, maxClip)
	x.Since = formatTime(x.since)
	w.all = append(w.all, x)
	w.events[key] = append(w.events[key], x)
}

// finding is what came of it, and whether something is open.
func (w *withdrawals) finding(accept []string) (all []Withdrawn, open bool) {
	for _, x := range w.all {
		if !x.since.IsZero() {
			for _, h := range w.signed[x.Pubkey] {
				if !h.newest.Before(x.since) {
					x.Records += h.records
				}
			}
		}
		x.Accepted = slices.Contains(accept, x.ID)
		open = open || x.Records > 0 && !x.Accepted
		all = append(all, *x)
	}
	return all, open
}
