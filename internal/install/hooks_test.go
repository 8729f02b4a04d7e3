package install

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tailscale/hujson"
)

var someHooks = Hooks{Client: "claude-code", Label: "Claude Code", File: "$CLAUDE_SETTINGS/settings.json", Matcher: "*",
	Before: []string{"PreToolUse"}, After: []string{"PostToolUse", "PostToolUseFailure"}, OnFailure: "block"}

// TestHooks: hooks go into whatever is there, and out of it again to the byte; they are
// what the client reads, and other hooks stay.
func TestHooks(t *testing.T) {
	other := `{"hooks":[{"type":"command","command":"lint"}]}`
	for _, data := range []string{
		"", " \n", "{}", "{ }\n", "{\n}", `{"model":"x"}`, "{\n  \"model\": \"x\"\n}\n", `{"hooks":{}}`, `{"hooks": { }}`, "\ufeff{}",
		`{"hooks":{"PreToolUse":[]}}`, `{"hooks":{"PreToolUse":[ ],"Stop":[]}}`, `{"hooks":{"PreToolUse":[` + other + `]},"x":1}`,
		"{\n  // why\n  \"hooks\": {\n    \"PostToolUse\": [\n      " + other + "\n    ], // more\n    \"Stop\": [" + other + "],\n  },\n}\r\n",
		`{"a":1,"hooks":{"PreToolUse":[],"PostToolUse":[],"PostToolUseFailure":[]},"b":2}`,
	} {
		sys := System{OS: "linux", Home: t.TempDir(), Getenv: func(string) string { return "" }}
		path := someHooks.Path(sys)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
		backups := filepath.Join(sys.Home, "backup")
		put := func(path, system string) string {
			t.Helper()
			f := someHooks.Open(sys)
			out, err := f.With(Wrapper{Path: path, Flags: []string{"--key", "it's"}}, system)
			if err != nil {
				t.Fatalf("%q: %v", data, err)
			}
			if _, err := f.Write(backups, out, time.Now()); err != nil {
				t.Fatal(err)
			}
			return string(out)
		}
		put("/old/signet-wrap", "linux")
		out := put("/opt/my apps/signet-wrap", "linux")
		plain, err := hujson.Standardize(bytes.TrimPrefix([]byte(out), []byte("\ufeff")))
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		var read struct {
			Hooks map[string][]struct {
				Matcher string
				Hooks   []struct{ Type, Command, OnFailure string }
			}
		}
		if err := json.Unmarshal(plain, &read); err != nil {
			t.Fatal(err)
		}
		for event, want := range map[string]string{
			"PreToolUse":         `'/opt/my apps/signet-wrap' hook --client claude-code --key 'it'\''s' || exit 2 block`,
			"PostToolUse":        `'/opt/my apps/signet-wrap' hook --client claude-code --key 'it'\''s' `,
			"PostToolUseFailure": `'/opt/my apps/signet-wrap' hook --client claude-code --key 'it'\''s' `,
		} {
			groups := read.Hooks[event]
			if last := groups[len(groups)-1]; last.Matcher != "*" || last.Hooks[0].Command+" "+last.Hooks[0].OnFailure != want {
				t.Errorf("%s of %s: %+v", event, out, last)
			}
		}
		if strings.Count(out, "lint") != strings.Count(data, "lint") || strings.Contains(out, "/old/") {
			t.Errorf("%s became %s", data, out)
		}
		if !HooksPast(path, backups).Installed {
			t.Error("it is not noted")
		}
		f := someHooks.Open(sys)
		back, err := f.Without()
		if err != nil || string(back) != data {
			t.Errorf("%q, %v; want %q", back, err, data)
		}
		if _, err := f.Write(backups, back, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != data || HooksPast(path, backups).Installed {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// TestHooksMade: a file that was made for the hooks goes with them.
func TestHooksMade(t *testing.T) {
	sys := System{OS: "linux", Home: t.TempDir(), Getenv: func(string) string { return "" }}
	backups := filepath.Join(sys.Home, "backup")
	for range 2 {
		f := someHooks.Open(sys)
		out, err := f.With(Wrapper{Path: "/x/signet-wrap"}, "linux")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(backups, out, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	f := someHooks.Open(sys)
	if events, _ := f.Installed(); len(events) != 3 || !f.There {
		t.Errorf("%q", events)
	}
	back, err := f.Without()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(backups, back, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.Path); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
}

// TestHooksRefused: what is not understood is not touched.
func TestHooksRefused(t *testing.T) {
	for data, why := range map[string]string{
		`[]`: "not an object", `{"hooks":[]}`: `"hooks" is not an object`, `{"hooks":{"PreToolUse":{}}}`: "not a list", `{"hooks":`: "not JSON",
		`{"hooks":{},"hooks":{}}`: "twice",
		`{"hooks":{"PreToolUse":[{"hooks":[{"command":"a"},{"command":"signet-wrap hook --client claude-code"}]}]}}`: "one group with others",
	} {
		f := &HookFile{Hooks: someHooks, data: []byte(data)}
		var err error
		if f.doc, err = Parse(f.data, JSON, nil); err == nil {
			_, err = f.With(Wrapper{Path: "/x/signet-wrap"}, "linux")
		}
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", data, err)
		}
	}
}

// TestHookProblem: a hook that was left in the file and does less is found.
func TestHookProblem(t *testing.T) {
	w := Wrapper{Path: "/opt/my apps/signet-wrap", Flags: []string{"--key", "it's"}}
	made, err := (&HookFile{Hooks: someHooks, doc: &Document{root: &node{kind: table}}}).With(w, "linux")
	if err != nil {
		t.Fatal(err)
	}
	problem := func(data string) string {
		t.Helper()
		f := &HookFile{Hooks: someHooks, data: []byte(data)}
		if f.doc, err = Parse([]byte(data), JSON, nil); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		if off := f.Off(); off != "" {
			return off
		}
		return f.Problem("linux")
	}
	for _, fine := range []string{
		string(made),
		strings.ReplaceAll(string(made), `"matcher":"*",`, ``),
		strings.ReplaceAll(string(made), `"timeout":60`, `"timeout":600`),
		strings.ReplaceAll(string(made), `"timeout":60,`, `"statusMessage":"recording",`),
		strings.Replace(string(made), `"PreToolUse":[`, `"PreToolUse":[{"matcher":"Bash","hooks":[{"type":"command","command":"signet-wrap hook --client claude-code"}]},`, 1),
		strings.Replace(string(made), `{"hooks"`, `{"disableAllHooks":false,"hooks"`, 1),
	} {
		if got := problem(fine); got != "" {
			t.Errorf("%s in\n%s", got, fine)
		}
	}
	for _, c := range []struct{ old, now, want string }{
		{`"matcher":"*"`, `"matcher":"Read"`, `the hook for PreToolUse is only for tools that match "Read"`},
		{` || exit 2`, ``, "runs something else"},
		{` || exit 2`, ` || exit 0`, "runs something else"},
		{` || exit 2`, `; exit 0`, "runs something else"},
		{` || exit 2`, ` </dev/null || exit 2`, "runs something else"},
		{` hook --client claude-code`, ` hook --client codex`, "runs something else"},
		{`"timeout":60`, `"timeout":1`, "a timeout of less than 60 seconds"},
		{`"timeout":60`, `"timeout":"60s"`, "a timeout of less than 60 seconds"},
		{`"timeout":60`, `"async":true`, `has "async"`},
		{`"timeout":60`, `"if":"Bash(ls)"`, `has "if"`},
		{`,"onFailure":"block"`, ``, `has no "onFailure": "block"`},
		{`,"onFailure":"block"`, `,"onFailure":"allow"`, `has no "onFailure": "block"`},
		{`"PostToolUse"`, `"PostToolUses"`, "there is no hook for PostToolUse"},
		{`{"hooks"`, `{"disableAllHooks":true,"hooks"`, "switches all hooks off"},
	} {
		if got := problem(strings.Replace(string(made), c.old, c.now, 1)); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.now, got, c.want)
		}
	}
	hooks := someHooks
	hooks.Managed, hooks.Project = []string{"linux:~/managed.json"}, []string{".claude/settings.json", ".claude/settings.local.json"}
	for name, c := range map[string][2]string{
		"managed.json":                        {`{"allowManagedHooksOnly":true}`, "only hooks in an administrator's files"},
		"./managed.json":                      {`{"disableAllHooks":true}`, "switches all hooks off"},
		"p/.claude/settings.json":             {"{\"disableAllHooks\": true, // all\n}", "p/.claude/settings.json switches all hooks off"},
		"p/sub/.claude/settings.local.json":   {`{"disableAllHooks":1}`, "settings.local.json switches all hooks off"},
		"./p/.claude/settings.json":           {`{"disableAllHooks":false,"allowManagedHooksOnly":true}`, ""},
		"./p/sub/.claude/settings.local.json": {`{"disableAllHooks":`, ""},
		"p/settings.json":                     {`{"disableAllHooks":true}`, ""},
	} {
		sys := System{OS: "linux", Home: t.TempDir(), Getenv: func(string) string { return "" }}
		path := filepath.Join(sys.Home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(c[0]), 0o600); err != nil {
			t.Fatal(err)
		}
		got := hooks.Open(sys).OffElsewhere(sys, []string{filepath.Join(sys.Home, "p", "sub"), filepath.Join(sys.Home, "p")})
		if !strings.Contains(filepath.ToSlash(got), c[1]) || c[1] == "" && got != "" {
			t.Errorf("%s %s: %q, want %q", name, c[0], got, c[1])
		}
	}
	f := &HookFile{Hooks: someHooks}
	if f.doc, err = Parse([]byte(`{"disableAllHooks":true}`), JSON, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := f.With(w, "linux"); err == nil {
		t.Error("hooks that would not run")
	}
}
