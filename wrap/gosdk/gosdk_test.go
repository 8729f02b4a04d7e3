package gosdk_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/oauth2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap/check"
	"github.com/signet-wrap/signet-wrap/wrap/gosdk"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// patience is how long anything in these tests may take.
const patience = time.Minute

// TestMain makes this test program the server on stdio, too.
func TestMain(m *testing.M) {
	if os.Getenv("GOSDK_TEST") == "server" {
		if err := newServer().Run(context.Background(), &mcp.StdioTransport{}); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// newServer is a server with a tool for each kind of response.
func newServer() *mcp.Server {
	s := mcp.NewServer(&mcp.Implementation{Name: "tools", Version: "1"}, nil)
	object := json.RawMessage(`{"type":"object"}`)
	text := func(s string) *mcp.CallToolResult {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
	}
	s.AddTool(&mcp.Tool{Name: "receipt", InputSchema: object}, func(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		b, err := json.Marshal(map[string]any{"receipt": r.Params.Meta["_signet"], "arguments": r.Params.Arguments})
		return text(string(b)), err
	})
	s.AddTool(&mcp.Tool{Name: "fails", InputSchema: object}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		r := text("no")
		r.IsError = true
		return r, nil
	})
	s.AddTool(&mcp.Tool{Name: "breaks", InputSchema: object}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, &jsonrpc.Error{Code: -5, Message: "the server says no"}
	})
	s.AddTool(&mcp.Tool{Name: "wait", InputSchema: object}, func(ctx context.Context, _ *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond): // some servers never end a call that was given up
		}
		return nil, errors.New("given up")
	})
	s.AddTool(&mcp.Tool{Name: "count", InputSchema: object}, func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 3 {
			if err := r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: r.Params.GetProgressToken(), Progress: float64(i)}); err != nil {
				return nil, err
			}
		}
		return text("counted"), nil
	})
	s.AddTool(&mcp.Tool{Name: "ask", InputSchema: object}, func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if r.Session.InitializeParams() == nil || r.Session.InitializeParams().ProtocolVersion >= "2026-07-28" {
			if answer, ok := r.Params.InputResponses["q"].(*mcp.ElicitResult); ok {
				return text(answer.Action), nil
			}
			return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"q": &mcp.ElicitParams{Message: "?", RequestedSchema: object}}}, nil
		}
		answer, err := r.Session.Elicit(ctx, &mcp.ElicitParams{Message: "?", RequestedSchema: object})
		if err != nil {
			return nil, err
		}
		return text(answer.Action), nil
	})
	return s
}

// transports are the ways to newServer.
var transports = map[string]func(*testing.T) mcp.Transport{
	"in-process": func(t *testing.T) mcp.Transport { return inMemory(t, newServer()) },
	"stdio": func(*testing.T) mcp.Transport {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "GOSDK_TEST=server")
		return &mcp.CommandTransport{Command: cmd}
	},
	"http": func(t *testing.T) mcp.Transport { return overHTTP(t, nil) },
	"sse": func(t *testing.T) mcp.Transport {
		s := httptest.NewServer(mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return newServer() }, nil))
		t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
		return &mcp.SSEClientTransport{Endpoint: s.URL}
	},
	"http, JSON": func(t *testing.T) mcp.Transport {
		return overHTTP(t, &mcp.StreamableHTTPOptions{JSONResponse: true})
	},
}

func inMemory(t testing.TB, s *mcp.Server) mcp.Transport {
	t.Helper()
	one, two := mcp.NewInMemoryTransports()
	if _, err := s.Connect(context.Background(), one, nil); err != nil {
		t.Fatal(err)
	}
	return two
}

func overHTTP(t *testing.T, o *mcp.StreamableHTTPOptions) mcp.Transport {
	s := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return newServer() }, o))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return &mcp.StreamableClientTransport{Endpoint: s.URL}
}

var key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte("k"), ed25519.SeedSize))

// options are those of a recorder with a log of its own.
func options(t testing.TB) record.Options {
	return record.Options{
		Audit: filepath.Join(t.TempDir(), "audit"), Target: "mcp://tools", NoSync: true, NoHeads: true, NoEnvironment: true,
		Signer: func() (*sign.Signer, error) { return sign.NewSigner(key, "agent", "") },
	}
}

