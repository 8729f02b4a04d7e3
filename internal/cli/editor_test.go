package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// What a clever editor does to a whole log of real receipts, and what verify
// --chain makes of it. Package chain tests the same of the chain alone.

// scroll is a log as an editor sees it: the lines of each file, newlines and
// all. Its receipts are by the key "bot", which is known.
type scroll struct {
	t     *testing.T
	home  string
	names []string
	files [][]string
}

// goodScroll is a log of two days: in each a call, its response, a call with exact
// arguments and an event.
func goodScroll(t *testing.T) *scroll {
	t.Helper()
	s := &scroll{t: t, home: t.TempDir()}
	bot := s.key(t, "bot")
	dir := filepath.Join(t.TempDir(), "audit")
	now := time.Date(2026, 5, 1, 23, 59, 0, 0, time.UTC)
	l := chain.New(dir, chain.Options{NoSync: true, Now: func() time.Time { return now }})
	defer l.Close()
	for range 2 {
		var asked request
		for i, make := range []func(chain.At) []byte{
			wrapped(t, bot, "read"), responded(t, bot, &asked), exact(t, bot), eventBy(t, bot, event.Tools{}),
		} {
			if _, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) {
				receipt := make(at)
				if i > 0 {
					return receipt, nil
				}
				return receipt, json.Unmarshal(receipt, &asked)
			}); err != nil {
				t.Fatal(err)
			}
			now = now.Add(time.Second)
		}
		now = now.Add(time.Minute)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		s.names = append(s.names, filepath.Base(f))
		s.files = append(s.files, slices.Collect(strings.Lines(string(b))))
	}
	if f, status := s.verify(); status != exitOK || f.Records != 8 {
		t.Fatalf("exit status %d: %+v", status, f)
	}
	return s
}

