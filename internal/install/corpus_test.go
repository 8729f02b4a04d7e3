package install

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"
	"go.yaml.in/yaml/v3"
)

// corpus are the files of testdata, named after their clients: which of their
// servers are wrapped, and which not, with a word of the reason.
var corpus = map[string]struct {
	wrapped []string
	left    map[string]string
}{
	"claude-code.json":            {[]string{"memory", "postgres", "postgres"}, map[string]string{"github": "remote"}},
	"claude-code-minified.json":   {[]string{"a", "b", "a"}, nil},
	"claude-desktop.json":         {[]string{"filesystem", "brave-search", "sqlite", "docker"}, nil},
	"claude-desktop-windows.json": {[]string{"files", "alone"}, nil},
	"claude-desktop-empty.json":   {},
	"claude-desktop-nothing.json": {},
	"cursor.json":                 {[]string{"figma", "envfile"}, map[string]string{"playwright": "holds arguments", "linear": "remote", "null-args": "not a list"}},
	"vscode.jsonc":                {[]string{"postgres", "fetch", "free"}, map[string]string{"boxed": "sandbox", "github": "remote"}},
	"vscode-insiders.json":        {},
	"vscodium.json":               {[]string{"odd"}, nil},
	"copilot-cli.json":            {[]string{"playwright"}, map[string]string{"cloud": "remote"}},
	"codex.toml":                  {[]string{"context7", "with space", "bare"}, map[string]string{"web": "remote"}},
	"codex-inline.toml":           {[]string{"dotted", "inline", "none"}, nil},
	"codex-crlf.toml":             {[]string{"a", "b"}, nil},
	"gemini.json":                 {[]string{"py"}, map[string]string{"http": "remote", "sse": "remote"}},
	"antigravity.json":            {[]string{"chrome-devtools"}, map[string]string{"vercel": "remote"}},
	"roo.json":                    {[]string{"server1"}, map[string]string{"server2": "remote"}},
	"qwen.json":                   {[]string{"pythonTools"}, map[string]string{"httpServer": "remote"}},
	"amazon-q.json":               {[]string{"cdk", "alone"}, map[string]string{"web": "remote"}},
	"amazon-q-agent.json":         {[]string{"fetch", "git"}, nil},
	"kilo.jsonc":                  {[]string{"gitnexus"}, map[string]string{"web": "remote"}},
	"kilo-extension.json":         {[]string{"local-server"}, nil},
	"crush.json":                  {[]string{"filesystem"}, map[string]string{"github": "remote", "streaming-service": "remote"}},
	"jetbrains.json":              {[]string{"filesystem"}, nil},
	"copilot-jetbrains.json":      {[]string{"memory"}, map[string]string{"github": "remote"}},
	"copilot-cli-workspace.json":  {[]string{"playwright"}, map[string]string{"trusted": "remote"}},
	"windsurf.json":               {[]string{"b"}, map[string]string{"a": "remote"}},
	"cline.json":                  {[]string{"weather"}, map[string]string{"remote": "remote"}},
	"cline-3.json":                {[]string{"weather", "bare", "before"}, map[string]string{"remote": "remote"}},
	"zed.jsonc":                   {[]string{"old", "older", "new"}, map[string]string{"mcp-server-github": "extension", "web": "remote"}},
	"lm-studio.json":              {[]string{"local"}, map[string]string{"hf-mcp-server": "remote"}},
	"kiro.json":                   {[]string{"aws-docs"}, nil},
	"junie.json":                  {[]string{"a", "b"}, nil},
	"opencode.jsonc":              {[]string{"everything", "lines", "alone"}, map[string]string{"jira": "remote", "toggle": "no command"}},
	"opencode-2.json":             {[]string{"a"}, map[string]string{"b": "remote", "timeout": "not a server"}},
	"factory.json":                {[]string{"pw"}, map[string]string{"linear": "remote"}},
	"warp.json":                   {[]string{"GitHub"}, nil},
	"amp.json":                    {[]string{"playwright"}, map[string]string{"semgrep": "remote"}},
	"goose.yaml":                  {[]string{"github", "größe", "empty", "none"}, map[string]string{"developer": "built into", "web": "remote"}},
	"continue.yaml":               {[]string{"sqlite", "bare", "flow"}, map[string]string{"web": "remote"}},
	"continue-crlf.yaml":          {[]string{"a", "b"}, nil},
	"continue-anchors.yaml":       {[]string{"own"}, map[string]string{"alias": "anchors", "anchor": "anchors", "tagged": "cut", "folded": "cut", "odd": "cut"}},
}

