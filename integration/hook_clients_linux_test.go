package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Versions of the clients for TestHookClients, as npm has them. Together they are
// 800 MB, so the test is for `make nightly`.
var hookClients = []string{"@anthropic-ai/claude-code@2.1.332", "@openai/codex@0.171.0"}

// TestHookClients: real clients, with a local server in the place of the model's, run
// their shell. What install wrote records it, and blocks it if it cannot be recorded.
func TestHookClients(t *testing.T) {
	if os.Getenv("SIGNET_WRAP_CLIENTS") == "" {
		t.Skip("set SIGNET_WRAP_CLIENTS=1 to have npm fetch 800 MB")
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("the paths in the packages are those of amd64")
	}
	dir := t.TempDir()
	install := exec.Command("npm", append([]string{"install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", dir}, hookClients...)...)
	if out, err := install.CombinedOutput(); err != nil {
		missing(t, "npm: %v\n%s", err, out)
	}
	for _, c := range []struct {
		name, target string
		program      string // in node_modules
		args         []string
		env          func(model string) []string
		config       string // a file that it needs, in HOME
	}{
		{"claude-code", "claude-code://local", "@anthropic-ai/claude-code-linux-x64/claude",
			[]string{"-p", "do it", "--allowedTools", "Bash"}, func(model string) []string {
				return []string{"ANTHROPIC_BASE_URL=" + model, "ANTHROPIC_API_KEY=none", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1", "DISABLE_AUTOUPDATER=1"}
			}, ""},
		{"codex", "codex://local", "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex",
			[]string{"exec", "--dangerously-bypass-hook-trust", "--skip-git-repo-check", "-s", "danger-full-access", "do it"}, func(string) []string { return nil },
			"model = \"gpt-5\"\nmodel_provider = \"local\"\n[model_providers.local]\nname = \"local\"\nbase_url = \"MODEL/v1\"\nwire_api = \"responses\"\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t)
			work := t.TempDir()
			ran := filepath.Join(work, "ran")
			model := httptest.NewServer(&shellOnce{command: "echo ran > " + ran})
			defer model.Close()
			if c.config != "" {
				path := filepath.Join(h.dir, ".codex", "config.toml")
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(strings.Replace(c.config, "MODEL", model.URL, 1)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			h.signet(t, 0, nil, "install", "--hooks", "--client", c.name)
			play := func() {
				t.Helper()
				model.Config.Handler.(*shellOnce).again()
				cmd := exec.Command(filepath.Join(dir, "node_modules", filepath.FromSlash(c.program)), c.args...)
				cmd.Dir, cmd.Env = work, append(scrubbed(h.dir), c.env(model.URL)...)
				over := time.AfterFunc(3*time.Minute, func() { cmd.Process.Kill() })
				defer over.Stop()
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			}
			play()
			if _, err := os.Stat(ran); err != nil {
				t.Error(err)
			}
			if got := h.signet(t, 0, nil, "audit", "--json"); strings.Count(got, "\n") != 1 || !strings.Contains(got, c.target) || !strings.Contains(got, `"executed"`) {
				t.Errorf("%s", got)
			}
			// No key: the shell must not run.
			if err := os.Remove(ran); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(filepath.Join(h.dir, ".signet", "keys", "default.key"), 0); err != nil {
				t.Fatal(err)
			}
			play()
			if _, err := os.Stat(ran); err == nil {
				t.Error("it ran without a record")
			}
		})
	}
}

// shellOnce is a model that has the client's shell run a command, once, by the
// protocol of either client.
type shellOnce struct {
	command string
	mu      sync.Mutex
	said    bool
}

func (s *shellOnce) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = false
}

func (s *shellOnce) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var asked struct{ Tools []any }
	json.Unmarshal(body, &asked)
	claude, codex := strings.HasSuffix(r.URL.Path, "/messages"), strings.HasSuffix(r.URL.Path, "/responses")
	if !claude && !codex {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	s.mu.Lock()
	use := !s.said && len(asked.Tools) > 0 // Claude Code also asks for titles
	s.said = s.said || use
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	event := func(kind string, data map[string]any) {
		data["type"] = kind
		b, _ := json.Marshal(data)
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, b)
	}
	type m = map[string]any
	if codex {
		item := m{"type": "message", "role": "assistant", "id": "m", "content": []any{m{"type": "output_text", "text": "done"}}}
		if use {
			b, _ := json.Marshal(m{"cmd": s.command})
			item = m{"type": "function_call", "call_id": "call_1", "name": "exec_command", "arguments": string(b)}
		}
		event("response.created", m{"response": m{"id": "r"}})
		event("response.output_item.done", m{"item": item})
		event("response.completed", m{"response": m{"id": "r", "usage": m{"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}})
		return
	}
	block, delta, stop := m{"type": "text", "text": ""}, m{"type": "text_delta", "text": "done"}, "end_turn"
	if use {
		b, _ := json.Marshal(m{"command": s.command})
		block, delta, stop = m{"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": m{}}, m{"type": "input_json_delta", "partial_json": string(b)}, "tool_use"
	}
	event("message_start", m{"message": m{"id": "msg", "type": "message", "role": "assistant", "model": "m", "content": []any{}, "usage": m{"input_tokens": 1, "output_tokens": 1}}})
	event("content_block_start", m{"index": 0, "content_block": block})
	event("content_block_delta", m{"index": 0, "delta": delta})
	event("content_block_stop", m{"index": 0})
	event("message_delta", m{"delta": m{"stop_reason": stop}, "usage": m{"output_tokens": 1}})
	event("message_stop", m{})
}
