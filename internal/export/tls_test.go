package export

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/envelope"
)

// An authority makes certificates for 127.0.0.1, of servers and of clients.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.write("ca.pem", "CERTIFICATE", der, 0o644)
	return a
}

func (a *authority) write(name, kind string, der []byte, mode os.FileMode) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode); err != nil {
		a.t.Fatal(err)
	}
	return path
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

// issue writes NAME.pem and NAME.key, and returns both.
func (a *authority) issue(name string, usage x509.ExtKeyUsage) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{usage}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := tls.LoadX509KeyPair(a.write(name+".pem", "CERTIFICATE", der, 0o644), a.write(name+".key", "PRIVATE KEY", keyDER, 0o600))
	if err != nil {
		a.t.Fatal(err)
	}
	return cert
}

// serverConfig is that of a server that wants a certificate of its clients.
func (a *authority) serverConfig() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &tls.Config{Certificates: []tls.Certificate{a.issue("server", x509.ExtKeyUsageServerAuth)}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert}
}

// Over TLS nothing is sent to a server whose certificate is not of the authority that was
// named, nor to one that is called something else; and a server that wants to know who
// comes gets the certificate. Of OTLP and of syslog.
func TestTLS(t *testing.T) {
	audit, lines := logOf(t, 30)
	good, other := newAuthority(t), newAuthority(t)
	config := good.serverConfig()
	good.issue("client", x509.ExtKeyUsageClientAuth)
	other.issue("client", x509.ExtKeyUsageClientAuth)

	c := &collector{}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	c.TLS = config
	c.Config.ErrorLog = nil
	c.StartTLS()
	t.Cleanup(c.Close)
	s := &syslogServer{t: t, config: config}
	s.listen("127.0.0.1:0")
	t.Cleanup(s.end)

	client := TLSFiles{CA: good.path("ca.pem"), Cert: good.path("client.pem"), Key: good.path("client.key")}
	patience := 30 * time.Second
	send := func(format Format, address string, files TLSFiles) (Result, error) {
		t.Helper()
		a, err := ParseAddress(address, format, false, files)
		if err != nil {
			t.Fatal(err)
		}
		var sink Sink
		if format == Syslog {
			sink = NewSyslog(a, patience)
		} else if sink, err = NewOTLP(OTLPOptions{Address: a, Resource: envelope.Resource{Version: "1"}, Timeout: 30 * time.Second}); err != nil {
			t.Fatal(err)
		}
		return Run(context.Background(), Options{Log: audit, Format: format, Sink: sink, GiveUp: time.Nanosecond})
	}
	addresses := map[Format]string{OTLP: c.URL, Syslog: (&url.URL{Scheme: "syslog+tls", Host: s.address}).String()}
	for format, address := range addresses {
		for name, files := range map[string]TLSFiles{
			"the system's authorities":    {Cert: client.Cert, Key: client.Key},
			"another authority":           {CA: other.path("ca.pem"), Cert: client.Cert, Key: client.Key},
			"no certificate":              {CA: client.CA},
			"one of another authority":    {CA: client.CA, Cert: other.path("client.pem"), Key: other.path("client.key")},
			"one that is not of a client": {CA: client.CA, Cert: good.path("server.pem"), Key: good.path("server.key")},
		} {
			if done, err := send(format, address, files); err == nil || done.Records > 0 {
				t.Errorf("%s, %s: %+v, %v", format, name, done, err)
			}
		}
		if _, err := send(format, strings.Replace(address, "127.0.0.1", "localhost", 1), client); err == nil {
			t.Errorf("%s: the certificate is of another name, and taken", format)
		}
		if done, err := send(format, address, client); err != nil || done.Records != 30 {
			t.Errorf("%s: %+v, %v", format, done, err)
		}
	}
	// What speaks no TLS gets nothing, either.
	plain := &syslogServer{t: t}
	plain.listen("127.0.0.1:0")
	patience = time.Second // it says nothing
	if done, err := send(Syslog, "syslog+tls://"+plain.address, client); err == nil || done.Records > 0 {
		t.Errorf("without TLS: %+v, %v", done, err)
	}
	plain.end()
	s.end()
	if strings.Join(c.bodies, "\n") != strings.Join(lines, "\n") || len(s.got) != len(lines) || len(plain.got) > 0 {
		t.Errorf("%d records, %d messages, %d in the clear", len(c.bodies), len(s.got), len(plain.got))
	}
}

