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

// TestOddRemotes: what mcp-remote would not do, or would show to all users, is left, with the
// reason, and does not keep other servers from being wrapped.
func TestOddRemotes(t *testing.T) {
	for entry, want := range map[string]string{
		`{"url":"HTTP://LOCALHOST:1/"}`:                                                    `"HTTP://LOCALHOST:1/","--allow-http"]}`,
		`{"url":"https://x/mcp","headers":null,"env":null}`:                                `"https://x/mcp"]}`,
		`{"url":"https://x/${TEAM}/mcp"}`:                                                  `"https://x/${TEAM}/mcp"]}`,
		`{"url":"https://x","headers":{"A":"1","B":"2"},"env":{"SIGNET_HEADER_1":"mine"}}`: `"--header","A:${SIGNET_HEADER_2}","--header","B:${SIGNET_HEADER_3}"],"env":{"SIGNET_HEADER_2":"1","SIGNET_HEADER_3":"2","SIGNET_HEADER_1":"mine"}}`,
		`{"url":"https://x","headers":{"A":"b\"c $HOME ${B} \\"}}`:                         `"env":{"SIGNET_HEADER_1":"b\"c $HOME ${B} \\"}}`,
		`{"url":"https://me:secret@x/mcp"}`:                                                "has a secret",
		`{"url":"https://x/mcp?token=abc"}`:                                                "has a secret",
		`{"url":"https://x/mcp","headersHelper":"/x/headers"}`:                             "come from a program",
		`{"url":"https://x/mcp","headers":"A: b"}`:                                         "no table",
		`{"url":"https://x/mcp","headers":{"A":"b"},"env":["A"]}`:                          "no table",
		`{"url":"https://x/mcp","headers":{"A":"b\r\nC: d"}}`:                              "no value of a header",
		`{"url":"--allow-http"}`:                                                           "no http or https URL",
		`{"url":"ftp://x/"}`:                                                               "no http or https URL",
		`{"url":"https://x/ mcp"}`:                                                         "no http or https URL",
		`{"url":"https://x/mcp\n"}`:                                                        "no http or https URL",
		`{"url":"https://x/mcp","headers":{"":"b"}}`:                                       "no name of a header",
	} {
		path := filepath.Join(t.TempDir(), "mcp.json")
		if err := os.WriteFile(path, []byte(`{"mcpServers":{"odd":`+entry+`,"good":{"url":"https://y/mcp"}}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		c := File{Client: knownClient("cursor"), Path: path}.Open()
		data, chosen, left, err := c.Remotes(func(*Entry) (Wrapper, bool) { return Wrapper{Path: "/x/signet-wrap"}, true })
		if err != nil || len(chosen) == 0 || chosen[len(chosen)-1].Name != "good" {
			t.Errorf("%s: %v, %d chosen", entry, err, len(chosen))
			continue
		}
		got := string(data)
		for _, why := range left {
			got = why.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", entry, got, want)
		}
	}
}
