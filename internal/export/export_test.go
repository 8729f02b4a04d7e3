package export

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/envelope"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// logOf is a log of n records, and its lines.
func logOf(t testing.TB, n int) (audit string, lines []string) {
	t.Helper()
	home := t.TempDir()
	if err := testlog.Write(home, testlog.Options{Records: n}); err != nil {
		t.Fatal(err)
	}
	audit = filepath.Join(home, "audit")
	return audit, linesOf(t, audit)
}

func linesOf(t testing.TB, audit string) (lines []string) {
	t.Helper()
	days, err := filepath.Glob(filepath.Join(audit, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range days {
		b, err := os.ReadFile(day)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")...)
	}
	return lines
}

// A collector keeps the bodies that it is sent, unless answer has other plans.
type collector struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
	bare   int
	n      int // requests
	// answer gets the number of the request, from 0 on, and the bodies; true: it has
	// answered, and they are not kept.
	answer func(n int, bodies []string, w http.ResponseWriter, r *http.Request) bool
}

func newCollector(t testing.TB, answer func(int, []string, http.ResponseWriter, *http.Request) bool) *collector {
	c := &collector{answer: answer}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	return c
}

func (c *collector) serve(w http.ResponseWriter, r *http.Request) {
	z, err := gzip.NewReader(r.Body)
	if err != nil || r.Header.Get("Content-Type") != "application/json" || r.URL.Path != "/v1/logs" {
		http.Error(w, "not a request of OTLP", http.StatusNotFound)
		return
	}
	var req struct {
		ResourceLogs []struct {
			ScopeLogs []struct {
				LogRecords []struct{ Body *struct{ StringValue string } }
			}
		}
	}
	if err := json.NewDecoder(z).Decode(&req); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var bodies []string
	bare := 0
	for _, l := range req.ResourceLogs[0].ScopeLogs[0].LogRecords {
		if l.Body == nil {
			bare++
		} else {
			bodies = append(bodies, l.Body.StringValue)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	if c.n++; c.answer != nil && c.answer(n, bodies, w, r) {
		return
	}
	c.bodies = append(c.bodies, bodies...)
	c.bare += bare
	io.WriteString(w, "{}")
}

func sinkTo(t testing.TB, address string) Sink {
	t.Helper()
	a, err := ParseAddress(address, OTLP, false, TLSFiles{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewOTLP(OTLPOptions{Address: a, Resource: envelope.Resource{Version: "1"}, Timeout: 2 * time.Second, Say: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inOrder says whether all of want is in got, in that order; between them others may
// have come again.
func inOrder(want, got []string) bool {
	for _, line := range got {
		if len(want) > 0 && line == want[0] {
			want = want[1:]
		}
	}
	return len(want) == 0
}

// Whatever a collector answers, all records arrive, in the order of the log.
func TestAnswers(t *testing.T) {
	audit, lines := logOf(t, 3500)
	hang := make(chan struct{})
	defer close(hang)
	answers := []func(w http.ResponseWriter, r *http.Request){
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		},
		nil,
		func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "broken", 500) },
		func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>sign in first</html>") },
		func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("x", 1<<20)) },
		nil,
		func(w http.ResponseWriter, r *http.Request) { // nothing at all
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		},
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
	}
	c := newCollector(t, func(n int, _ []string, w http.ResponseWriter, r *http.Request) bool {
		if n >= len(answers) || answers[n] == nil {
			return false
		}
		answers[n](w, r)
		return true
	})
	var said []string
	done, err := Run(context.Background(), Options{Log: audit, Format: OTLP, Sink: sinkTo(t, c.URL), Settle: time.Hour, GiveUp: time.Minute,
		Say: func(s string) { said = append(said, s) }})
	if err != nil || done.Records != int64(len(lines)) {
		t.Errorf("%+v, %v", done, err)
	}
	if !inOrder(lines, c.bodies) {
		t.Errorf("%d of %d records, or in another order", len(c.bodies), len(lines))
	}
	if all := strings.Join(said, "\n"); !strings.Contains(all, "429") || !strings.Contains(all, "not as a receiver of OTLP") || !strings.Contains(all, "it goes on") {
		t.Errorf("%s", all)
	}
}

// What a collector does not like is found, and goes without its body: the others go whole.
func TestRefused(t *testing.T) {
	audit, lines := logOf(t, 40)
	for _, status := range []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge} {
		c := newCollector(t, func(_ int, bodies []string, w http.ResponseWriter, _ *http.Request) bool {
			if strings.Contains(strings.Join(bodies, "\n"), lines[17]) {
				w.WriteHeader(status)
				return true
			}
			return false
		})
		done, err := Run(context.Background(), Options{Log: audit, Format: OTLP, Sink: sinkTo(t, c.URL)})
		if err != nil || done.Records != 40 || done.NotExported != 1 || len(c.bodies) != 39 || c.bare != 1 {
			t.Errorf("%d: %+v, %v; %d bodies, %d without", status, done, err, len(c.bodies), c.bare)
		}
	}
	// A receiver that takes nothing is given up, at once where waiting is of no use.
	for _, status := range []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusBadRequest} {
		c := newCollector(t, func(_ int, _ []string, w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			return true
		})
		if _, err := Run(context.Background(), Options{Log: audit, Format: OTLP, Sink: sinkTo(t, c.URL)}); err == nil {
			t.Errorf("%d: no error", status)
		}
	}
	c := newCollector(t, func(_ int, bodies []string, w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprintf(w, `{"partialSuccess":{"rejectedLogRecords":"%d","errorMessage":"too old"}}`, 3)
		return true
	})
	if done, err := Run(context.Background(), Options{Log: audit, Format: OTLP, Sink: sinkTo(t, c.URL)}); err != nil || done.Rejected != 3 || done.Records != 37 {
		t.Errorf("partial success: %+v, %v", done, err)
	}
}

// Records and headers go to nobody else.
func TestRedirect(t *testing.T) {
	audit, _ := logOf(t, 3)
	other := newCollector(t, nil)
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		c := newCollector(t, func(_ int, _ []string, w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, other.URL+"/v1/logs", status)
			return true
		})
		if _, err := Run(context.Background(), Options{Log: audit, Format: OTLP, Sink: sinkTo(t, c.URL)}); !errors.Is(err, errRedirect) {
			t.Errorf("%d: %v", status, err)
		}
	}
	if len(other.bodies) > 0 {
		t.Error("it was followed")
	}
}

