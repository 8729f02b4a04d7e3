package history

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// randomLog makes logs of all that may stand in one: calls and responses of two
// signers, events, over three days. An odd one has clocks that jump, responses
// that do not fit their calls or come before them, copies, damage, and other
// spellings.
type randomLog struct {
	t       *testing.T
	r       *rand.Rand
	odd     bool
	signers []*sign.Signer
	now     time.Time
	calls   []sign.Response // to give, and given
	left    int             // of calls, those without a response are from here on
	early   [][]byte        // calls whose responses are in the log already
}

var (
	randomTools    = []string{"read_file", "delete", "delete_all", `de"lete`, `back\slash`, "tööl", "esc\x1b[31m", "a/b<c>"}
	randomSessions = []string{"ses_0123456789abcdef0123456789abcdef", "ses_0123ffff89abcdef0123456789abcdef", "by-hand", `ses_q"uoted`, ""}
	randomStatus   = []string{"executed", "executed", "failed", "rejected", "requires_approval", "verified"}
	randomArgs     = []string{`{"a":1}`, `{"text":"delete \\ \" \u001b"}`, `{"ts":"2020-01-01T00:00:00.000Z","v":1}`,
		`{"parent_receipt_id":"rec_00","v":2}`, `{"type":"unanswered","status":"failed"}`, `"\"v\":2}"`}
)

func one[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// one in n, of odd logs.
func (l *randomLog) oddly(n int) bool { return l.odd && l.r.IntN(n) == 0 }

func (l *randomLog) make(dir string, n int) {
	log := chain.New(dir, chain.Options{NoSync: true, Now: func() time.Time { return l.now }})
	defer log.Close()
	for range n {
		l.now = l.now.Add(time.Duration(l.r.IntN(500_000)) * time.Millisecond)
		if _, err := log.Append(1, func(_ int, at chain.At) ([]byte, error) { return l.record(at), nil }); err != nil {
			l.t.Fatal(err)
		}
	}
	if l.odd {
		l.damage(dir)
	}
}

func (l *randomLog) record(at chain.At) []byte {
	if l.oddly(10) {
		at.Time = at.Time.Add(time.Duration(l.r.IntN(100_000_000)-50_000_000) * time.Millisecond)
	}
	signer := one(l.r, l.signers)
	switch i := l.r.IntN(20); {
	case i == 0:
		session := one(l.r, randomSessions)
		return eventBy(l.t, signer, one(l.r, []event.Event{
			event.Session{Session: session}, event.Gap{Session: session}, event.Tools{Session: session}, event.Task{Session: session},
		}))(at)
	case i == 1 && len(l.calls) > 0:
		which := one(l.r, l.calls)
		if !l.odd {
			if l.left >= len(l.calls)-1 {
				break
			}
			which = l.calls[l.left]
			l.left++
		}
		session := which.Action.Session
		if l.oddly(6) {
			session = one(l.r, randomSessions)
		}
		return eventBy(l.t, signer, event.Unanswered{Session: session, Calls: []event.Call{{ID: which.RequestID, Reason: "the server ended"}}})(at)
	case l.oddly(30):
		return []byte(one(l.r, []string{`{"v":9}`, `{"action":{"tool":"delete"},"ts":"2026-05-01T00:00:00.000Z","type":"policy_violation","v":1}`,
			`{"ts":"2026-05-02T00:00:00.000Z","v":1}`, `{"calls":[],"type":"unanswered"}`}))
	case len(l.early) > 0 && l.oddly(4):
		call := l.early[0]
		l.early = l.early[1:]
		return call
	case i < 10 && l.left < len(l.calls) || !l.odd && len(l.calls)-l.left > 10:
		k := l.left // answered in order, or nearly so
		if l.left++; l.left < len(l.calls) && l.r.IntN(3) == 0 {
			l.calls[k], l.calls[l.left] = l.calls[l.left], l.calls[k]
		}
		a := l.calls[k]
		if l.oddly(8) {
			a = one(l.r, l.calls)
		}
		a.Responded, a.ContentHash, a.Outcome.Status = at.Time, event.HashOf([]byte("{}")), one(l.r, randomStatus)
		if l.oddly(6) {
			a.Action.Tool, a.Action.Session = one(l.r, randomTools), one(l.r, randomSessions)
		}
		if l.oddly(10) {
			a.Requested = at.Time
		}
		by := l.signers[0]
		if l.oddly(6) {
			by = signer
		}
		r, err := by.Respond(a)
		if err != nil {
			l.t.Fatal(err)
		}
		return r.Record
	}
	a := sign.Action{Tool: one(l.r, randomTools), Session: randomSessions[0], Arguments: []byte(one(l.r, randomArgs)), Target: "mcp://x"}
	if l.oddly(3) {
		a.Session = one(l.r, randomSessions)
	}
	d, err := signer.Prepare(a)
	if err != nil {
		l.t.Fatal(err)
	}
	r, err := d.SignAt(at.Time, at.Prev)
	if err != nil {
		l.t.Fatal(err)
	}
	l.calls = append(l.calls, sign.Response{Action: a, ParamsHash: d.ParamsHash(), RequestID: r.ID, Requested: at.Time})
	if l.oddly(15) {
		l.early = append(l.early, r.Record)
		return eventBy(l.t, signer, event.Gap{})(at)
	}
	return r.Record
}

// damage spells some records otherwise, copies some and spoils some.
func (l *randomLog) damage(dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		l.t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			l.t.Fatal(err)
		}
		var out bytes.Buffer
		for line := range bytes.Lines(text) {
			s := strings.TrimSuffix(string(line), "\n")
			switch l.r.IntN(25) {
			case 0:
				var b bytes.Buffer
				if err := json.Indent(&b, line, "", " "); err != nil {
					l.t.Fatal(err)
				}
				s = strings.ReplaceAll(b.String(), "\n", "")
			case 1:
				s = strings.ReplaceAll(s, "delete", `\u0064elete`)
			case 2:
				s = strings.Replace(s, `"parent_receipt_id":"r`, `"parent_receipt_id":"\u0072`, 1)
			case 3:
				s = strings.Replace(s, `,"prev_hash"`, `,"meta":{"ts":"2020-01-01T00:00:00.000Z","v":1},"prev_hash"`, 1)
			case 4:
				s = strings.Replace(s, `"v":1}`, `"v":1,"w":{"ts":"2020-01-01T00:00:00.000Z","v":1}}`, 1)
			case 5:
				s = strings.Replace(s, `"v":2}`, `"v":2,"x":0}`, 1)
			case 6:
				s += "\n" + s
			case 7:
				s = s[:l.r.IntN(len(s))] + s
			case 8:
				i := l.r.IntN(len(s))
				s = s[:i] + string(rune('!'+l.r.IntN(90))) + s[i+1:]
			case 9:
				s = "\n \n" + s + "\r"
			case 10:
				s = strings.Replace(s, "-05-0", "-13-0", 1)
			}
			out.WriteString(s + "\n")
		}
		if l.r.IntN(3) == 0 {
			out.WriteString(`{"receipt":{"action`)
		}
		if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
			l.t.Fatal(err)
		}
	}
}

