// The older protocol is tested, too, whose parts mcp-go calls deprecated.
//lint:file-ignore SA1019 see above

package mcpgo_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap/check"
	"github.com/signet-wrap/signet-wrap/wrap/mcpgo"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// patience is how long anything in these tests may take.
const patience = time.Minute

// TestMain makes this test program the server on stdio, too.
func TestMain(m *testing.M) {
	if os.Getenv("MCPGO_TEST") == "server" {
		// Five workers, as by default, are held for ever by calls that were given up.
		if err := server.ServeStdio(newServer(), server.WithWorkerPoolSize(100), server.WithQueueSize(1000)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// newServer is a server with a tool for each kind of response.
func newServer() *server.MCPServer {
	s := server.NewMCPServer("tools", "1", server.WithToolCapabilities(false))
	s.EnableSampling()
	s.AddTool(mcp.NewTool("receipt"), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultJSON(map[string]any{"receipt": r.Params.Meta.AdditionalFields["_signet"], "arguments": r.GetRawArguments()})
	})
	s.AddTool(mcp.NewTool("fails"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultError("no"), nil
	})
	s.AddTool(mcp.NewTool("breaks"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, errors.New("the server says no")
	})
	s.AddTool(mcp.NewTool("wait"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	s.AddTool(mcp.NewTool("count"), func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for i := range 3 {
			err := server.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress",
				map[string]any{"progressToken": r.Params.Meta.ProgressToken, "progress": i + 1})
			if err != nil {
				return nil, err
			}
		}
		return mcp.NewToolResultText("counted"), nil
	})
	s.AddTool(mcp.NewTool("ask"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		answer, err := server.ServerFromContext(ctx).RequestSampling(ctx, mcp.CreateMessageRequest{CreateMessageParams: mcp.CreateMessageParams{
			Messages: []mcp.SamplingMessage{{Role: mcp.RoleUser, Content: mcp.NewTextContent("?")}}, MaxTokens: 1}})
		if err != nil {
			return nil, err
		}
		text, _ := json.Marshal(answer.Content)
		return mcp.NewToolResultText(string(text)), nil
	})
	return s
}

// sampler has an answer to what a server asks the client's model.
type sampler struct{}

func (sampler) CreateMessage(context.Context, mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
	return &mcp.CreateMessageResult{Model: "m", SamplingMessage: mcp.SamplingMessage{Role: mcp.RoleAssistant, Content: mcp.NewTextContent("forty-two")}}, nil
}

// transports are the ways to newServer.
var transports = map[string]func(t *testing.T) transport.Interface{
	"in-process": func(*testing.T) transport.Interface {
		return transport.NewInProcessTransportWithOptions(newServer(), transport.WithSamplingHandler(sampler{}))
	},
	"stdio": func(*testing.T) transport.Interface {
		return transport.NewStdioWithOptions(os.Args[0], nil, nil, transport.WithCommandFunc(func(_ context.Context, command string, _, _ []string) (*exec.Cmd, error) {
			cmd := exec.Command(command)
			cmd.Env = append(os.Environ(), "MCPGO_TEST=server")
			return cmd, nil
		}))
	},
	"http": func(t *testing.T) transport.Interface { return dialHTTP(t) },
}

// dialHTTP is a transport to newServer over HTTP.
func dialHTTP(t *testing.T, options ...transport.StreamableHTTPCOption) transport.Interface {
	s := httptest.NewServer(server.NewStreamableHTTPServer(newServer()))
	t.Cleanup(s.Close)
	h, err := transport.NewStreamableHTTP(s.URL+"/mcp", options...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// options are those of a recorder with a log and a key of its own.
func options(t testing.TB) record.Options {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte("k"), ed25519.SeedSize))
	return record.Options{
		Audit: filepath.Join(t.TempDir(), "audit"), Target: "mcp://tools", NoSync: true, NoHeads: true, NoEnvironment: true,
		Signer: func() (*sign.Signer, error) { return sign.NewSigner(key, "agent", "") },
	}
}

// dial is a client of t that has said hello.
func dial(t testing.TB, ctx context.Context, over transport.Interface, version string) *client.Client {
	t.Helper()
	c := client.NewClient(over, client.WithProtocolVersion(version), client.WithSamplingHandler(sampler{}))
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	var hello mcp.InitializeRequest
	hello.Params.ClientInfo = mcp.Implementation{Name: "test", Version: "1"}
	if _, err := c.Initialize(ctx, hello); err != nil {
		t.Fatal(err)
	}
	return c
}

func call(ctx context.Context, c *client.Client, tool string, arguments any) (string, error) {
	r := mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: arguments}}
	if tool == "count" {
		r.Params.Meta = &mcp.Meta{ProgressToken: "p"}
	}
	result, err := c.CallTool(ctx, r)
	if err != nil {
		return "", err
	}
	text, _ := result.Content[0].(mcp.TextContent)
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

func hexHash(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

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
				o := options(t)
				c := dial(t, ctx, mcpgo.Sign(open(t), record.New(o)), version)
				progress := make(chan struct{}, 1000)
				c.OnNotification(func(n mcp.JSONRPCNotification) {
					if n.Method == "notifications/progress" {
						progress <- struct{}{}
					}
				})
				if _, err := c.ListTools(ctx, mcp.ListToolsRequest{}); err != nil {
					t.Error(err)
				}

				said, err := call(ctx, c, "receipt", json.RawMessage(`{"n":9007199254740993,"x": 1.50,"s":"<é>"}`))
				var saw struct {
					Receipt struct {
						ID     string
						Action struct {
							Params_hash string
						}
					}
					Arguments json.RawMessage
				}
				if err != nil || json.Unmarshal([]byte(said), &saw) != nil || saw.Receipt.ID == "" {
					t.Fatalf("%v: the server saw %s", err, said)
				}
				// No canonical form has this integer, so the receipt is of the bytes.
				if want := "sha256:" + hexHash(saw.Arguments); saw.Receipt.Action.Params_hash != want {
					t.Errorf("the receipt is of %s, what the server got is %s, %s", saw.Receipt.Action.Params_hash, want, saw.Arguments)
				}
				want := []string{"receipt by " + name + ": executed"}

				if _, err := call(ctx, c, "fails", nil); err != nil {
					t.Error(err)
				}
				if _, err := call(ctx, c, "breaks", nil); err == nil {
					t.Error("no error")
				}
				if _, err := call(ctx, c, "no such tool", nil); err == nil {
					t.Error("no error")
				}
				for came := false; !came; { // mcp-go's server loses some over HTTP
					if _, err := call(ctx, c, "count", nil); err != nil {
						t.Fatal(err)
					}
					select {
					case <-progress:
						came = true
					case <-time.After(time.Second):
					}
				}
				want = append(want, "fails by "+name+": failed", "breaks by "+name+": failed", "no such tool by "+name+": failed", "count by "+name+": executed")
				if version == "2025-11-25" && name != "http" { // later, servers ask otherwise; TestAsk has HTTP
					if said, err := call(ctx, c, "ask", nil); err != nil || !strings.Contains(said, "forty-two") {
						t.Errorf("the server asked and got %q, %v", said, err)
					}
					want = append(want, "ask by "+name+": executed")
				}

				short, stop := context.WithCancel(ctx)
				time.AfterFunc(100*time.Millisecond, stop)
				if _, err := call(short, c, "wait", nil); err == nil {
					t.Error("no error")
				}
				end := ": cancelled by the client"
				if name == "in-process" {
					end = ": failed" // the handler has ended, too, and its error is the response
				}
				want = append(want, "wait by "+name+end)

				if _, err := call(short, c, "fails", nil); !errors.Is(err, context.Canceled) { // it is not sent
					t.Errorf("the error is %v", err)
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				if got := slices.Compact(story(t, o.Audit)); !slices.Equal(got, want) {
					t.Errorf("the log tells\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
				}
			})
		}
	}
}

