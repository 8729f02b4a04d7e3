package install

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// every way to servers that a client has
var everywhere = []Pointer{
	{"mcpServers"}, {"servers"}, {"mcp_servers"}, {"context_servers"}, {"extensions"},
	{"amp.mcpServers"}, {"mcp"}, {"mcp", "servers"}, {"projects", "*", "mcpServers"},
}

// Whatever a configuration looks like: it is refused, or unwrapping what was
// wrapped gives it back, byte for byte, and wrapping twice is wrapping once.
func FuzzWrap(f *testing.F) {
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		if b, err := os.ReadFile(name); err == nil {
			f.Add(b, uint8(len(name)), "")
		}
	}
	for i, s := range []string{
		`{"mcpServers":{"a":{"command":"npx","args":["-y",],},/**/"b":{"command":"x"}}}`,
		"[mcp_servers.a]\ncommand = '''npx'''\nargs = []\n[mcp_servers.b]\ncommand=\"x\"",
		"extensions:\n  a:\n    cmd: npx\n    args:\n    - -y\n    - x\n  b: {cmd: x}\nmcpServers:\n- name: c\n  command: 'x'\n",
	} {
		f.Add([]byte(s), uint8(i), "ci-bot")
	}
	f.Fuzz(func(t *testing.T, data []byte, which uint8, key string) {
		format := []Format{JSON, TOML, YAML}[which%3]
		w := wrapper
		if key != "" {
			w.Flags = []string{"--key", "ci-bot"}
		}
		d, err := Parse(data, format, everywhere)
		if err != nil {
			return
		}
		before := bytes.Clone(data)
		out, chosen, err := d.Wrap(with(w, all))
		if !bytes.Equal(data, before) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			return
		}
		if _, err := d.Diff(out); err != nil {
			t.Fatal(err)
		}
		first := d
		d, err = Parse(out, format, everywhere)
		if err != nil {
			t.Fatalf("what was written is refused: %v\n%q", err, out)
		}
		if again, _, err := d.Wrap(with(w, all)); err != nil || !bytes.Equal(again, out) {
			t.Fatalf("the second time: %v\n%q\n%q", err, out, again)
		}
		ours := make(map[*Entry]bool)
		for i, e := range first.Entries {
			if slices.Contains(chosen, e) {
				ours[d.Entries[i]] = true
			}
		}
		back, undone, err := d.Unwrap(func(e *Entry) bool { return ours[e] })
		if err != nil || len(undone) != len(chosen) || !bytes.Equal(back, data) {
			t.Fatalf("%v\n%q\n%q\n%q", err, data, out, back)
		}
	})
}
