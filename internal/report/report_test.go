package report

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// logOf is a log of so many records, and then those that more appends.
func logOf(t *testing.T, records int, more func(l *chain.Log, s *sign.Signer)) *chain.Snapshot {
	t.Helper()
	home := t.TempDir()
	if err := testlog.Write(home, testlog.Options{Records: records}); err != nil {
		t.Fatal(err)
	}
	audit := filepath.Join(home, "audit")
	if more != nil {
		s, err := sign.NewSigner(testlog.Key(), "testlog", "nobody")
		if err != nil {
			t.Fatal(err)
		}
		l := chain.New(audit, chain.Options{NoSync: true})
		more(l, s)
		l.Close()
	}
	log, err := chain.TakeSnapshot(audit)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// coreOf is a bundle of a log, or of its first so many records; 0: of all.
func coreOf(t *testing.T, log *chain.Snapshot, first int, change func(s *bundle.Source)) *bundle.Bundle {
	t.Helper()
	pub := keys.FormatPublic(&keys.Public{Name: "testlog", Key: testlog.Key().Public().(ed25519.PublicKey), Created: testlog.Day})
	s := &bundle.Source{Log: log, Kind: bundle.Log, Program: "test", Keys: []bundle.File{{Name: "testlog.pub", Data: pub}}, Signer: testlog.Key()}
	if first > 0 {
		has := map[chain.Position]bool{}
		for e, err := range log.Records(t.Context(), chain.ReadOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			if len(has) < first {
				has[e.Position()] = true
			}
		}
		s.Kind, s.Has = bundle.Range, func(p chain.Position) bool { return has[p] }
	}
	if change != nil {
		change(s)
	}
	var b bytes.Buffer
	if _, err := bundle.Write(t.Context(), &b, s); err != nil {
		t.Fatal(err)
	}
	core, err := bundle.Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return core
}

// headOf is a line of syslog with a head of a log, so many bytes after its end.
func headOf(t *testing.T, log *chain.Snapshot, after int64) []byte {
	t.Helper()
	s, err := sign.NewSigner(testlog.Key(), "testlog", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	h := event.Head{Session: "ses_" + strings.Repeat("7", 32)}
	for e, err := range log.Records(t.Context(), chain.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if h.Log.IsZero() {
			h.Log = e.RecordHash
		}
		h.File, h.End, h.Head = e.File, e.Offset+int64(len(e.Raw))+1+after, e.RecordHash
	}
	r, err := s.Event(h, time.Now(), h.Head)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte("Nov 30 01:02:03 host signet-wrap[1]: "+heads.Phrase), append(r.JSON, '\n')...)
}

// TestFiles: what the reader has from elsewhere is known by what it holds, and settles what
// the page says first. What cannot be used is an error that names it.
func TestFiles(t *testing.T) {
	log := logOf(t, 60, nil)
	whole, part := coreOf(t, log, 0, nil), coreOf(t, log, 20, nil)
	trust := File{"mine", []byte(keys.FormatTrust(keys.TrustLine{Principals: []string{"ada@example.com"}, Key: testlog.Key().Public().(ed25519.PublicKey)}))}
	stranger, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	other := File{"other", []byte(keys.FormatTrust(keys.TrustLine{Principals: []string{"bob@example.com"}, Key: stranger}))}
	seen, later := File{"heads", headOf(t, log, 0)}, File{"heads", headOf(t, log, 7)}
	raw := append([]byte{1}, stranger...) // c2sp.org/signed-note
	id := sha256.Sum256(append([]byte("example.com/log\n"), raw...))
	text, err := tlog.NewPolicy(fmt.Sprintf("example.com/log+%x+%s", id[:4], base64.StdEncoding.EncodeToString(raw)), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	policy := File{"policy", text}
	carried := coreOf(t, log, 0, func(s *bundle.Source) { s.Heads = headOf(t, log, 0) })
	for name, c := range map[string]struct {
		b     *bundle.Bundle
		files []File
		badge string
		says  string
		used  string
	}{
		"nothing":          {whole, nil, "unconfirmed", "who signed it. Nothing in this file shows that anybody else saw the log", ""},
		"a trust file":     {whole, []File{trust}, "valid by itself", "your trust file names. Nothing in this file shows that anybody else saw the log", "mine: trust file"},
		"of another":       {whole, []File{other}, "unconfirmed", "who signed it", "other: trust file"},
		"heads":            {whole, []File{seen, trust}, "valid", "Others saw 60 records of it: heads, at ", "heads: what others kept, mine: trust file"},
		"heads of its own": {carried, []File{trust}, "valid by itself", "is the word of who made this file", "mine: trust file"},
		"heads of more":    {whole, []File{trust, later}, "tampered", "not as it was written", "mine: trust file, heads: what others kept"},
		"a policy":         {whole, []File{policy, trust}, "unconfirmed", "not all is established", "policy: policy, mine: trust file"},
		"of a part":        {part, []File{trust}, "valid by itself", "Records 1 to 20 of a log of 60: none was changed", "mine: trust file"},
	} {
		f, err := Check(t.Context(), c.b, Options{Now: time.Now(), Files: c.files})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var used []string
		for _, u := range f.Used {
			used = append(used, u.Name+": "+u.As)
		}
		if got := strings.Join(used, ", "); f.Words.Badge != c.badge || !strings.Contains(f.Words.Says, c.says) || got != c.used {
			t.Errorf("%s: %s: %s (%s)", name, f.Words.Badge, f.Words.Says, got)
		}
	}
	for name, c := range map[string]struct {
		b     *bundle.Bundle
		files []File
	}{
		"junk":            {whole, []File{trust, {"junk", []byte("no such line\n")}}},
		"binary":          {whole, []File{{"junk", []byte("\x00\x01")}}},
		"heads of a part": {part, []File{trust, seen}},
		"JSON of another": {whole, []File{{"x.json", []byte(`{"a":1}`)}}},
	} {
		_, err := Check(t.Context(), c.b, Options{Now: time.Now(), Files: c.files})
		if bad, ok := errors.AsType[*FileError](err); !ok || bad.Name != c.files[len(c.files)-1].Name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const hostile = "<img src=x onerror=alert(1)></script><!--\u202egnp.exe\x1b[2J"

// TestSessions: how a session began is what its own event says, by who signed its calls.
func TestSessions(t *testing.T) {
	const session, plain = "ses_11112222333344445555666677778888", "ses_22222222333344445555666677778888"
	began := event.Session{
		Session: session, Target: "mcp://files", Via: "wrap", Command: []string{"node", hostile}, Files: []event.File{{Path: "/x/" + hostile, Reason: "it is a pipe"}},
		Heads: &event.Heads{To: "off", Machine: "m"}, Environment: &event.Environment{User: "ada", Host: "box", Directory: "/work", Version: "v1"},
		Settings: []event.Setting{{Name: "fail-open", Value: "true", From: "flag"}},
	}
	for i := range 50 {
		began.Files = append(began.Files, event.File{Path: fmt.Sprint(i)})
	}
	log := logOf(t, 10, func(l *chain.Log, s *sign.Signer) {
		_, other, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		stranger, err := sign.NewSigner(other, "testlog", "")
		if err != nil {
			t.Fatal(err)
		}
		lies := began
		lies.Command = []string{"harmless"}
		for _, put := range []func(at chain.At) ([]byte, error){
			func(at chain.At) ([]byte, error) {
				r, err := stranger.Event(lies, at.Time, at.Prev)
				return r.Record, err
			},
			func(at chain.At) ([]byte, error) {
				return testlog.Call(s, sign.Action{Tool: hostile, Target: "mcp://files", Session: session, Arguments: json.RawMessage(`{"a":1}`)}, at)
			},
			func(at chain.At) ([]byte, error) { r, err := s.Event(began, at.Time, at.Prev); return r.Record, err },
			func(at chain.At) ([]byte, error) {
				return testlog.Call(s, sign.Action{Tool: "x", Target: "mcp://files", Session: plain, Arguments: json.RawMessage(`{}`)}, at)
			},
		} {
			if _, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) { return put(at) }); err != nil {
				t.Fatal(err)
			}
		}
	})
	core := coreOf(t, log, 0, nil)
	calls := 0
	did, err := List(t.Context(), core, Options{}, func(*history.View) error { calls++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*Session{}
	for i := range did.Sessions {
		found[did.Sessions[i].ID] = &did.Sessions[i]
	}
	if s := found[session]; s == nil || s.Began == nil || !strings.HasPrefix(s.Began.Command, "node <img") || len(s.Began.Files) != maxList || !strings.HasSuffix(s.Began.Files[0], ": not hashed: it is a pipe") ||
		s.Began.Heads != "off" || s.Began.Dir != "/work" || s.Began.Settings[0] != "fail-open = true (flag)" || !strings.HasPrefix(s.Key, "ed25519:") {
		t.Errorf("%+v", s)
	}
	if s := found[plain]; s == nil || s.Began != nil {
		t.Errorf("%+v", s)
	}
	if did.Off != 2 || int64(calls) != did.Calls { // that of the stranger, too, is a session
		t.Errorf("%d, %d calls of %d", did.Off, calls, did.Calls)
	}

	// In the page it is text.
	var page bytes.Buffer
	if err := Render(t.Context(), &page, core, nil); err != nil {
		t.Fatal(err)
	}
	if n := len(regexp.MustCompile(`(?i)<script`).FindAll(page.Bytes(), -1)); n != 3 {
		t.Errorf("%d scripts, want the claim, the evidence and the page's own", n)
	}
	shown := regexp.MustCompile(`(?s)<script[^>]*>.*?</script>`).ReplaceAllString(page.String(), "")
	if strings.Contains(page.String(), "<img") || strings.Contains(page.String(), "<!--") || strings.ContainsAny(shown, "\x1b\u202e") {
		t.Errorf("what a record says is in the page as it is: %s", shown)
	}
	if !bytes.Contains(page.Bytes(), []byte(`&lt;img src=x`)) {
		t.Error("the tool's name is not shown")
	}
}

// TestPlain: the page without calls shows what the bundle claims, as text.
func TestPlain(t *testing.T) {
	log := logOf(t, 10, nil)
	for first, want := range map[int]string{0: "10 records, the whole log", 4: "4 records: all from record 1 to record 4 of a log of 10 records"} {
		var page bytes.Buffer
		if err := Plain(&page, coreOf(t, log, first, func(s *bundle.Source) { s.Asked, s.Program = hostile, hostile })); err != nil {
			t.Fatal(err)
		}
		if s := page.String(); !strings.Contains(s, want) || strings.Contains(s, "<img") || strings.Contains(s, "\u202e") || !strings.Contains(s, "Nothing on this page is verified") {
			t.Errorf("%s", s)
		}
	}
}
