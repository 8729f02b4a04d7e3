package page

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/internal/toolstore"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/sign"
)

// patience bounds every wait for something that must happen.
var patience = 60 * time.Second

// served is a server of a log, and what a page would ask it.
type served struct {
	*Server
	t       testing.TB
	session string
	ended   chan error
}

func serve(t testing.TB, home string, idle time.Duration) *served {
	t.Helper()
	audit := filepath.Join(home, "audit")
	s, err := Listen(Options{
		Audit: audit, Tools: toolstore.New(filepath.Join(home, "tools")), Idle: idle,
		Check: func(ctx context.Context, progress func(records, bytes, total int64), read Reading) (*verify.Log, string, error) {
			log, err := chain.TakeSnapshot(audit)
			if err != nil {
				return nil, "", err
			}
			o := verify.Options{Now: time.Now(), Progress: progress}
			if read != nil {
				o.Visit = read(log)
			}
			f, err := verify.CheckLog(ctx, log, verify.Keys{}, o)
			return f, "", err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	v := &served{Server: s, t: t, ended: make(chan error, 1)}
	go func() { v.ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		select {
		case <-v.ended:
		case <-time.After(patience):
			t.Error("the server does not end")
		}
	})
	return v
}

// open exchanges the link's token, as the page does.
func (v *served) open() *served {
	v.t.Helper()
	_, token, _ := strings.Cut(v.URL(), "#")
	var got struct{ Session string }
	status, body := v.request("POST", "/api/session", token)
	if status != http.StatusOK || json.Unmarshal([]byte(body), &got) != nil {
		v.t.Fatalf("%d: %s", status, body)
	}
	v.session = got.Session
	return v
}

func (v *served) request(method, path, token string) (status int, body string) {
	v.t.Helper()
	r, err := http.NewRequest(method, "http://"+v.host+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return w.StatusCode, string(b)
}

// get asks for something and reads it into out.
func (v *served) get(path string, out any) string {
	v.t.Helper()
	status, body := v.request("GET", "/api/"+path, v.session)
	if status != http.StatusOK {
		v.t.Fatalf("%s: %d %s", path, status, body)
	}
	if out != nil {
		if err := json.Unmarshal([]byte(body), out); err != nil {
			v.t.Fatalf("%s: %v in %s", path, err, body)
		}
	}
	return body
}

// wait waits until the state is as f wants it.
func (v *served) wait(f func(state) bool) (s state) {
	v.t.Helper()
	for end := time.Now().Add(patience); !f(s); {
		if time.Now().After(end) {
			v.t.Fatalf("waited too long: %+v", s)
		}
		v.get(fmt.Sprintf("state?since=%d", s.Version), &s)
	}
	return s
}

func TestMain(m *testing.M) {
	longPoll = 3 * time.Second
	os.Exit(m.Run())
}

func written(t testing.TB, records int) string {
	t.Helper()
	home := t.TempDir()
	if err := testlog.Write(home, testlog.Options{Records: records}); err != nil {
		t.Fatal(err)
	}
	return home
}

// TestFilters: whatever is asked for, the page has the rows that package history lists.
func TestFilters(t *testing.T) {
	home := written(t, 5001)
	v := serve(t, home, 0).open()
	v.wait(func(s state) bool { return s.Indexed })
	log, err := chain.TakeSnapshot(v.o.Audit)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	for range 25 {
		var f history.Filter
		var q []string
		add := func(name, value string, into *string) {
			if value != "" && random.IntN(2) == 0 {
				*into = value
				q = append(q, name+"="+value)
			}
		}
		add("tool", pick("FILE", "write_file", "search", "nothing"), &f.Tool)
		add("server", pick("files", "FIL", "none"), &f.Target)
		add("client", pick("testlog", "TEST", "1", "other"), &f.Client)
		add("grep", pick("file-12", "ALICE", "nowhere"), &f.Grep)
		if random.IntN(2) == 0 {
			f.Since = testlog.Day.Add(time.Duration(random.IntN(24)) * time.Hour)
			q = append(q, "since="+f.Since.Format(time.RFC3339))
		}
		if random.IntN(2) == 0 {
			f.Until = testlog.Day.Add(time.Duration(random.IntN(24)) * time.Hour)
			q = append(q, "until="+f.Until.Format(time.RFC3339))
		}
		if o := pick("executed", "failed", "open", ""); o != "" && random.IntN(2) == 0 {
			f.Outcomes = []history.Outcome{history.Outcome(o)}
			q = append(q, "outcome="+o)
		}
		var want []string
		if _, err := history.List(t.Context(), log, history.Options{Filter: f}, func(r *history.Row) error {
			want = append(want, r.Says.ID[4:12])
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		slices.Reverse(want)
		var got []string
		for end := time.Now().Add(patience); ; {
			var c calls
			got = nil
			v.get("calls?count=500&"+strings.Join(q, "&"), &c)
			for from := 0; ; from += 500 {
				for _, r := range c.Rows {
					got = append(got, r.ID)
				}
				if len(c.Rows) < 500 {
					break
				}
				v.get(fmt.Sprintf("calls?from=%d&count=500&%s", from+500, strings.Join(q, "&")), &c)
			}
			if c.Search == nil {
				if c.Total != len(got) {
					t.Errorf("%v: %d rows, and %d in all", q, len(got), c.Total)
				}
				break
			}
			if time.Now().After(end) {
				t.Fatal("the search does not end")
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v: %d rows, want %d", q, len(got), len(want))
		}
	}
}

// TestCall: what is shown of a call is what is in the log at its place.
func TestCall(t *testing.T) {
	home := written(t, 3001)
	v := serve(t, home, 0).open()
	v.wait(func(s state) bool { return s.Indexed })
	n := int64(0)
	for e, err := range testlog.Records(v.o.Audit) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		says, err := sign.ReadUnverified(e.Receipt)
		if err != nil || !history.IsCall(says) || n%500 > 3 {
			continue
		}
		var d detail
		v.get("call?id="+says.ID[4:], &d)
		if d.Place.Record != n || d.Place.Hash != e.RecordHash.String() || d.View.ID != says.ID || d.View.Outcome == "" || d.View.Client == nil ||
			!strings.Contains(d.Texts["arguments"], "/home/alice") || (d.View.Outcome != history.Open) != (d.Texts["response"] != "" && d.Place.Response > n) {
			t.Errorf("record %d: %+v", n, d)
		}
	}
	if status, _ := v.request("GET", "/api/call?row=99999999", v.session); status != http.StatusNotFound {
		t.Error(status)
	}
}

// TestOthers: without the token, and with the host, origin or site of another, nothing
// is served; with them the link is not used up.
func TestOthers(t *testing.T) {
	v := serve(t, written(t, 10), 0)
	_, token, _ := strings.Cut(v.URL(), "#")
	try := func(path string, change func(*http.Request)) (int, string) {
		t.Helper()
		method := "GET"
		if path == "/api/session" {
			method = "POST"
		}
		r, err := http.NewRequest(method, "http://"+v.host+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		change(r)
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		b, _ := io.ReadAll(w.Body)
		if w.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Error("another origin may read it")
		}
		return w.StatusCode, string(b)
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, path := range []string{"/", "/common.js", "/api/session", "/api/state", "/api/calls"} {
		for _, change := range []func(*http.Request){
			func(r *http.Request) { r.Host = "example.com" },
			func(r *http.Request) { r.Host = "localhost" + strings.TrimPrefix(v.host, "127.0.0.1") },
			func(r *http.Request) { r.Host = "127.0.0.1" },
			header("Origin", "http://localhost"+strings.TrimPrefix(v.host, "127.0.0.1")),
			header("Origin", "null"), header("Origin", "https://"+v.host),
			header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Site", "same-site"),
		} {
			if status, body := try(path, change); status != http.StatusForbidden {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
	}
	for _, token := range []string{"", "Bearer ", "Bearer x", "Basic " + token, token} {
		for _, path := range []string{"/api/session", "/api/state", "/api/calls", "/api/call?row=0"} {
			if status, body := try(path, header("Authorization", token)); status != http.StatusUnauthorized {
				t.Errorf("%s, %q: %d %s", path, token, status, body)
			}
		}
	}
	if status, _ := try("/api/state", func(*http.Request) {}); status != http.StatusUnauthorized {
		t.Error("the link's token is not that of a session")
	}
	v.open()
	v.get("state", nil)
	if status, _ := try("/api/session", func(*http.Request) {}); status != http.StatusGone {
		t.Error("the link opens the page twice")
	}
	v.get("state", nil) // the one who was first stays
}

// TestIdle: it ends when nobody looks, and not before.
func TestIdle(t *testing.T) {
	v := serve(t, written(t, 10), time.Second)
	select {
	case err := <-v.ended:
		if err != ErrIdle {
			t.Error(err)
		}
		v.ended <- err
	case <-time.After(patience):
		t.Error("it does not end")
	}
	v = serve(t, written(t, 10), time.Second).open()
	s := v.wait(func(s state) bool { return s.Indexed && s.Checked != nil })
	v.get(fmt.Sprintf("state?since=%d", s.Version), nil) // waits longer than a second: somebody looks
	v.get("state", nil)
}

// TestLive: calls that are appended are there, and the log is verified again; an edit
// shows.
func TestLive(t *testing.T) {
	home := written(t, 300)
	v := serve(t, home, 0).open()
	s := v.wait(func(s state) bool { return s.Indexed && s.Checked != nil })
	if s.Checked.Log.Damaged > 0 {
		t.Fatalf("%+v", s.Checked.Log)
	}
	signer, err := sign.NewSigner(testlog.Key(), "testlog", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	draft, err := signer.Prepare(sign.Action{Tool: "late", Arguments: []byte(`{"a":1}`), Target: "mcp://files", Session: "ses_" + strings.Repeat("0", 32)})
	if err != nil {
		t.Fatal(err)
	}
	log := chain.New(v.o.Audit, chain.Options{NoSync: true})
	defer log.Close()
	if _, err := log.Append(1, func(_ int, at chain.At) ([]byte, error) {
		r, err := draft.SignAt(at.Time, at.Prev)
		return r.Record, err
	}); err != nil {
		t.Fatal(err)
	}
	v.wait(func(state) bool {
		var c calls
		v.get("calls?count=1&tool=late", &c)
		return c.Total == 1 && c.Rows[0].Outcome == history.Open
	})
	v.wait(func(s state) bool { return s.Checked != nil && s.Checked.Log.Records == 301 })
	name := filepath.Join(v.o.Audit, testlog.Day.Format(time.DateOnly)+".jsonl")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(b), "alice", "malic", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	v.wait(func(s state) bool { return s.Checked != nil && s.Checked.Log.Damaged == 1 })
}

// TestBounds: the index stays small, however many names there are and however long they
// are.
func TestBounds(t *testing.T) {
	n := newNames()
	for i := range maxNames + 1000 {
		n.counts[n.of(fmt.Sprint(i))]++
	}
	n.of(strings.Repeat("x", 1<<20))
	if len(n.list) > maxNames+1 || n.list[n.of("another")] != "(others)" {
		t.Errorf("%d names", len(n.list))
	}
	n = newNames()
	long := n.of(strings.Repeat("x", 1<<20))
	if len(n.list[long]) > maxName+3 || n.of(strings.Repeat("x", 1<<20)) != long {
		t.Errorf("%d bytes", len(n.list[long]))
	}
}

// BenchmarkView is what a person waits for, in a log of SIGNET_WRAP_RECORDS records.
func BenchmarkView(b *testing.B) {
	records := 20_000
	if s := os.Getenv("SIGNET_WRAP_RECORDS"); s != "" {
		fmt.Sscan(s, &records)
	}
	patience += time.Duration(records) * time.Millisecond
	home := written(b, records)
	began := time.Now()
	v := serve(b, home, 0).open()
	var c calls
	v.get("calls?count=100", &c)
	first := time.Since(began)
	v.wait(func(s state) bool { return s.Indexed })
	b.Logf("%d records: first rows after %v, indexed after %v", records, first, time.Since(began))
	v.wait(func(s state) bool { return s.Checked != nil })
	for _, q := range []string{"", "from=100000", "tool=write", "server=files", "client=testlog", "outcome=failed", "since=2026-05-01T10:00:00Z&until=2026-05-01T11:00:00Z", "tool=delete_database"} {
		b.Run("rows?"+q, func(b *testing.B) {
			for b.Loop() {
				v.Server.mu.Lock()
				v.Server.cache = nil
				v.Server.mu.Unlock()
				v.get("calls?count=100&"+q, &c)
			}
		})
	}
	b.Run("timeline", func(b *testing.B) {
		for b.Loop() {
			v.get("timeline", nil)
		}
	})
	b.Run("call", func(b *testing.B) {
		for b.Loop() {
			v.get("call?row=100", nil)
		}
	})
}
