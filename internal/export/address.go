package export

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
)

// An Address is where records are sent over a network.
type Address struct {
	URL *url.URL
	TLS *tls.Config
}

// TLSFiles are the names of files in PEM; "": none.
type TLSFiles struct{ CA, Cert, Key string }

// ParseAddress reads the address of a receiver of a format. Without TLS only this machine
// is taken, unless plain says that any is.
func ParseAddress(s string, format Format, plain bool, files TLSFiles) (*Address, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("not an address") // the text of url.Error has all of it
	}
	secure := false
	switch {
	case u.User != nil:
		return nil, errors.New("a name and a password in an address show in lists of processes: use a file of headers")
	case format == OTLP && (u.Scheme == "https" || u.Scheme == "http"):
		if secure = u.Scheme == "https"; u.Path == "" || u.Path == "/" {
			u.Path = "/v1/logs"
		}
	case format == Syslog && (u.Scheme == "syslog+tls" || u.Scheme == "syslog+tcp"):
		if secure = u.Scheme == "syslog+tls"; u.Port() == "" {
			u.Host = net.JoinHostPort(u.Hostname(), map[bool]string{true: "6514", false: "601"}[secure])
		}
	case format == OTLP:
		return nil, errors.New("otlp is sent to https://HOST[:PORT][/PATH]")
	case format == Syslog:
		return nil, errors.New("syslog is sent to syslog+tls://HOST[:PORT] or syslog+tcp://HOST:PORT")
	default:
		return nil, fmt.Errorf("%s is written to files: otlp and syslog are sent", format)
	}
	if u.Hostname() == "" {
		return nil, errors.New("the address has no host")
	}
	if !secure && !plain && !loopback(u.Hostname()) {
		return nil, errors.New("without TLS all on the way can read and change it: only this machine is taken so")
	}
	a := &Address{URL: u}
	if secure {
		a.TLS, err = files.config(u.Hostname())
	} else if files != (TLSFiles{}) {
		err = errors.New("it has no TLS, and certificates are of no use")
	}
	return a, err
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (f TLSFiles) config(host string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		pem, err := readBounded(f.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate in PEM", f.CA)
		}
	}
	if (f.Cert == "") != (f.Key == "") {
		return nil, errors.New("a certificate and its key go together")
	}
	if f.Cert == "" {
		return c, nil
	}
	if err := private(f.Key); err != nil {
		return nil, err
	}
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Cert, err)
	}
	c.Certificates = []tls.Certificate{cert}
	return c, nil
}

// maxFile bounds files of certificates and of headers, in bytes.
const maxFile = 1 << 20

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s is longer than %d MiB", path, maxFile>>20)
	}
	return b, err
}

// private says what is wrong with the mode of a file that has a secret.
func private(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	if runtime.GOOS != "windows" && st.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others have access to %s (mode %04o): chmod 600 it", path, st.Mode().Perm())
	}
	return nil
}

// readHeaders are those of requests: of a file with a line "Name: value" each, which nobody
// else may read, and of the variable OTEL_EXPORTER_OTLP_HEADERS ("name=value", with commas
// between them and values escaped as in URLs). They are never arguments, which others see.
func readHeaders(file, variable string) (http.Header, error) {
	h := http.Header{}
	for pair := range strings.SplitSeq(variable, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !ok || err != nil || !goodHeader(name, value) {
			return nil, errors.New("OTEL_EXPORTER_OTLP_HEADERS is not a list of name=value")
		}
		h.Set(name, value)
	}
	if file == "" {
		return h, nil
	}
	if err := private(file); err != nil {
		return nil, err
	}
	b, err := readBounded(file)
	if err != nil {
		return nil, err
	}
	n := 0
	for lines := bufio.NewScanner(strings.NewReader(string(b))); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if n++; line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if value = strings.TrimSpace(value); !ok || !goodHeader(name, value) {
			return nil, fmt.Errorf("%s:%d: not a line of the form Name: value", file, n)
		}
		h.Set(name, value)
	}
	return h, nil
}

func goodHeader(name, value string) bool {
	if name == "" || strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		return false
	}
	return !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f })
}
