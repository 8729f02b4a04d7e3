package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func diff(t *testing.T, data string, format Format) string {
	t.Helper()
	d, err := Parse([]byte(data), format, everywhere)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := d.Wrap(wrapper, all)
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Diff(out)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		old, want string
		format    Format
	}{
		{"{\"mcpServers\": {\n \"a\": {\n  \"command\": \"npx\",\n  \"args\": [\n   \"-y\"\n  ]\n }\n}}\n",
			"@@ line 3\n-  \"command\": \"npx\",\n+  \"command\": \"/usr/local/bin/signet-wrap\",\n@@ line 5\n-   \"-y\"\n+   \"--\", \"npx\", \"-y\"\n", JSON},
		{"[mcp_servers.a]\ncommand = \"npx\"\nx = 1\n",
			"@@ line 2\n-command = \"npx\"\n+command = \"/usr/local/bin/signet-wrap\"\n+args=[\"--\",\"npx\"]\n", TOML},
		{`{"mcpServers":{"a":{"env":{"K":"s3cret","L":["s3cret"]},"command":"x","headers":{"A":{"B":"s3cret"}}}}}`,
			`@@ line 1
-{"mcpServers":{"a":{"env":{"K":"***","L":["***"]},"command":"x","headers":{"A":{"B":"***"}}}}}
+{"mcpServers":{"a":{"env":{"K":"***","L":["***"]},"command":"/usr/local/bin/signet-wrap","args":["--","x"],"headers":{"A":{"B":"***"}}}}}
`, JSON},
		{`{"token":"s3cret","fill":"` + strings.Repeat("x", 300) + `","mcpServers":{"a":{"command":"y"}}}`,
			"@@ line 1\n-…\",\"mcpServers\":{\"a\":{\"command\":\"y\"}}}\n+…\",\"mcpServers\":{\"a\":{\"command\":\"/usr/local/bin/signet-wrap\",\"args\":[\"--\",\"y\"]}}}\n", JSON},
	} {
		if got := diff(t, c.old, c.format); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

// No secret of the corpus gets into a diff: they are all called so, and are in
// env and headers but for one that is an argument.
func TestDiffMasks(t *testing.T) {
	for name := range corpus {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		c := clientOf(t, name)
		d, err := Parse(b, c.Format, c.Pointers)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.masked(); c.Format != YAML && strings.Contains(strings.NewReplacer("figd_secret", "", "ctx7sk-secret", "", `access_token": "secret`, "").Replace(got), "secret") {
			t.Errorf("%s: a secret is shown\n%s", name, got)
		}
		out, _, err := d.Wrap(wrapper, all)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Diff(out)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.NewReplacer("figd_secret", "", "ctx7sk-secret", "").Replace(got), "secret") {
			t.Errorf("%s: a secret is shown\n%s", name, got)
		}
	}
}
