package anchor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	cosign "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/testwitness"
)

// a witness's key, for servers that the test is.
func testWitness(t *testing.T, url string) tlog.Witness {
	t.Helper()
	_, vkey, err := note.GenerateKey(nil, "w")
	if err == nil {
		vkey, err = cosign.VKeyToCosignatureV1(vkey)
	}
	if err != nil {
		t.Fatal(err)
	}
	return tlog.Witness{Key: vkey, URL: url}
}

// Answers of witnesses that are none, or of servers that say them otherwise: each
// comes to a status and an error of one line, and never to a finding that enough
// witnesses do not share.
func TestAnswers(t *testing.T) {
	answer := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	other := httptest.NewServer(answer(200, "text/plain", "— w AAAA\n"))
	defer other.Close()
	const size = "text/x.tlog.size"
	for _, c := range []struct {
		name    string
		known   int64 // what it has cosigned before
		handler http.HandlerFunc
		want    Status
		finding Kind
	}{
		{"unknown log", 0, answer(404, "text/plain", "unknown log"), NotEnrolled, ""},
		{"unknown log, forbidden", 0, answer(403, "text/plain", ""), NotEnrolled, ""},
		{"unknown log, 500", 0, answer(500, "", "no such log\nat x"), NotEnrolled, ""},
		{"forgotten log", 2, answer(404, "text/plain", "unknown log"), Refused, ""},
		{"too many", 0, answer(429, "", "slow down"), Later, ""},
		{"broken", 2, answer(500, "", ""), Later, ""},
		{"away", 0, answer(503, "text/html", "<html>\x1b[2J"), Later, ""},
		{"bad request", 0, answer(400, "", "what\x00is this"), Refused, ""},
		{"garbage", 0, answer(200, "", "garbage\n"), Later, ""},
		{"nothing", 0, answer(200, "", ""), Later, ""},
		{"a false signature", 0, answer(200, "", "— w "+strings.Repeat("A", 104)+"\n"), Later, ""},
		{"endless", 0, func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		}, Later, ""},
		{"breaks off", 0, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Write([]byte("— w"))
			panic(http.ErrAbortHandler)
		}, Later, ""},
		{"long headers", 0, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 200<<10))
		}, Later, ""},
		{"another host", 0, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/add-checkpoint", http.StatusTemporaryRedirect)
		}, Later, ""},
		{"round and round", 0, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		}, Later, ""},
		{"a size again and again", 0, answer(409, size, "1\n"), Conflicts, Fork},
		{"our own size", 3, answer(409, size, "3\n"), Conflicts, Fork},
		{"a larger size", 0, answer(409, size, "4\n"), Conflicts, Rollback},
		{"a larger size, said by 400", 0, answer(400, "text/plain", "4\n"), Conflicts, Rollback},
		{"a huge size", 0, answer(409, size, "99999999999999999999\n"), Conflicts, Fork},
		{"a negative size", 0, answer(409, size, "-1\n"), Conflicts, Fork},
		{"no size", 0, answer(409, "text/plain", "conflict"), Conflicts, Fork},
		{"no consistency", 2, answer(422, "text/plain", "bad proof"), Conflicts, Fork},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.handler)
			defer server.Close()
			s := newScene(t, Settings{Witnesses: []tlog.Witness{testWitness(t, server.URL)}, Quorum: 1})
			s.add(3)
			s.store.saveState(&State{Witnesses: map[string]*Peer{"w": {Size: c.known}}})
			r := s.anchor()
			w := r.Witnesses[0]
			if w.Status != c.want || w.Err == nil || r.Checkpoint.Quorum || r.Established(s.store.Policy) {
				t.Fatalf("%+v", w)
			}
			if strings.ContainsAny(w.Err.Error(), "\n\x00\x1b") || len(w.Err.Error()) > 400 {
				t.Errorf("%q", w.Err)
			}
			switch f := r.Finding; {
			case c.finding == "" && f != nil, c.finding != "" && (f == nil || f.Kind != c.finding || !f.Proven):
				t.Errorf("%+v", f)
			}
			if p := s.store.State().Witnesses["w"]; p.Next.IsZero() || p.Delay != firstDelay || !p.Next.After(time.Now().Add(-time.Minute)) {
				t.Errorf("%+v", p)
			}
		})
	}
}