// TestAsk: a server asks the client over HTTP, on a stream of its own.
func TestAsk(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	o := options(t)
	c := dial(t, ctx, mcpgo.Sign(dialHTTP(t, transport.WithContinuousListening()), record.New(o)), "2025-11-25")
	for said := ""; !strings.Contains(said, "forty-two"); { // once the stream is open
		short, stop := context.WithTimeout(ctx, time.Second)
		said, _ = call(short, c, "ask", nil)
		stop()
		if ctx.Err() != nil {
			t.Fatal("no answer")
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if got := story(t, o.Audit); got[len(got)-1] != "ask by http: executed" {
		t.Errorf("the log tells %q", got)
	}
}

// TestMany: calls of many goroutines, each with its receipt and its outcome.
func TestMany(t *testing.T) {
	for name, open := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t)
			c := dial(t, t.Context(), mcpgo.Sign(open(t), record.New(o)), "2026-07-28")
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					for range 10 {
						if said, err := call(t.Context(), c, "receipt", map[string]any{"a": 1}); err != nil || !strings.Contains(said, `"id":"rec_`) {
							t.Errorf("%v: %s", err, said)
						}
					}
				})
			}
			all.Wait()
			if err := c.Close(); err != nil {
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
			c := dial(t, t.Context(), mcpgo.Sign(open(t), record.New(o)), "2026-07-28")
			if _, err := call(t.Context(), c, "receipt", map[string]any{"a": 1}); err != nil {
				t.Error(err)
			}
			if err := c.Close(); err != nil {
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
			if sdk != "mcp-go" {
				t.Errorf("the session's event has the SDK %q", sdk)
			}
		})
	}
}

