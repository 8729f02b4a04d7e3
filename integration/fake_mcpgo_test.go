package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// fakeMCPGo is a server of mcp-go with a tool for each kind of response.
func fakeMCPGo([]string) int {
	s := server.NewMCPServer("mcpgo", "1.0.0",
		server.WithToolCapabilities(false), server.WithPromptCapabilities(false), server.WithResourceCapabilities(false, false),
		server.WithTaskCapabilities(true, true, true))

	s.AddTool(mcp.NewTool("echo", mcp.WithString("text")),
		func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(r.GetString("text", "")), nil
		})
	s.AddTool(mcp.NewTool("arguments"),
		func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultJSON(r.GetRawArguments())
		})
	s.AddTool(mcp.NewTool("big", mcp.WithNumber("bytes")),
		func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(strings.Repeat("0123456789abcdef", r.GetInt("bytes", 0)/16)), nil
		})
	s.AddTool(mcp.NewTool("fails"),
		func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultError("the tool says no"), nil
		})
	s.AddTool(mcp.NewTool("breaks"),
		func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return nil, errors.New("the server says no")
		})
	s.AddTool(mcp.NewTool("count", mcp.WithNumber("to")),
		func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			to := r.GetInt("to", 0)
			for i := range to {
				err := server.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress",
					map[string]any{"progressToken": r.Params.Meta.ProgressToken, "progress": i + 1, "total": to})
				if err != nil {
					return nil, err
				}
			}
			return mcp.NewToolResultText(fmt.Sprintf("counted to %d", to)), nil
		})
	s.AddTool(mcp.NewTool("wait"), // until it is taken back
		func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})

	// Tools that ask back before they respond, with a state for each call, with
	// one for all, and with none.
	for name, state := range map[string]func(text string) string{
		"confirm":      func(text string) string { return "state of " + text },
		"confirm-same": func(string) string { return "state" },
		"confirm-bare": func(string) string { return "" },
	} {
		s.AddTool(mcp.NewTool(name, mcp.WithString("text")),
			func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				if _, ok := server.InputResponse(r.Params.InputResponses, "sure"); ok {
					return mcp.NewToolResultText("confirmed"), nil
				}
				text := r.GetString("text", "")
				return server.NewInputRequestBuilder(state(text)).Elicit("sure", mcp.ElicitationParams{
					Message: text + "?", RequestedSchema: map[string]any{"type": "object", "properties": map[string]any{}},
				}).ToolResult(), nil
			})
	}

	// A task that does what it is told.
	s.AddTaskTool(mcp.NewTool("task", mcp.WithString("do"), mcp.WithTaskSupport(mcp.TaskSupportRequired)),
		func(_ context.Context, r mcp.CallToolRequest) (*mcp.CreateTaskResult, error) {
			switch r.GetString("do", "") {
			case "fail":
				return nil, errors.New("the task says no")
			case "wait":
				time.Sleep(time.Hour)
			case "report an error":
				return &mcp.CreateTaskResult{IsError: true, Content: []mcp.Content{mcp.NewTextContent("no")}}, nil
			}
			return &mcp.CreateTaskResult{Content: []mcp.Content{mcp.NewTextContent("done")}}, nil
		})

	s.AddResource(mcp.NewResource("note://one", "one"),
		func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return []mcp.ResourceContents{mcp.TextResourceContents{URI: "note://one", Text: "a note"}}, nil
		})
	s.AddPrompt(mcp.NewPrompt("greet", mcp.WithArgument("name")),
		func(_ context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			text := mcp.NewTextContent("hello " + r.Params.Arguments["name"])
			return mcp.NewGetPromptResult("", []mcp.PromptMessage{mcp.NewPromptMessage(mcp.RoleUser, text)}), nil
		})

	if err := server.ServeStdio(s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
