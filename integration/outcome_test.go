package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
)

// yes is a user who agrees to all.
type yes struct{}

func (yes) Elicit(context.Context, mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionAccept, Content: map[string]any{}}}, nil
}

// TestOutcomesOfMCPGo: multi round-trips and tasks between an mcp-go client and
// server. The log has for each call what the client saw.
func TestOutcomesOfMCPGo(t *testing.T) {
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			home := newHome(t)
			inner, server := tap(t, fake(t, "mcpgo"))
			outer, wire := tap(t, wrapped.argv(t, nil, inner...))
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c := dialMCPGo(t, home, version, outer, client.WithElicitationHandler(yes{}))
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(c.Start(ctx))
			_, err := c.Initialize(ctx, mcp.InitializeRequest{Params: mcp.InitializeParams{
				ProtocolVersion: version, ClientInfo: mcp.Implementation{Name: "integration", Version: "1"}}})
			must(err)
			_, err = c.ListTools(ctx, mcp.ListToolsRequest{})
			must(err)

			for _, tool := range []string{"confirm", "confirm-same", "confirm-bare"} {
				var all sync.WaitGroup
				for i := range 5 {
					all.Go(func() {
						r, err := c.CallTool(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: map[string]any{"text": fmt.Sprint(i)}}})
						if err != nil || fmt.Sprint(r.Content) != fmt.Sprint([]mcp.Content{mcp.NewTextContent("confirmed")}) {
							t.Errorf("%s: %+v, %v", tool, r, err)
						}
					})
				}
				all.Wait()
			}

			task := func(do string) (id string) {
				t.Helper()
				// CallTool has no type for the handle: it is on the wire.
				c.CallTool(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "task", Arguments: map[string]any{"do": do}, Task: &mcp.TaskParams{}}})
				for _, m := range messages(wire()[0].out) {
					var created struct{ Task struct{ TaskID string } }
					if json.Unmarshal(m.Result, &created); created.Task.TaskID != "" {
						id = created.Task.TaskID
					}
				}
				if id == "" {
					t.Fatal("there is no task")
				}
				return id
			}
			wait := func(id string) {
				t.Helper()
				_, err := c.WaitForTask(ctx, mcp.GetTaskRequest{Params: mcp.GetTaskParams{TaskId: id}}, 10*time.Millisecond)
				must(err)
			}
			fetch := func(id string) error {
				_, err := c.TaskResult(ctx, mcp.TaskResultRequest{Params: mcp.TaskResultParams{TaskId: id}})
				return err
			}
			done := task("succeed")
			wait(done)
			// mcp-go has taken tasks/result out for 2026-07-28 and not put the
			// result into tasks/get: there the result is never fetched.
			if err := fetch(done); (err == nil) != (version == "2025-11-25") {
				t.Error(err)
			}
			fetch(done) // again, which is no second outcome
			fetch(task("report an error"))
			failed := task("fail")
			if fetch(failed) == nil {
				t.Error("a task that failed has a result")
			}
			wait(failed)
			wait(task("fail")) // and is not fetched
			_, err = c.CancelTask(ctx, mcp.CancelTaskRequest{Params: mcp.CancelTaskParams{TaskId: task("wait")}})
			must(err)
			task("wait") // and is forgotten
			must(c.Close())

			home.check(t, wire(), server())
			count := map[string]int{}
			for _, a := range home.answered(t) {
				count[a.call.Action.Tool+": "+a.text(t)]++
			}
			want := map[string]int{
				"confirm: executed": 5, "confirm-same: executed": 5, "confirm-bare: executed": 5,
				"task: executed": 1, "task: failed, isError": 1, "task: failed, JSON-RPC error": 1, "task: failed, the task failed": 1,
				"task: failed, the task was cancelled": 1, "task: unanswered, the result of its task was never fetched": 1,
			}
			if version == "2026-07-28" {
				want = map[string]int{
					"confirm: executed": 5, "confirm-same: executed": 5, "confirm-bare: executed": 5,
					"confirm: requires_approval, input_required": 5, "confirm-same: requires_approval, input_required": 5, "confirm-bare: requires_approval, input_required": 5,
					"task: failed, the task failed": 2, "task: failed, the task was cancelled": 1, "task: unanswered, the result of its task was never fetched": 3,
				}
			}
			if !maps.Equal(count, want) {
				t.Errorf("the log tells of %v, want %v", count, want)
			}
			if version == "2026-07-28" {
				home.checkRetries(t)
			}
			if n := len(home.events(t, "task")); n != 6 {
				t.Errorf("%d events of tasks", n)
			}
		})
	}
}

// checkRetries holds that each call that was confirmed names the one that asked
// for it, by its arguments.
func (h home) checkRetries(t *testing.T) {
	t.Helper()
	asked := map[string]string{}
	for _, a := range h.answered(t) {
		if !strings.HasPrefix(a.call.Action.Tool, "confirm") {
			continue
		}
		call := a.call.Action.Tool + string(a.call.Action.Params)
		if strings.HasPrefix(a.text(t), "requires_approval") {
			asked[call] = a.call.ID
		} else if a.call.Action.Parent == "" || a.call.Action.Parent != asked[call] {
			t.Errorf("%s: the parent is %q, want %q", call, a.call.Action.Parent, asked[call])
		}
	}
	if len(asked) != 15 {
		t.Errorf("%v asked", slices.Sorted(maps.Keys(asked)))
	}
}
