package anchor

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An authority is a real one, openssl ts, in a server that does nothing but
// hand it the requests.
type authority struct {
	t     *testing.T
	dir   string
	roots []byte
	url   string
	reply func(query []byte) []byte // nil: openssl's
}

const tsaConfig = `[req]
distinguished_name = name
prompt = no
[name]
CN = %s
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[tsa]
extendedKeyUsage = critical,timeStamping
[tsa_config]
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
certs = ca.pem
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
`

// newAuthority makes one with a root of its own.
func newAuthority(t *testing.T) *authority {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		cannot(t, err)
	}
	a := &authority{t: t, dir: t.TempDir()}
	for file, text := range map[string]string{"ca.cnf": strings.ReplaceAll(tsaConfig, "%s", "root"), "tsa.cnf": strings.ReplaceAll(tsaConfig, "%s", "tsa"), "serial": "01\n"} {
		if err := os.WriteFile(filepath.Join(a.dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-config", "ca.cnf", "-extensions", "ca")
	a.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-config", "tsa.cnf")
	a.openssl("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "tsa.cnf", "-extensions", "tsa", "-out", "tsa.pem")
	var err error
	if a.roots, err = os.ReadFile(filepath.Join(a.dir, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, _ := io.ReadAll(r.Body)
		if r.Header.Get("Content-Type") != "application/timestamp-query" {
			http.Error(w, "what is this", 400)
			return
		}
		reply := a.query
		if a.reply != nil {
			reply = a.reply
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		w.Write(reply(query))
	}))
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

func (a *authority) openssl(args ...string) []byte {
	cmd := exec.Command("openssl", args...)
	cmd.Dir = a.dir
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		a.t.Errorf("openssl %s: %v: %s", args[0], err, stderr.Bytes())
	}
	return out.Bytes()
}

func (a *authority) query(query []byte) []byte {
	file := filepath.Join(a.t.TempDir(), "query") // Windows has no /dev/stdin
	if err := os.WriteFile(file, query, 0o600); err != nil {
		a.t.Error(err)
	}
	return a.openssl("ts", "-reply", "-config", "tsa.cnf", "-section", "tsa_config", "-queryfile", file)
}

func TestStamp(t *testing.T) {
	a := newAuthority(t)
	s := newScene(t, Settings{TSARoots: a.roots, Config: Config{TSA: a.url}})
	s.add(3)
	before := time.Now().Add(-time.Minute)
	r := s.anchor()
	if r.TSA == nil || r.TSA.Status != Signed || !r.Established(s.store.Policy) {
		t.Fatalf("%+v", r.TSA)
	}
	if r := s.anchor(); r.TSA != nil {
		t.Fatalf("stamped again: %+v", r.TSA)
	}
	_, c, token, err := s.store.Prove(s.store.State().Last.Hash)
	if err != nil || token == nil {
		t.Fatal(err)
	}
	at, err := CheckStamp(token, c.Log, a.roots)
	if err != nil || at.Before(before) || at.After(time.Now().Add(time.Minute)) {
		t.Fatal(at, err)
	}
	if _, err := CheckStamp(token, append([]byte("x"), c.Log...), a.roots); err == nil {
		t.Error("a stamp of something else")
	}
	if _, err := CheckStamp(token, c.Log, newAuthority(t).roots); err == nil {
		t.Error("an authority that is not one of the roots")
	}
	// No change of a byte makes it say another time, or crashes.
	for i := range token {
		bad := bytes.Clone(token)
		bad[i] ^= 1 << (i % 8)
		if other, err := CheckStamp(bad, c.Log, a.roots); err == nil && !other.Equal(at) {
			t.Errorf("byte %d: %v", i, other)
		} else if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("byte %d: %q", i, err)
		}
		if i%7 == 0 {
			if _, err := CheckStamp(token[:i], c.Log, a.roots); err == nil {
				t.Errorf("cut at %d: taken", i)
			}
		}
	}
	claims, err := s.store.Claims(nil, nil)
	if err != nil || len(claims) != 2 || !claims[1].Stamped.Equal(at) {
		t.Errorf("%+v, %v", claims, err)
	}
}

// Responses of an authority that are not stamps of the request.
func TestStampRefused(t *testing.T) {
	a := newAuthority(t)
	s := newScene(t, Settings{TSARoots: a.roots, Config: Config{TSA: a.url}})
	s.add(1)
	var earlier []byte
	a.reply = func(q []byte) []byte { earlier = a.query(q); return earlier[:len(earlier)-1] }
	for name, reply := range map[string]func([]byte) []byte{
		"cut":       a.reply,
		"nothing":   func([]byte) []byte { return nil },
		"garbage":   func([]byte) []byte { return bytes.Repeat([]byte{0x30, 0x80}, 1000) },
		"huge":      func([]byte) []byte { return make([]byte, 10<<20) },
		"the query": func(q []byte) []byte { return q },
		"refusal":   func([]byte) []byte { return []byte{0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02} },
		"earlier":   func([]byte) []byte { return earlier },
	} {
		a.reply = reply
		r := s.anchor()
		if r.TSA == nil || r.TSA.Status != Later || r.Established(s.store.Policy) || r.Finding != nil {
			t.Errorf("%s: %+v", name, r.TSA)
		} else if strings.ContainsAny(r.TSA.Err.Error(), "\n\x00\x1b") || len(r.TSA.Err.Error()) > 500 {
			t.Errorf("%s: %q", name, r.TSA.Err)
		}
	}
	a.reply = nil
	if r := s.anchor(); r.TSA.Status != Signed {
		t.Errorf("%+v", r.TSA)
	}
}
