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

// TestRemotesOfOpencode: its servers have another form, remote and local.
func TestRemotesOfOpencode(t *testing.T) {
	const old = `{"mcp": {"a": {"type": "remote", "url": "https://x/mcp", "headers": {"A": "Bearer {env:T}"}, "environment": {"B": "c"}, "enabled": true}, // mine
		"b": {"type": "remote", "url": "https://y"}}, "mcpServers": {"c": {"type": "remote", "url": "https://x"}}}`
	dir := t.TempDir()
	path, backups := filepath.Join(dir, "kilo.jsonc"), filepath.Join(dir, "backup")
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	file := File{Client: knownClient("kilo"), Path: path}
	c := file.Open()
	data, chosen, left, err := c.Remotes(func(*Entry) (Wrapper, bool) { return Wrapper{Path: "/x/signet-wrap"}, true })
	if err != nil || len(chosen) != 2 || len(left) != 1 {
		t.Fatalf("%v, %d chosen, %v", err, len(chosen), left)
	}
	for _, want := range []string{
		`"a": {"type":"local","command":["/x/signet-wrap","--","npx","-y","` + RemoteProgram + `","https://x/mcp","--header","A:${SIGNET_HEADER_1}"],` +
			`"enabled": true,"environment":{"SIGNET_HEADER_1":"Bearer {env:T}","B": "c"}}, // mine`,
		`"b": {"type":"local","command":["/x/signet-wrap","--","npx","-y","` + RemoteProgram + `","https://y"]}}`,
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %s in\n%s", want, data)
		}
	}
	if _, err := c.WriteRemotes(backups, data, chosen, time.Now()); err != nil {
		t.Fatal(err)
	}
	c = file.Open()
	if data, _, err = c.Undo(func(*Entry) bool { return true }, backups); err != nil || string(data) != old {
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
		`{"url":"https://x/mcp","headers":{"X.Team":"b"}}`:                                 "no name of a header that mcp-remote takes",
		`{"url":"https://x/mcp","headers":{"X Team":"b"}}`:                                 "no name of a header that mcp-remote takes",
		`{"url":"https://x/mcp","headers":{"X-A":"b","x-a":"c"}}`:                          `the header "x-a" twice`,
		`{"serverUrl":"https://x/mcp"}`:                                                    `"https://x/mcp"]}`,
		`{"httpUrl":"https://x/mcp"}`:                                                      `"https://x/mcp"]}`,
		`{"url":"https://x/sse","httpUrl":"https://x/mcp"}`:                                "no http or https URL, or two",
		`{"url":"https://token@x/mcp"}`:                                                    "has a secret",
		`{"url":"https://x","headers":{"A":"1"},"env":{"signet_header_1":"mine"}}`:         `"A:${SIGNET_HEADER_2}"]`,
		`{"url":"https://x","headers":{"A":" a: \"b\" 'c' "}}`:                             `"env":{"SIGNET_HEADER_1":" a: \"b\" 'c' "}}`,
		`{"uri":"https://x/mcp","headers":{"A":"s3cret-${T}"}}`:                            "Goose has variables",
		`{"uri":"https://x/mcp","headers":{"A":"Token $T"}}`:                               `"A:Token ${T}"]`,
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

// TestRemotesInTOMLAndYAML: as TestRemotes, of clients with other formats. What cannot be
// changed without a doubt is left, with what a person writes.
func TestRemotesInTOMLAndYAML(t *testing.T) {
	const npx = `"--", "npx", "-y", "` + RemoteProgram + `", `
	for _, c := range []struct {
		client, name, old string
		want              []string // in the file then
		byHand            string   // of one that is left
	}{
		{"codex", "plain", "model = \"m\"\n\n[mcp_servers.web] # mine\nurl = \"https://x.example/mcp\" # here\nstartup_timeout_sec = 20\n\n[tui]\nx = 1\n",
			[]string{"[mcp_servers.web] # mine\ncommand = \"/x/signet-wrap\"\nargs = [\"--key\", \"k\", " + npx + "\"https://x.example/mcp\"] # here\nstartup_timeout_sec = 20\n\n[tui]"}, ""},
		{"codex", "headers", "[mcp_servers.web]\r\n  bearer_token_env_var = \"FIGMA\"\r\n  enabled = true\r\n  # which\r\n  http_headers = { \"X-Region\" = \"us east: \\\"1\\\"\", 'X-B' = 'b\\n' }\r\n  env_http_headers = { X-C = \"C_VAR\" }\r\n  url = 'https://x.example/mcp'\r\n",
			[]string{"[mcp_servers.web]\r\n  command = \"/x/signet-wrap\"\r\n  args = [\"--key\", \"k\", " + npx + `"https://x.example/mcp", "--header", "X-Region:${SIGNET_HEADER_1}", "--header", "X-B:${SIGNET_HEADER_2}", ` +
				`"--header", "X-C:${C_VAR}", "--header", "Authorization:Bearer ${FIGMA}"]` + "\r\n  env = { SIGNET_HEADER_1 = \"us east: \\\"1\\\"\", SIGNET_HEADER_2 = \"b\\\\n\" }\r\n" +
				"  env_vars = [\"C_VAR\", \"FIGMA\"]\r\n  enabled = true\r\n"}, ""},
		{"codex", "inline", "mcp_servers = { a = { command = \"a\" }, web = { url = \"https://x/mcp\", enabled = true } }\n",
			[]string{`web = { command = "/x/signet-wrap", args = ["--key", "k", ` + npx + `"https://x/mcp"], enabled = true } }`}, ""},
		{"codex", "table", "[mcp_servers.web]\nurl = \"https://x/mcp\"\n[mcp_servers.web.http_headers]\nA = \"s3cret\"\n", nil,
			"command = \"/x/signet-wrap\"\nargs = [\"--key\", \"k\", " + npx + "\"https://x/mcp\", \"--header\", \"A:${SIGNET_HEADER_1}\"]\nenv = { SIGNET_HEADER_1 = \"(the value of A)\" }"},
		{"codex", "env", "[mcp_servers.web]\nurl = \"https://x/mcp\"\nhttp_headers = { A = \"b\" }\nenv = { C = \"d\" }\n",
			[]string{"\nenv = { SIGNET_HEADER_1 = \"b\", C = \"d\" }\n"}, ""},
		{"codex", "odd env", "[mcp_servers.web]\nurl = \"https://x/mcp\"\nhttp_headers = { A = \"b\" }\nenv = { \"C D\" = \"s3cret\" }\n", nil, "SIGNET_HEADER_1"},
		{"codex", "env_vars", "[mcp_servers.web]\nurl = \"https://x/mcp\"\nbearer_token_env_var = \"T\"\nenv_vars = [\"V\"]\n", nil, `"Authorization:Bearer ${T}"`},
		{"goose", "envs", "extensions:\n  web:\n    uri: https://x/mcp\n    envs:\n      A: s3cret # mine\n      B: 'b, \"c\" {'\n    type: streamable_http\n    headers:\n      X-B: b\n",
			[]string{"    envs: { SIGNET_HEADER_1: \"b\", A: \"s3cret\", B: \"b, \\\"c\\\" {\" }"}, ""},
		// Goose puts variables of envs and env_keys into headers, and not into envs.
		{"goose", "variables", "extensions:\n  web:\n    type: streamable_http\n    uri: https://x/mcp\n    headers:\n      Authorization: Bearer $TOKEN\n      X-B: ${B_2}\n    envs:\n      B_2: s3cret\n    env_keys: [TOKEN]\n",
			[]string{`"--header", "Authorization:Bearer ${TOKEN}", "--header", "X-B:${B_2}"]` + "\n    envs:\n      B_2: s3cret\n    env_keys: [TOKEN]\n"}, ""},
		{"goose", "block", "GOOSE_MODEL: m\nextensions:\n  web:\n    enabled: true\n    envs: {}\n    env_keys: []\n    headers:\n      Authorization: Bearer s3cret\n      X-B: 'it''s'\n    name: web # or so\n    timeout: 300\n    type: streamable_http\n    uri: https://x.example/mcp\n    bundled: null\n",
			[]string{"    enabled: true\n    type: \"stdio\"\n    cmd: \"/x/signet-wrap\"\n    args: [\"--key\", \"k\", " + npx + `"https://x.example/mcp", "--header", "Authorization:${SIGNET_HEADER_1}", "--header", "X-B:${SIGNET_HEADER_2}"]` +
				"\n    envs: { SIGNET_HEADER_1: \"Bearer s3cret\", SIGNET_HEADER_2: \"it's\" }\n    env_keys: []\n    name: web\n    timeout: 300\n    bundled: null\n"}, ""},
		{"goose", "sse", "extensions:\n  web: {type: sse, uri: 'https://x/sse', enabled: true}\n",
			[]string{`  web: {type: "stdio", cmd: "/x/signet-wrap", args: ["--key", "k", ` + npx + `"https://x/sse", "--transport", "sse-only"], enabled: true}`}, ""},
		{"goose", "anchor", "extensions:\n  web:\n    type: sse\n    uri: &u https://x/sse\n", nil, "cmd: \"/x/signet-wrap\""},
		{"continue", "list", "mcpServers:\n  - name: web\n    type: sse\n    url: https://x/sse\n    requestOptions:\n      headers: {Authorization: \"Bearer s3cret\"}\n  -   url: https://y/mcp\n      name: other\n",
			[]string{"  - name: web\n    type: \"stdio\"\n    command: \"/x/signet-wrap\"\n    args: [\"--key\", \"k\", " + npx + `"https://x/sse", "--transport", "sse-only", "--header", "Authorization:${SIGNET_HEADER_1}"]` +
				"\n    env: { SIGNET_HEADER_1: \"Bearer s3cret\" }\n  -   command: \"/x/signet-wrap\"\n      args: [\"--key\", \"k\", " + npx + "\"https://y/mcp\"]\n      name: other\n"}, ""},
	} {
		t.Run(c.client+" "+c.name, func(t *testing.T) {
			client := knownClient(c.client)
			dir := t.TempDir()
			path, backups := filepath.Join(dir, "config"), filepath.Join(dir, "backup")
			write := func(data string) {
				t.Helper()
				if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(c.old)
			file := File{Client: client, Path: path}
			first := Wrapper{Path: "/x/signet-wrap", Flags: []string{"--key", "k"}}
			conf := file.Open()
			data, chosen, left, err := conf.Remotes(func(*Entry) (Wrapper, bool) { return first, true })
			if err != nil {
				t.Fatal(err)
			}
			if c.byHand != "" {
				if len(left) != 1 || len(chosen) > 0 || string(data) != c.old {
					t.Fatalf("%v\n%s", left, data)
				}
				for e := range left {
					got := strings.Join(conf.RemoteByHand(e, first), "\n")
					if !strings.Contains(got, c.byHand) || strings.Contains(got, "s3cret") {
						t.Errorf("%s, want %s", got, c.byHand)
					}
				}
				return
			}
			for _, want := range c.want {
				if !strings.Contains(string(data), want) {
					t.Errorf("%v: no\n%s\nin\n%s", left, want, data)
				}
			}
			diff, err := conf.Doc.Diff(data)
			if err != nil || strings.Contains(diff, "s3cret") || !strings.Contains(diff, `-url: "https://x`) || !strings.Contains(diff, RemoteProgram) {
				t.Errorf("%v\n%s", err, diff)
			}
			if _, err := conf.WriteRemotes(backups, data, chosen, time.Now()); err != nil {
				t.Fatal(err)
			}
			// With another wrapper, and what is beside it changed.
			conf = file.Open()
			data, _, err = conf.Doc.Wrap(func(*Entry) (Wrapper, bool) { return Wrapper{Path: "/y/signet-wrap"}, true })
			if err != nil {
				t.Fatal(err)
			}
			write(string(data) + "# more\n")
			conf = file.Open()
			if data, _, err = conf.Undo(func(*Entry) bool { return true }, backups); err != nil || string(data) != c.old+"# more\n" {
				t.Errorf("%v\n%s", err, data)
			}
			// Somebody has changed what the server is reached by.
			write(strings.Replace(string(conf.Doc.data), "/mcp\"", "/other\"", 1))
			conf = file.Open()
			data, _, err = conf.Undo(func(*Entry) bool { return true }, backups)
			if now := string(conf.Doc.data); err != nil || strings.Contains(now, "/other\"") && !strings.Contains(string(data), "/other\"") {
				t.Errorf("%v\n%s", err, data)
			}
		})
	}
}