// What leaves the machine is the checkpoint, hashes of the tree and sizes: to a
// witness nothing else, and to an authority the hash of the checkpoint.
func TestWhatIsSent(t *testing.T) {
	type request struct {
		header http.Header
		target string
		body   []byte
	}
	sent := make(chan request, 10)
	serve := func(answers ...string) *httptest.Server {
		n := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			sent <- request{r.Header, r.URL.String(), body}
			w.Header().Set("Content-Type", "text/x.tlog.size")
			w.WriteHeader(409)
			fmt.Fprint(w, answers[min(n, len(answers)-1)])
			n++
		}))
		t.Cleanup(server.Close)
		return server
	}
	witness, authority := serve("2\n", "no more"), serve("no")
	roots := testwitness.NewAuthority(t).Roots
	s := newScene(t, Settings{Witnesses: []tlog.Witness{testWitness(t, witness.URL)}, Quorum: 1, TSARoots: roots, Config: Config{TSA: authority.URL}})
	s.add(5)
	cp := s.anchor().Checkpoint
	only := func(r request, target string) {
		t.Helper()
		for name := range r.header {
			if !slices.Contains([]string{"Accept-Encoding", "Connection", "Content-Length", "Content-Type", "User-Agent"}, name) {
				t.Errorf("header %s: %q", name, r.header[name])
			}
		}
		if r.target != target || r.header.Get("User-Agent") != "signet-wrap" {
			t.Errorf("%s, User-Agent %q", r.target, r.header.Get("User-Agent"))
		}
	}
	for _, old := range []int64{0, 2} {
		r := <-sent
		only(r, "/add-checkpoint")
		proof, err := tlog.Hashes{R: bytes.NewReader(s.read(hashesName))}.Consistency(5, old)
		if err != nil || !bytes.Equal(r.body, addCheckpointBody(old, proof, cp.Log)) || !bytes.HasPrefix(cp.Log, []byte("example.com/log\n5\n")) {
			t.Errorf("from %d: %v\n%s", old, err, r.body)
		}
	}
	r := <-sent
	only(r, "/")
	var q struct {
		Version int
		Imprint struct {
			Algorithm pkix.AlgorithmIdentifier
			Hash      []byte
		}
		Nonce *big.Int
		Certs bool
	}
	sum := sha256.Sum256(cp.Log)
	if rest, err := asn1.Unmarshal(r.body, &q); err != nil || len(rest) > 0 || !bytes.Equal(q.Imprint.Hash, sum[:]) {
		t.Errorf("%+v, %v, %d bytes more", q, err, len(rest))
	}
	if len(sent) > 0 {
		t.Errorf("%d further requests", len(sent))
	}
}

// A witness that does not respond holds nobody up for longer than it may, and is
// asked less and less often.
func TestBackOff(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) }))
	defer server.Close()
	s := newScene(t, Settings{Witnesses: []tlog.Witness{testWitness(t, server.URL)}, Quorum: 1})
	s.add(1)
	var delays []Seconds
	for range 12 {
		s.anchor()
		delays = append(delays, s.store.State().Witnesses["w"].Delay)
	}
	if delays[0] != 5 || delays[1] != 10 || delays[11] != 15*60 {
		t.Errorf("%v", delays)
	}
	due := Options{Log: s.log, Own: true, Due: true}
	s.add(1)
	if r, err := s.store.Anchor(context.Background(), due); err != nil || !r.Skipped {
		t.Errorf("%+v, %v", r, err)
	}
	// A state from far in the future, which somebody has planted, stops nothing.
	s.store.saveState(&State{Next: time.Now().AddDate(100, 0, 0), Witnesses: map[string]*Peer{"w": {Next: time.Now().AddDate(100, 0, 0)}}})
	if r, err := s.store.Anchor(context.Background(), due); err != nil || r.Skipped || r.Size != 2 || r.Witnesses[0].Status != Later {
		t.Errorf("%+v, %v", r, err)
	}
}

// Addresses that would be open to anybody on the way, or are none.
func TestAddresses(t *testing.T) {
	for address, plain := range map[string]bool{
		"http://192.0.2.1/": false, "http://example.com": false, "http://localhost.example.com": false, "http://127.0.0.1.example.com": false,
		"ftp://127.0.0.1": true, "https://": true, "file:///etc/passwd": true, "https://a:b@example.com": true,
	} {
		_, err := Create(t.TempDir()+"/s", Settings{Origin: "o", Witnesses: []tlog.Witness{testWitness(t, address)}, Quorum: 1})
		if err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", address, err)
		}
		_, err = Create(t.TempDir()+"/s", Settings{Origin: "o", Witnesses: []tlog.Witness{testWitness(t, address)}, Quorum: 1, Config: Config{Plain: true}})
		if (err == nil) == plain {
			t.Errorf("%s, where plain http was asked for: %v", address, err)
		}
	}
	for _, address := range []string{"http://127.0.0.1:1/x", "http://[::1]:1", "http://localhost:1", "https://example.com/a/b"} {
		if _, err := Create(t.TempDir()+"/s", Settings{Origin: "o", Witnesses: []tlog.Witness{testWitness(t, address)}, Quorum: 1}); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}
