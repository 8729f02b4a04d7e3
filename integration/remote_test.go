package integration

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRemote: `install --remote` has a server that is reached by URL started through mcp-remote
// and a wrapper, so its calls are recorded, and the server gets the headers; `uninstall`
// gives back the same bytes. The server is the SDK's, over HTTP.
func TestRemote(t *testing.T) {
	everything := node(t, module("@modelcontextprotocol/server-everything/dist/index.js"), "streamableHttp")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	server := exec.Command(everything[0], everything[1:]...)
	server.Env = append(os.Environ(), "PORT="+strconv.Itoa(port))
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { server.Process.Kill(); server.Wait() }()
	var mu sync.Mutex
	headers := map[string]bool{}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "127.0.0.1:" + strconv.Itoa(port)})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		headers[r.Header.Get("X-Team")] = true
		mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			c.Close()
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}

	h := newHome(t)
	config := filepath.Join(h.dir, ".cursor", "mcp.json")
	old := "{\"mcpServers\": {\n  \"team\": {\"url\": \"" + front.URL + "/mcp\", \"headers\": {\"X-Team\": \"two words\"}}\n}}\n"
	if err := os.MkdirAll(filepath.Dir(config), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	h.signet(t, 0, nil, "install", "--remote", "--client", "cursor", "--dry-run")
	h.signet(t, 0, nil, "install", "--remote", "--client", "cursor")
	b, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		MCPServers map[string]struct {
			Command string
			Args    []string
			Env     map[string]string
		}
	}
	if err := json.Unmarshal(b, &read); err != nil {
		t.Fatal(err)
	}
	entry := read.MCPServers["team"]
	if strings.Contains(strings.Join(entry.Args, " "), "two words") {
		t.Errorf("%q", entry.Args)
	}
	if got := h.signet(t, 0, nil, "status", "--json"); !strings.Contains(got, `"state":"wrapped"`) {
		t.Errorf("%s", got)
	}

	cmd := exec.Command(entry.Command, entry.Args...)
	cmd.Dir = "node" // where npx finds this version of mcp-remote
	cmd.Env = append(scrubbed(h.dir), "NODE_NO_WARNINGS=1", "npm_config_offline=true")
	for name, value := range entry.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := time.AfterFunc(2*time.Minute, func() { cmd.Process.Kill() })
	defer over.Stop()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	ask := func(id, message string) string {
		t.Helper()
		if _, err := in.Write([]byte(message + "\n")); err != nil {
			t.Fatal(err)
		}
		for id != "" && lines.Scan() {
			if strings.Contains(lines.Text(), `"id":`+id) && !strings.Contains(lines.Text(), `"method"`) {
				return lines.Text()
			}
		}
		return ""
	}
	ask("1", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`)
	ask("", `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	if got := ask("2", `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"message":"over there"}}}`); !strings.Contains(got, "over there") {
		t.Errorf("%q", got)
	}
	in.Close()
	for lines.Scan() {
	}
	cmd.Wait()
	mu.Lock()
	if !headers["two words"] {
		t.Errorf("the server got %v", headers)
	}
	mu.Unlock()
	if calls := h.records(t); len(calls) != 1 || !strings.Contains(string(calls[0].raw), `"target":"mcp://team"`) {
		t.Errorf("%d calls\n%s", len(calls), said.String())
	}
	h.signet(t, 0, nil, "uninstall", "--client", "cursor")
	if b, err := os.ReadFile(config); err != nil || string(b) != old {
		t.Errorf("%v\n%s", err, b)
	}
}
