package gosdk_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/wrap/gosdk"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// TestStorm: 200 calls at once, some given up, some with a request of the server in
// them; the session may be closed in the middle. No call is lost or in the log twice,
// each has one end, and nothing of ours runs on.
func TestStorm(t *testing.T) {
	for name, open := range map[string]func(*testing.T, *mcp.Server) mcp.Transport{
		"in-process": func(t *testing.T, s *mcp.Server) mcp.Transport { return inMemory(t, s) },
		"stdio":      func(t *testing.T, _ *mcp.Server) mcp.Transport { return transports["stdio"](t) },
		"http": func(t *testing.T, s *mcp.Server) mcp.Transport {
			web := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil))
			t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
			return &mcp.StreamableClientTransport{Endpoint: web.URL}
		},
	} {
		for when, finished := range map[string]int32{"closed at the end": testlog.StormCalls, "closed in the middle": testlog.StormCalls / 2} {
			t.Run(name+", "+when, func(t *testing.T) {
				storm := testlog.NewStorm()
				s := newServer()
				s.AddReceivingMiddleware(func(next mcp.MethodHandler) mcp.MethodHandler {
					return func(ctx context.Context, method string, r mcp.Request) (mcp.Result, error) {
						if p, ok := r.GetParams().(*mcp.CallToolParamsRaw); ok {
							var a struct{ N int }
							if err := json.Unmarshal(p.Arguments, &a); err != nil {
								t.Error(err)
							}
							storm.Reached[a.N].Add(1)
						}
						return next(ctx, method, r)
					}
				})
				o := options(t)
				r := record.New(o)
				c := dial(t, gosdk.Sign(open(t, s), r), "2025-11-25", &mcp.ClientOptions{
					ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
						return &mcp.ElicitResult{Action: "decline"}, nil
					},
				})
				storm.Run(t, o.Audit, finished, patience, func(ctx context.Context, tool string, arguments map[string]any) error {
					_, err := call(ctx, c, tool, arguments)
					return err
				}, func() {
					c.Close() // its error may be that of a server which was stopped at work
					if err := r.Close(); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}
