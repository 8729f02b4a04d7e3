package gosdk

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/wrap/check"
)

// Check is middleware for a server: only calls that the checker lets pass reach their
// tools.
//
//	server.AddReceivingMiddleware(gosdk.Check(checker))
//
// The client gets a JSON-RPC error with the [check.Reason] in data.reason. The receipt
// is looked for in the member _signet of params._meta. What is checked is what the
// tool's handler gets; so input that the server asked for is judged as the SDK writes
// it.
func Check(c *check.Checker) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, r mcp.Request) (mcp.Result, error) {
			if method != callMethod {
				return next(ctx, method, r)
			}
			p, ok := r.GetParams().(*mcp.CallToolParamsRaw)
			if !ok {
				return nil, errors.New("a call without its params")
			}
			call, err := callOf(p)
			if err != nil {
				return nil, err
			}
			_, err = c.Check(call)
			if refusal, ok := errors.AsType[*check.Refusal](err); ok {
				return nil, &jsonrpc.Error{Code: int64(refusal.Code()), Message: refusal.Error(), Data: refusal.Data()}
			}
			if err != nil {
				return nil, err
			}
			return next(ctx, method, r)
		}
	}
}

// callOf is what a checker sees of a call.
func callOf(p *mcp.CallToolParamsRaw) (c check.Call, err error) {
	name, err := json.Marshal(p.Name)
	if err != nil {
		return c, err
	}
	c = check.Call{Tool: mcpwire.ToolName(name), Arguments: p.Arguments}
	if p.InputResponses != nil {
		if c.InputResponses, err = json.Marshal(p.InputResponses); err != nil {
			return c, err
		}
	}
	if receipt, ok := p.Meta[mcpwire.DefaultMetaKey]; ok {
		c.Receipt, err = json.Marshal(receipt)
	}
	return c, err
}