// dial is a session over t.
func dial(t testing.TB, over mcp.Transport, version string, o *mcp.ClientOptions) *mcp.ClientSession {
	t.Helper()
	s, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, o).Connect(t.Context(), over, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func call(ctx context.Context, s *mcp.ClientSession, tool string, arguments any) (string, error) {
	p := &mcp.CallToolParams{Name: tool, Arguments: arguments}
	if tool == "count" {
		p.SetProgressToken("p")
	}
	result, err := s.CallTool(ctx, p)
	if err != nil {
		return "", err
	}
	text, _ := result.Content[0].(*mcp.TextContent)
	return text.Text, nil
}

// story is a line for each call in a log that verifies: the tool, how it was called,
// and what came of it.
func story(t *testing.T, audit string) (lines []string) {
	t.Helper()
	if r, err := testlog.Verify(t.Context(), audit, chain.VerifyOptions[struct{}]{}); err != nil || r.Damaged > 0 {
		t.Fatalf("the log: %v, %+v", err, r)
	}
	outcomes, calls := map[string]string{}, []*sign.Verified{}
	for e, err := range testlog.Records(audit) {
		if err != nil {
			t.Fatal(err)
		}
		v, err := sign.Verify(slices.Clone(e.Receipt), sign.AnyKey)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case v.Type == "unanswered":
			var u struct {
				Calls []struct{ Call, Reason string }
			}
			if err := json.Unmarshal(e.Receipt, &u); err != nil {
				t.Fatal(err)
			}
			for _, c := range u.Calls {
				outcomes[c.Call] = c.Reason
			}
		case v.Type != "":
		case v.Version == 1:
			calls = append(calls, v)
		default:
			outcomes[v.ParentID] = v.Outcome.Status
		}
	}
	for _, c := range calls {
		lines = append(lines, fmt.Sprintf("%s by %s: %s", c.Tool, c.Transport, outcomes[c.ID]))
	}
	return lines
}

// TestSign: over each transport and in both eras of the protocol, every call is in
// the log with its outcome, the server has its receipt, and all that a client does
// besides works as without.
func TestSign(t *testing.T) {
	for name, open := range transports {
		for _, version := range []string{"2025-11-25", "2026-07-28"} {
			t.Run(name+" "+version, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				o, by, progress := options(t), strings.TrimSuffix(name, ", JSON"), make(chan struct{}, 100)
				r := record.New(o)
				s := dial(t, gosdk.Sign(open(t), r), version, &mcp.ClientOptions{
					ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
						return &mcp.ElicitResult{Action: "decline"}, nil
					},
					ProgressNotificationHandler: func(context.Context, *mcp.ProgressNotificationClientRequest) { progress <- struct{}{} },
				})
				if _, err := s.ListTools(ctx, nil); err != nil {
					t.Error(err)
				}
				said, err := call(ctx, s, "receipt", json.RawMessage(`{"n":1.5e1,"s":"<é>"}`))
				if err != nil {
					t.Fatal(err)
				}
				var saw struct {
					Receipt, Arguments json.RawMessage
				}
				if err := json.Unmarshal([]byte(said), &saw); err != nil {
					t.Fatal(err)
				}
				if v, err := sign.Verify(saw.Receipt, sign.Keys(key.Public().(ed25519.PublicKey))); err != nil || !v.Covers(saw.Arguments) {
					t.Errorf("%v: the server saw %s", err, said)
				}
				want := []string{"receipt by " + by + ": executed"}
				if _, err := call(ctx, s, "fails", nil); err != nil {
					t.Error(err)
				}
				var wire *jsonrpc.Error
				if _, err := call(ctx, s, "breaks", nil); !errors.As(err, &wire) || wire.Code != -5 {
					t.Errorf("the error is %v", err)
				}
				if _, err := call(ctx, s, "no such tool", nil); err == nil {
					t.Error("no error")
				}
				want = append(want, "fails by "+by+": failed", "breaks by "+by+": failed", "no such tool by "+by+": failed")
				if name != "http, JSON" { // which has no place for what a server says besides
					if _, err := call(ctx, s, "count", nil); err != nil {
						t.Error(err)
					}
					for range 3 {
						select {
						case <-progress:
						case <-ctx.Done():
							t.Fatal("progress did not come")
						}
					}
					if said, err := call(ctx, s, "ask", nil); err != nil || said != "decline" {
						t.Errorf("the server asked and got %q, %v", said, err)
					}
					want = append(want, "count by "+by+": executed")
					want = append(want, "ask by "+by+": executed")
				}
				short, stop := context.WithCancel(ctx)
				time.AfterFunc(100*time.Millisecond, stop)
				if _, err := call(short, s, "wait", nil); !errors.Is(err, context.Canceled) {
					t.Errorf("the error is %v", err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
				got := slices.DeleteFunc(story(t, o.Audit), func(l string) bool { return l == "ask by "+by+": requires_approval" }) // asked by a response, or by a request
				if n := len(got) - 1; n >= 0 {                                                                                      // the SDK says that it has given up, unless the session ends first
					got[n], _, _ = strings.Cut(got[n], ":")
				}
				want = append(want, "wait by "+by)
				if !slices.Equal(got, want) {
					t.Errorf("the log tells\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
				}
			})
		}
	}
}

// TestMany: calls of many goroutines, each with its receipt and its outcome.
func TestMany(t *testing.T) {
	for name, open := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			r := record.New(o)
			s := dial(t, gosdk.Sign(open(t), r), "2026-07-28", nil)
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for range 10 {
						if said, err := call(t.Context(), s, "receipt", map[string]any{"a": 1}); err != nil || !strings.Contains(said, `"id":"rec_`) {
							t.Errorf("%v: %s", err, said)
						}
					}
				})
			}
			all.Wait()
			if err := errors.Join(s.Close(), r.Close()); err != nil {
				t.Error(err)
			}
			got := story(t, o.Audit)
			if slices.Sort(got); len(got) != 80 || len(slices.Compact(got)) != 1 {
				t.Errorf("%d calls: %q", len(got), slices.Compact(got))
			}
		})
	}
}