// key makes a key that is known in the home.
func (s *scroll) key(t *testing.T, name string) *sign.Signer {
	t.Helper()
	store := keys.Store{Dir: filepath.Join(s.home, "keys")}
	if _, err := store.Generate(name, "", nil); err != nil {
		t.Fatal(err)
	}
	key, err := store.Load(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sign.NewSigner(key, name, "")
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// request is a call in the log, as far as its response needs it.
type request struct {
	ID string
	TS time.Time
}

func responded(t *testing.T, s *sign.Signer, r *request) func(chain.At) []byte {
	return func(at chain.At) []byte {
		r, err := s.Respond(sign.Response{
			Action:     sign.Action{Tool: "read", Session: "ses_0123456789abcdef0123456789abcdef"},
			ParamsHash: event.HashOf([]byte("{}")), RequestID: r.ID, Requested: r.TS, Responded: at.Time, ContentHash: event.HashOf([]byte("{}")), Outcome: sign.Outcome{Status: "executed"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return r.Record
	}
}

func exact(t *testing.T, s *sign.Signer) func(chain.At) []byte {
	return receiptOf(t, s, sign.Action{Tool: "pay", Arguments: []byte(`{"n":9007199254740993}`), Session: "ses_0123456789abcdef0123456789abcdef"})
}

// lines are all lines, and at says which file and line the i-th is in.
func (s *scroll) lines() []string { return slices.Concat(s.files...) }

func (s *scroll) at(i int) string {
	for f, lines := range s.files {
		if i < len(lines) {
			return fmt.Sprintf("%s:%d", s.names[f], i+1)
		}
		i -= len(lines)
	}
	return "the end"
}

// with is the log with other lines, in files as long as they were; the last
// takes what is more.
func (s *scroll) with(lines []string) *scroll {
	first := min(len(s.files[0]), len(lines))
	return &scroll{s.t, s.home, s.names, [][]string{lines[:first], lines[first:]}}
}

func (s *scroll) verify(args ...string) (verify.Log, int) {
	s.t.Helper()
	dir := filepath.Join(s.home, "audit")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	for i, name := range s.names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(s.files[i], "")), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	return verified(s.t, s.home, args...)
}

// rehashed is the log of these receipts with all hashes made again, as anybody can
// make them.
func (s *scroll) rehashed(receipts [][]byte) *scroll {
	s.t.Helper()
	var prev event.Hash
	var lines []string
	for _, r := range receipts {
		c, err := canon.Canonicalize(fmt.Appendf(nil, `{"receipt":%s,"prev_hash":%q}`, r, prev))
		if err != nil {
			s.t.Fatal(err)
		}
		hash := event.HashOf(c)
		lines = append(lines, fmt.Sprintf(`{"receipt":%s,"prev_hash":%q,"record_hash":%q}`+"\n", r, prev, hash))
		prev = hash
	}
	return s.with(lines)
}

func (s *scroll) receipts() (all [][]byte) {
	s.t.Helper()
	for _, line := range s.lines() {
		var r struct{ Receipt json.RawMessage }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, r.Receipt)
	}
	return all
}

// isBound says whether the i-th record is signed for its place: responses are not.
func isBound(i int) bool { return i%4 != 1 }

// want expects one break of a kind at a place, "" for none that can be seen.
func (s *scroll) want(what, want string) {
	s.t.Helper()
	f, status := s.verify()
	var got []string
	for _, b := range f.Breaks {
		got = append(got, fmt.Sprintf("%s:%d %s", b.File, b.Line, b.Kind))
	}
	wantStatus, verdict := exitFailed, "tampered"
	if want == "" {
		wantStatus, verdict = exitOK, "valid"
	}
	if strings.Join(got, ", ") != want || status != wantStatus || string(f.Verdict) != verdict {
		s.t.Errorf("%s: found %q, %q, exit status %d; want %q, %d", what, got, f.Verdict, status, want, wantStatus)
	}
	if want == "" {
		s.mustAdmit()
	}
}

// mustAdmit: what cannot be seen is not claimed.
func (s *scroll) mustAdmit() {
	s.t.Helper()
	f, _ := s.verify()
	_, out, _ := run(s.t, "verify", "--chain", "--home", s.home)
	if f.Completeness.Anchored.State != "none" || !strings.Contains(out, "not anchored: truncation, or a rewrite by the key holder, would not show") {
		s.t.Errorf("it says too much:\n%s", out)
	}
}

// every is the step of a sweep over bytes: 1, and n with -short. Neighbours take the
// same path through the code.
func every(n int) int {
	if testing.Short() {
		return n
	}
	return 1
}

// Every byte that is changed shows, at its line.
func TestEditorFlips(t *testing.T) {
	t.Parallel()
	s, step := goodScroll(t), every(20)
	kinds := map[chain.Kind]int{}
	for i, line := range s.lines() {
		for at := len(line) - 1; at >= 0; at -= step {
			b := []byte(line)
			b[at] ^= 1 << (at % 7)
			f, status := s.with(slices.Concat(s.lines()[:i], slices.Collect(strings.Lines(string(b))), s.lines()[i+1:])).verify()
			if i == 7 && at == len(line)-1 {
				if f.Completeness.Verdict != "gaps" || status != exitUnconfirmed {
					t.Errorf("the last newline: exit status %d, %+v", status, f)
				}
				continue
			}
			if status != exitFailed || len(f.Breaks) == 0 || fmt.Sprintf("%s:%d", f.Breaks[0].File, f.Breaks[0].Line) != s.at(i) {
				t.Errorf("line %d, byte %d: %q became %q: exit status %d, %+v", i, at, line[at], b[at], status, f.Breaks)
				continue
			}
			kinds[f.Breaks[0].Kind]++
		}
	}
	if kinds[chain.Edited] < 1000/step || kinds[chain.Malformed] < 100/step/2 || kinds[chain.Removed]+kinds[chain.Inserted]+kinds[chain.Swapped]+kinds[chain.Duplicated] > 0 {
		t.Errorf("kinds %v", kinds)
	}
}

// Lines are taken out, copied, exchanged and put in, and the log is cut at every
// length. What is left out is what a chain cannot show: a clean cut at the end.
func TestEditorLines(t *testing.T) {
	t.Parallel()
	s := goodScroll(t)
	lines := s.lines()
	for i := range lines {
		want := s.at(i) + " removed"
		if i == 7 {
			want = ""
		}
		s.with(slices.Delete(slices.Clone(lines), i, i+1)).want(fmt.Sprintf("line %d removed", i), want)
		for j := range lines {
			if j > i {
				e := slices.Clone(lines)
				e[i], e[j] = e[j], e[i]
				s.with(e).want(fmt.Sprintf("lines %d and %d swapped", i, j), s.at(i)+" swapped")
			}
			if j != i && j != i+1 {
				e := s.with(slices.Insert(slices.Clone(lines), j, lines[i]))
				e.want(fmt.Sprintf("line %d copied to %d", i, j), e.at(j)+" duplicated")
			}
		}
	}

	whole := strings.Join(lines, "")
	for size := 1; size < len(whole); size += 2 + every(30) { // chain tests each
		left := slices.Collect(strings.Lines(whole[:size]))
		f, status := s.with(left).verify()
		switch clean := strings.HasSuffix(whole[:size], "\n") || whole[size] == '\n'; {
		case clean && (status != exitOK || f.Records != int64(len(left))):
			t.Errorf("cut at %d, between lines: exit status %d, %+v", size, status, f)
		case !clean && len(left) > 4 && (status != exitUnconfirmed || len(f.Completeness.Gaps) != 1):
			t.Errorf("cut at %d, in the newest file: exit status %d, %+v", size, status, f)
		case !clean && len(left) <= 4 && status == exitOK:
			t.Errorf("cut at %d, in an older file: exit status %d, %+v", size, status, f)
		}
	}
	s.with(lines[:5]).mustAdmit()
}

// Somebody else's records are put in: such as hang on nothing, and such as fit.
func TestEditorInserts(t *testing.T) {
	t.Parallel()
	s := goodScroll(t)
	lines := s.lines()
	mallory, _ := testSigner(t, "bot") // its name is free
	for i := range len(lines) + 1 {
		var prev event.Hash
		if i > 0 {
			var r struct {
				Hash event.Hash `json:"record_hash"`
			}
			if err := json.Unmarshal([]byte(lines[i-1]), &r); err != nil {
				t.Fatal(err)
			}
			prev = r.Hash
		}
		at := chain.At{Time: time.Date(2026, 5, 1, 23, 59, 30, 0, time.UTC), Prev: prev}
		record := func(prev event.Hash) string {
			receipt := wrapped(t, mallory, "kill")(at)
			c, err := canon.Canonicalize(fmt.Appendf(nil, `{"receipt":%s,"prev_hash":%q}`, receipt, prev))
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprintf(`{"receipt":%s,"prev_hash":%q,"record_hash":%q}`+"\n", receipt, prev, event.HashOf(c))
		}
		e := s.with(slices.Insert(slices.Clone(lines), i, record(prev)))
		f, status := e.verify()
		switch {
		case i < 8 && (status != exitFailed || len(f.Breaks) != 1 || f.Breaks[0].Kind != chain.Inserted):
			t.Errorf("a record that fits, before %d: exit status %d, %+v", i, status, f.Breaks)
		case i == 8 && status != exitUnconfirmed:
			t.Errorf("a record that fits, at the end: exit status %d, %+v", status, f)
		}
		if f.Authenticity.Verdict != "unknown" || len(f.Authenticity.Signers) != 2 {
			t.Errorf("before %d: its key is taken for known: %+v", i, f.Authenticity)
		}
		if f, status := s.with(slices.Insert(slices.Clone(lines), i, record(event.HashOf(nil)))).verify(); status != exitFailed || len(f.Breaks) == 0 {
			t.Errorf("a record that hangs on nothing, before %d: exit status %d, %+v", i, status, f.Breaks)
		}
	}
}

// The hashes are made again, for which no key is needed: an edited receipt is
// false, and a call or event that does not follow what it was signed to follow
// is displaced. Only after the last of those can it be done unseen.
func TestEditorMakesHashesAnew(t *testing.T) {
	t.Parallel()
	s := goodScroll(t)
	receipts := s.receipts()
	s.rehashed(receipts).want("nothing changed", "")
	// nextBound is the break of the first record from i on that is bound.
	nextBound := func(e *scroll, kinds []int, i int) string {
		for ; i < len(kinds); i++ {
			if isBound(kinds[i]) {
				return e.at(i) + " displaced"
			}
		}
		return ""
	}
	order := []int{0, 1, 2, 3, 4, 5, 6, 7}
	for i := 0; i < len(receipts); i += every(3) {
		for _, edit := range [][2]string{{`"mcp`, `"nfs`}, {`"v":`, `"x":0,"v":`}, {`2026-05-0`, `2026-04-0`}, {`"name":"bot"`, `"name":"bat"`}} {
			e := slices.Clone(receipts)
			if e[i] = bytes.Replace(e[i], []byte(edit[0]), []byte(edit[1]), 1); bytes.Equal(e[i], receipts[i]) {
				continue // an event has no target
			}
			f, status := s.rehashed(e).verify()
			if status != exitFailed || f.Authenticity.False != 1 || f.Breaks[0].Kind != chain.Forged || fmt.Sprintf("%s:%d", f.Breaks[0].File, f.Breaks[0].Line) != s.at(i) {
				t.Errorf("receipt %d edited, %s: exit status %d, %+v", i, edit, status, f.Breaks)
			}
		}

		e := s.rehashed(slices.Delete(slices.Clone(receipts), i, i+1))
		e.want(fmt.Sprintf("record %d removed", i), nextBound(e, slices.Delete(slices.Clone(order), i, i+1), i))
		for j := range receipts {
			moved, kinds := slices.Delete(slices.Clone(receipts), i, i+1), slices.Delete(slices.Clone(order), i, i+1)
			moved, kinds = slices.Insert(moved, j, receipts[i]), slices.Insert(kinds, j, i)
			if j != i {
				e := s.rehashed(moved)
				e.want(fmt.Sprintf("record %d moved to %d", i, j), nextBound(e, kinds, min(i, j)))
			}
			e := s.rehashed(slices.Insert(slices.Clone(receipts), j, receipts[i]))
			if j != i+1 && j != i {
				e.want(fmt.Sprintf("record %d copied to %d", i, j), nextBound(e, slices.Insert(slices.Clone(order), j, i), j))
			}
		}
	}
}

// The files change names. Only their order is what the chain protects.
func TestEditorRenames(t *testing.T) {
	t.Parallel()
	s := goodScroll(t)
	renamed := func(a, b string) *scroll {
		if err := os.RemoveAll(filepath.Join(s.home, "audit")); err != nil {
			t.Fatal(err)
		}
		return &scroll{t, s.home, []string{a, b}, s.files}
	}
	renamed("2026-05-02.jsonl", "2026-05-01.jsonl").want("files exchanged", "2026-05-01.jsonl:1 swapped")
	renamed("2026-05-01.jsonl", "2026-04-01.jsonl").want("the newest made the oldest", "2026-04-01.jsonl:1 swapped")
	renamed("2026-05-01.jsonl", "2026-06-01.jsonl").want("the newest made newer", "")
	f, status := renamed("2026-05-01.jsonl", "copy.jsonl").verify()
	if status != exitOK || f.Records != 4 || !slices.Equal(f.Integrity.Ignored, []string{"copy.jsonl"}) {
		t.Errorf("a name that is no day: exit status %d, %+v", status, f)
	}
}

// Who holds the key can rewrite the log. Nothing in it shows that, and nothing
// is claimed.
func TestEditorHoldsTheKey(t *testing.T) {
	t.Parallel()
	s := goodScroll(t)
	store := keys.Store{Dir: filepath.Join(s.home, "keys")}
	key, err := store.Load("bot", nil)
	if err != nil {
		t.Fatal(err)
	}
	bot, err := sign.NewSigner(key, "bot", "")
	if err != nil {
		t.Fatal(err)
	}
	home := logOf(t, wrapped(t, bot, "innocent"), wrapped(t, bot, "harmless"))
	if err := os.CopyFS(filepath.Join(home, "keys"), os.DirFS(store.Dir)); err != nil {
		t.Fatal(err)
	}
	f, status := verified(t, home)
	if status != exitOK || f.Completeness.Anchored.State != "none" {
		t.Errorf("exit status %d, %+v", status, f)
	}
	_, out, _ := run(t, "verify", "--chain", "--home", home)
	if !strings.Contains(strings.Join(strings.Fields(out), " "), "not anchored: truncation, or a rewrite by the key holder, would not show") {
		t.Errorf("it says too much:\n%s", out)
	}
}

// A key counts as known by its bytes, whatever name it gives itself, and from
// the moment that its file is there.
func TestEditorKeys(t *testing.T) {
	t.Parallel()
	s := goodScroll(t)
	receipts := s.receipts()
	mallory, malloryKey := testSigner(t, "bot")
	malloryPublic, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(malloryKey, "ed25519:"))
	if err != nil {
		t.Fatal(err)
	}
	other := s.rehashed(append(slices.Clone(receipts), call(t, mallory, "kill")(chain.At{Time: time.Date(2026, 5, 2, 0, 1, 0, 0, time.UTC)})))

	f, status := other.verify()
	if status != exitUnconfirmed || f.Authenticity.Verdict != "unknown" || len(f.Authenticity.Signers) != 2 {
		t.Errorf("an unknown key of a known name: exit status %d, %+v", status, f.Authenticity)
	}
	_, out, _ := run(t, "verify", "--chain", "--home", s.home)
	if !strings.Contains(out, "1  bot: "+malloryKey+", NOT known: the name is its own word only") {
		t.Errorf("it does not say which:\n%s", out)
	}

	// Its file appears later, under another name, for no two files have one.
	public := keys.FormatPublic(&keys.Public{Name: "late", Key: malloryPublic, Created: time.Now()})
	if err := os.WriteFile(filepath.Join(s.home, "keys", "late.pub"), public, 0o644); err != nil {
		t.Fatal(err)
	}
	if f, status := other.verify(); status != exitOK {
		t.Errorf("its file has appeared: exit status %d, %+v", status, f.Authenticity)
	}
	_, out, _ = run(t, "verify", "--chain", "--home", s.home)
	if !strings.Contains(out, `1  bot (known here as "late")`) {
		t.Errorf("it does not say what the key is called here:\n%s", out)
	}

	// A file that bears another's name is in disorder: it makes nothing known.
	if err := os.Rename(filepath.Join(s.home, "keys", "late.pub"), filepath.Join(s.home, "keys", "twin.pub")); err != nil {
		t.Fatal(err)
	}
	status, out, errs := run(t, "verify", "--chain", "--home", s.home)
	if status != exitUnconfirmed || !strings.Contains(errs, "twin.pub") {
		t.Errorf("a file of another name: exit status %d\n%s%s", status, out, errs)
	}
	if _, status := other.verify("--pubkey", malloryKey); status != exitUnconfirmed {
		t.Errorf("only the other key known: exit status %d", status)
	}
	if _, status := other.verify("--pubkey", malloryKey, "--pubkey", "bot"); status != exitOK {
		t.Errorf("both known: exit status %d", status)
	}
}
