package integration

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/signet-wrap/signet-wrap/internal/demo"
)

// TestDemoServer: an mcp-go client can use the demo's server.
func TestDemoServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := dialMCPGo(t, newHome(t), "2025-11-25", []string{binary(t), "demo", "--serve", filepath.Join(t.TempDir(), "copy")})
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Initialize(ctx, mcp.InitializeRequest{}); err != nil {
		t.Fatal(err)
	}
	tools, err := c.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil || len(tools.Tools) != 1 {
		t.Fatalf("%v, %v", tools, err)
	}
	call := mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tools.Tools[0].Name, Arguments: map[string]any{"table": "t", "where": "x"}}}
	result, err := c.CallTool(ctx, call)
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := result.Content[0].(mcp.TextContent); !ok || text.Text != "deleted 12 rows of t (not really)" {
		t.Errorf("the server said %+v", result.Content)
	}
}

// TestDemoClient: the demo's client can use a server of mcp-go.
func TestDemoClient(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	argv := fake(t, "mcpgo")
	text, err := demo.Call(ctx, argv[0], argv[1:], "echo", json.RawMessage(`{"text":"Zoë"}`))
	if err != nil || text != "Zoë" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := demo.Call(ctx, argv[0], argv[1:], "breaks", json.RawMessage(`{}`)); err == nil {
		t.Error("no error where the server says no")
	}
	if _, err := demo.Call(ctx, os.DevNull, nil, "echo", nil); err == nil {
		t.Error("no error where there is no server")
	}
}
