package install

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// Files that are refused whole.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, data, why string
		format          Format
	}{
		{"broken", `{"mcpServers": {`, "it is not JSON: line 1", JSON},
		{"two values", `{} {}`, "after top-level", JSON},
		{"single quotes", `{'mcpServers': {}}`, "invalid", JSON},
		{"name twice", `{"mcpServers":{"a":{"command":"x","command":"y"}}}`, `"command" is twice`, JSON},
		{"name twice, escaped", `{"a":1,"\u0061":2}`, `"a" is twice`, JSON},
		{"name twice, far away", `{"x":[{"b":{"a":1,"a":2}}]}`, `"a" is twice`, JSON},
		{"not UTF-8", "{\"a\":\"\xff\"}", "not UTF-8", JSON},
		{"UTF-16", "\xff\xfe{\x00}\x00", "it is UTF-16: save it as UTF-8", JSON},
		{"UTF-16 without a mark", "{\x00}\x00", "UTF-16 without a byte order mark", JSON},
		{"not UTF-8", "{\"\xff\": 1}", "not UTF-8", JSON},
		{"very many keys", strings.Repeat("a=1\n", maxTOMLKeys+1), "more than 16384 keys", TOML},
		{"a key of very many parts", strings.Repeat("a.", maxTOMLDots+1) + "a=1", "more than 262144 dots", TOML},
		{"an error that quotes a long key", strings.Repeat("a", 4<<20) + "=1\n" + strings.Repeat("a", 4<<20) + "=1\n", "…", TOML},
		{"a long name twice", `{"` + strings.Repeat("a", 4<<20) + `":1,"` + strings.Repeat("a", 4<<20) + `":1}`, "…", JSON},
		{"deep", strings.Repeat("[", 1<<24), "nested more than 10000", JSON},
		{"deep and closed", strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20), "nested more than 10000", JSON},
		{"deep after comments", "// \"\n/* \" */" + strings.Repeat(`{"\"[":`, maxDepth+1), "nested more than 10000", JSON},
		{"deep TOML", "a=" + strings.Repeat("[", 1<<24), "nested more than", TOML},
		{"deep YAML", strings.Repeat("[", 1<<24), "exceeded max depth", YAML},
		{"deep YAML of dashes", strings.Repeat("- ", 1<<23) + "a", "exceeded max depth", YAML},
		{"large", strings.Repeat(" ", MaxSize+1), "larger than 32 MiB", JSON},
		{"broken TOML", "[mcp_servers.a\n", "expected", TOML},
		{"table twice", "[mcp_servers.a]\n[mcp_servers.a]\n", "already", TOML},
		{"key twice", "[mcp_servers.a]\ncommand='x'\ncommand='y'\n", "already", TOML},
		{"dotted over inline", "[mcp_servers]\na={command='x'}\na.args=[]\n", "", TOML},
		{"broken YAML", "a: [\n", "did not find", YAML},
		{"key twice in YAML", "mcpServers:\n- command: x\n  command: y\n", `"command" is twice`, YAML},
		{"two documents", "a: 1\n---\nb: 2\n", "more than one document", YAML},
		{"lines of its own", "a: 1\u2028b: 2\n", "line ends", YAML},
		{"lone CR", "a: 1\rb: 2\r", "line ends", YAML},
		{"no format", "{}", "no format", "ini"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.data), c.format, everywhere)
			if err == nil || !strings.Contains(err.Error(), c.why) || len(err.Error()) > maxReason+8 {
				t.Errorf("%v, want %q", err, c.why)
			}
		})
	}
}

