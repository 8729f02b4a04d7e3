package mcpgo_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/wrap/mcpgo"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// TestStorm: 200 calls at once, some given up, some with a request of the server in
// them; the session may be closed in the middle. No call is lost or in the log twice,
// each has one end, and nothing of ours runs on.
func TestStorm(t *testing.T) {
	const calls = 200
	tools := []string{"receipt", "fails", "breaks", "ask", "count", "wait", "receipt"}
	for name, open := range map[string]func(*testing.T, *server.MCPServer) transport.Interface{
		"in-process": func(_ *testing.T, s *server.MCPServer) transport.Interface {
			return transport.NewInProcessTransportWithOptions(s, transport.WithSamplingHandler(sampler{}))
		},
		"stdio": func(t *testing.T, _ *server.MCPServer) transport.Interface { return transports["stdio"](t) },
		"http": func(t *testing.T, s *server.MCPServer) transport.Interface {
			web := httptest.NewServer(server.NewStreamableHTTPServer(s))
			t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
			//lint:ignore SA1019 protocol versions before 2026-07-28 have it, and their clients use it
			h, err := transport.NewStreamableHTTP(web.URL+"/mcp", transport.WithContinuousListening())
			if err != nil {
				t.Fatal(err)
			}
			return h
		},
	} {
		for when, finished := range map[string]int32{"closed at the end": calls, "closed in the middle": calls / 2} {
			t.Run(name+", "+when, func(t *testing.T) {
				before := testlog.Goroutines()
				var reached [calls]atomic.Int32 // the server, in this process
				s := newServer()
				s.Use(func(next server.ToolHandlerFunc) server.ToolHandlerFunc {
					return func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
						reached[r.GetInt("n", 0)].Add(1)
						return next(ctx, r)
					}
				})
				o := options(t)
				c := dial(t, t.Context(), mcpgo.Sign(open(t, s), record.New(o)), "2025-11-25")
				var all sync.WaitGroup
				var ended atomic.Int32
				var answered [calls]bool
				enough := make(chan struct{})
				for n := range calls {
					all.Go(func() {
						tool := tools[n%len(tools)]
						ctx, stop := context.WithTimeout(t.Context(), patience)
						defer stop()
						if tool == "ask" || tool == "wait" || rand.IntN(4) == 0 {
							time.AfterFunc(time.Duration(rand.IntN(300))*time.Millisecond, stop)
						}
						_, err := call(ctx, c, tool, map[string]any{"n": n})
						answered[n] = err == nil
						if ended.Add(1) == finished {
							close(enough)
						}
					})
				}
				<-enough
				if err := c.Close(); err != nil && name != "stdio" { // a server may be at work, and dies of its next write
					t.Error(err)
				}
				all.Wait()

				if r, err := testlog.Verify(t.Context(), o.Audit, chain.VerifyOptions[struct{}]{}); err != nil || r.Damaged > 0 {
					t.Fatalf("the log: %v, %+v", err, r)
				}
				told, err := testlog.Calls(o.Audit)
				if err != nil {
					t.Fatal(err)
				}
				var logged [calls]int
				for _, call := range told {
					var p struct{ N int }
					if err := json.Unmarshal(call.Params, &p); err != nil {
						t.Fatal(err)
					}
					logged[p.N]++
					if len(call.Ends) != 1 {
						t.Errorf("%s %d ended with %q", call.Tool, p.N, call.Ends)
					}
				}
				for n := range calls {
					if logged[n] > 1 || answered[n] && logged[n] == 0 || int(reached[n].Load()) > logged[n] {
						t.Errorf("%s %d is in the log %d times; it reached the server %d times, answered: %v",
							tools[n%len(tools)], n, logged[n], reached[n].Load(), answered[n])
					}
				}
				for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
					left := testlog.Goroutines()
					for id := range before {
						delete(left, id)
					}
					if len(left) == 0 {
						break
					}
					if time.Now().After(end) {
						t.Fatalf("still running: %q", left)
					}
				}
			})
		}
	}
}
