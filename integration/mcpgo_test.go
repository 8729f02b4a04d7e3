package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

// TestMCPGo compares what an mcp-go client gets from an mcp-go server with and
// without the wrapper, in both eras of the protocol.
func TestMCPGo(t *testing.T) {
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		t.Run(version, func(t *testing.T) {
			home := newHome(t)
			want := talkMCPGo(t, home, version, fake(t, "mcpgo"))
			inner, server := tap(t, fake(t, "mcpgo"))
			outer, client := tap(t, wrapped.argv(t, nil, inner...))
			got := talkMCPGo(t, home, version, outer)
			if d := difference(want, got); d != "" {
				t.Error("results with and without the wrapper: ", d)
			}
			opening := map[string]string{"2025-11-25": `"method":"initialize"`, "2026-07-28": `"method":"server/discover"`}
			if first, _, _ := bytes.Cut(client()[0].in, []byte("\n")); !bytes.Contains(first, []byte(opening[version])) {
				t.Errorf("the conversation began with %q", first)
			}
			home.check(t, client(), server())
		})
	}
}

// dialMCPGo is an mcp-go client of the server that argv starts.
func dialMCPGo(t *testing.T, home home, version string, argv []string, options ...client.ClientOption) *client.Client {
	t.Helper()
	m := newMark()
	t.Cleanup(m.kill)
	stdio := transport.NewStdioWithOptions(argv[0], nil, argv[1:], transport.WithCommandFunc(
		func(_ context.Context, command string, _, args []string) (*exec.Cmd, error) {
			cmd := exec.Command(command, args...)
			cmd.Env = append(scrubbed(home.dir), string(m))
			return cmd, nil
		}))
	return client.NewClient(stdio, append(options, client.WithProtocolVersion(version))...)
}

// talkMCPGo uses every kind of call and returns the responses, a line each.
func talkMCPGo(t *testing.T, home home, version string, argv []string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := dialMCPGo(t, home, version, argv)
	progress := make(chan mcp.JSONRPCNotification, 100)
	c.OnNotification(func(n mcp.JSONRPCNotification) { progress <- n })
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}

	var said bytes.Buffer
	note := func(what string, v any, err error) {
		if err != nil {
			v = err.Error()
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		said.WriteString(what + " " + string(b) + "\n")
	}
	call := func(ctx context.Context, tool string, arguments any, token any) {
		r := mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: arguments}}
		if token != nil {
			r.Params.Meta = &mcp.Meta{ProgressToken: token}
		}
		got, err := c.CallTool(ctx, r)
		note(tool, got, err)
	}

	hello, err := c.Initialize(ctx, mcp.InitializeRequest{Params: mcp.InitializeParams{
		ProtocolVersion: version, ClientInfo: mcp.Implementation{Name: "integration", Version: "1"}}})
	note("initialize", hello, err)
	tools, err := c.ListTools(ctx, mcp.ListToolsRequest{})
	note("tools", tools, err)
	call(ctx, "echo", map[string]any{"text": "héllo \u2028 \U0001F600 </script> & \\ \" \x00"}, nil)
	call(ctx, "echo", nil, nil)
	call(ctx, "arguments", json.RawMessage(`{"n":9007199254740993,"x":1.50,"e":1e2, "s":"\u0041"}`), nil)
	call(ctx, "big", map[string]any{"bytes": 3 << 20}, nil)
	call(ctx, "echo", map[string]any{"text": strings.Repeat("long ", 1<<19)}, nil)
	call(ctx, "fails", nil, nil)
	call(ctx, "breaks", nil, nil)
	call(ctx, "no such tool", nil, nil)
	call(ctx, "count", map[string]any{"to": 5}, "token")
	for range 5 {
		select {
		case n := <-progress:
			note("progress", n, nil)
		case <-ctx.Done():
			t.Fatal("progress notifications went missing")
		}
	}
	short, stop := context.WithTimeout(ctx, 200*time.Millisecond)
	call(short, "wait", nil, nil)
	stop()
	resource, err := c.ReadResource(ctx, mcp.ReadResourceRequest{Params: mcp.ReadResourceParams{URI: "note://one"}})
	note("resource", resource, err)
	prompt, err := c.GetPrompt(ctx, mcp.GetPromptRequest{Params: mcp.GetPromptParams{
		Name: "greet", Arguments: map[string]string{"name": "Ada"}}})
	note("prompt", prompt, err)
	note("close", nil, c.Close())
	return said.Bytes()
}