func TestAddress(t *testing.T) {
	for _, tt := range []struct {
		address string
		format  Format
		plain   bool
		want    string // "": refused
	}{
		{"https://c.example", OTLP, false, "https://c.example/v1/logs"},
		{"https://c.example:4318/x", OTLP, false, "https://c.example:4318/x"},
		{"http://127.0.0.1:4318", OTLP, false, "http://127.0.0.1:4318/v1/logs"},
		{"http://[::1]:4318", OTLP, false, "http://[::1]:4318/v1/logs"},
		{"http://c.example", OTLP, false, ""},
		{"http://localhost.example", OTLP, false, ""},
		{"http://c.example", OTLP, true, "http://c.example/v1/logs"},
		{"https://u:p@c.example", OTLP, false, ""},
		{"https://", OTLP, false, ""},
		{"ftp://c.example", OTLP, false, ""},
		{"syslog+tls://c.example", Syslog, false, "syslog+tls://c.example:6514"},
		{"syslog+tcp://localhost", Syslog, false, "syslog+tcp://localhost:601"},
		{"syslog+tcp://c.example:514", Syslog, false, ""},
		{"https://c.example", Syslog, false, ""},
		{"https://c.example", Records, false, ""},
	} {
		a, err := ParseAddress(tt.address, tt.format, tt.plain, TLSFiles{})
		if got := ""; err == nil {
			if got = a.URL.String(); got != tt.want {
				t.Errorf("%s: %s", tt.address, got)
			}
		} else if tt.want != "" || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v", tt.address, err)
		}
	}
}

