package install

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var wrapper = Wrapper{Path: "/usr/local/bin/signet-wrap"}

func all(*Entry) bool { return true }

// wrapped is data with every server wrapped.
func wrapped(t *testing.T, data string, format Format, p ...Pointer) (string, error) {
	t.Helper()
	d, err := Parse([]byte(data), format, p)
	if err != nil {
		return "", err
	}
	out, _, err := d.Wrap(with(wrapper, all))
	return string(out), err
}

// The edits, format by format: what is written and nothing else.
func TestWrap(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		format         Format
		pointer        Pointer
	}{
		{"list", `{"mcpServers":{"a":{"command":"npx","args":["-y", "x"]}}}`,
			`{"mcpServers":{"a":{"command":"/usr/local/bin/signet-wrap","args":["--", "npx", "-y", "x"]}}}`, JSON, Pointer{"mcpServers"}},
		{"args first", `{"mcpServers":{"a":{"args":["-y"],"command":"np\u0078"}}}`,
			`{"mcpServers":{"a":{"args":["--", "np\u0078", "-y"],"command":"/usr/local/bin/signet-wrap"}}}`, JSON, Pointer{"mcpServers"}},
		{"empty list", `{"mcpServers":{"a":{"command":"npx","args":[ ]}}}`,
			`{"mcpServers":{"a":{"command":"/usr/local/bin/signet-wrap","args":["--", "npx" ]}}}`, JSON, Pointer{"mcpServers"}},
		{"no list", `{"mcpServers":{"a":{"command":"npx" }}}`,
			`{"mcpServers":{"a":{"command":"/usr/local/bin/signet-wrap","args":["--","npx"] }}}`, JSON, Pointer{"mcpServers"}},
		{"comments", "\ufeff{\"servers\":{\"a\":{\"command\": // c\r\n\"npx\",\"args\":[ // \"d\"\r\n\t\"-y\", /* e */],},},}",
			"\ufeff{\"servers\":{\"a\":{\"command\": // c\r\n\"/usr/local/bin/signet-wrap\",\"args\":[ // \"d\"\r\n\t\"--\", \"npx\", \"-y\", /* e */],},},}", JSON, Pointer{"servers"}},
		{"one list", `{"mcp":{"a":{"type":"local","command":["npx", "x"]}}}`,
			`{"mcp":{"a":{"type":"local","command":["/usr/local/bin/signet-wrap", "--", "npx", "x"]}}}`, JSON, Pointer{"mcp"}},
		{"old Zed", `{"context_servers":{"a":{"command":{"path":"npx","args":["x"],"env":null}}}}`,
			`{"context_servers":{"a":{"command":{"path":"/usr/local/bin/signet-wrap","args":["--", "npx", "x"],"env":null}}}}`, JSON, Pointer{"context_servers"}},
		{"any project", `{"projects":{"/x":{"mcpServers":{"a":{"command":"npx","args":[]}}}}}`,
			`{"projects":{"/x":{"mcpServers":{"a":{"command":"/usr/local/bin/signet-wrap","args":["--", "npx"]}}}}}`, JSON, Pointer{"projects", "*", "mcpServers"}},
		{"table", "[mcp_servers.a]\ncommand = 'npx' # c\nargs = [ # d\n '''-y''',\n]\n",
			"[mcp_servers.a]\ncommand = \"/usr/local/bin/signet-wrap\" # c\nargs = [ # d\n \"--\", 'npx', '''-y''',\n]\n", TOML, Pointer{"mcp_servers"}},
		{"table, no list", "[mcp_servers.a]\r\n  command = \"npx\" # c\r\nx = 1",
			"[mcp_servers.a]\r\n  command = \"/usr/local/bin/signet-wrap\"\r\nargs=[\"--\",\"npx\"] # c\r\nx = 1", TOML, Pointer{"mcp_servers"}},
		{"inline table", `mcp_servers = { a = { command = "npx" }, b = { command = "c", args = [] } }`,
			`mcp_servers = { a = { command = "/usr/local/bin/signet-wrap",args=["--","npx"] }, b = { command = "/usr/local/bin/signet-wrap", args = ["--", "c"] } }`, TOML, Pointer{"mcp_servers"}},
		{"dotted", "mcp_servers.a.command = \"npx\"\n",
			"mcp_servers.a.command = \"/usr/local/bin/signet-wrap\"\nmcp_servers.a.args=[\"--\",\"npx\"]\n", TOML, Pointer{"mcp_servers"}},
		{"block", "extensions:\n  é:\n    cmd: npx\n    args:\n    -   -y # c\n    - \"x\"\n",
			"extensions:\n  é:\n    cmd: \"/usr/local/bin/signet-wrap\"\n    args:\n    -   \"--\"\n    -   npx\n    -   -y # c\n    - \"x\"\n", YAML, Pointer{"extensions"}},
		{"flow", "extensions: {é: {cmd: 'n''x', args: [-y]}}",
			"extensions: {é: {cmd: \"/usr/local/bin/signet-wrap\", args: [\"--\", 'n''x', -y]}}", YAML, Pointer{"extensions"}},
		{"flow, no list", "extensions: {a: {cmd: npx}}",
			"extensions: {a: {cmd: \"/usr/local/bin/signet-wrap\",args: [\"--\",npx]}}", YAML, Pointer{"extensions"}},
		{"list of servers, no list", "mcpServers:\n  - name: a\n    command: npx # c\n  - command: uvx\n    args: []\n",
			"mcpServers:\n  - name: a\n    command: \"/usr/local/bin/signet-wrap\"\n    args: [\"--\",npx] # c\n  - command: \"/usr/local/bin/signet-wrap\"\n    args: [\"--\", uvx]\n", YAML, Pointer{"mcpServers"}},
	} {
		t.Run(string(c.format)+" "+c.name, func(t *testing.T) {
			got, err := wrapped(t, c.old, c.format, c.pointer)
			if err != nil || got != c.new {
				t.Fatalf("got  %q, %v\nwant %q", got, err, c.new)
			}
			again, err := wrapped(t, got, c.format, c.pointer)
			if err != nil || again != got {
				t.Fatalf("the second time %q, %v", again, err)
			}
		})
	}
}

