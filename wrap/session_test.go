package wrap

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestSession: the first call puts into the log who asked whom, in every
// dialect.
func TestSession(t *testing.T) {
	const (
		metaMe  = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"me","version":"1"}}`
		metaYou = `"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"you","version":"2"}}`
	)
	me, you := &event.Implementation{Name: "me", Version: "1"}, &event.Implementation{Name: "you", Version: "2"}
	call := "> " + toolCall("9", "t")
	for _, c := range []struct {
		name  string
		lines []string
		want  []told
	}{
		{"initialize",
			[]string{`> {"id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","clientInfo":{"name":"me","version":"1","title":"T"}}}`,
				`< {"id":0,"result":{"protocolVersion":"2025-06-18","serverInfo":{"name":"you","version":"2"}}}`, call, "> " + toolCall("10", "t")},
			[]told{{Client: me, Server: you, Protocol: "2025-06-18"}}},
		{"initialize in a batch",
			[]string{`> [{"id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26","clientInfo":{"name":"me","version":"1"}}}]`,
				`< [{"id":0,"result":{"protocolVersion":"2025-03-26","serverInfo":{"name":"you","version":"2"}}}]`, call},
			[]told{{Client: me, Server: you, Protocol: "2025-03-26"}}},
		{"initialize is refused",
			[]string{`> {"id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","clientInfo":{"name":"me","version":"1"}}}`,
				`< {"id":0,"error":{"code":-1,"serverInfo":{"name":"you"}}}`, call},
			[]told{{Client: me, Protocol: "2025-11-25"}}},
		{"discover",
			[]string{`> {"id":0,"method":"server\/discover","params":{` + metaMe + `}}`, `< {"id":0,"result":{"supportedVersions":["2026-07-28"],` + metaYou + `}}`, call},
			[]told{{Client: me, Server: you, Protocol: "2026-07-28"}}},
		{"the call and its answer alone",
			[]string{"> " + toolCall("1", "t", metaMe), `< {"id":1,"result":{` + metaYou + `}}`, "> " + toolCall("2", "t", metaMe), `< {"id":2,"result":{` + metaYou + `}}`},
			[]told{{Client: me, Protocol: "2026-07-28"}, {Client: me, Server: you, Protocol: "2026-07-28"}}},
		{"nothing", []string{call, `< {"id":9,"result":{}}`}, []told{{}}},
		{"nonsense",
			[]string{`> {"id":0,"method":"initialize","params":{"protocolVersion":5,"clientInfo":{"name":["me"]}}}`, `< {"id":0,"result":{"serverInfo":"you"}}`, call},
			[]told{{Client: &event.Implementation{}, Server: &event.Implementation{}}}},
		{"long names",
			[]string{`> {"id":0,"method":"initialize","params":{"clientInfo":{"name":"` + strings.Repeat("é", 5000) + `"}}}`, call},
			[]told{{Client: &event.Implementation{Name: strings.Repeat("é", maxName/2)}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, func(o *Options) { o.Command = []string{"server", "--token", "hush"}; o.Target = "mcp://x" })
			s.play(c.lines...)
			st := s.end()
			got := st.of("session")
			for i := range c.want {
				w := &c.want[i]
				w.Type, w.Session, w.Target, w.Command, w.Files = "session", st.calls[0].Session, "mcp://x", []string{"server", "--token", "***"}, []event.File{}
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("events\n\t%+v\nwant\n\t%+v", got, c.want)
			}
		})
	}
}

func TestHashFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) event.File {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		path, err := filepath.EvalSymlinks(path)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(text))
		return event.File{Path: path, SHA256: sum}
	}
	name := "node"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	exe, script, other := file(name, "the interpreter"), file("index.js", "the script"), file("other.js", "more")
	secret := file("secret.txt", "1234")
	large := file("large.db", "")
	if err := os.Truncate(large.Path, maxArgument+1); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Chdir(dir)
	many, all := []string{name}, []event.File{exe}
	for i := range 20 {
		f := file(strconv.Itoa(i)+".js", strconv.Itoa(i))
		many = append(many, f.Path)
		if len(all) < maxFiles {
			all = append(all, f)
		}
	}
	hashed := func(command ...string) []event.File {
		c := hashFiles(command)
		<-c.done
		return c.sofar()
	}
	for _, c := range []struct {
		command []string
		want    []event.File
	}{
		{[]string{name, script.Path}, []event.File{exe, script}},
		{[]string{exe.Path, "./index.js", "8080"}, []event.File{exe, script}},
		{[]string{name, "--require", other.Path, "--x", script.Path}, []event.File{exe, other, script}},
		{[]string{name, "--token-file", secret.Path, script.Path}, []event.File{exe, script}},
		{[]string{name, dir, "missing.js", "", ".", large.Path}, []event.File{exe, {Path: large.Path, Reason: "longer than 67108864 bytes"}}},
		{[]string{name, "-" + script.Path}, []event.File{exe}},
		{[]string{"missing", script.Path}, []event.File{script}},
		{many, all},
	} {
		if got := hashed(c.command...); !slices.Equal(got, c.want) {
			t.Errorf("%q\n got %v\nwant %v", c.command, got, c.want)
		}
	}
	link := filepath.Join(dir, "link.js")
	if err := os.Symlink(script.Path, link); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("links take a privilege on Windows")
		}
		t.Fatal(err)
	}
	if got, want := hashed(name, link), []event.File{exe, script}; !slices.Equal(got, want) {
		t.Errorf("through a link: %v, want %v", got, want)
	}
}
