package mcpgo

import (
	"context"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/wrap/check"
)

// Check is middleware for a server: a tool's handler only gets calls that the checker
// lets pass.
//
//	s := server.NewMCPServer("files", "1", server.WithToolHandlerMiddleware(mcpgo.Check(checker)))
//
// The client gets a JSON-RPC error whose message begins with the [check.Reason]: mcp-go
// has no place for data in the error of a handler. The receipt is looked for in the
// member _signet of params._meta. What is checked is what the handler gets; so a call in
// which a member occurs twice is judged as mcp-go reads it, and input that the server
// asked for as mcp-go writes it.
func Check(c *check.Checker) server.ToolHandlerMiddleware {
	return func(next server.ToolHandlerFunc) server.ToolHandlerFunc {
		return func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			call, err := callOf(&r.Params)
			if err != nil {
				return nil, err
			}
			if _, err := c.Check(call); err != nil {
				return nil, err
			}
			return next(ctx, r)
		}
	}
}

// callOf is what a checker sees of a call.
func callOf(p *mcp.CallToolParams) (c check.Call, err error) {
	name, err := json.Marshal(p.Name)
	if err != nil {
		return c, err
	}
	c = check.Call{Tool: mcpwire.ToolName(name), Arguments: p.RawArguments}
	if c.Arguments == nil && p.Arguments != nil {
		if c.Arguments, err = json.Marshal(p.Arguments); err != nil {
			return c, err
		}
	}
	if p.InputResponses != nil {
		if c.InputResponses, err = json.Marshal(p.InputResponses); err != nil {
			return c, err
		}
	}
	if p.Meta == nil {
		return c, nil
	}
	if receipt, ok := p.Meta.AdditionalFields[mcpwire.DefaultMetaKey]; ok {
		c.Receipt, err = json.Marshal(receipt)
	}
	return c, err
}
