package mcpgo_test

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/wrap/mcpgo"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// TestStorm: 200 calls at once, some given up, some with a request of the server in
// them; the session may be closed in the middle. No call is lost or in the log twice,
// each has one end, and nothing of ours runs on.
func TestStorm(t *testing.T) {
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
		for when, finished := range map[string]int32{"closed at the end": testlog.StormCalls, "closed in the middle": testlog.StormCalls / 2} {
			t.Run(name+", "+when, func(t *testing.T) {
				storm := testlog.NewStorm()
				s := newServer()
				s.Use(func(next server.ToolHandlerFunc) server.ToolHandlerFunc {
					return func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
						storm.Reached[r.GetInt("n", 0)].Add(1)
						return next(ctx, r)
					}
				})
				o := options(t)
				c := dial(t, t.Context(), mcpgo.Sign(open(t, s), record.New(o)), "2025-11-25")
				storm.Run(t, o.Audit, finished, patience, func(ctx context.Context, tool string, arguments map[string]any) error {
					_, err := call(ctx, c, tool, arguments)
					return err
				}, func() {
					if err := c.Close(); err != nil && name != "stdio" { // a server may be at work, and dies of its next write
						t.Error(err)
					}
				})
			})
		}
	}
}