// with puts w in front of the plain entries that pick chooses.
func with(w Wrapper, pick func(*Entry) bool) func(*Entry) (Wrapper, bool) {
	return func(e *Entry) (Wrapper, bool) { return w, !e.Wrapped && pick(e) }
}

// A wrapper is put in the place of another, and the way back leads to the bytes
// of the beginning, in every client's shape.
func TestRewrap(t *testing.T) {
	former := Wrapper{Path: "/old/place/signet-wrap", Flags: []string{"--key=bot", "--fail-open"}}
	for name := range corpus {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		c := clientOf(t, name)
		data := b
		var chosen []*Entry
		for _, w := range []Wrapper{former, wrapper, {Path: wrapper.Path, Flags: []string{"--key", "other"}}} {
			d, err := Parse(data, c.Format, c.Pointers)
			if err != nil {
				t.Fatal(err)
			}
			before := len(chosen)
			if data, chosen, err = d.Wrap(func(*Entry) (Wrapper, bool) { return w, true }); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if before > 0 && len(chosen) != before {
				t.Errorf("%s: %d wrapped, then %d", name, before, len(chosen))
			}
			if d, err = Parse(data, c.Format, c.Pointers); err != nil {
				t.Fatal(err)
			}
			for _, e := range d.Entries {
				if e.Wrapped && (e.Wrapper != w.Path || !slices.Equal(e.Flags, w.Flags)) {
					t.Errorf("%s: %s has %s %q", name, e.Name, e.Wrapper, e.Flags)
				}
			}
			if again, none, err := d.Wrap(func(*Entry) (Wrapper, bool) { return w, true }); err != nil || len(none) != 0 || !bytes.Equal(again, data) {
				t.Errorf("%s: the same again changes %d: %v", name, len(none), err)
			}
		}
		d, err := Parse(data, c.Format, c.Pointers)
		if err != nil {
			t.Fatal(err)
		}
		if back, _, err := d.Unwrap(all); err != nil || !bytes.Equal(back, b) {
			t.Errorf("%s: not the bytes of the beginning: %v\n%s", name, err, back)
		}
	}
}

// What was wrapped by hand and would not be by us stays as it is.
func TestRewrapLeavesOddCommands(t *testing.T) {
	const file = `{"mcpServers": {
		"shell": {"command": "/old/signet-wrap", "args": ["--", "npx -y server"]},
		"own": {"command": "/old/signet-wrap", "args": ["--", "npx", "server"]}}}`
	d, err := Parse([]byte(file), JSON, everywhere)
	if err != nil {
		t.Fatal(err)
	}
	out, chosen, err := d.Wrap(func(*Entry) (Wrapper, bool) { return wrapper, true })
	if err != nil || len(chosen) != 1 || chosen[0].Name != "own" || !strings.Contains(string(out), `"/old/signet-wrap", "args": ["--", "npx -y server"]`) {
		t.Errorf("%v, %v\n%s", chosen, err, out)
	}
}
