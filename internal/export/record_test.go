package export

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/envelope"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A sent is a record of OTLP as a collector sees it.
type sent struct {
	severity, trace, span string
	attributes            map[string]string
}

// asOTLP exports a log, and returns its records by their kind, or by the tool of a call and
// "tool response".
func asOTLP(t *testing.T, audit string) map[string]sent {
	t.Helper()
	var out bytes.Buffer
	if _, err := Run(context.Background(), Options{Log: audit, Format: OTLP, Sink: NewWriter(&out, OTLP, envelope.Resource{Version: "1"})}); err != nil {
		t.Fatal(err)
	}
	var request struct {
		ResourceLogs []struct {
			ScopeLogs []struct {
				LogRecords []struct {
					SeverityText, TraceID, SpanID string
					Attributes                    []struct {
						Key   string
						Value struct{ StringValue, IntValue string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &request); err != nil {
		t.Fatal(err)
	}
	all := map[string]sent{}
	for _, r := range request.ResourceLogs[0].ScopeLogs[0].LogRecords {
		s := sent{r.SeverityText, r.TraceID, r.SpanID, map[string]string{}}
		for _, a := range r.Attributes {
			s.attributes[a.Key] = a.Value.StringValue + a.Value.IntValue
		}
		name := s.attributes["signet.kind"]
		if tool := s.attributes["gen_ai.tool.name"]; tool != "" {
			name = strings.TrimSuffix(tool+" "+name, " call")
		}
		if _, twice := all[name]; twice {
			t.Errorf("two records are %s", name)
		}
		all[name] = s
	}
	return all
}

// Attributes, trace and span, and severities are those of the conventions, of each kind of
// record.
func TestAttributes(t *testing.T) {
	const session, trace, span = "ses_0123456789abcdef0123456789abcdef", "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	signer, err := sign.NewSigner(ed25519.NewKeyFromSeed([]byte("a key of a test, and no secret!!")), "bot", "Ada")
	if err != nil {
		t.Fatal(err)
	}
	audit := filepath.Join(t.TempDir(), "audit")
	l := chain.New(audit, chain.Options{NoSync: true})
	add := func(make func(at chain.At) (*sign.Receipt, error)) {
		t.Helper()
		if _, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) {
			r, err := make(at)
			if err != nil {
				return nil, err
			}
			return r.Record, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	says := func(e event.Event) {
		t.Helper()
		add(func(at chain.At) (*sign.Receipt, error) { return signer.Event(e, at.Time, at.Prev) })
	}
	call := func(tool, id, traceID, transport string, outcome *sign.Outcome) (receipt string) {
		t.Helper()
		action := sign.Action{Tool: tool, Arguments: []byte(`{"a":1}`), Target: "mcp://files", Transport: transport, Session: session, CallID: id, TraceID: traceID}
		var response sign.Response
		add(func(at chain.At) (*sign.Receipt, error) {
			d, err := signer.Prepare(action)
			if err != nil {
				return nil, err
			}
			r, err := d.SignAt(at.Time, at.Prev)
			if err != nil {
				return nil, err
			}
			receipt = r.ID
			response = sign.Response{Action: action, ParamsHash: d.ParamsHash(), RequestID: r.ID, Requested: at.Time}
			return r, nil
		})
		if outcome != nil {
			add(func(at chain.At) (*sign.Receipt, error) {
				response.Responded, response.ContentHash, response.Outcome = at.Time, event.HashOf([]byte("{}")), *outcome
				return signer.Respond(response)
			})
		}
		return receipt
	}
	read := call("read", "n:7", trace, "", &sign.Outcome{Status: "executed"})
	says(event.Session{Session: session, Target: "mcp://files", Protocol: "2025-06-18"})
	says(event.CallContext{Session: session, Calls: []event.Context{{Call: read, Span: span}}})
	call("isError", "s:abc", "", "http", &sign.Outcome{Status: "failed", Reason: "isError"})
	call("code", "", "", "", &sign.Outcome{Status: "failed", Reason: "JSON-RPC error", Error: "-32602: no such file"})
	call("refused", "", "", "", &sign.Outcome{Status: "rejected"})
	open := call("open", "", "", "", nil)
	says(event.Unanswered{Session: session, Calls: []event.Call{{ID: open, Reason: "cancelled by the client"}}})
	says(event.ToolDrift{Session: session, Target: "mcp://files", Tool: "read", Was: event.HashOf([]byte("a")), Now: event.HashOf([]byte("b"))})
	says(event.Gap{Session: session, Calls: 3, From: time.Now(), To: time.Now(), Reason: "no space left on device"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	all := asOTLP(t, audit)
	for name, want := range map[string]string{
		"read": "INFO", "read response": "INFO", "session": "INFO", "call_context": "INFO", "isError": "INFO", "open": "INFO",
		"isError response": "WARN", "code response": "WARN", "refused response": "WARN", "unanswered": "WARN", "tool_drift": "WARN",
		"gap": "ERROR",
	} {
		if all[name].severity != want {
			t.Errorf("%s: %q, want %s", name, all[name].severity, want)
		}
	}
	for name, want := range map[string]map[string]string{
		"read": {"mcp.method.name": "tools/call", "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "read", "jsonrpc.request.id": "7",
			"mcp.protocol.version": "2025-06-18", "network.transport": "pipe", "signet.kind": "call", "signet.session": session, "signet.target": "mcp://files",
			"signet.id": read, "signet.signer.name": "bot", "signet.signer.owner": "Ada", "signet.offset": "0", "error.type": ""},
		"read response":    {"mcp.protocol.version": "2025-06-18", "signet.outcome": "executed", "signet.parent_receipt_id": read, "error.type": ""},
		"isError":          {"jsonrpc.request.id": "abc", "network.transport": "tcp"},
		"isError response": {"error.type": "tool_error"},
		"code response":    {"error.type": "-32602"},
		"refused response": {"error.type": "rejected"},
		"gap":              {"mcp.method.name": "", "gen_ai.operation.name": ""},
	} {
		for key, value := range want {
			if got := all[name].attributes[key]; got != value {
				t.Errorf("%s: %s is %q, want %q", name, key, got, value)
			}
		}
	}
	for name, r := range all {
		wantTrace, wantSpan := "", ""
		if name == "read" || name == "read response" {
			wantTrace, wantSpan = trace, span
		}
		if r.trace != wantTrace || r.span != wantSpan {
			t.Errorf("%s: trace %q, span %q", name, r.trace, r.span)
		}
	}
}

// A cursor is of one log and of one export, and damage to it ends the export at once: what
// was sent is not sent again without a word.
func TestCursorRefused(t *testing.T) {
	audit, _ := logOf(t, 20)
	path := filepath.Join(t.TempDir(), "cursor")
	follow := func(audit string) error {
		t.Helper()
		cursor, err := OpenCursor(path)
		if err != nil {
			return err
		}
		defer cursor.Close()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		sink := &watched{NewWriter(&bytes.Buffer{}, Records, envelope.Resource{}), cancel}
		_, err = Run(ctx, Options{Log: audit, Format: Records, Follow: true, Sink: sink, Cursor: cursor, Every: time.Millisecond})
		return err
	}
	if err := follow(audit); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := logOf(t, 200)
	if err := follow(other); !errors.As(err, new(*OtherLogError)) {
		t.Errorf("a cursor of another log: %v", err)
	}
	var c Cursor
	if err := json.Unmarshal(good, &c); err != nil {
		t.Fatal(err)
	}
	damage := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := follow(audit); err == nil {
			t.Errorf("%s: it goes on", name)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != content {
			t.Errorf("%s: the file has changed: %s", name, b)
		}
	}
	for i := range len(good) - len("}\n") {
		damage("cut", string(good[:i]))
	}
	damage("another hash", strings.Replace(string(good), c.RecordHash[:20], c.RecordHash[:19]+"x", 1))
	damage("another file", strings.Replace(string(good), "2026-05-01", "2026-05-02", 1))
	damage("out of the directory", strings.Replace(string(good), "2026-05-01", "../2026-05-01", 1))
	damage("a place within a record", strings.Replace(string(good), `"offset":`, `"offset":1`, 1))
	damage("two", string(good)+string(good))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := follow(audit); err == nil {
		t.Error("a directory is a cursor")
	}
}