// TestWay: the event of the session says that a program made the calls, and with which
// SDK, so that audit --via sdk lists them.
func TestWay(t *testing.T) {
	for name, open := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			r := record.New(o)
			s := dial(t, gosdk.Sign(open(t), r), "2026-07-28", nil)
			if _, err := call(t.Context(), s, "receipt", map[string]any{"a": 1}); err != nil {
				t.Error(err)
			}
			if err := errors.Join(s.Close(), r.Close()); err != nil {
				t.Error(err)
			}
			log, err := chain.TakeSnapshot(o.Audit)
			if err != nil {
				t.Fatal(err)
			}
			for via, want := range map[string]int{"sdk": 1, "wrap": 0} {
				calls := 0
				_, err := history.List(t.Context(), log, history.Options{Filter: history.Filter{Via: via}}, func(r *history.Row) error {
					if r.IsCall() && r.View().Via == "sdk" {
						calls++
					}
					return nil
				})
				if err != nil || calls != want {
					t.Errorf("by %s: %d calls, %v", via, calls, err)
				}
			}
			sdk := ""
			for e, err := range testlog.Records(o.Audit) {
				if err != nil {
					t.Fatal(err)
				}
				if said, _ := event.Decode(e.Receipt); said != nil {
					if s, ok := said.(event.Session); ok {
						sdk = s.SDK
					}
				}
			}
			if sdk != "go-sdk" {
				t.Errorf("the session's event has the SDK %q", sdk)
			}
		})
	}
}

// TestNotSent: a call that cannot be recorded does not leave, the caller gets the
// reason, and the session goes on.
func TestNotSent(t *testing.T) {
	locked := errors.New("the key is locked")
	for name, open := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			signer, lock := o.Signer, true
			o.Signer = func() (*sign.Signer, error) {
				if lock {
					return nil, locked
				}
				return signer()
			}
			r := record.New(o)
			s := dial(t, gosdk.Sign(open(t), r), "2026-07-28", nil)
			if said, err := call(t.Context(), s, "receipt", nil); !errors.Is(err, locked) {
				t.Errorf("%q, the error is %v", said, err)
			}
			lock = false
			if _, err := call(t.Context(), s, "receipt", nil); err != nil {
				t.Errorf("the session is over: %v", err)
			}
			if err := errors.Join(s.Close(), r.Close()); err != nil {
				t.Error(err)
			}
			if got := story(t, o.Audit); len(got) != 1 {
				t.Errorf("the log tells %q", got)
			}
		})
	}
}