// Files that cannot be what they are named for are refused before anything is sent.
func TestTLSFiles(t *testing.T) {
	a := newAuthority(t)
	a.issue("client", x509.ExtKeyUsageClientAuth)
	a.issue("other", x509.ExtKeyUsageClientAuth)
	open, big := a.write("open.key", "PRIVATE KEY", nil, 0o644), a.path("big.pem")
	if err := os.WriteFile(big, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]TLSFiles{
		"no authority in it":      {CA: open},
		"too long":                {CA: big},
		"not there":               {CA: a.path("none")},
		"a directory":             {CA: a.dir},
		"a certificate, no key":   {Cert: a.path("client.pem")},
		"a key, no certificate":   {Key: a.path("client.key")},
		"the key of another":      {Cert: a.path("client.pem"), Key: a.path("other.key")},
		"a key that others read":  {Cert: a.path("client.pem"), Key: open},
		"a key that is not there": {Cert: a.path("client.pem"), Key: a.path("none")},
	} {
		if _, err := ParseAddress("https://c.example", OTLP, false, files); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := ParseAddress("http://127.0.0.1:4318", OTLP, false, TLSFiles{CA: a.path("ca.pem")}); err == nil {
		t.Error("an authority, and no TLS: no error")
	}
}

// Headers come from the file and the variable, and go with each request. A file that others
// can read is refused. When a receiver does not take them, the file is read again.
func TestHeadersSent(t *testing.T) {
	audit, _ := logOf(t, 1500) // two requests
	file := filepath.Join(t.TempDir(), "headers")
	write := func(token string, mode os.FileMode) {
		t.Helper()
		os.Remove(file)
		if err := os.WriteFile(file, []byte("Authorization: Bearer "+token+"\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	c := newCollector(t, func(n int, _ []string, w http.ResponseWriter, r *http.Request) bool {
		seen = append(seen, r.Header.Get("Authorization")+" "+r.Header.Get("X-Tenant"))
		if r.Header.Get("Authorization") != "Bearer new" {
			write("new", 0o600)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}
		return false
	})
	address, err := ParseAddress(c.URL, OTLP, false, TLSFiles{})
	if err != nil {
		t.Fatal(err)
	}
	o := OTLPOptions{Address: address, Timeout: 30 * time.Second, HeadersFile: file, Headers: "x-tenant=a%2Cb,authorization=no"}
	if runtime.GOOS != "windows" {
		for _, mode := range []os.FileMode{0o644, 0o640, 0o602} {
			write("old", mode)
			os.Chmod(file, mode) // whatever the umask
			if _, err := NewOTLP(o); err == nil || !strings.Contains(err.Error(), "chmod 600") || strings.Contains(err.Error(), "old") {
				t.Errorf("%o: %v", mode, err)
			}
		}
	}
	write("old", 0o600)
	sink, err := NewOTLP(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), Options{Log: audit, Format: OTLP, Sink: sink}); err == nil {
		t.Error("without --follow, 401 is an error at once")
	}
	if sink, err = NewOTLP(o); err != nil {
		t.Fatal(err)
	}
	if done, err := Run(context.Background(), Options{Log: audit, Format: OTLP, Sink: sink}); err != nil || done.Records != 1500 {
		t.Errorf("%+v, %v", done, err)
	}
	for i, s := range seen {
		if want := map[bool]string{true: "Bearer old a,b", false: "Bearer new a,b"}[i == 0]; s != want {
			t.Errorf("request %d: %q, want %q", i, s, want)
		}
	}
	if len(seen) < 3 {
		t.Errorf("%d requests", len(seen))
	}
}
