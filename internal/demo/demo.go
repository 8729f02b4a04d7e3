// Package demo is the real MCP client and server of `signet-wrap demo`, made
// with mcp-go.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// Call starts command as an MCP server, calls the tool, ends the server and
// returns the text of the answer. The server's stderr goes to ours.
func Call(ctx context.Context, command string, args []string, tool string, arguments map[string]any) (answer string, err error) {
	cl := client.NewClient(transport.NewStdio(command, os.Environ(), args...))
	if err := cl.Start(ctx); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, cl.Close()) }()
	if stderr, ok := client.GetStderr(cl); ok {
		go io.Copy(os.Stderr, stderr)
	}
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	hello.Params.ClientInfo = mcp.Implementation{Name: "demo-client", Version: "1"}
	if _, err := cl.Initialize(ctx, hello); err != nil {
		return "", err
	}
	call := mcp.CallToolRequest{}
	call.Params.Name, call.Params.Arguments = tool, arguments
	result, err := cl.CallTool(ctx, call)
	if err != nil {
		return "", err
	}
	for _, part := range result.Content {
		if text, ok := part.(mcp.TextContent); ok {
			answer += text.Text
		}
	}
	return answer, nil
}

// Serve is an MCP server on in and out with one tool, which takes a table and
// a condition and pretends to delete rows. It returns at the end of in.
func Serve(ctx context.Context, tool string, in io.Reader, out io.Writer) error {
	s := server.NewMCPServer("demo-server", "1")
	s.AddTool(mcp.NewTool(tool,
		mcp.WithDescription("Pretends to delete rows of a table."),
		mcp.WithString("table", mcp.Required()),
		mcp.WithString("where", mcp.Required()),
	), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(fmt.Sprintf("deleted 12 rows of %s (not really)", r.GetString("table", "?"))), nil
	})
	return server.NewStdioServer(s).Listen(ctx, in, out)
}
