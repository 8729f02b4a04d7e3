package redact

import (
	"slices"
	"strings"
	"testing"
)

func TestCommand(t *testing.T) {
	const (
		hex    = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
		random = "kX9fQ2mPz7LrT4vBn8WcYd3J"
	)
	for _, c := range []struct{ command, want []string }{
		// Left alone: the names are evidence.
		{[]string{"npx", "-y", "@modelcontextprotocol/server-filesystem@2026.8.31", "/home/ada/notes"}, nil},
		{[]string{"node", "--enable-source-maps", "dist/index.js", "--port=8080", "--verbose"}, nil},
		{[]string{"docker", "run", "-i", "--rm", "-e", "GITHUB_TOKEN", "mcp/github@sha256:" + hex}, nil},
		{[]string{"uvx", "--from", "git+https://github.com/a/b@8f1a727a21e23ab402859fa476bc8bd5de1b7363", "b"}, nil},
		{[]string{`C:\tools\auth\server.exe`, `C:\data\2026`, "--level", "3"}, nil},
		{[]string{"npx", "mcp-remote", "https://mcp.example.com:8443/sse?x=1#frag"}, nil},
		{[]string{"server", "author@example.com", "a:b", "=", ":", "://", "", "--", "-"}, nil},
		{[]string{"sk-this-is-the-command-itself-9", "x"}, nil},
		{[]string{"uvx", "authlib-server"}, nil},
		{[]string{"npx", "npm:server@1.2.3", "x@npm:server@1.2.3", "jsr:@scope/server@1", "git@github.com:a/b"}, nil},
		{[]string{"docker", "run", "mcp/github:1.2@sha256:" + hex, "-v", "/a:/b@c"}, nil},

		// By the name of the flag.
		{[]string{"s", "--token", "abc"}, []string{"s", "--token", "***"}},
		{[]string{"s", "--api-key", "abc", "--key", "def"}, []string{"s", "--api-key", "***", "--key", "***"}},
		{[]string{"s", "--password=abc=def"}, []string{"s", "--password=***"}},
		{[]string{"s", "--Client_Secret", "abc", "x"}, []string{"s", "--Client_Secret", "***", "x"}},
		{[]string{"s", "--no-auth", "--verbose", "x"}, []string{"s", "--no-auth", "--verbose", "x"}},
		{[]string{"s", "--aws.secret.access.key", "abc"}, []string{"s", "--aws.secret.access.key", "***"}},
		{[]string{"docker", "-e", "API_KEY=abc"}, []string{"docker", "-e", "API_KEY=***"}},
		{[]string{"env", "PGPASSWORD=abc", "s"}, []string{"env", "PGPASSWORD=***", "s"}},
		{[]string{"env", "DB_PASS=abc", "GH_PAT=def", "OPENAI_KEY=ghi", "s"}, []string{"env", "DB_PASS=***", "GH_PAT=***", "OPENAI_KEY=***", "s"}},
		{[]string{"s", "--openai-key", "abc", "--pass", "def", "--compass", "n"}, []string{"s", "--openai-key", "***", "--pass", "***", "--compass", "n"}},
		{[]string{"curl", "-u", "ada:abc", "--user", "ada", "h"}, []string{"curl", "-u", "ada:***", "--user", "ada", "h"}},
		{[]string{"s", "--auth-header", "Bearer", "abc"}, []string{"s", "--auth-header", "***", "***"}},
		{[]string{"s", "bearer", "abc", "x"}, []string{"s", "bearer", "***", "x"}},
		{[]string{"s", "--header", "X: Bearer abc", "Bearer abc"}, []string{"s", "--header", "X: Bearer ***", "Bearer ***"}},
		{[]string{"s", "-H", "Authorization:", "Bearer abc"}, []string{"s", "-H", "Authorization:***", "***"}},

		// By the program whose flag it is; elsewhere -p is a port.
		{[]string{"/usr/bin/mysql", "-u", "ada", "-pabc", "db"}, []string{"/usr/bin/mysql", "-u", "ada", "-p***", "db"}},
		{[]string{"docker", "exec", "-i", "db", "mysql", "-p", "abc", "db"}, []string{"docker", "exec", "-i", "db", "mysql", "-p", "***", "db"}},
		{[]string{"redis-cli", "-p", "6379", "-a", "abc"}, []string{"redis-cli", "-p", "6379", "-a", "***"}},
		{[]string{"docker", "run", "-p", "3306:3306", "mysql"}, nil},
		{[]string{"psql", "-p", "5432"}, nil},
		{[]string{"s", "-p", "8080", "-p8080"}, nil},

		// By the name of a header or member.
		{[]string{"s", "--header", "Authorization: Bearer abc"}, []string{"s", "--header", "Authorization:***"}},
		{[]string{"s", "--header", "Authorization:${AUTH}"}, []string{"s", "--header", "Authorization:***"}},
		{[]string{"s", "-H", "X-API-Key: abc"}, []string{"s", "-H", "X-API-Key:***"}},
		{[]string{"s", "--config", `{"url":"u","token" : "abc"}`}, []string{"s", "--config", `{"url":"u","token"***`}},
		{[]string{"s", `{"key":"abc"}`}, []string{"s", `{"key"***`}},
		{[]string{"s", "host=h password=abc user=u"}, []string{"s", "host=h password=***"}},
		{[]string{"sh", "-c", "TOKEN=abc exec s"}, []string{"sh", "-c", "TOKEN=***"}},
		{[]string{"sh", "-c", "exec s --token abc"}, []string{"sh", "-c", "exec s --token ***"}},
		{[]string{"sh", "-c", "exec s --auth --level 3"}, []string{"sh", "-c", "exec s --auth --level 3"}},
		{[]string{"sh", "-c", "exec s --password abc --x y"}, []string{"sh", "-c", "exec s --password ***"}},
		{[]string{"sh", "-c", "exec mysql -u ada -pabc -h h"}, []string{"sh", "-c", "exec mysql -u ada -p*** -h h"}},
		{[]string{"bash", "-lc", "cd /x && redis-cli  -a 'abc'\t-p 6379"}, []string{"bash", "-lc", "cd /x && redis-cli  -a '***'\t-p 6379"}},
		{[]string{"cmd", "/c", "curl -u ada:abc h"}, []string{"cmd", "/c", "curl -u ada:*** h"}},
		{[]string{"sh", "-c", "(sshpass -p \"abc\" ssh h)"}, []string{"sh", "-c", "(sshpass -p \"***\" ssh h)"}},
		{[]string{"sh", "-c", "s -p 8080\n t -a b -u c"}, nil},

		// In a URL.
		{[]string{"s", "postgresql://ada:p@ss@db.example.com/x"}, []string{"s", "postgresql://***@db.example.com/x"}},
		{[]string{"s", "ada:abc@tcp(db:3306)/x", "ada:abc@10.0.0.1"}, []string{"s", "ada:***@tcp(db:3306)/x", "ada:***@10.0.0.1"}},
		{[]string{"s", "--dsn2=ada:abc@h"}, []string{"s", "--dsn2=***"}},
		{[]string{"s", "--db=ada:abc@h"}, []string{"s", "--db=ada:***@h"}},
		{[]string{"s", "redis://:abc@127.0.0.1:6379"}, []string{"s", "redis://***@127.0.0.1:6379"}},
		{[]string{"s", "--db=mysql://u:p@h/x"}, []string{"s", "--db=mysql://***@h/x"}},
		{[]string{"s", "https://h/p?api_key=abc&y=1"}, []string{"s", "https://h/p?api_key=***"}},
		{[]string{"s", "https://mcp.example.com/s/" + random + "/mcp"}, []string{"s", "https://mcp.example.com/s/***/mcp"}},

		// By its looks.
		{[]string{"s", "ghp_0123456789abcdef"}, []string{"s", "***"}},
		{[]string{"s", "-xsk-proj-0123456789", "sk-proj-0123456789"}, []string{"s", "-xsk-proj-0123456789", "***"}},
		{[]string{"s", random}, []string{"s", "***"}},
		{[]string{"s", hex}, []string{"s", "***"}},
		{[]string{"s", "--x=" + random}, []string{"s", "--x=***"}},
		{[]string{"s", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"}, []string{"s", "***"}},
	} {
		want := c.want
		if want == nil {
			want = c.command
		}
		before := slices.Clone(c.command)
		if got := Command(c.command); !slices.Equal(got, want) {
			t.Errorf("%q\n got %q\nwant %q", c.command, got, want)
		}
		if !slices.Equal(before, c.command) {
			t.Errorf("the command itself was changed to %q", c.command)
		}
	}
}

// FuzzArgument: whatever the argument, the value after a secret's name is gone.
func FuzzArgument(f *testing.F) {
	f.Add("--x", "y")
	f.Add("https://h/?", "&z=")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "\x00hush\x00"
		for _, a := range []string{before + " --token=" + secret + after, before + `"password":"` + secret + `"` + after} {
			if got := Command([]string{"s", a}); strings.Contains(got[1], secret) {
				t.Errorf("%q is left as %q", a, got[1])
			}
		}
	})
}
