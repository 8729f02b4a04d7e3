package integration

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
)

func init() {
	fakes["some"] = fakeSome // responds to calls, but not of the tool "hold", and ends at one of the tool "die"
}

func fakeSome([]string) int {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := in.ReadSlice('\n')
		switch id := idOf(line); {
		case err != nil:
			return 0
		case bytes.Contains(line, []byte(`"name":"die"`)):
			return 3
		case id != nil && !bytes.Contains(line, []byte(`"name":"hold"`)):
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{}}`+"\n", id)
		}
	}
}

// called is a line that calls a tool.
func called(id int, tool string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"%s"}}`+"\n", id, tool)
}

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
			for _, a := range home.recordedCalls(t) {
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
				t.Errorf("the log has %v, want %v", count, want)
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
	for _, a := range h.recordedCalls(t) {
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

// TestOutcomesOfTasks: server-everything's task, as the TypeScript SDK drives it.
func TestOutcomesOfTasks(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	inner, server := tap(t, node(t, module("@modelcontextprotocol/server-everything/dist/index.js")))
	outer, wire := tap(t, wrapped.argv(t, nil, inner...))
	play(t, home, "tasks", t.TempDir(), outer)
	home.check(t, wire(), server())
	var got []string
	for _, a := range home.recordedCalls(t) {
		got = append(got, a.text(t))
	}
	want := []string{"executed", "executed", "failed, the task was cancelled", "unanswered, the result of its task was never fetched"}
	if !slices.Equal(got, want) {
		t.Errorf("the log has %q, want %q", got, want)
	}
}

// TestOutcomesAtTheEnd: calls that are in flight when a session ends are listed,
// with why, and the log is no worse for it.
func TestOutcomesAtTheEnd(t *testing.T) {
	const cancel = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":3}}` + "\n"
	const noID = `{"jsonrpc":"2.0","method":"tools/call","params":{"name":"hold"}}` + "\n"
	for _, c := range []struct {
		name, last, how string
		flags           []string
		want            []string
	}{
		{"the client leaves", "", "exit status 0", nil,
			[]string{"executed", "unanswered, the client ended the session", "unanswered, cancelled by the client", "unanswered, it had no id"}},
		{"the server dies", called(5, "die"), "exit status 3", nil,
			[]string{"executed", "unanswered, the server ended", "unanswered, cancelled by the client", "unanswered, it had no id", "unanswered, the server ended"}},
		{"without sync", called(5, "die"), "exit status 3", []string{"--sync", "off"},
			[]string{"executed", "unanswered, the server ended", "unanswered, cancelled by the client", "unanswered, it had no id", "unanswered, the server ended"}},
		{"off", called(5, "die"), "exit status 3", []string{"--outcomes", "off"},
			[]string{"nothing", "nothing", "nothing", "nothing", "nothing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			home := newHome(t)
			p := start(t, home.dir, wrapped.argv(t, c.flags, fake(t, "some")...))
			p.send(called(1, "t") + called(2, "hold") + called(3, "hold") + cancel + noID)
			p.line()
			if c.last != "" {
				p.send(c.last)
			} else {
				p.end()
			}
			p.rest()
			if how := p.how(); how != c.how {
				t.Errorf("it ended with %s, want %s", how, c.how)
			}
			var got []string
			for _, a := range home.recordedCalls(t) {
				got = append(got, a.text(t))
				for _, r := range a.responses {
					r.verifyResponse(t, home.key(t), a.call)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("the log has %q, want %q", got, c.want)
			}
			home.signet(t, 0, nil, "verify", "--chain")
			if c.name != "off" {
				open := home.signet(t, 0, nil, "audit", "--open", "--json")
				if n := strings.Count(open, "\n"); n != len(c.want)-1 {
					t.Errorf("audit --open lists %d calls, want %d:\n%s", n, len(c.want)-1, open)
				}
			} else if all := home.log(t); len(all) != len(c.want) {
				t.Errorf("%d records for %d calls", len(all), len(c.want))
			}
		})
	}
}

// TestOutcomesOfTheKilled: kill -9 loses outcomes and makes none that are false;
// the calls without one can be found, and the next session goes on.
func TestOutcomesOfTheKilled(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	for round := range 3 {
		p := start(t, home.dir, wrapped.argv(t, nil, fake(t, "some")...))
		for i := range 50 {
			p.send(called(i, "t"))
			p.line()
		}
		p.send(called(100, "hold"))
		// A session that does not say that it records outcomes is not counted.
		for len(home.recordedCalls(t)) < 51*(round+1) || len(home.events(t, "session")) <= round {
			time.Sleep(time.Millisecond)
		}
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		p.settled()
	}
	open := 0
	for _, a := range home.recordedCalls(t) {
		switch text := a.text(t); text {
		case "executed":
			a.responses[0].verifyResponse(t, home.key(t), a.call)
		case "nothing":
			open++
		default:
			t.Errorf("call %s came to %q", a.call.Action.CallID, text)
		}
	}
	if open < 3 {
		t.Errorf("%d calls are open, of which 3 were never answered", open)
	}
	said := home.signet(t, 0, nil, "verify", "--chain")
	if want := fmt.Sprintf("%d calls without an outcome", open); !strings.Contains(said, want) {
		t.Errorf("verify does not say %q:\n%s", want, said)
	}
	if n := strings.Count(home.signet(t, 0, nil, "audit", "--open", "--json"), "\n"); n != open {
		t.Errorf("audit --open lists %d calls, want %d", n, open)
	}
}

// TestSessionsOfRealServers: the log says who asked whom, and hashes what ran.
func TestSessionsOfRealServers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ scenario, server, protocol, name string }{
		{"memory", module("@modelcontextprotocol/server-memory/dist/index.js"), "2025-11-25", "memory-server"},
		{"modern", "modern-server.mjs", "2026-07-28", "modern"},
	} {
		home := newHome(t)
		argv := node(t, c.server)
		play(t, home, c.scenario, t.TempDir(), wrapped.argv(t, nil, append(argv, "--token", "hush")...))
		sessions := home.events(t, "session")
		if len(sessions) != 1 {
			t.Fatalf("%d sessions", len(sessions))
		}
		s := sessions[0]
		if s["protocol"] != c.protocol || s["client"].(map[string]any)["name"] != "signet-wrap-integration" || s["server"].(map[string]any)["name"] != c.name {
			t.Errorf("%v", s)
		}
		if got, want := fmt.Sprint(s["command"]), fmt.Sprint(append(slices.Clone(argv), "--token", "***")); got != want {
			t.Errorf("the command is %s, want %s", got, want)
		}
		var hashes []string
		for _, path := range argv {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			hashes = append(hashes, fmt.Sprintf("sha256:%x", sha256.Sum256(b)))
		}
		for i, f := range s["files"].([]any) {
			if got := f.(map[string]any)["sha256"]; got != hashes[i] {
				t.Errorf("the hash of %s is %v, want %s", argv[i], got, hashes[i])
			}
		}
		if n := len(s["files"].([]any)); n != 2 {
			t.Errorf("%d files are hashed", n)
		}
		if n := len(home.events(t, "tools")); n != 1 {
			t.Errorf("%d listings", n)
		}
	}
}