// filter asks for some of what may be in such a log.
func (l *randomLog) filter() (f Filter) {
	moment := func() time.Time { // near that of a call, to the nanosecond
		off := one(l.r, []time.Duration{0, 0, 1, -1, 1e6, -1e6, 999_999, 1_000_001, 2e6, -2e6, time.Hour})
		return one(l.r, l.calls).Requested.Add(off)
	}
	if l.r.IntN(3) == 0 {
		f.Since = moment()
	}
	if l.r.IntN(4) == 0 {
		f.Until = moment()
	}
	if l.r.IntN(2) == 0 {
		f.Tool = one(l.r, append([]string{"del", `"`, `e"l`, `\s`, "ö", "\x1b", "b<", "none", "/"}, randomTools...))
	}
	if l.r.IntN(4) == 0 {
		_, key := newSigner(l.t, "bot")
		f.Signer = one(l.r, []string{"bot", `o"ther`, key, "none"})
	}
	if l.r.IntN(4) == 0 {
		f.Session = one(l.r, append([]string{"ses_0123", "0123f", "ses_", "4", `q"`}, randomSessions...))
	}
	if l.r.IntN(8) == 0 {
		f.Grep = one(l.r, []string{`{"A"`, "DELETE", `\ "`, `\u001b`, "\x1b", "parent_RECEIPT", "none"})
	}
	switch l.r.IntN(6) {
	case 0:
		f.Outcomes = []Outcome{Failed, Rejected}
	case 1:
		f.Outcomes = []Outcome{Open, NoResponse}
	case 2:
		f.Outcomes = []Outcome{one(l.r, Outcomes), one(l.r, Outcomes)}
	}
	return f
}

