package testwitness

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
)

// An Authority is a real time-stamp authority, openssl ts, in a server that does nothing but
// hand it the requests.
type Authority struct {
	Roots []byte // PEM
	URL   string
	Reply func(query []byte) []byte // nil: Query

	t   testing.TB
	dir string
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

// NewAuthority makes one with a root of its own. Where there is no openssl the test is
// skipped; on CI that is an error.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	a := &Authority{t: t, dir: t.TempDir()}
	for file, text := range map[string]string{"ca.cnf": strings.ReplaceAll(tsaConfig, "%s", "root"), "tsa.cnf": strings.ReplaceAll(tsaConfig, "%s", "tsa"), "serial": "01\n"} {
		if err := os.WriteFile(filepath.Join(a.dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-config", "ca.cnf", "-extensions", "ca")
	a.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-config", "tsa.cnf")
	a.openssl("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "tsa.cnf", "-extensions", "tsa", "-out", "tsa.pem")
	var err error
	if a.Roots, err = os.ReadFile(filepath.Join(a.dir, "ca.pem")); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, _ := io.ReadAll(r.Body)
		if r.Header.Get("Content-Type") != "application/timestamp-query" {
			http.Error(w, "what is this", 400)
			return
		}
		reply := a.Query
		if a.Reply != nil {
			reply = a.Reply
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		w.Write(reply(query))
	}))
	t.Cleanup(server.Close)
	a.URL = server.URL
	return a
}

func (a *Authority) openssl(args ...string) []byte {
	cmd := exec.Command("openssl", args...)
	cmd.Dir = a.dir
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		a.t.Errorf("openssl %s: %v: %s", args[0], err, stderr.Bytes())
	}
	return out.Bytes()
}

// Query is openssl's reply to a query.
func (a *Authority) Query(query []byte) []byte {
	file := filepath.Join(a.t.TempDir(), "query") // Windows has no /dev/stdin
	if err := os.WriteFile(file, query, 0o600); err != nil {
		a.t.Error(err)
	}
	return a.openssl("ts", "-reply", "-config", "tsa.cnf", "-section", "tsa_config", "-queryfile", file)
}
