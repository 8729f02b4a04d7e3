package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRemotes: a server that is reached by URL is started through mcp-remote, with the values
// of its headers in env and nowhere else, and is to the byte what it was afterwards.
func TestRemotes(t *testing.T) {
	const old = `{
  // mine
  "mcpServers": {
    "a": { "type" : "http", "url": "https://x.example/mcp?a=1", "headers": { "Authorization": "Bearer s3cret", "X-B": "${B}" }, "disabled":false },
    "b": {"url": "http://127.0.0.1:9/sse", "type": "sse", "env": {"A": "1"}},
    "c": {"command": "npx", "args": ["c"]},
    "d": {"type": "ws", "url": "wss://x"},
    "e": {"url": 7}, "f": {"url": "https://x", "headers": {"A:B": "1"}},
  }
}
`
	dir := t.TempDir()
	path, backups := filepath.Join(dir, "mcp.json"), filepath.Join(dir, "backup")
	write := func(data string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := File{Client: knownClient("cursor"), Path: path}
	write(old)
	c := file.Open()
	data, chosen, left, err := c.Remotes(func(e *Entry) (Wrapper, bool) {
		return Wrapper{Path: "/x/signet-wrap", Flags: []string{"--target", "mcp://" + e.Name}}, true
	})
	if err != nil || len(chosen) != 2 || len(left) != 3 {
		t.Fatalf("%v, %d chosen, %v", err, len(chosen), left)
	}
	for _, want := range []string{
		`"a": {"command":"/x/signet-wrap","args":["--target","mcp://a","--","npx","-y","` + RemoteProgram + `","https://x.example/mcp?a=1",` +
			`"--header","Authorization:${SIGNET_HEADER_1}","--header","X-B:${SIGNET_HEADER_2}"],"disabled":false,` +
			`"env":{"SIGNET_HEADER_1":"Bearer s3cret","SIGNET_HEADER_2":"${B}"}},`,
		`"http://127.0.0.1:9/sse","--transport","sse-only","--allow-http"],"env":{"A": "1"}},`,
		`"c": {"command": "npx", "args": ["c"]},`,
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %s in\n%s", want, data)
		}
	}
	if _, err := c.WriteRemotes(backups, data, chosen, time.Now()); err != nil {
		t.Fatal(err)
	}
	// Wrapped again with other flags, and another server with it.
	c = file.Open()
	data, chosen, err = c.Doc.Wrap(func(e *Entry) (Wrapper, bool) {
		return Wrapper{Path: "/y/signet-wrap", Flags: []string{"--key", "k"}}, true
	})
	if err != nil || len(chosen) != 3 {
		t.Fatalf("%v, %d", err, len(chosen))
	}
	if _, err := c.Write(backups, true, data, chosen, time.Now()); err != nil {
		t.Fatal(err)
	}
	c = file.Open()
	if data, chosen, err = c.Undo(func(*Entry) bool { return true }, backups); err != nil || string(data) != old || len(chosen) != 3 {
		t.Errorf("%v, %d chosen\n%s", err, len(chosen), data)
	}
	// What somebody has changed since stays a server started through mcp-remote.
	write(strings.Replace(string(c.Doc.data), `"disabled":false`, `"disabled":true`, 1))
	c = file.Open()
	data, _, err = c.Undo(func(*Entry) bool { return true }, backups)
	if err != nil || !strings.Contains(string(data), `"command":"npx","args":["-y","`+RemoteProgram) || !strings.Contains(string(data), `"b": {"url": "http://127.0.0.1:9/sse", "type": "sse"`) {
		t.Errorf("%v\n%s", err, data)
	}
}