func TestHeaders(t *testing.T) {
	file := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(file, []byte("# for the collector\nAuthorization: Bearer x:y \n\nX-Scope-OrgID: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := readHeaders(file, "api-key=a%20b, x-scope-orgid=1")
	if err != nil || h.Get("Authorization") != "Bearer x:y" || h.Get("X-Scope-OrgID") != "7" || h.Get("Api-Key") != "a b" {
		t.Errorf("%v, %v", h, err)
	}
	for _, bad := range []string{"x", "a b=c", "x=%0d%0aY: z"} {
		if _, err := readHeaders("", bad); err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// An export that ends goes on where it was, and not with another log.
func TestCursor(t *testing.T) {
	audit, lines := logOf(t, 2500)
	path := filepath.Join(t.TempDir(), "cursor")
	out := filepath.Join(t.TempDir(), "out")
	follow := func(audit string) error {
		cursor, err := OpenCursor(path)
		if err != nil {
			t.Fatal(err)
		}
		defer cursor.Close()
		sink, err := NewFile(out, Records, envelope.Resource{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenCursor(path); err == nil {
			t.Error("two exports have one cursor")
		}
		if _, err := NewFile(out, Records, envelope.Resource{}); err == nil {
			t.Error("two exports write to one file")
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		want := len(linesOf(t, audit))
		_, err = Run(ctx, Options{Log: audit, Format: Records, Follow: true, Sink: &watched{sink, func() {
			if b, _ := os.ReadFile(out); strings.Count(string(b), "\n") >= want {
				cancel()
			}
		}}, Cursor: cursor, Every: time.Millisecond})
		return err
	}
	if err := follow(audit); err != nil {
		t.Fatal(err)
	}
	// What an export that was killed has left of a line goes.
	f, err := os.OpenFile(out, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(`{"receipt":{"act`)
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	more, _ := logOf(t, 2600) // the same log, longer, but for the nonces of responses
	if err := follow(more); !errors.As(err, new(*OtherLogError)) {
		t.Errorf("another log: %v", err)
	}
	l := chain.New(audit, chain.Options{})
	defer l.Close()
	if _, err := l.Append(5, func(i int, _ chain.At) ([]byte, error) { return fmt.Appendf(nil, `{"v":%d}`, i), nil }); err != nil {
		t.Fatal(err)
	}
	lines = append(lines, linesOf(t, audit)[len(lines):]...)
	if err := follow(audit); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"); strings.Join(got, "\n") != strings.Join(lines, "\n") {
		t.Errorf("%d lines, want %d", len(got), len(lines))
	}
	for _, bad := range []string{"x", "{}", `{"file":"x","offset":-1,"record_hash":"y"}`, strings.Repeat(" ", 5000)} {
		path := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenCursor(path); err == nil {
			t.Errorf("%.20q is a cursor", bad)
		}
	}
}

// watched calls after when a batch was taken.
type watched struct {
	Sink
	after func()
}

func (w *watched) Send(ctx context.Context, batch []Item) error {
	err := w.Sink.Send(ctx, batch)
	w.after()
	return err
}

// A receiver of syslog that ends has what it had just read sent again.
func TestSyslogReceiverEnds(t *testing.T) {
	audit, lines := logOf(t, 6000)
	s := &syslogServer{t: t}
	s.listen("127.0.0.1:0")
	u := &url.URL{Scheme: "syslog+tcp", Host: s.address}
	a, err := ParseAddress(u.String(), Syslog, false, TLSFiles{})
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	sink := &watched{NewSyslog(a, 10*time.Second), func() {
		if sent++; sent == 3 { // it ends, with all that it has read, and comes back
			s.end()
			s.mu.Lock()
			s.got = nil
			s.mu.Unlock()
			s.listen(s.address)
		}
	}}
	done, err := Run(context.Background(), Options{Log: audit, Format: Syslog, Sink: sink, Settle: time.Hour, GiveUp: time.Minute})
	s.end()
	if err != nil || done.Records != 6000 {
		t.Fatalf("%+v, %v", done, err)
	}
	var bodies []string
	for _, m := range s.got {
		if !strings.HasPrefix(m, "<110>1 2026-") && !strings.HasPrefix(m, "<108>1 2026-") {
			t.Fatalf("%s", m)
		}
		bodies = append(bodies, m[strings.Index(m, "] ")+2:])
	}
	if !inOrder(lines, bodies) {
		t.Errorf("%d of %d messages, or in another order", len(bodies), len(lines))
	}
}

// syslogServer reads messages with octet counts.
type syslogServer struct {
	t       *testing.T
	config  *tls.Config // nil: it speaks no TLS
	address string
	l       net.Listener
	wg      sync.WaitGroup
	mu      sync.Mutex
	got     []string
	conns   []net.Conn
}

func (s *syslogServer) listen(address string) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.l, s.address = l, l.Addr().String()
	if s.config != nil {
		l = tls.NewListener(l, s.config)
	}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			s.wg.Go(func() {
				defer c.Close()
				b, _ := io.ReadAll(c)
				for len(b) > 0 {
					count, rest, _ := bytes.Cut(b, []byte(" "))
					n := 0
					fmt.Sscan(string(count), &n)
					if n == 0 || n > len(rest) {
						return
					}
					s.mu.Lock()
					s.got = append(s.got, string(rest[:n]))
					s.mu.Unlock()
					b = rest[n:]
				}
			})
		}
	})
}

func (s *syslogServer) end() {
	s.l.Close()
	s.mu.Lock()
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.wg.Wait()
}

// A selection goes through a filter, and what is no record at all goes as damage.
func TestFilterAndDamage(t *testing.T) {
	audit, lines := logOf(t, 50)
	var out bytes.Buffer
	done, err := Run(context.Background(), Options{Log: audit, Filter: history.Filter{Tool: "search"}, Format: OTLP, Sink: NewWriter(&out, OTLP, envelope.Resource{})})
	if err != nil || done.Records == 0 || done.Records == 50 || int64(strings.Count(out.String(), envelope.Selection)) != done.Records {
		t.Errorf("%+v, %v: %s", done, err, out.String())
	}
	day := filepath.Join(audit, "2026-05-01.jsonl")
	lines[20], lines[30] = "no record", strings.Replace(lines[30], `"v":`, `"v":1`, 1)
	if err := os.WriteFile(day, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if done, err := Run(context.Background(), Options{Log: audit, Format: OTLP, Sink: NewWriter(&out, OTLP, envelope.Resource{})}); err != nil || done.Records != 50 {
		t.Errorf("%+v, %v", done, err)
	}
	if n := strings.Count(out.String(), `"severityText":"ERROR"`); n != 2 || !strings.Contains(out.String(), "signet.problem") {
		t.Errorf("%d errors", n)
	}
}
