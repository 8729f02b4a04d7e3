package history

import (
	"bytes"
	"encoding/json"
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

// A scene is a log that is written record by record, by signers A and B.
type scene struct {
	t        *testing.T
	dir      string
	a, b     *sign.Signer
	bodies   map[string]sign.Response // of calls, by tool: what a response repeats
	receipts []string                 // all, as they were appended
}

const sessionA = "ses_0123456789abcdef0123456789abcdef"

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, dir: filepath.Join(t.TempDir(), "audit"), bodies: map[string]sign.Response{}}
	s.a, _ = newSigner(t, "A")
	s.b, _ = newSigner(t, "B")
	return s
}

// add appends what make makes.
func (s *scene) add(make func(chain.At) ([]byte, error)) {
	s.t.Helper()
	l := chain.New(s.dir, chain.Options{NoSync: true})
	defer l.Close()
	_, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) {
		receipt, err := make(at)
		s.receipts = append(s.receipts, string(receipt))
		return receipt, err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) raw(receipt string) {
	s.t.Helper()
	s.add(func(chain.At) ([]byte, error) { return []byte(receipt), nil })
}

// call is a call by A.
func (s *scene) call(tool string) {
	s.t.Helper()
	s.add(func(at chain.At) ([]byte, error) {
		action := sign.Action{Tool: tool, Target: "mcp://bank", Session: sessionA, Arguments: []byte(`{"a":1}`)}
		d, err := s.a.Prepare(action)
		if err != nil {
			return nil, err
		}
		r, err := d.SignAt(at.Time, at.Prev)
		if err != nil {
			return nil, err
		}
		s.bodies[tool] = sign.Response{Action: action, ParamsHash: d.ParamsHash(), RequestID: r.ID, Requested: at.Time}
		return r.Record, nil
	})
}

// respond is a response to the call of tool, changed.
func (s *scene) respond(by *sign.Signer, tool, status string, change ...func(*sign.Response)) {
	s.t.Helper()
	s.add(func(at chain.At) ([]byte, error) {
		a := s.bodies[tool]
		a.Responded, a.ContentHash, a.Outcome.Status = at.Time, event.HashOf([]byte("{}")), status
		for _, c := range change {
			c(&a)
		}
		r, err := by.Respond(a)
		if err != nil {
			return nil, err
		}
		return r.Record, nil
	})
}

func (s *scene) event(by *sign.Signer, e event.Event) {
	s.t.Helper()
	s.add(func(at chain.At) ([]byte, error) {
		r, err := by.Event(e, at.Time, at.Prev)
		if err != nil {
			return nil, err
		}
		return r.Record, nil
	})
}

func (s *scene) unanswered(by *sign.Signer, session, tool string) {
	s.event(by, event.Unanswered{Session: session, Calls: []event.Call{{ID: s.bodies[tool].RequestID, Reason: "cancelled"}}})
}

// file is the newest day file.
func (s *scene) file() string {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "*.jsonl"))
	if err != nil || len(files) == 0 {
		s.t.Fatal(files, err)
	}
	return files[len(files)-1]
}

