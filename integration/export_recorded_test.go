package integration

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// recorded has a log, and what an OpenTelemetry Collector v0.161.0 was sent of it, said to
// that and wrote with its file exporter.
const recorded = "testdata/export"

// An exchange is a request of OTLP and its response.
type exchange struct {
	Method, Path string
	Headers      map[string]string // of the request, but for the length
	Status       int
	Type, Answer string // of the response
}

// The recorded exchange, in place of the collector that nightly has: our request is the one
// that the real collector took, it is content with the real response, and what the real
// collector wrote verifies.
//
//	SIGNET_WRAP_OTELCOL=... SIGNET_WRAP_RECORD=1 go test -run Recorded ./integration
//
// records it again.
func TestExportRecorded(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "home")
	record := os.Getenv("SIGNET_WRAP_RECORD") != ""
	var x *exporting
	var out string
	if record {
		var address string
		x, address, out = collectorOf(t, 24)
		must(t, os.RemoveAll(recorded))
		must(t, os.CopyFS(filepath.Join(recorded, "home"), os.DirFS(x.home)))
		x.startReceiver()
		exchangeWith(t, x.home, func(w http.ResponseWriter, r *http.Request, got *exchange, body []byte) {
			for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
				req, err := http.NewRequest(r.Method, "http://"+address+r.URL.Path, bytes.NewReader(body))
				must(t, err)
				req.Header = r.Header.Clone()
				resp, err := http.DefaultClient.Do(req)
				if err != nil && time.Now().Before(end) {
					continue // it is not up yet
				}
				must(t, err)
				defer resp.Body.Close()
				b, err := io.ReadAll(resp.Body)
				must(t, err)
				got.Status, got.Type, got.Answer = resp.StatusCode, resp.Header.Get("Content-Type"), string(b)
				w.WriteHeader(resp.StatusCode)
				w.Write(b)
				return
			}
		}, func(got *exchange, request []byte) {
			b, err := json.MarshalIndent(got, "", "  ")
			must(t, err)
			must(t, os.WriteFile(filepath.Join(recorded, "exchange.json"), append(b, '\n'), 0o644))
			must(t, os.WriteFile(filepath.Join(recorded, "request.json"), request, 0o644))
		})
		x.arrived(out)
		x.killReceiver()
		b, err := os.ReadFile(out)
		must(t, err)
		host, _ := os.Hostname()
		must(t, os.WriteFile(filepath.Join(recorded, "received.json"), anonymous(b, host, t), 0o644))
	}
	must(t, os.CopyFS(home, os.DirFS(filepath.Join(recorded, "home"))))
	must(t, os.Chmod(home, 0o700))
	var want exchange
	b, err := os.ReadFile(filepath.Join(recorded, "exchange.json"))
	must(t, err)
	must(t, json.Unmarshal(b, &want))
	request, err := os.ReadFile(filepath.Join(recorded, "request.json"))
	must(t, err)
	exchangeWith(t, home, func(w http.ResponseWriter, _ *http.Request, got *exchange, _ []byte) {
		got.Status, got.Type, got.Answer = want.Status, want.Type, want.Answer
		w.Header().Set("Content-Type", want.Type)
		w.WriteHeader(want.Status)
		io.WriteString(w, want.Answer)
	}, func(got *exchange, sent []byte) {
		if got.Method != want.Method || got.Path != want.Path || !maps.Equal(got.Headers, want.Headers) {
			t.Errorf("%+v\nthe collector took %+v", got, want)
		}
		if !bytes.Equal(sent, request) {
			t.Errorf("another request than the collector took: %s", difference(request, sent))
		}
	})
	n := int64(0)
	for _, err := range testlog.Records(filepath.Join(home, "audit")) {
		must(t, err)
		n++
	}
	x = &exporting{t: t, home: home}
	if r, status := x.verify(filepath.Join(recorded, "received.json")); status != 0 || r.Completeness != "whole" || r.Records != n || r.Form != "otlp" {
		t.Errorf("status %d, %+v", status, r)
	}
}

// exchangeWith exports a log to a server, which answers each request, and gives done what was
// said and the request, without what is of this machine and of this version.
func exchangeWith(t *testing.T, home string, answer func(http.ResponseWriter, *http.Request, *exchange, []byte), done func(*exchange, []byte)) {
	t.Helper()
	var got exchange
	var request []byte
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = exchange{Method: r.Method, Path: r.URL.Path, Headers: map[string]string{}}
		for _, name := range slices.Sorted(maps.Keys(r.Header)) {
			if value := strings.Join(r.Header[name], ", "); name == "User-Agent" {
				got.Headers[name], _, _ = strings.Cut(value, "/")
			} else if name != "Content-Length" {
				got.Headers[name] = value
			}
		}
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err == nil {
			request, err = io.ReadAll(z)
		}
		if err != nil {
			t.Error(err)
		}
		answer(w, r, &got, body)
	}))
	defer server.Close()
	cmd := exec.Command(binary(t), "audit", "export", "--home", home, "--format", "otlp", "--output", server.URL)
	if out, err := cmd.CombinedOutput(); err != nil || n != 1 {
		t.Fatalf("%v, %d requests: %s", err, n, out)
	}
	host, _ := os.Hostname()
	done(&got, anonymous(request, host, t))
}

// anonymous has neither the name of this machine nor the version of the program.
func anonymous(b []byte, host string, t *testing.T) []byte {
	t.Helper()
	_, rest, ok := bytes.Cut(b, []byte(`"key":"service.version","value":{"stringValue":"`))
	version, _, ok2 := bytes.Cut(rest, []byte(`"`))
	if !ok || !ok2 {
		t.Fatalf("no version: %.300s", b)
	}
	b = bytes.ReplaceAll(b, []byte(`"key":"host.name","value":{"stringValue":"`+host+`"`), []byte(`"key":"host.name","value":{"stringValue":"host"`))
	b = bytes.ReplaceAll(b, []byte(`"stringValue":"`+string(version)+`"`), []byte(`"stringValue":"v0"`))
	return bytes.ReplaceAll(b, []byte(`"version":"`+string(version)+`"`), []byte(`"version":"v0"`))
}