// tell is a list in words.
func tell(t *testing.T, dir string, o Options, records, prefiltered bool) (rows []string, sum Summary) {
	t.Helper()
	testOnlyReadAll = !prefiltered
	defer func() { testOnlyReadAll = false }()
	log, err := chain.TakeSnapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	if records {
		sum, err = Records(t.Context(), log, o, func(e *chain.Entry) error {
			rows = append(rows, fmt.Sprint(e.Position()))
			return nil
		})
	} else {
		sum, err = List(t.Context(), log, o, func(r *Row) error {
			rows = append(rows, describe(r))
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return rows, sum
}

// tellCounted is tell, and which of the rows a limit counts.
func tellCounted(t *testing.T, dir string, o Options) (rows []string, counted []int) {
	t.Helper()
	log, err := chain.TakeSnapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = List(t.Context(), log, o, func(r *Row) error {
		if r.IsCall() || !r.Believed() || r.Verdict != 0 {
			counted = append(counted, len(rows))
		}
		rows = append(rows, describe(r))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows, counted
}

// describe is all that there is to a row.
func describe(r *Row) string {
	response := chain.Position{}
	if r.Response != nil {
		response = r.Response.Position()
	}
	return fmt.Sprintf("%v %v %v %d %q", r.Position(), r.Believed(), response, r.Verdict, r.Unanswered)
}

// randomLogs is how many logs are tried, and with how many filters each, of so many
// (more were, when this was written). With -short, which is for the race detector, a
// sample.
func randomLogs(filters int) (logs uint64, each int) {
	if testing.Short() {
		return 1, filters / 8
	}
	return 3, filters
}

func newRandomLog(t *testing.T, seed uint64, odd bool, n int) (l *randomLog, dir string) {
	t.Helper()
	bot, _ := newSigner(t, "bot")
	other, _ := newSigner(t, `o"ther`)
	l = &randomLog{t: t, r: rand.New(rand.NewPCG(seed, 7)), odd: odd, signers: []*sign.Signer{bot, other},
		now: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
	if !odd {
		l.signers = l.signers[:1]
	}
	dir = filepath.Join(t.TempDir(), "audit")
	l.make(dir, n)
	return l, dir
}

func difference(got, want []string) string {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	next := func(s []string) string { return strings.Join(s[i:min(i+3, len(s))], "\n") }
	return fmt.Sprintf("%d rows, want %d; from the %dth on:\n%s\nwant:\n%s", len(got), len(want), i, next(got), next(want))
}

// The prefilter changes no list, whatever is in the log.
func TestPrefilterChangesNothing(t *testing.T) {
	listed, bad := 0, 0
	logs, filters := randomLogs(60)
	for seed := range logs {
		l, dir := newRandomLog(t, seed, true, 500)
		for range filters {
			o := Options{Filter: l.filter()}
			records := l.r.IntN(3) == 0
			if !records && l.r.IntN(2) == 0 {
				o.Limit, o.Count = 1+l.r.IntN(80), l.r.IntN(2) == 0
			}
			want, plain := tell(t, dir, o, records, false)
			got, filtered := tell(t, dir, o, records, true)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, %+v: %s", seed, o, difference(got, want))
			}
			if fmt.Sprint(filtered) != fmt.Sprint(plain) {
				t.Fatalf("seed %d, %+v: %+v with the prefilter, %+v without", seed, o, filtered, plain)
			}
			listed += len(got)
			if filtered.Bad != nil {
				bad++
			}
		}
	}
	if !testing.Short() && (listed < 1000 || bad < 100) {
		t.Errorf("only %d rows were listed, and %d bad lines", listed, bad)
	}
}

// A list with a limit is the end of the list without, and so it is where more
// are listed than are held.
func TestLimitIsTail(t *testing.T) {
	defer func(rows, kept, recent int) { maxRows, maxKept, maxRecent = rows, kept, recent }(maxRows, maxKept, maxRecent)
	reread := 0
	logs, filters := randomLogs(40)
	for seed := range logs {
		l, dir := newRandomLog(t, 100+seed, false, 600)
		for range filters {
			o := Options{Filter: l.filter()}
			maxRows, maxKept, maxRecent = 10_000, 1000, 10_000
			all, counted := tellCounted(t, dir, o)
			for _, maxKept = range []int{1000, 50} {
				maxRows, maxRecent = maxKept, maxKept
				o.Limit, o.Count = 1+l.r.IntN(300), l.r.IntN(2) == 0
				got, sum := tell(t, dir, o, false, true)
				want := all
				if len(counted) >= o.Limit {
					want = all[counted[len(counted)-o.Limit]:]
				}
				if !slices.Equal(got, want) {
					t.Fatalf("seed %d, %+v, %d held: %s", seed, o, maxKept, difference(got, want))
				}
				if o.Count && sum.More != (len(counted) > o.Limit) {
					t.Fatalf("seed %d, %+v: more is %v of %d", seed, o, sum.More, len(all))
				}
				if len(got) > maxKept {
					reread++
				}
			}
		}
	}
	if !testing.Short() && reread < 10 {
		t.Errorf("only %d lists were read again", reread)
	}
}

func newSigner(t *testing.T, name string) (s *sign.Signer, pubkey string) {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	key := ed25519.NewKeyFromSeed(seed[:])
	s, err := sign.NewSigner(key, name, "")
	if err != nil {
		t.Fatal(err)
	}
	return s, "ed25519:" + base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
}

func eventBy(t *testing.T, s *sign.Signer, e event.Event) func(chain.At) []byte {
	return func(at chain.At) []byte {
		r, err := s.Event(e, at.Time, at.Prev)
		if err != nil {
			t.Fatal(err)
		}
		return r.Record
	}
}
