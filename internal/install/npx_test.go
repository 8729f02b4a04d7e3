package install

import (
	"slices"
	"testing"
)

// What npx and its like start is wrapped, as if by a path: it is not wrapped again, its
// path can become a lasting one, and it can be unwrapped.
func TestNpx(t *testing.T) {
	for _, c := range []struct {
		name, file, plain, again string
		format                   Format
		pointer                  Pointer
	}{
		{"args", `{"mcpServers":{"a":{"command":"npx","args":["-y", "signet-wrap", "--key", "bot", "--", "node", "s.js"]}}}`,
			`{"mcpServers":{"a":{"command":"node","args":["s.js"]}}}`,
			`{"mcpServers":{"a":{"command":"/usr/local/bin/signet-wrap","args":["--key", "bot", "--", "node", "s.js"]}}}`, JSON, Pointer{"mcpServers"}},
		{"version", `{"mcpServers":{"a":{"command":"C:\\nodejs\\npx.cmd","args":["--yes", "signet-wrap@1.2.3", "--", "s"]}}}`,
			`{"mcpServers":{"a":{"command":"s","args":[]}}}`,
			`{"mcpServers":{"a":{"command":"/usr/local/bin/signet-wrap","args":["--", "s"]}}}`, JSON, Pointer{"mcpServers"}},
		{"one list", `{"mcp":{"a":{"type":"local","command":["npx", "-y", "signet-wrap", "--", "s", "x"]}}}`,
			`{"mcp":{"a":{"type":"local","command":["s", "x"]}}}`,
			`{"mcp":{"a":{"type":"local","command":["/usr/local/bin/signet-wrap", "--", "s", "x"]}}}`, JSON, Pointer{"mcp"}},
		{"block", "extensions:\n  a:\n    cmd: bunx\n    args:\n    - signet-wrap@latest\n    - --\n    - s\n    - x\n",
			"extensions:\n  a:\n    cmd: s\n    args:\n    - x\n",
			"extensions:\n  a:\n    cmd: \"/usr/local/bin/signet-wrap\"\n    args:\n    - \"--\"\n    - s\n    - x\n", YAML, Pointer{"extensions"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func() { // and it can get another flag, as it is
				d, err := Parse([]byte(c.plain), c.format, []Pointer{c.pointer})
				if err != nil {
					t.Fatal(err)
				}
				w := Wrapper{Path: "npx", Package: []string{"-y", "signet-wrap"}, Flags: []string{"--key", "bot"}}
				out, _, err := d.Wrap(func(*Entry) (Wrapper, bool) { return w, true })
				if err != nil {
					t.Fatal(err)
				}
				if d, err = Parse(out, c.format, []Pointer{c.pointer}); err != nil {
					t.Fatal(err)
				}
				if e := d.Entries[0]; e.Wrapper != "npx" || !slices.Equal(e.Package, w.Package) || !slices.Equal(e.Flags, w.Flags) {
					t.Errorf("by npx it is %s", out)
				}
			}()
			d, err := Parse([]byte(c.file), c.format, []Pointer{c.pointer})
			if err != nil {
				t.Fatal(err)
			}
			if e := d.Entries[0]; !e.Wrapped || e.Reason != "" {
				t.Fatalf("wrapped is %v, reason %q", e.Wrapped, e.Reason)
			}
			plain, _, err := d.Unwrap(all)
			if err != nil || string(plain) != c.plain {
				t.Errorf("unwrapped %q, %v\nwant      %q", plain, err, c.plain)
			}
			again, _, err := d.Wrap(func(e *Entry) (Wrapper, bool) {
				return Wrapper{Path: wrapper.Path, Flags: e.Flags}, true
			})
			if err != nil || string(again) != c.again {
				t.Errorf("wrapped again %q, %v\nwant          %q", again, err, c.again)
			}
		})
	}
}

// Other packages and other programs are servers as any other.
func TestNpxOther(t *testing.T) {
	for _, args := range [][]string{
		{"-y", "@modelcontextprotocol/server-filesystem", "signet-wrap"},
		{"-y", "signet-wrapper", "--", "s"},
		{"-p", "signet-wrap", "s"},
		{},
	} {
		if _, ok := runsWrapper("npx", args); ok {
			t.Errorf("npx %q is taken for signet-wrap", args)
		}
	}
	if _, ok := runsWrapper("uvx", []string{"signet-wrap", "--", "s"}); ok {
		t.Error("uvx is no npx")
	}
	if from, ok := runsWrapper("npx", []string{"-y", "signet-wrap", "--", "s"}); !ok || from != 2 {
		t.Errorf("from %d, %v", from, ok)
	}
}