// A counter is a transport that counts the requests that reach it.
type counter struct {
	transport.Interface
	calls int
}

func (c *counter) SendRequest(ctx context.Context, r transport.JSONRPCRequest) (*transport.JSONRPCResponse, error) {
	if r.Method == "tools/call" {
		c.calls++
	}
	return c.Interface.SendRequest(ctx, r)
}

// TestNotSent: a call that cannot be recorded does not leave, the caller gets the
// reason, and the session goes on.
func TestNotSent(t *testing.T) {
	locked := errors.New("the key is locked")
	broken := options(t)
	broken.Audit = filepath.Join(t.TempDir(), "file", "audit")
	if err := os.WriteFile(filepath.Dir(broken.Audit), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	noKey := options(t)
	noKey.Signer = func() (*sign.Signer, error) { return nil, locked }
	open := noKey
	open.FailOpen = true
	asked := make(chan struct{})
	slow := options(t) // somebody is asked, who does not answer before the caller gives up
	sign := slow.Signer
	slow.Signer = func() (s *signer, err error) { <-asked; return sign() }
	for _, c := range []struct {
		name string
		o    record.Options
		err  error // nil: any
		sent int
	}{
		{"no log", broken, nil, 0},
		{"no key", noKey, locked, 0},
		{"no key, and fail open", open, nil, 1},
		{"the caller gives up", slow, context.DeadlineExceeded, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			to := &counter{Interface: transport.NewInProcessTransport(newServer())}
			s := dial(t, t.Context(), mcpgo.Sign(to, record.New(c.o)), "2026-07-28")
			ctx := t.Context()
			if c.err == context.DeadlineExceeded {
				short, stop := context.WithTimeout(ctx, 50*time.Millisecond)
				defer stop()
				ctx = short
			}
			_, err := call(ctx, s, "receipt", nil)
			if (err == nil) != (c.sent == 1) || c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("the error is %v", err)
			}
			if to.calls != c.sent {
				t.Errorf("%d calls were sent", to.calls)
			}
			if _, err := s.ListTools(t.Context(), mcp.ListToolsRequest{}); err != nil {
				t.Errorf("the session is over: %v", err)
			}
			if c.o.Audit == slow.Audit {
				close(asked)
			}
			if err := s.Close(); err != nil && c.sent == 0 {
				t.Error(err)
			}
			if c.o.Audit == slow.Audit {
				// It was signed after all, and the log says that it was not sent.
				if got := story(t, c.o.Audit); !slices.Equal(got, []string{"receipt by other: cancelled by the client before it was sent"}) {
					t.Errorf("the log tells %q", got)
				}
			}
		})
	}
}

type signer = sign.Signer