// clientOf is the row that the name of a file of the corpus begins with.
func clientOf(t *testing.T, name string) *Client {
	t.Helper()
	var best *Client
	for i := range Clients {
		if c := &Clients[i]; strings.HasPrefix(name, c.Name) && (best == nil || len(c.Name) > len(best.Name)) {
			best = c
		}
	}
	if best == nil {
		t.Fatalf("no client for %s", name)
	}
	return best
}

func TestCorpus(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) != len(corpus) {
		t.Fatalf("%d files, %v, want %d", len(files), err, len(corpus))
	}
	seen := make(map[string]bool)
	for name, want := range corpus {
		t.Run(name, func(t *testing.T) {
			c := clientOf(t, name)
			seen[c.Name] = true
			old, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range []Wrapper{wrapper, {Path: `C:\Program Files\signet-wrap.exe`, Flags: []string{"--key", "ci-bot"}}} {
				d, err := Parse(old, c.Format, c.Pointers)
				if err != nil {
					t.Fatal(err)
				}
				new, chosen, err := d.Wrap(with(w, all))
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, e := range chosen {
					names = append(names, e.Name)
				}
				if !slices.Equal(names, want.wrapped) {
					t.Errorf("wrapped %q, want %q", names, want.wrapped)
				}
				for _, e := range d.Entries {
					if reason, ok := want.left[e.Name]; e.Reason != "" && (!ok || !strings.Contains(e.Reason, reason)) {
						t.Errorf("%s: left since %q, want %q", e.Name, e.Reason, reason)
					}
				}
				if n := len(d.Entries) - len(want.wrapped); n != len(want.left) {
					t.Errorf("%d are left, want %d", n, len(want.left))
				}
				if got, n := without(decode(t, new, c.Format), w); n != len(want.wrapped) || !reflect.DeepEqual(got, must(without(decode(t, old, c.Format), w))) {
					t.Errorf("other parsers read %d servers that are wrapped, and\n%s", n, new)
				}
				d, err = Parse(new, c.Format, c.Pointers)
				if err != nil {
					t.Fatal(err)
				}
				back, undone, err := d.Unwrap(all)
				if err != nil || len(undone) != len(chosen) || !bytes.Equal(back, old) {
					t.Errorf("unwrapped %d, %v:\n%s", len(undone), err, back)
				}
			}
		})
	}
	for _, c := range Clients {
		if !seen[c.Name] {
			t.Errorf("no file of %s", c.Name)
		}
	}
}

func must(v any, n int) any { return v }

// decode reads a document with parsers that know nothing of places.
func decode(t *testing.T, data []byte, format Format) any {
	t.Helper()
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var v any
	var err error
	switch format {
	case JSON:
		if len(data) == 0 {
			return nil
		}
		if data, err = hujson.Standardize(data); err == nil {
			d := json.NewDecoder(bytes.NewReader(data))
			d.UseNumber()
			err = d.Decode(&v)
		}
	case TOML:
		var m map[string]any
		err = toml.Unmarshal(data, &m)
		v = m
	case YAML:
		err = yaml.Unmarshal(data, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// without takes the wrapper away from what was decoded, and args that are
// empty, and says from how many servers.
func without(v any, w Wrapper) (any, int) {
	n := 0
	switch x := v.(type) {
	case map[string]any:
		out := maps.Clone(x)
		for name, v := range x {
			var k int
			out[name], k = without(v, w)
			n += k
		}
		for _, name := range []string{"command", "cmd", "path"} {
			args, _ := x["args"].([]any)
			if words, ok := x[name].([]any); ok && len(words) > 0 && words[0] == w.Path {
				out[name] = words[1+len(w.ahead()):]
				n++
			} else if x[name] == w.Path {
				args = args[len(w.ahead()):]
				out[name], out["args"] = args[0], args[1:]
				n++
			}
		}
		if args, ok := out["args"].([]any); ok && len(args) == 0 {
			delete(out, "args")
		}
		return out, n
	case []any:
		out := slices.Clone(x)
		for i, v := range x {
			var k int
			out[i], k = without(v, w)
			n += k
		}
		return out, n
	}
	return v, 0
}