// What is in strings and comments nests nothing.
func TestDepth(t *testing.T) {
	for body, want := range map[string]int{
		"": 0, "{}": 1, `{"a": [[], {}]}`: 3, `{"[[[\\\"[[": "[["}`: 1, "// [[\n[]": 1, "/* [[ // */ [/**/[]]": 2, "/* [": 0, "// [": 0, `["\`: 1,
	} {
		if got := depth([]byte(body)); got != want {
			t.Errorf("%s: %d, want %d", body, got, want)
		}
	}
}

// A file with very many servers takes time in proportion: if it did not, this
// test would not end.
func TestManyServers(t *testing.T) {
	many := 40_000
	if testing.Short() {
		many /= 20
	}
	for _, c := range []struct {
		name, before, each, after string
		format                    Format
		servers                   int
	}{
		{"JSON", `{"mcpServers": {`, `"s%d": {"command": "x"},` + "\n", `}}`, JSON, many},
		{"JSON on one line", `{"mcpServers":{`, `"s%d":{"command":"x"},`, `}}`, JSON, many},
		{"JSON, wrapped by hand, never by us", `{"mcpServers":{`, `"s%d":{"command":"/bin/signet-wrap","args":["--","~/x"]},`, `}}`, JSON, many},
		{"YAML", "mcpServers:\n", "  s%d:\n    command: x\n", "", YAML, many},
		{"YAML on one line", "mcpServers: {", "s%d: {command: x},", "}", YAML, many},
		{"TOML", "", "[mcp_servers.s%d]\ncommand = 'x'\n", "", TOML, maxTOMLKeys / 2},
	} {
		var b bytes.Buffer
		b.WriteString(c.before)
		for i := range c.servers {
			fmt.Fprintf(&b, c.each, i)
		}
		b.WriteString(c.after)
		d, err := Parse(b.Bytes(), c.format, everywhere)
		if err != nil || len(d.Entries) != c.servers {
			t.Fatalf("%s: %v", c.name, err)
		}
		if c.format != JSON {
			continue
		}
		out, chosen, err := d.Wrap(with(wrapper, all))
		want := c.servers
		if strings.Contains(c.name, "never") {
			want = 0
		}
		if err != nil || len(chosen) != want {
			t.Fatalf("%s: %d chosen, %v", c.name, len(chosen), err)
		}
		if _, err := d.Diff(out); err != nil {
			t.Error(err)
		}
	}
}

// What would be too large to be read again is not written, and said before more
// is made of it.
func TestWrapTooLarge(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`{"mcpServers":{`)
	for i := range 1000 {
		fmt.Fprintf(&b, `"s%d":{"command":"x"},`, i)
	}
	b.WriteString(`"last":{"command":"x"}}}`)
	d, err := Parse(b.Bytes(), JSON, mcpServers)
	if err != nil {
		t.Fatal(err)
	}
	long := Wrapper{Path: "/" + strings.Repeat("x", MaxSize/1000) + "/signet-wrap"}
	if _, chosen, err := d.Wrap(with(long, all)); err == nil || !strings.Contains(err.Error(), "larger than 32 MiB: wrap fewer") || len(chosen) != 1001 {
		t.Errorf("%d chosen, %v", len(chosen), err)
	}
}

// Servers that are left as they are.
func TestLeft(t *testing.T) {
	for _, c := range []struct{ data, why string }{
		{`{"url":"https://x"}`, "remote"},
		{`{"type":"http","url":"https://x","command":"x"}`, "remote"},
		{`{"command":"","args":[]}`, "not text"},
		{`{"command":7}`, "not text"},
		{`{"command":null}`, "not text"},
		{`{"command":[]}`, "empty"},
		{`{"command":[1,"x"]}`, "empty"},
		{`{"command":{}}`, "no command"},
		{`{"command":"npx -y server"}`, "holds arguments"},
		{`{"command":"~/bin/server"}`, "begins with ~"},
		{`{"command":"x","args":"-y"}`, "not a list"},
		{`{"command":"x","sandboxEnabled":true}`, "sandbox"},
		{`{"args":[]}`, "no command"},
		{`[]`, "not a server"},
		{`"x"`, "not a server"},
		{`{"command":"/bin/signet-wrap"}`, "not in front of a server"},
		{`{"command":"/bin/signet-wrap","args":["audit"]}`, "not in front of a server"},
		{`{"command":"/bin/signet-wrap","args":["verify","--","x"]}`, "not in front of a server"},
		{`{"command":"/bin/signet-wrap","args":["--"]}`, "not in front of a server"},
		{`{"command":["signet-wrap.exe","--"]}`, "not in front of a server"},
	} {
		data := []byte(`{"mcpServers":{"a":` + c.data + `}}`)
		d, err := Parse(data, JSON, everywhere)
		if err != nil {
			t.Fatal(err)
		}
		if e := d.Entries[0]; e.Wrapped || !strings.Contains(e.Reason, c.why) {
			t.Errorf("%s: left since %q, want %q", c.data, e.Reason, c.why)
		}
		for _, edit := range []func(func(*Entry) bool) ([]byte, []*Entry, error){
			func(p func(*Entry) bool) ([]byte, []*Entry, error) { return d.Wrap(with(wrapper, p)) }, d.Unwrap,
		} {
			if out, chosen, err := edit(all); err != nil || len(chosen) > 0 || !bytes.Equal(out, data) {
				t.Errorf("%s became %s, %v", c.data, out, err)
			}
		}
	}
}

// Where the splice cannot be proved right, nothing is handed out: a plain YAML
// scalar reads otherwise between brackets.
func TestWrapRefuses(t *testing.T) {
	for _, data := range []string{
		"extensions:\n  a:\n    cmd: x,y\n",
		"extensions:\n  a:\n    cmd: x,y\n    args: []\n",
		"extensions:\n  a:\n    cmd: x]y\n    args: [z]\n",
		"extensions:\n  a:\n    cmd: \"x\n      y\"\n    args: [z]\n", // its end is not on the line
	} {
		d, err := Parse([]byte(data), YAML, everywhere)
		if err != nil {
			t.Fatal(err)
		}
		out, chosen, err := d.Wrap(with(wrapper, all))
		if err == nil && len(chosen) > 0 || err != nil && out != nil {
			t.Errorf("%q became %q, %v", data, out, err)
		}
	}
}

// The proofs, given splices that are wrong.
func TestProof(t *testing.T) {
	data := []byte(`{"mcpServers":{"a":{"command":"npx","args":["x"],"n":1}},"b":[true]}`)
	for _, c := range []struct {
		name  string
		edits []edit
		why   string
	}{
		{"another text", []edit{{45, 46, []byte("y")}}, "more than the command"},
		{"another number", []edit{{53, 54, []byte("2")}}, "more than the command"},
		{"another name", []edit{{50, 51, []byte("m")}}, "more than the command"},
		{"one less", []edit{{62, 66, nil}}, "more than the command"},
		{"one more", []edit{{54, 54, []byte(`,"m":1`)}}, "more than the command"},
		{"not readable", []edit{{53, 54, nil}}, "not be readable"},
		{"one over another", []edit{{10, 20, nil}, {15, 16, nil}}, "the same bytes"},
		{"beyond the end", []edit{{10, 2000, nil}}, "the same bytes"},
	} {
		d, err := Parse(data, JSON, everywhere)
		if err != nil {
			t.Fatal(err)
		}
		if out, _, err := d.splice(c.edits, d); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %s, %v", c.name, out, err)
		}
	}
	d, err := Parse(data, JSON, everywhere)
	if err != nil {
		t.Fatal(err)
	}
	if out, _, err := d.splice(nil, d); err != nil || !bytes.Equal(out, data) {
		t.Errorf("no edit: %s, %v", out, err)
	}
	// A wrapper that unwrapping does not know must not be put in front.
	if out, _, err := d.Wrap(with(Wrapper{Path: "/bin/other"}, all)); err == nil {
		t.Errorf("wrapped for good: %s", out)
	}
}

// Servers of a list that have one name, one of them wrapped before.
func TestWrapNamesakes(t *testing.T) {
	got, err := wrapped(t, "mcpServers:\n- command: signet-wrap\n  args: [--, x]\n- command: y\n  args: [z]\n", YAML, Pointer{"mcpServers"})
	if want := "mcpServers:\n- command: signet-wrap\n  args: [--, x]\n- command: \"/usr/local/bin/signet-wrap\"\n  args: [\"--\", y, z]\n"; err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
}

// What people write by hand is known, too, and what clients make of ours.
func TestUnwrapByHand(t *testing.T) {
	for _, c := range []struct {
		old, new string
		format   Format
	}{
		{`{"mcpServers":{"a":{"command":"signet-wrap","args":["--key", "bot" ,"--","npx","-y"]}}}`,
			`{"mcpServers":{"a":{"command":"npx","args":["-y"]}}}`, JSON},
		{`{"mcpServers":{"a":{"command":"C:\\x\\Signet-Wrap.EXE","args":["--hash-only","--", "npx"]}}}`,
			`{"mcpServers":{"a":{"command":"npx","args":[]}}}`, JSON},
		{"{\"mcpServers\":{\"a\":{\"command\":\"/b/signet-wrap\",\"args\":[\n\"--\",\n\"npx\",\n\"--\", \"-y\"\n]}}}",
			"{\"mcpServers\":{\"a\":{\"command\":\"npx\",\"args\":[\n\"--\", \"-y\"\n]}}}", JSON},
		{`{"mcp":{"a":{"command":["signet-wrap","--verbose","--","npx"]}}}`, `{"mcp":{"a":{"command":["npx"]}}}`, JSON},
		{"mcpServers:\n- command: signet-wrap\n  args:\n  - --\n  - npx\n", "mcpServers:\n- command: npx\n  args:\n    []\n", YAML},
	} {
		d, err := Parse([]byte(c.old), c.format, everywhere)
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := d.Unwrap(all)
		if err != nil || string(out) != c.new {
			t.Errorf("%s\nbecame %s, %v\nwant   %s", c.old, out, err, c.new)
		}
	}
}
