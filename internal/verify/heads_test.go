package verify

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// headsLog is a log with its signer, and what a system log says of it.
type headsLog struct {
	t      testing.TB
	audit  string
	signer *sign.Signer
	known  Keys
	first  chain.Hash
	day    string
	lines  [][]byte
}

func newHeadsLog(t testing.TB, records int) *headsLog {
	t.Helper()
	home := t.TempDir()
	if err := testlog.Write(home, testlog.Options{Records: records}); err != nil {
		t.Fatal(err)
	}
	l := &headsLog{t: t, audit: filepath.Join(home, "audit"), known: Keys{}}
	list, err := keys.Store{Dir: filepath.Join(home, "keys")}.List()
	if err != nil || len(list) == 0 {
		t.Fatal(err)
	}
	for _, p := range list {
		l.known.Add(p.Key, p.Name)
	}
	l.signer = newSigner(t, &l.known)
	if l.first, err = chain.First(l.audit); err != nil {
		t.Fatal(err)
	}
	for e, err := range snapshot(t, l.audit).Records(t.Context(), chain.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		l.day = e.File
		l.lines = append(l.lines, bytes.Clone(e.Raw))
	}
	return l
}

// head is the message of a head after so many records; after more than there are,
// it is one that the log does not agree with.
func (l *headsLog) head(signer *sign.Signer, h event.Head, records int) []byte {
	l.t.Helper()
	for _, line := range l.lines[:min(records, len(l.lines))] {
		h.End += int64(len(line)) + 1
	}
	if e, err := chain.ParseEntry(l.lines[min(records, len(l.lines))-1]); err == nil {
		h.Head = e.RecordHash
	}
	h.End += int64(max(0, records-len(l.lines)))
	h.File, h.Dirs = l.day, heads.Dirs(l.audit)
	if h.Session == "" {
		h.Session = "ses_" + strings.Repeat("7", 32)
	}
	r, err := signer.Event(h, time.Now(), h.Head)
	if err != nil {
		l.t.Fatal(err)
	}
	return append([]byte(heads.Phrase), r.JSON...)
}

func entry(message []byte) systemlog.Entry {
	return systemlog.Entry{Message: message, Time: time.Now(), Trusted: true, UID: "1000", Host: "x"}
}

// add adds a head to m.
func add(m *SystemHeads, head []byte, known Keys) {
	add, done := m.Gather(known, nil)
	add(entry(head))
	done()
}

