package anchor

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Limits of one exchange with a witness or authority.
const (
	timeout     = 10 * time.Second // from connecting to the last byte
	maxResponse = 64 << 10         // bytes
	maxHops     = 3                // redirects
)

// client talks to witnesses and time-stamp authorities.
type client struct{ http *http.Client }

// client returns a client for the store's config.
func (s *Store) client() (*client, error) {
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: timeout}).DialContext,
		TLSHandshakeTimeout:    timeout,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxResponse,
		ForceAttemptHTTP2:      false,
	}
	if s.Config.Proxy != "" {
		u, err := url.Parse(s.Config.Proxy)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
			return nil, fmt.Errorf("the proxy is not a URL such as http://proxy.example.com:3128")
		}
		t.Proxy = http.ProxyURL(u)
	}
	if s.Config.CA != "" {
		pem, err := readFile(s.Config.CA, 1<<20)
		if err != nil {
			return nil, fmt.Errorf("the CA file: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the CA file %s has no certificate in PEM form", s.Config.CA)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return &client{&http.Client{Transport: t, Timeout: timeout, CheckRedirect: s.checkRedirect}}, nil
}

// checkRedirect allows redirects only within one host, and not from https to http.
func (s *Store) checkRedirect(req *http.Request, via []*http.Request) error {
	switch first := via[0].URL; {
	case len(via) > maxHops:
		return errors.New("it redirects too often")
	case req.URL.Host != first.Host || req.URL.Scheme != first.Scheme:
		return fmt.Errorf("it redirects to another host: %.100q", req.URL.Redacted())
	}
	return nil
}

// checkURL says whether a witness or authority may be contacted at this address.
func (s *Store) checkURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%.200q is not a URL such as https://witness.example.com", address)
	}
	if u.Scheme == "http" && !s.Config.Plain && !isLoopback(u.Hostname()) {
		return fmt.Errorf("%.200q is not https: anybody on the network path could respond", address)
	}
	return nil
}

// isLoopback says whether a host is this machine, by its name only.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// response is a response of a witness or authority.
type response struct {
	status int
	kind   string // Content-Type
	body   []byte
}

// post sends body. The error is one line for people.
func (c *client) post(ctx context.Context, address, kind string, body []byte) (*response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("User-Agent", "signet-wrap")
	resp, err := c.http.Do(req)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // the caller prints the address
		}
		return nil, fmt.Errorf("cannot be reached: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err != nil {
		return nil, fmt.Errorf("its response is truncated: %w", err)
	}
	if len(b) > maxResponse {
		return nil, fmt.Errorf("its response has more than %d bytes", maxResponse)
	}
	return &response{resp.StatusCode, resp.Header.Get("Content-Type"), b}, nil
}
