package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// What an agent writes computes nothing in a spreadsheet, and is whole.
func TestAuditCSV(t *testing.T) {
	bot, _ := testSigner(t, "=bot")
	names := []string{"=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1", "＝1", "a\"b,c\nd", "plain", "'quoted"}
	var makers []func(chain.At) []byte
	for _, name := range names {
		makers = append(makers, receiptOf(t, bot, sign.Action{Tool: name, Arguments: fmt.Appendf(nil, "%q", name), Session: "-s"}, func(*sign.Receipt) {}))
	}
	home := logOf(t, append(makers, eventBy(t, bot, event.Gap{Session: "=ses"}), raw(`{"v":9}`))...)
	_, out, _ := run(t, "audit", "--home", home, "--csv")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(rows) != len(names)+3 || !slices.Equal(rows[0], auditNames()) {
		t.Fatalf("%v: %q", err, rows)
	}
	for i, row := range rows {
		for _, cell := range row {
			if first := []rune(strings.TrimLeft(cell, " ") + "_")[0]; strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
				t.Errorf("%q can be computed", cell)
			}
		}
		if i == 0 || i > len(names) {
			continue
		}
		if got := strings.TrimPrefix(row[toolColumn], "'"); got != strings.TrimPrefix(strings.ReplaceAll(names[i-1], "\r\n", "\n"), "'") {
			t.Errorf("%q is %q", names[i-1], row[toolColumn])
		}
		var text string
		if err := json.Unmarshal([]byte(row[argumentsColumn]), &text); err != nil || text != names[i-1] {
			t.Errorf("the arguments of %q are %q: %v", names[i-1], row[argumentsColumn], err)
		}
	}
}

// Each line with jq in README.md, docs/AUDIT.md and the help texts runs, and says
// something of a log like a reader's.
func TestJQLines(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the lines are for a Unix shell")
	}
	if _, err := exec.LookPath("jq"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	user := t.TempDir()
	bot, _ := testSigner(t, "bot")
	const session = "ses_0123456789abcdef0123456789abcdef"
	var last *sign.Receipt
	args := []byte(`{"path":"notes.txt"}`)
	action := sign.Action{Tool: "write", Target: "mcp://files", Session: session, Arguments: args}
	home := logOf(t, receiptOf(t, bot, action, func(r *sign.Receipt) { last = r }),
		eventBy(t, bot, event.Session{Session: session, Client: &event.Implementation{Name: "desk", Version: "1"}}),
		func(at chain.At) []byte {
			r, err := bot.Respond(sign.Response{Action: action, ParamsHash: event.HashOf(args), RequestID: last.ID, Requested: at.Time,
				Responded: at.Time.Add(1e9), ContentHash: event.HashOf(args), Outcome: sign.Outcome{Status: "failed", Reason: "isError"}})
			if err != nil {
				t.Fatal(err)
			}
			return r.Record
		})
	if err := os.Rename(home, filepath.Join(user, ".signet")); err != nil {
		t.Fatal(err)
	}
	texts := []string{auditHelp, auditStatsHelp}
	for _, file := range []string{"README.md", "docs/AUDIT.md"} {
		b, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	n := 0
	for _, text := range texts {
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if !strings.Contains(line, "jq ") || !strings.HasPrefix(line, "signet-wrap ") && !strings.HasPrefix(line, "jq ") {
				continue
			}
			n++
			cmd := exec.Command("sh", "-c", strings.Replace(line, " --follow ", " ", 1)) // which has no end
			cmd.Env = append(os.Environ(), "HOME="+user, "SIGNET_HOME=")
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "write") && !strings.Contains(string(out), "notes.txt") &&
				!strings.Contains(string(out), `"calls": 1`) && !strings.Contains(string(out), "sha256:") || strings.Contains(string(out), "null") || strings.Contains(string(out), "error") {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
		}
	}
	if n < 8 {
		t.Errorf("only %d lines", n)
	}
}

// A column is shown if it tells calls apart: the client on a machine with two, the
// server where there are several, also on a narrow screen.
func TestAuditColumnsThatDiffer(t *testing.T) {
	bot, _ := testSigner(t, "bot")
	log := func(clients, servers int) string {
		var makers []func(chain.At) []byte
		for i := range 4 {
			session := fmt.Sprintf("ses_%032x", i)
			server := fmt.Sprint("mcp://server", i%servers)
			makers = append(makers, receiptOf(t, bot, sign.Action{Tool: "read_text_file", Target: server, Session: session, Arguments: []byte(`{"path":"/home/alice/notes"}`)}, func(*sign.Receipt) {}),
				eventBy(t, bot, event.Session{Session: session, Target: server, Client: &event.Implementation{Name: fmt.Sprint("client", i%clients), Version: "1.2.3"}}))
		}
		return logOf(t, makers...)
	}
	for _, tt := range []struct {
		clients, servers int
		has, hasNot      []string
	}{
		{1, 1, nil, []string{"CLIENT", "SERVER"}}, {2, 1, []string{"CLIENT"}, []string{"SERVER"}},
		{1, 2, []string{"SERVER"}, []string{"CLIENT"}}, {2, 2, []string{"CLIENT", "SERVER"}, nil},
	} {
		var out strings.Builder
		if err := listTable(&out, log(tt.clients, tt.servers), 80); err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(out.String(), "\n")
		for _, name := range tt.has {
			if !strings.Contains(head, name) {
				t.Errorf("%d clients, %d servers: no %s in\n%s", tt.clients, tt.servers, name, out.String())
			}
		}
		for _, name := range append(tt.hasNot, "VIA") {
			if strings.Contains(head, name) {
				t.Errorf("%d clients, %d servers: %s in\n%s", tt.clients, tt.servers, name, out.String())
			}
		}
	}
}

// The way that calls came is a column where there is more than one; calls of versions
// that did not say it are no other way.
func TestAuditVia(t *testing.T) {
	bot, _ := testSigner(t, "bot")
	for _, tt := range []struct {
		ways  []string
		shown bool
	}{{[]string{"wrap", "wrap"}, false}, {[]string{"wrap", ""}, false}, {[]string{"wrap", "sdk"}, true}} {
		var makers []func(chain.At) []byte
		for i, way := range tt.ways {
			session := fmt.Sprintf("ses_%032x", i)
			makers = append(makers, receiptOf(t, bot, sign.Action{Tool: "read", Session: session}, func(*sign.Receipt) {}), eventBy(t, bot, event.Session{Session: session, Via: way}))
		}
		home := logOf(t, makers...)
		_, out, _ := run(t, "audit", "--home", home)
		if strings.Contains(out, " VIA ") != tt.shown {
			t.Errorf("%q:\n%s", tt.ways, out)
		}
		if _, out, _ := run(t, "audit", "--home", home, "--via", "SDK"); tt.shown != strings.Contains(out, " read ") {
			t.Errorf("--via SDK of %q:\n%s", tt.ways, out)
		}
	}
}
