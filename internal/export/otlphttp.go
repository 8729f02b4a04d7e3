package export

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/envelope"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

// OTLPOptions are those of [NewOTLP].
type OTLPOptions struct {
	Address  *Address
	Resource envelope.Resource
	Timeout  time.Duration // of a request
	Say      func(string)  // called with what the receiver did not keep

	HeadersFile string // a file of headers, which is read again when they are not taken; "": none
	Headers     string // the value of OTEL_EXPORTER_OTLP_HEADERS
}

// otlpSink sends batches to OTLP over HTTP, in JSON.
type otlpSink struct {
	OTLPOptions
	client  *http.Client
	headers http.Header
	lost    int64
	body    []byte
	zipped  bytes.Buffer
	zip     *gzip.Writer
}

// NewOTLP is a Sink that sends to OTLP over HTTP.
func NewOTLP(o OTLPOptions) (Sink, error) {
	s := &otlpSink{OTLPOptions: o}
	var err error
	if s.headers, err = readHeaders(o.HeadersFile, o.Headers); err != nil {
		return nil, err
	}
	s.zip, _ = gzip.NewWriterLevel(&s.zipped, gzip.BestSpeed) // the level is one
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = o.Address.TLS
	t.MaxResponseHeaderBytes = 64 << 10
	t.DisableCompression = true // what comes back is short, and bounded
	s.client = &http.Client{Transport: t, Timeout: o.Timeout, CheckRedirect: s.redirected}
	return s, nil
}

// redirected follows only to the same host, the same way: elsewhere the headers and the
// records would be somebody else's.
func (s *otlpSink) redirected(to *http.Request, via []*http.Request) error {
	switch from := via[0]; {
	case to.URL.Host != from.URL.Host || to.URL.Scheme != from.URL.Scheme:
		return fmt.Errorf("%w to %s, which is not followed", errRedirect, to.URL.Host)
	case to.Method != http.MethodPost:
		return fmt.Errorf("%w that does not keep the request", errRedirect)
	case len(via) > 3:
		return fmt.Errorf("%w after another", errRedirect)
	}
	return nil
}

var errRedirect = errors.New("a redirect")

// maxAnswer bounds what is read of a response, in bytes.
const maxAnswer = 64 << 10

func (s *otlpSink) Send(ctx context.Context, batch []Item) error {
	s.body = appendRequest(s.body[:0], &s.Resource, batch)
	s.zipped.Reset()
	s.zip.Reset(&s.zipped)
	s.zip.Write(s.body) // to memory
	s.zip.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Address.URL.String(), bytes.NewReader(s.zipped.Bytes()))
	if err != nil {
		return err
	}
	for name, values := range s.headers {
		req.Header[name] = values
		if name == "Host" {
			req.Host = values[0]
		}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("User-Agent", "signet-wrap/"+s.Resource.Version)
	resp, err := s.client.Do(req)
	if err != nil {
		if errors.Is(err, errRedirect) {
			return &SendError{Err: err, What: Change}
		}
		return &SendError{Err: err, What: Back}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return &SendError{Err: err, What: Back}
	}
	return s.answered(resp, answer, len(batch))
}

func (s *otlpSink) answered(resp *http.Response, answer []byte, n int) error {
	refused := func(what Remedy) error {
		said := strings.Join(strings.Fields(text.Clip(strings.ToValidUTF8(string(answer), "?"), 200)), " ")
		return &SendError{Err: fmt.Errorf("%s responded %s: %s", s.Address.URL.Host, resp.Status, said), What: what, After: retryAfter(resp)}
	}
	switch code := resp.StatusCode; {
	case code == http.StatusOK || code == http.StatusAccepted || code == http.StatusNoContent:
	case code == http.StatusBadRequest, code == http.StatusRequestEntityTooLarge, code == http.StatusUnprocessableEntity:
		return refused(Split)
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		if h, err := readHeaders(s.HeadersFile, s.Headers); err == nil { // they may be newer
			s.headers = h
		}
		return refused(Change)
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500 && code != http.StatusNotImplemented:
		return refused(Again)
	default:
		return refused(Change)
	}
	if len(bytes.TrimSpace(answer)) == 0 {
		return nil
	}
	var said struct {
		PartialSuccess *struct {
			RejectedLogRecords json.RawMessage `json:"rejectedLogRecords"` // a number, or one in a string
			ErrorMessage       string          `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if len(answer) == maxAnswer || answer[0] != '{' || json.Unmarshal(answer, &said) != nil {
		return &SendError{Err: fmt.Errorf("%s responded %s, and not as a receiver of OTLP does", s.Address.URL.Host, resp.Status), What: Again}
	}
	if p := said.PartialSuccess; p != nil {
		lost, _ := strconv.ParseInt(strings.Trim(string(p.RejectedLogRecords), `"`), 10, 64)
		if lost = max(min(lost, int64(n)), 0); lost > 0 {
			s.lost += lost
			s.Say(fmt.Sprintf("%s has not kept %s: %s", s.Address.URL.Host, text.Count(lost, "record"), text.Clip(p.ErrorMessage, 200)))
		}
	}
	return nil
}

func (s *otlpSink) rejected() int64 { return s.lost }

func (s *otlpSink) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// retryAfter is how long a receiver asks to be left alone: seconds, or a date.
func retryAfter(resp *http.Response) time.Duration {
	said := resp.Header.Get("Retry-After")
	if n, err := strconv.ParseUint(said, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(said); err == nil {
		return max(time.Until(t), 0)
	}
	return 0
}