// edit changes the lines of the newest day file.
func (s *scene) edit(change func(lines []string) []string) {
	s.t.Helper()
	b, err := os.ReadFile(s.file())
	if err != nil {
		s.t.Fatal(err)
	}
	lines := change(strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"))
	if err := os.WriteFile(s.file(), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// rows lists the log in both directions, which must come to the same, and says
// each row in words.
func (s *scene) rows(f Filter) []string {
	s.t.Helper()
	rows, _ := s.list(f)
	return rows
}

func (s *scene) list(f Filter) ([]string, Summary) {
	s.t.Helper()
	var forward, backward []string
	log, err := chain.TakeSnapshot(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	sum, err := List(s.t.Context(), log, Options{Filter: f}, func(r *Row) error {
		forward = append(forward, words(r))
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	back, err := List(s.t.Context(), log, Options{Filter: f, Limit: 1000}, func(r *Row) error {
		backward = append(backward, words(r))
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if !slices.Equal(forward, backward) || sum != back {
		s.t.Errorf("forward %q %+v, backward %q %+v", forward, sum, backward, back)
	}
	return forward, sum
}

func words(r *Row) string {
	name := "?"
	if r.Says != nil {
		name = r.Says.Tool + r.Says.Type
	}
	switch {
	case r.Err != nil:
		return name + " is not believed"
	case r.Verdict != 0:
		return name + " " + map[Verdict]string{NoCall: "has no call", Further: "is a further response", Disagrees: "disagrees"}[r.Verdict]
	case r.Open() && r.Unanswered != "":
		return name + " is unanswered: " + r.Unanswered
	case r.Open():
		return name + " is open"
	case r.Response != nil:
		return name + " " + r.Response.Says.Outcome.Status
	}
	return name
}

func (s *scene) want(f Filter, want ...string) {
	s.t.Helper()
	if got := s.rows(f); !slices.Equal(got, want) {
		s.t.Errorf("%+v:\n%q, want\n%q", f, got, want)
	}
}

// Only who made a call can say what came of it, and only of that call.
func TestOthersResponses(t *testing.T) {
	for name, change := range map[string]func(*sign.Response){
		"the very same":   func(*sign.Response) {},
		"another tool":    func(a *sign.Response) { a.Action.Tool = "look" },
		"another target":  func(a *sign.Response) { a.Action.Target = "mcp://elsewhere" },
		"another session": func(a *sign.Response) { a.Action.Session = "ses_x" },
		"another time":    func(a *sign.Response) { a.Requested = a.Requested.Add(-time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.call("pay")
			by := s.b
			if name != "the very same" {
				by = s.a
			}
			s.respond(by, "pay", "executed", change)
			tool := "pay"
			if name == "another tool" {
				tool = "look"
			}
			s.want(Filter{}, "pay is open", tool+" disagrees")
			s.want(Filter{Outcomes: []Outcome{Open, NoResponse}}, "pay is open")
			s.want(Filter{Tool: "pay", Outcomes: []Outcome{Open, NoResponse}}, "pay is open")
			// The real one counts all the same.
			s.respond(s.a, "pay", "failed")
			s.want(Filter{}, "pay failed", tool+" disagrees")
			s.want(Filter{Outcomes: []Outcome{Failed, Rejected}}, "pay failed")
			s.want(Filter{Outcomes: []Outcome{Open, NoResponse}})
			s.respond(s.a, "pay", "executed")
			s.want(Filter{}, "pay failed", tool+" disagrees", "pay is a further response")
		})
	}
}

// An event that says that there was no response counts if it is signed as the
// call is. No other changes anything, but is listed.
func TestOthersEvents(t *testing.T) {
	s := newScene(t)
	s.call("pay")
	id := s.bodies["pay"].RequestID
	s.raw(`{"calls":[{"call":"` + id + `","reason":"cancelled"}],"session":"` + sessionA + `","ts":"2026-05-01T00:00:00.000Z","type":"unanswered","v":1}`)
	s.unanswered(s.b, sessionA, "pay")
	s.unanswered(s.a, "ses_other", "pay")
	s.want(Filter{Outcomes: []Outcome{Open, NoResponse}}, "pay is open")
	s.respond(s.a, "pay", "failed")
	s.want(Filter{}, "pay failed", "unanswered is not believed", "unanswered disagrees", "unanswered disagrees")
	s.want(Filter{Outcomes: []Outcome{Failed, Rejected}}, "pay failed")
	s.want(Filter{Outcomes: []Outcome{Open, NoResponse}})
	s.want(Filter{Since: time.Now().Add(-time.Hour), Tool: "pay"}, "pay failed")

	s.call("look")
	s.unanswered(s.a, sessionA, "look")
	s.want(Filter{Outcomes: []Outcome{Open, NoResponse}}, "look is unanswered: cancelled")
	s.want(Filter{Tool: "look"}, "look is unanswered: cancelled")
}

// What was edited is listed as such, and nothing else changes.
func TestEditedRecords(t *testing.T) {
	for name, edit := range map[string]func(line string) string{
		"its content": func(l string) string { return strings.Replace(l, "executed", "verified", 1) },
		"its hash": func(l string) string {
			return l[:len(l)-3] + map[bool]string{true: "0", false: "1"}[l[len(l)-3] != '0'] + `"}`
		},
		"its signature": func(l string) string {
			i := strings.Index(l, `"sig":"ed25519:`) + 20
			return l[:i] + map[bool]string{true: "A", false: "B"}[l[i] != 'A'] + l[i+1:]
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.call("pay")
			s.respond(s.a, "pay", "executed")
			s.edit(func(lines []string) []string {
				lines[1] = edit(lines[1])
				return lines
			})
			s.want(Filter{}, "pay is open", "pay is not believed")
			s.want(Filter{Outcomes: []Outcome{Open, NoResponse}}, "pay is open")
		})
	}
}

// A record says the same however its JSON is spelled: the hash and the signature
// are of its canonical form.
func TestSpellings(t *testing.T) {
	spaced := func(l string) string {
		var b bytes.Buffer
		if err := json.Indent(&b, []byte(l), "", " "); err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(b.String(), "\n", "")
	}
	for name, respell := range map[string]func(line string) string{
		"blanks":        spaced,
		"a name":        func(l string) string { return strings.ReplaceAll(l, `"parent_receipt_id"`, `"parent\u005freceipt_id"`) },
		"an id":         func(l string) string { return strings.ReplaceAll(l, `"rec_`, `"\u0072ec_`) },
		"a type":        func(l string) string { return strings.ReplaceAll(l, `"unanswered"`, `"unans\u0077ered"`) },
		"a type's name": func(l string) string { return strings.ReplaceAll(l, `"type"`, `"t\u0079pe"`) },
		"a tool":        func(l string) string { return strings.ReplaceAll(l, `"pay"`, `"p\u0061y"`) },
		"the order": func(l string) string {
			return strings.Replace(strings.Replace(l, `{"receipt":{"action"`, `{"receipt":{"v":2,"action"`, 1), `,"v":2}`, `}`, 1)
		},
		"a time": func(l string) string { return strings.ReplaceAll(l, `"ts":"2`, `"ts":"\u0032`) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.call("pay")
			s.respond(s.a, "pay", "failed")
			s.call("look")
			s.unanswered(s.a, sessionA, "look")
			s.edit(func(lines []string) []string {
				for i := range lines {
					if name == "the order" && !strings.Contains(lines[i], `,"v":2}`) {
						continue
					}
					lines[i] = respell(lines[i])
				}
				return lines
			})
			s.want(Filter{}, "pay failed", "look is unanswered: cancelled")
			s.want(Filter{Tool: "pay"}, "pay failed")
			s.want(Filter{Outcomes: []Outcome{Failed, Rejected}, Since: time.Now().Add(-time.Hour)}, "pay failed")
			s.want(Filter{Outcomes: []Outcome{Open, NoResponse}}, "look is unanswered: cancelled")
		})
	}
}

// A copy of a receipt is neither a call nor a response, in its own line or in a
// new one.
func TestCopiesAreLeftOut(t *testing.T) {
	for name, again := range map[string]func(s *scene, i int){
		"the line": func(s *scene, i int) {
			s.edit(func(lines []string) []string { return append(lines, lines[i]) })
		},
		"the receipt": func(s *scene, i int) { s.raw(s.receipts[i]) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.call("pay")
			s.respond(s.a, "pay", "failed")
			s.call("look")
			again(s, 0)
			again(s, 1)
			again(s, 2)
			rows, sum := s.list(Filter{})
			if want := []string{"pay failed", "look is open"}; !slices.Equal(rows, want) || sum.Copies != 3 {
				t.Errorf("%q, %d copies", rows, sum.Copies)
			}
			s.want(Filter{Outcomes: []Outcome{Failed, Rejected}}, "pay failed")
			s.want(Filter{Outcomes: []Outcome{Open, NoResponse}}, "look is open")
		})
	}
	// A copy takes no response to itself.
	s := newScene(t)
	s.call("pay")
	s.respond(s.a, "pay", "failed")
	s.raw(s.receipts[0])
	s.respond(s.a, "pay", "executed")
	if rows, sum := s.list(Filter{}); !slices.Equal(rows, []string{"pay failed", "pay is a further response"}) || sum.Copies != 1 {
		t.Errorf("%q, %d copies", rows, sum.Copies)
	}
	s = newScene(t)
	s.call("pay")
	s.raw(s.receipts[0])
	s.respond(s.a, "pay", "executed")
	if rows, sum := s.list(Filter{}); !slices.Equal(rows, []string{"pay executed"}) || sum.Copies != 1 {
		t.Errorf("%q, %d copies", rows, sum.Copies)
	}
	s.want(Filter{Outcomes: []Outcome{Open, NoResponse}})
}

// A day file of the far future is said, whatever is in it.
func TestFutureDays(t *testing.T) {
	s := newScene(t)
	s.call("pay")
	s.respond(s.a, "pay", "executed")
	if _, sum := s.list(Filter{}); sum.Future != "" {
		t.Errorf("%q", sum.Future)
	}
	planted := filepath.Join(s.dir, "9999-12-31.jsonl")
	line := `{"receipt":{"ts":"9999-12-31T00:00:00.000Z","type":"note","v":1},"prev_hash":"sha256:` + strings.Repeat("0", 64) + `","record_hash":"sha256:` + strings.Repeat("0", 64) + `"}` + "\n"
	if err := os.WriteFile(planted, []byte(strings.Repeat(line, 3)), 0o600); err != nil {
		t.Fatal(err)
	}
	rows, sum := s.list(Filter{Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour)})
	if !slices.Equal(rows, []string{"pay executed"}) || sum.Future != "9999-12-31.jsonl" {
		t.Errorf("%q, %+v", rows, sum)
	}
}

// Calls that never get a response do not hold up for ever what comes after them.
func TestWindow(t *testing.T) {
	defer func(n int) { maxRows = n }(maxRows)
	maxRows = 5
	s := newScene(t)
	for range 10 {
		s.call("pay")
	}
	log, err := chain.TakeSnapshot(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	var put int
	l := newLister(t.Context(), log, Options{})
	w := newWindow(l, func(*Row) error { put++; return nil })
	for r, err := range l.read(chain.ReadOptions{}) {
		if err == nil {
			err = w.take(r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	before := put
	if err := w.end(); err != nil || before != 5 || put != 10 || w.join.Waiting() != 0 || w.held != 0 {
		t.Errorf("%d rows before the end, %d at it, %d wait, %d bytes are kept, %v", before, put, w.join.Waiting(), w.held, err)
	}
}

// However much is planted around a call, what belongs to it is found.
func TestFindAmongPlanted(t *testing.T) {
	s := newScene(t)
	s.call("pay")
	id := s.bodies["pay"].RequestID
	for range 3 * maxFound {
		s.respond(s.b, "pay", "executed")
		s.raw(`{"id":"` + id + `","ts":"2026-05-01T00:00:00.000Z","type":"note","v":1}`)
		s.raw(`{"calls":[{"call":"` + id + `","reason":"no"}],"session":"` + sessionA + `","ts":"2026-05-01T00:00:00.000Z","type":"unanswered","v":1}`)
		s.event(s.b, event.Tools{Session: sessionA})
	}
	s.respond(s.a, "pay", "failed")
	s.event(s.a, event.Session{Session: sessionA})
	s.event(s.a, event.ExtraResponse{Session: sessionA, Call: id, ContentHash: event.HashOf(nil), Status: "executed"})
	s.event(s.a, event.ExtraResponse{Session: sessionA, Call: "rec_another", ContentHash: event.HashOf(nil), Status: "executed"})
	log, err := chain.TakeSnapshot(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	p, ok := ParsePrefix(strings.ToUpper(id[4:12]))
	if !ok {
		t.Fatal(id)
	}
	story, err := Find(t.Context(), log, p, nil)
	if err != nil || story == nil {
		t.Fatal(story, err)
	}
	if story.Says.Tool != "pay" || !story.Believed() || len(story.Same) != maxFound || story.Unanswered != "" {
		t.Errorf("%+v", story)
	}
	count := func(all []Judged[*Record]) (n int) {
		for _, j := range all {
			if j.Verdict == Counts {
				n++
			}
		}
		return n
	}
	if r := story.Responses; len(r) != 1+maxFound || r[0].Verdict != Counts || r[0].Statement.Says.Outcome.Status != "failed" || count(r) != 1 {
		t.Errorf("responses: %+v", r)
	}
	if count(story.Events) != 2 || len(story.Events) > 4*maxFound {
		t.Errorf("%d events, %d count", len(story.Events), count(story.Events))
	}
}