// TestSentAgain: a request that is sent again, after a redirection or an authorization,
// has the receipt that it had, and is in the log once, with one outcome.
func TestSentAgain(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{
		"redirection": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
		},
		"authorization": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
	} {
		t.Run(name, func(t *testing.T) {
			inner := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return newServer() }, nil)
			refused, came := map[string]bool{}, map[string]int{} // bodies of calls
			var mu sync.Mutex
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				if !bytes.Contains(body, []byte(`"tools/call"`)) {
					inner.ServeHTTP(w, r)
					return
				}
				mu.Lock()
				came[string(body)]++
				again := refused[string(body)]
				refused[string(body)] = true
				mu.Unlock()
				if !again {
					first(w, r)
					return
				}
				inner.ServeHTTP(w, r)
			}))
			defer s.Close()
			o := options(t)
			r := record.New(o)
			c := dial(t, gosdk.Sign(&mcp.StreamableClientTransport{Endpoint: s.URL, OAuthHandler: granting{}}, r), "2026-07-28", nil)
			for range 2 {
				if said, err := call(t.Context(), c, "receipt", nil); err != nil || !strings.Contains(said, `"id":"rec_`) {
					t.Errorf("%v: %s", err, said)
				}
			}
			if err := errors.Join(c.Close(), r.Close()); err != nil {
				t.Error(err)
			}
			for body, n := range came {
				if n != 2 {
					t.Errorf("%d times came %s", n, body)
				}
			}
			told, err := testlog.Calls(o.Audit)
			if err != nil || len(came) != 2 || len(told) != 2 {
				t.Fatalf("%v; %d calls came, and %d are in the log", err, len(came), len(told))
			}
			for _, call := range told {
				if !slices.Equal(call.Ends, []string{"executed"}) {
					t.Errorf("%s ended with %q", call.Tool, call.Ends)
				}
			}
		})
	}
}

// granting is a client's authorization that needs nobody.
type granting struct{}

func (granting) TokenSource(context.Context) (oauth2.TokenSource, error) { return nil, nil }

func (granting) Authorize(_ context.Context, _ *http.Request, r *http.Response) error {
	return r.Body.Close()
}

type around struct{ mcp.Transport }

// TestAround: what would not work is an error.
func TestAround(t *testing.T) {
	r := record.New(options(t))
	defer r.Close()
	_, err := gosdk.Sign(around{&mcp.StreamableClientTransport{Endpoint: "http://localhost"}}, r).Connect(t.Context())
	if err == nil || !strings.Contains(err.Error(), "inner one") {
		t.Errorf("the error is %v", err)
	}
}

// TestCheck: a server lets signed calls pass, and refuses others with the reason.
func TestCheck(t *testing.T) {
	checker, err := check.New(check.Options{Trust: check.Keys(key.Public().(ed25519.PublicKey)), Replays: t.TempDir(), Missing: check.MissingRefuse, Target: "mcp://tools"})
	if err != nil {
		t.Fatal(err)
	}
	defer checker.Close()
	checked := func() mcp.Transport {
		s := newServer()
		s.AddReceivingMiddleware(gosdk.Check(checker))
		return inMemory(t, s)
	}
	r := record.New(options(t))
	defer r.Close()
	s := dial(t, gosdk.Sign(checked(), r), "2026-07-28", &mcp.ClientOptions{
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"x": 1}}, nil
		},
	})
	defer s.Close()
	said, err := call(t.Context(), s, "receipt", json.RawMessage(`{"n":9007199254740993}`))
	if err != nil {
		t.Fatal(err)
	}
	if said, err := call(t.Context(), s, "ask", nil); err != nil || said != "accept" {
		t.Errorf("%q, %v", said, err)
	}
	var saw struct{ Receipt any }
	if err := json.Unmarshal([]byte(said), &saw); err != nil {
		t.Fatal(err)
	}
	plain := dial(t, checked(), "2026-07-28", nil)
	defer plain.Close()
	for want, meta := range map[string]mcp.Meta{
		`{"reason":"no_receipt"}`:      nil,
		`{"reason":"wrong_arguments"}`: {"_signet": saw.Receipt},
		`{"reason":"malformed"}`:       {"_signet": "x"},
	} {
		_, err := plain.CallTool(t.Context(), &mcp.CallToolParams{Name: "receipt", Meta: meta})
		var wire *jsonrpc.Error
		if !errors.As(err, &wire) || string(wire.Data) != want {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}

// BenchmarkCall is a call in process, with nothing, and signed without a sync.
func BenchmarkCall(b *testing.B) {
	for _, signed := range []bool{false, true} {
		b.Run(map[bool]string{false: "plain", true: "signed"}[signed], func(b *testing.B) {
			to := inMemory(b, newServer())
			if signed {
				r := record.New(options(b))
				defer r.Close()
				to = gosdk.Sign(to, r)
			}
			s := dial(b, to, "2026-07-28", nil)
			defer s.Close()
			for b.Loop() {
				if _, err := call(b.Context(), s, "fails", map[string]any{"path": "/etc/hosts"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