// TestLost: a transport that fails leaves a call without an outcome, with the reason.
func TestLost(t *testing.T) {
	o := options(t)
	c := client.NewClient(mcpgo.Sign(failing{transport.NewInProcessTransport(newServer())}, record.New(o)), client.WithSession())
	if _, err := call(t.Context(), c, "receipt", nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the error is %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if got := story(t, o.Audit); !slices.Equal(got, []string{"receipt by other: the transport failed"}) {
		t.Errorf("the log tells %q", got)
	}
}

type failing struct{ transport.Interface }

func (failing) SendRequest(context.Context, transport.JSONRPCRequest) (*transport.JSONRPCResponse, error) {
	return nil, io.ErrUnexpectedEOF
}

// TestInterfaces: a signed transport has the optional methods of its own, and no others.
func TestInterfaces(t *testing.T) {
	http, err := transport.NewStreamableHTTP("http://localhost/mcp", transport.WithContinuousListening())
	if err != nil {
		t.Fatal(err)
	}
	sse, err := transport.NewSSE("http://localhost/sse")
	if err != nil {
		t.Fatal(err)
	}
	for _, inner := range []transport.Interface{
		transport.NewInProcessTransport(newServer()), transport.NewStdio("x", nil), transport.NewCommand("x"), http, sse,
		struct{ transport.HTTPConnection }{sse}, struct {
			transport.BidirectionalInterface
		}{http},
		&struct {
			transport.HTTPConnection
			stderr
		}{HTTPConnection: sse},
		&struct {
			transport.Interface
			stderr
		}{Interface: sse},
		&struct {
			*transport.StreamableHTTP
			stderr
		}{StreamableHTTP: http},
	} {
		signed := mcpgo.Sign(inner, record.New(options(t)))
		for what, has := range map[string]func(transport.Interface) bool{
			"requests of the server": func(i transport.Interface) bool { _, ok := i.(transport.BidirectionalInterface); return ok },
			"versions":               func(i transport.Interface) bool { _, ok := i.(transport.HTTPConnection); return ok },
			"stderr":                 func(i transport.Interface) bool { _, ok := i.(interface{ Stderr() io.Reader }); return ok },
			"the older protocol": func(i transport.Interface) bool {
				l, ok := i.(interface{ RequiresLegacyProtocol() bool })
				return ok && l.RequiresLegacyProtocol()
			},
		} {
			if has(inner) != has(signed) {
				t.Errorf("%T has %s: %v, signed %v", inner, what, has(inner), has(signed))
			}
		}
		if mcpgo.Unwrap(signed) != inner || mcpgo.Unwrap(inner) != inner {
			t.Errorf("%T does not come back", inner)
		}
	}
}

type stderr struct{}

func (stderr) Stderr() io.Reader { return strings.NewReader("") }

// TestCheck: a server lets signed calls pass, and refuses others with the reason.
func TestCheck(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte("k"), ed25519.SeedSize)).Public().(ed25519.PublicKey)
	checker, err := check.New(check.Options{Trust: check.Keys(key), Replays: t.TempDir(), Missing: check.MissingRefuse, Target: "mcp://tools"})
	if err != nil {
		t.Fatal(err)
	}
	defer checker.Close()
	s := newServer()
	s.Use(mcpgo.Check(checker))
	c := dial(t, t.Context(), mcpgo.Sign(transport.NewInProcessTransport(s), record.New(options(t))), "2026-07-28")
	defer c.Close()
	said, err := call(t.Context(), c, "receipt", json.RawMessage(`{"n":9007199254740993}`))
	if err != nil {
		t.Fatal(err)
	}
	var saw struct{ Receipt any }
	if err := json.Unmarshal([]byte(said), &saw); err != nil {
		t.Fatal(err)
	}
	plain := dial(t, t.Context(), transport.NewInProcessTransport(s), "2026-07-28")
	defer plain.Close()
	for want, receipt := range map[check.Reason]any{check.NoReceipt: nil, check.WrongArguments: saw.Receipt, check.Malformed: "x"} {
		r := mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "receipt"}}
		if receipt != nil {
			r.Params.Meta = &mcp.Meta{AdditionalFields: map[string]any{"_signet": receipt}}
		}
		if _, err := plain.CallTool(t.Context(), r); err == nil || !strings.Contains(err.Error(), string(want)+": ") {
			t.Errorf("the error is %v, want %s", err, want)
		}
	}
}