// journalLine is an entry as journalctl writes it.
func journalLine(t testing.TB, id string, message any) []byte {
	b, err := json.Marshal(map[string]any{
		"MESSAGE": message, "SYSLOG_IDENTIFIER": id, "_UID": "1000", "_MACHINE_ID": "x",
		"__REALTIME_TIMESTAMP": fmt.Sprint(time.Now().UnixMicro()),
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func (l *headsLog) check(o Options) *Log {
	l.t.Helper()
	o.Now = time.Now()
	f, err := CheckLog(l.t.Context(), snapshot(l.t, l.audit), l.known, o)
	if err != nil {
		l.t.Fatal(err)
	}
	return f
}

// newSigner signs with a new key, which it adds to those that are known.
func newSigner(t testing.TB, known *Keys) *sign.Signer {
	pubkey, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sign.NewSigner(key, "x", "")
	if err != nil {
		t.Fatal(err)
	}
	known.Add(pubkey, "x")
	return s
}

// Heads of logs that never were, which cost nothing to make and are the newest,
// keep out none of those of this log, or of its directory.
func TestHeadsOfManyLogs(t *testing.T) {
	if testing.Short() {
		t.Skip("many signatures, one goroutine: nothing for the race detector")
	}
	l := newHeadsLog(t, 10)
	signer := newSigner(t, &Keys{})
	for name, own := range map[string]event.Head{"of this log": {Log: l.first}, "of this directory": {Log: chain.Hash{1, 2, 3}}} {
		t.Run(name, func(t *testing.T) {
			m := &SystemHeads{Log: l.first, Dirs: heads.Dirs(l.audit)}
			elsewhere := *l
			elsewhere.audit = "/elsewhere"
			for i := range maxLogs + 10 {
				h := event.Head{Log: event.HashOf(fmt.Append(nil, i))}
				add(m, elsewhere.head(signer, h, 1), l.known)
			}
			add(m, l.head(l.signer, own, 11), l.known)
			if f := l.check(Options{SystemHeads: []*SystemHeads{m}}); f.Verdict != Tampered || f.Completeness.Heads.Older == 0 {
				t.Errorf("%+v", f)
			}
		})
	}
}

// A file of a whole machine has heads of any number of other logs. Those that are not kept
// are counted only if they may have been in the directory of this one.
func TestHeadsOfManyLogsInFile(t *testing.T) {
	if testing.Short() {
		t.Skip("many signatures, one goroutine: nothing for the race detector")
	}
	l := newHeadsLog(t, 10)
	m := &SystemHeads{Name: "journal", Log: l.first}
	elsewhere := *l
	elsewhere.audit = "/elsewhere"
	for i := range maxLogs + 10 {
		add(m, elsewhere.head(l.signer, event.Head{Log: event.HashOf(fmt.Append(nil, i))}, 1), l.known)
	}
	add(m, l.head(l.signer, event.Head{Log: l.first, Last: true}, 10), l.known)
	checked := func() *HeadsResult { return l.check(Options{SystemHeads: []*SystemHeads{m}}).Completeness.Against[0] }
	if f := checked(); f.State != "all" || f.Records != 10 || f.Older != 0 {
		t.Errorf("%+v", f)
	}
	add(m, l.head(l.signer, event.Head{Log: chain.Hash{1, 2, 3}}, 10), l.known)
	if f := checked(); f.State != "partial" || f.Older != 1 {
		t.Errorf("one of this directory: %+v", f)
	}
}

// Heads that nobody vouches for, by a key that is not known, count if a session's event
// names the key: an event by a key that is known, of the same session.
func TestHeadsByNamedKey(t *testing.T) {
	session := "ses_" + strings.Repeat("7", 32)
	for _, x := range []struct {
		name     string
		session  string // of the event
		known    bool   // its signer
		says     string // what it names, if not the key
		records  int    // after which the head is, in the file of 6 before that of the event
		verdict  Verdict
		anchored int64
	}{
		{"met", session, true, "", 6, Valid, 6},
		{"met, and more after it", session, true, "", 5, Valid, 5},
		{"not met", session, true, "", 7, Tampered, 0},
		{"not met, by an unknown signer", session, false, "", 7, Unconfirmed, 0},
		{"another session", "ses_" + strings.Repeat("8", 32), true, "", 6, Valid, 0},
		{"another session, not met", "ses_" + strings.Repeat("8", 32), true, "", 7, Unconfirmed, 0},
		{"another key, not met", session, true, "ed25519:" + base64.StdEncoding.EncodeToString(make([]byte, 32)), 7, Unconfirmed, 0},
		{"no key, not met", session, true, "ed25519:x", 7, Unconfirmed, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			l := newHeadsLog(t, 6)
			inMemory := newSigner(t, &Keys{})
			signer := l.signer
			if !x.known {
				signer = newSigner(t, &Keys{})
			}
			told := event.Session{Session: x.session, Target: "mcp://x", Heads: &event.Heads{To: "syslog", Key: x.says}}
			if x.says == "" {
				told.Heads.Key = FormatKey(inMemory.PublicKey())
			}
			log := chain.New(l.audit, chain.Options{NoSync: true, Check: sign.LogCheck(func(ed25519.PublicKey) bool { return true })})
			_, err := log.Append(1, func(_ int, at chain.At) ([]byte, error) {
				r, err := signer.Event(told, at.Time, at.Prev)
				if err != nil {
					return nil, err
				}
				return r.Record, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			log.Close()
			head := l.head(inMemory, event.Head{Log: l.first, Session: session}, x.records)
			m, _, err := ReadAgainst(bytes.NewReader(head), "cat", l.known, l.first)
			if err != nil {
				t.Fatal(err)
			}
			f := l.check(Options{SystemHeads: []*SystemHeads{m}})
			if f.Verdict != x.verdict {
				t.Errorf("%s %+v", f.Verdict, f.Completeness)
			}
			if r := f.Completeness.Against; len(r) != 1 || r[0].Records != x.anchored {
				t.Errorf("%+v", r)
			}
		})
	}
}

// An acceptance covers what is missing when it is given: not what came later, by
// however little, and no head more that is missed another time, not even one of another
// log that was in the directory.
func TestAcceptance(t *testing.T) {
	l := newHeadsLog(t, 10)
	at := time.Now()
	var all []systemlog.Entry
	for i, h := range []event.Head{{Log: l.first}, {Log: l.first}, {Log: l.first}, {Log: chain.Hash{1}}, {Log: chain.Hash{1}}} {
		e := entry(l.head(l.signer, h, 11+i))
		e.Time = at.Add(time.Duration(i) * time.Microsecond)
		all = append(all, e)
	}
	check := func(entries []systemlog.Entry, accept ...string) (*Log, *HeadsResult) {
		m := &SystemHeads{Log: l.first, Dirs: heads.Dirs(l.audit)}
		add, done := m.Gather(l.known, nil)
		for _, e := range entries {
			add(e)
		}
		done()
		f := l.check(Options{SystemHeads: []*SystemHeads{m}, Accept: accept})
		return f, f.Completeness.Heads
	}
	_, r := check(all)
	var ids []string
	for _, u := range r.MismatchedHeads {
		ids = append(ids, u.ID)
	}
	_, r = check(all[:4])
	ids = append(ids, r.Replaced[0].ID)
	again := slices.Clone(all) // who can read a head can send it again
	for i := range again {
		again[i].Time = again[i].Time.Add(time.Minute)
	}
	for i := range all[:4] {
		_, r := check(all[:i+1])
		if want := fmt.Sprintf("%s:%d", ids[i], i+1); r.Accept != want {
			t.Errorf("%d heads: %q, want %q", i+1, r.Accept, want)
		}
		if f, r := check(all[:i+1], r.Accept); f.Verdict != Valid || r.Accept != "" {
			t.Errorf("%d heads, accepted: %s %+v", i+1, f.Verdict, r)
		}
		if f, _ := check(all[:i+1], ids[i]); f.Verdict != Valid {
			t.Errorf("%d heads, accepted without a bound: %s", i+1, f.Verdict)
		}
	}
	for _, x := range []struct {
		name    string
		entries []systemlog.Entry
		accept  string
		want    Verdict
	}{
		{"one more, before", all[:3], ids[2] + ":2", Tampered},
		{"one fewer, as in a journal that was rotated", all[1:3], ids[2] + ":3", Valid},
		{"another one, where one that was accepted is in the journal no more", []systemlog.Entry{all[0], all[2]}, ids[2] + ":2", Valid},
		{"one more, later", all[:2], ids[0] + ":1", Tampered},
		{"one more, without a bound", all[:2], ids[0], Tampered},
		{"the same twice, as in two exports", slices.Concat(all[:2], all[:2]), ids[1] + ":2", Valid},
		{"one more, and the one that was accepted is sent again", slices.Concat(again[:1], all[:2]), ids[0], Tampered},
		{"the same, in the other order", slices.Concat(all[:2], again[:1]), ids[0], Tampered},
		{"one more of the other log, and the one that was accepted is sent again", slices.Concat(again[3:4], all[3:], all[4:]), ids[3], Tampered},
		{"all are sent again", slices.Concat(again[:3], all[:3]), ids[2] + ":3", Valid},
		{"the other log", all[3:4], chain.Hash{1}.String(), Valid},
		{"the other log, and more", all[2:4], chain.Hash{1}.String(), Tampered},
	} {
		if f, r := check(x.entries, x.accept); f.Verdict != x.want {
			t.Errorf("%s: %s %+v", x.name, f.Verdict, r)
		}
	}
}

// Where the clock steps, nothing is backdated, and nothing ahead: the system's log has the
// same clock. A record with a time of its own making is.
func TestClockSteps(t *testing.T) {
	start := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	known := Keys{}
	signer := newSigner(t, &known)
	for _, x := range []struct {
		name             string
		minutes          []int // of the clock, at each record
		ahead            int   // minutes that the third claims beyond the clock
		behind           int   // minutes that one more claims before the clock; 0: there is none
		again            bool  // each head is sent once more, half an hour later
		backdated, dated int64
	}{
		{"forward and back", []int{0, 20, 21, 1, 2, 3}, 0, 0, false, 0, 0},
		{"back", []int{20, 0, 1, 2}, 0, 0, false, 0, 0},
		{"ahead", []int{0, 1, 2, 3, 4}, 10, 0, false, 0, 1},
		{"ahead, sent again", []int{0, 1, 2, 3, 4}, 10, 0, true, 0, 1},
		{"a little ahead", []int{0, 1, 2, 3, 4}, 0, 0, false, 0, 0},
		{"backdated", []int{0, 1, 2}, 0, 10, false, 1, 0},
		{"backdated, sent again", []int{0, 1, 2}, 0, 10, true, 1, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			audit := filepath.Join(t.TempDir(), "audit")
			clock := start
			l := chain.New(audit, chain.Options{Now: func() time.Time { return clock }, Event: func(e event.Event, at chain.At) ([]byte, error) {
				r, err := signer.Event(e, at.Time, at.Prev)
				return r.Record, err
			}})
			defer l.Close()
			m := &SystemHeads{Dirs: heads.Dirs(audit)}
			add, done := m.Gather(known, nil)
			var last chain.At
			var day string
			for i, minute := range x.minutes {
				clock = start.Add(time.Duration(minute) * time.Minute)
				if i == 2 {
					clock = clock.Add(time.Duration(x.ahead) * time.Minute)
				}
				_, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) {
					r, err := signer.Event(event.Gap{Calls: 1, From: at.Time, To: at.Time}, at.Time, at.Prev)
					return r.Record, err
				})
				if err != nil {
					t.Fatal(err)
				}
				first, err := chain.First(audit)
				if err != nil {
					t.Fatal(err)
				}
				m.Log = first
				at, _ := l.End()
				r, err := signer.Event(event.Head{Seq: int64(i), Log: first, Dirs: m.Dirs, File: at.File, End: at.Offset, Head: at.Hash, Session: "ses_" + strings.Repeat("7", 32)}, at.Time, at.Hash)
				if err != nil {
					t.Fatal(err)
				}
				e := entry(append([]byte(heads.Phrase), r.JSON...))
				e.Time = start.Add(time.Duration(minute)*time.Minute + time.Millisecond)
				if x.again {
					later := e
					later.Time = e.Time.Add(30 * time.Minute)
					add(later)
				}
				add(e)
				last, day = chain.At{Time: clock, Prev: at.Hash}, at.File
			}
			done()
			if x.behind > 0 {
				at := last.Time.Add(-time.Duration(x.behind) * time.Minute)
				r, err := signer.Event(event.Gap{Calls: 1, From: at, To: at}, at, last.Prev)
				if err != nil {
					t.Fatal(err)
				}
				hash := event.HashOf(fmt.Appendf(nil, `{"prev_hash":"%s","receipt":%s}`, last.Prev, r.Record))
				b, rerr := os.ReadFile(filepath.Join(audit, day))
				b = fmt.Appendf(b, `{"receipt":%s,"prev_hash":"%s","record_hash":"%s"}`+"\n", r.Record, last.Prev, hash)
				if err := errors.Join(err, rerr, os.WriteFile(filepath.Join(audit, day), b, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			f, err := CheckLog(t.Context(), snapshot(t, audit), known, Options{Now: time.Now(), SystemHeads: []*SystemHeads{m}})
			if err != nil {
				t.Fatal(err)
			}
			if r := f.Completeness.Heads; r.Backdated != x.backdated || r.Ahead != x.dated || r.Mismatched != 0 || r.After != int64(min(1, x.behind)) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// The numbers of a session's heads may come in any order, twice, and from anybody.
func TestMissingHeads(t *testing.T) {
	for _, x := range []struct {
		seqs         []int64
		within       bool
		missing, all int64
	}{
		{[]int64{0, 1, 2, 3}, true, 0, 1},
		{[]int64{3, 2, 1, 0}, true, 0, 1},
		{[]int64{3, 1, 0, 2, 2, 0}, true, 0, 1},
		{[]int64{5, 3}, true, 4, 2},
		{[]int64{5, 3}, false, 1, 2},
		{[]int64{0, 1, 2, 3, 0, 1, 2, 3}, true, 0, 1},
		{[]int64{0, 1<<63 - 1, 1 << 62}, true, maxMissing, 3},
	} {
		s := &seenSession{}
		for _, seq := range x.seqs {
			s.add(seq)
		}
		if got := s.missing(x.within); got != x.missing || int64(len(s.seqs)) != x.all {
			t.Errorf("%v: %d missing, %v", x.seqs, got, s.seqs)
		}
	}
	s := &seenSession{}
	for i := range int64(10 * maxSpans) {
		s.add(2 * i)
	}
	if len(s.seqs) != maxSpans || s.missing(true) != maxSpans-1 {
		t.Errorf("%d spans, %d missing", len(s.seqs), s.missing(true))
	}
}

// A store that has another policy than the heads say, or is gone.
func TestPolicyOfHeads(t *testing.T) {
	l := newHeadsLog(t, 3)
	for _, x := range []struct {
		name    string
		anchors *Anchors
		want    Verdict
	}{
		{"the same", &Anchors{Policy: chain.Hash{9}, Store: "present"}, Valid},
		{"another", &Anchors{Policy: chain.Hash{8}, Store: "present"}, Unconfirmed},
		{"gone", &Anchors{}, Unconfirmed},
	} {
		m := &SystemHeads{Log: l.first, Dirs: heads.Dirs(l.audit)}
		add(m, l.head(l.signer, event.Head{Log: l.first, Policy: chain.Hash{9}}, 3), l.known)
		if f := l.check(Options{SystemHeads: []*SystemHeads{m}, Anchors: x.anchors}); f.Verdict != x.want {
			t.Errorf("%s: %s %+v", x.name, f.Verdict, f.Completeness.Anchored)
		}
	}
}

// What is kept is found among anything, in whatever form: as journalctl writes it,
// as a syslog file has it, in requests, batches and records; and nothing is lost
// but what nobody could read.
func TestReadAgainst(t *testing.T) {
	if testing.Short() {
		t.Skip("long texts, one goroutine: nothing for the race detector")
	}
	l := newHeadsLog(t, 4)
	head := l.head(l.signer, event.Head{Log: l.first}, 4)
	_, receipt, ok := bytes.Cut(l.lines[0], []byte(`{"receipt":`))
	end := bytes.LastIndex(receipt, []byte(`,"prev_hash"`))
	if !ok || end < 0 {
		t.Fatalf("%s", l.lines[0])
	}
	receipt = receipt[:end]
	request := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","_meta":{"progressToken":1,"com.example/receipt":%s}}}`, receipt)
	fields := map[string]any{}
	for i := range 3000 {
		fields[fmt.Sprint("X", i)] = i
	}
	many, _ := json.Marshal(fields)
	junk := strings.Join([]string{
		"", "\x00\xff\xfe", "{", "[", `{"MESSAGE":`, "null", `[1,{}]`, strings.Repeat("[", 100_000), strings.Repeat(`{"receipt":`, 100_000), string(many),
		`{"__REALTIME_TIMESTAMP":"1","MESSAGE":["a","b"],"_UID":7}`, `{"__REALTIME_TIMESTAMP":[],"MESSAGE":{}}`,
		heads.Phrase, heads.Phrase + "null", heads.Phrase + `{"v":1,"type":"head"}`, string(head[:len(head)-9]),
		strings.Repeat("x", 3<<20), string(journalLine(t, systemlog.Identifier, []int{104, 101})),
	}, "\n") + "\n"
	for _, x := range []struct {
		name, content   string
		heads, receipts int
	}{
		{"journal", string(journalLine(t, systemlog.Identifier, string(head))), 1, 0},
		{"cat", string(head) + "\n", 1, 0},
		{"syslog", "Nov 29 17:05:36 host signet-wrap[1]: " + string(head) + "\r\n", 1, 0},
		{"no newline", string(head), 1, 0},
		{"request", request + "\n", 0, 1},
		{"batch", "[" + request + "," + request + `,7]` + "\n", 0, 1},
		{"record", string(l.lines[0]) + "\n" + string(l.lines[1]) + "\n", 0, 2},
		{"records in a journal", string(journalLine(t, systemlog.Records, string(l.lines[0]))), 0, 1},
		{"records in syslog", "Nov 29 17:05:36 host signet-wrap-record[1]: " + string(l.lines[0]) + "\n", 0, 1},
		{"server's", fmt.Sprintf(`{"v":3,"agent_receipt":%s,"response":{}}`, receipt) + "\n", 0, 1},
		{"phrase in arguments", strings.Replace(request, `"name":"x"`, `"name":"`+heads.Phrase+`"`, 1) + "\n", 0, 1},
	} {
		for _, content := range []string{x.content, junk + x.content} {
			m, k, err := ReadAgainst(strings.NewReader(content), x.name, l.known, l.first)
			if err != nil {
				t.Errorf("%s: %v", x.name, err)
				continue
			}
			nHeads, nReceipts := 0, 0
			if m != nil {
				nHeads = m.kept[0] + m.kept[1]
			}
			if k != nil {
				nReceipts = len(k.ids)
			}
			if nHeads != x.heads || nReceipts != x.receipts {
				t.Errorf("%s: %d heads, %d receipts", x.name, nHeads, nReceipts)
			}
		}
	}
	// A journal without a head of this log, and what is no system log at all.
	m, _, err := ReadAgainst(bytes.NewReader(journalLine(t, systemlog.Identifier, "x")), "x", l.known, l.first)
	if err != nil {
		t.Fatal(err)
	}
	if f := l.check(Options{SystemHeads: []*SystemHeads{m}}); f.Verdict != Unconfirmed {
		t.Errorf("%+v", f)
	}
	if _, _, err := ReadAgainst(strings.NewReader("nothing\n\x00"), "x", l.known, l.first); !errors.Is(err, ErrNoEvidence) {
		t.Error(err)
	}
	// A line of 300 MB, of which nothing is held, and a head after it.
	long := io.MultiReader(io.LimitReader(endless{}, 300<<20), strings.NewReader("\n"), bytes.NewReader(head))
	if m, _, err := ReadAgainst(long, "x", l.known, l.first); err != nil || m.kept != [2]int{0, 1} {
		t.Error(err)
	}
	if _, _, err := ReadAgainst(endless{}, "x", l.known, l.first); !errors.Is(err, systemlog.ErrEndless) {
		t.Error(err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// Of another party's log the receipts count, and of a copy of this one its end.
func TestReadAgainstLog(t *testing.T) {
	l := newHeadsLog(t, 6)
	k, err := ReadAgainstLog(t.Context(), snapshot(t, l.audit), "copy", l.known, l.first)
	if err != nil {
		t.Fatal(err)
	}
	if f := l.check(Options{Expected: []*Expected{k}}); f.Verdict != Valid || f.Completeness.Expected[0].Looked < 2 {
		t.Errorf("%s %+v", f.Verdict, f.Completeness.Expected)
	}
	other := newHeadsLog(t, 6)
	other.known = l.known // all keys of l are known, and none of its calls are there
	if k, err = ReadAgainstLog(t.Context(), snapshot(t, l.audit), "another's", other.known, other.first); err != nil {
		t.Fatal(err)
	}
	if f := other.check(Options{Expected: []*Expected{k}}); f.Verdict != Tampered {
		t.Errorf("%s %+v", f.Verdict, f.Completeness.Expected)
	}
}

// BenchmarkHeads verifies a log with 100,000 heads, of each record one: what a
// memory costs beside the log, which BenchmarkLog has.
func BenchmarkHeads(b *testing.B) {
	const n = 100_000
	l := newHeadsLog(b, n)
	messages := make([][]byte, 0, n)
	end := int64(0)
	for i, line := range l.lines {
		e, err := chain.ParseEntry(line)
		if err != nil {
			b.Fatal(err)
		}
		end += int64(len(line)) + 1
		r, err := l.signer.Event(event.Head{
			Seq: int64(i), Log: l.first, Dirs: heads.Dirs(l.audit), File: l.day, End: end, Head: e.RecordHash, Session: "ses_" + strings.Repeat("7", 32),
		}, time.Now(), e.RecordHash)
		if err != nil {
			b.Fatal(err)
		}
		messages = append(messages, append([]byte(heads.Phrase), r.JSON...))
	}
	for _, with := range []bool{false, true} {
		b.Run(map[bool]string{false: "without", true: "with"}[with], func(b *testing.B) {
			for b.Loop() {
				var o Options
				if with {
					m := &SystemHeads{Log: l.first, Dirs: heads.Dirs(l.audit)}
					add, done := m.Gather(l.known, nil)
					for _, message := range messages {
						add(entry(message))
					}
					done()
					o.SystemHeads = []*SystemHeads{m}
				}
				if f := l.check(o); with && f.Completeness.SystemLog != "all" {
					b.Fatalf("%+v", f)
				}
			}
		})
	}
}

// TestNamedLog: a command line names a log's directory only if the head has its hash.
func TestNamedLog(t *testing.T) {
	home, other := "/home/a/.signet", "/home/a/with space"
	if runtime.GOOS == "windows" {
		t.Skip("journald is Linux's")
	}
	for command, want := range map[string]string{
		"signet-wrap --home " + home + " -- server":            home,
		"signet-wrap --home=" + home + " -- server":            home,
		"signet-wrap --home " + home + "/../.signet":           home,
		`signet-wrap --home "` + other + `" -- s`:              other,
		`signet-wrap "--home=` + other + `" -- s`:              other,
		"signet-wrap -- server --home /x --home " + home:       home,
		"signet-wrap --home /home/b/.signet -- " + home:        "",
		"signet-wrap --home .signet":                           "",
		"signet-wrap --home":                                   "",
		"signet-wrap --home ":                                  "",
		"signet-wrap --homeless --home=":                       "",
		"":                                                     "",
		strings.Repeat("--home ", 9000) + "--home " + home[1:]: "",
	} {
		if want != "" {
			want += "/audit"
		}
		dirs := []string{systemlog.Directory(home + "/audit"), systemlog.Directory(other + "/audit")}
		if got := namedLog(command, dirs); got != want {
			t.Errorf("%.100q: %q, want %q", command, got, want)
		}
	}
}
