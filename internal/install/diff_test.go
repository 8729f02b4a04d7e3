package install

import (
	"strings"
	"testing"
)

func diff(t *testing.T, data string, format Format) string {
	t.Helper()
	d, err := Parse([]byte(data), format, everywhere)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := d.Wrap(with(wrapper, all))
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
			"@@ line 3: a\n-command: \"npx\", args: [\"-y\"]\n+command: \"/usr/local/bin/signet-wrap\", args: [\"--\", \"npx\", \"-y\"]\n", JSON},
		{"[mcp_servers.a]\ncommand = \"npx\"\nx = 1\n",
			"@@ line 2: a\n-command: \"npx\"\n+command: \"/usr/local/bin/signet-wrap\", args: [\"--\", \"npx\"]\n", TOML},
		{"{\"mcp\": {\n\"a\": {\"command\": [\"npx\"]}}}",
			"@@ line 2: a\n-command: [\"npx\"]\n+command: [\"/usr/local/bin/signet-wrap\", \"--\", \"npx\"]\n", JSON},
		{`{"mcpServers": {"a\n\t+ok": {"command": "npx"}}}`,
			"@@ line 1: a\\u000a\\u0009+ok\n-command: \"npx\"\n+command: \"/usr/local/bin/signet-wrap\", args: [\"--\", \"npx\"]\n", JSON},
		{"mcpServers:\n- name: b\n  command: y\n  args: [x]\n- name: a\n  command: npx\n",
			"@@ line 3: b\n-command: \"y\", args: [\"x\"]\n+command: \"/usr/local/bin/signet-wrap\", args: [\"--\", \"y\", \"x\"]\n" +
				"@@ line 6: a\n-command: \"npx\"\n+command: \"/usr/local/bin/signet-wrap\", args: [\"--\", \"npx\"]\n", YAML},
	} {
		if got := diff(t, c.old, c.format); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

// Wherever a secret is in a file, the diff does not show it, nor does what is
// said of a server that is left.
func TestDiffMasks(t *testing.T) {
	for _, args := range []string{
		`"--api-key", "s3cret"`, `"--token=s3cret"`, `"--header", "Authorization: Bearer s3cret"`, `"-e", "DB_PASSWORD=s3cret"`,
		`"postgresql://u:s3cret@db/x"`, `"https://h/?api_key=s3cret"`, `"--password", "s3cret"`, `"sk-s3cret-0123456789"`, `"{\"token\": \"s3cret\"}"`,
	} {
		for format, file := range map[Format]string{
			JSON: "{\n// s3cret\n\"s3cret\": 1, \"mcpServers\": {\"a\": {\"env\": {\"K\": \"s3cret\", \"L\": [\"s3cret\"]}, \"command\": \"x\", \"args\": [ARGS], \"headers\": {\"A\": {\"B\": \"s3cret\"}}}}}",
			TOML: "mcp_servers = {a = {env = {K = 's3cret'}, command = 'x', args = [ARGS]}} # s3cret\n",
			YAML: "mcpServers: {a: {env: {K: s3cret}, command: x, args: [ARGS]}} # s3cret\n",
		} {
			got := diff(t, strings.Replace(file, "ARGS", args, 1), format)
			if strings.Contains(got, "s3cret") || !strings.Contains(got, "@@") {
				t.Errorf("%s\n%s", args, got)
			}
		}
		for _, flags := range []string{`"--target", "https://u:s3cret@h", `, `"--target=https://u:s3cret@h", `, ``} {
			d, err := Parse([]byte(`{"mcpServers": {"a": {"command": "/x/signet-wrap", "args": [`+flags+`"--key", "bot", "--home=/h", "--", "x", `+args+`]}}}`), JSON, everywhere)
			if err != nil {
				t.Fatal(err)
			}
			e := d.Entries[0]
			if said := e.String() + e.Plain() + e.ByHand(wrapper) + strings.Join(e.MaskedFlags(), " "); strings.Contains(said, "s3cret") || !strings.Contains(said, "bot") {
				t.Errorf("%s", said)
			}
		}
	}
}
