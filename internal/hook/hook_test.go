package hook

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/install"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// A desk is a log, and a key that signs in it.
type desk struct {
	t *testing.T
	o Options
}

func newDesk(t *testing.T, client string) *desk {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	return &desk{t, Options{Client: ClientNamed(client), Options: record.Options{
		Audit: filepath.Join(t.TempDir(), "audit"), NoHeads: true,
		Signer: func() (*sign.Signer, error) { return sign.NewSigner(key, "agent", "") },
		Knows:  func(k ed25519.PublicKey) bool { return k.Equal(key.Public()) },
	}}}
}

func (d *desk) run(document []byte) error { return Run(bytes.NewReader(document), d.o) }

// verified are the records of the log.
func (d *desk) verified() (all []*sign.Verified) {
	d.t.Helper()
	s, err := chain.TakeSnapshot(d.o.Audit)
	if err != nil {
		d.t.Fatal(err)
	}
	for e, err := range s.Records(context.Background(), chain.ReadOptions{}) {
		if err != nil {
			d.t.Fatal(err)
		}
		v, err := sign.Verify(bytes.Clone(e.Receipt), sign.AnyKey)
		if err != nil {
			d.t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// log is what the log has, a line a record.
func (d *desk) log() (lines []string) {
	d.t.Helper()
	names := map[string]string{}
	for _, v := range d.verified() {
		switch told := v.Event.(type) {
		case event.Session:
			lines = append(lines, fmt.Sprintf("session %s %s by %s", told.Via, told.Target, told.Client.Name))
		case event.Gap:
			lines = append(lines, fmt.Sprintf("gap of %d", told.Calls))
		case event.ExtraResponse:
			lines = append(lines, fmt.Sprintf("extra %s of %s", told.Status, names[told.Call]))
		case nil:
			if v.Version == 1 {
				names[v.ID] = v.Tool + " " + v.CallID
				lines = append(lines, fmt.Sprintf("call %s %s %s %s %s", v.Tool, v.Target, v.Transport, v.CallID, v.Params))
			} else {
				lines = append(lines, fmt.Sprintf("%s of %s: %s", v.Outcome.Status, names[v.ParentID], v.Outcome.Reason))
			}
		default:
			lines = append(lines, v.Type)
		}
	}
	return lines
}

func (d *desk) want(want ...string) {
	d.t.Helper()
	if got := d.log(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		d.t.Errorf("the log has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// documents are those that a client sent to its hooks in one session, in order. They
// come from Claude Code 2.1.332 and Codex 0.171.0, run with a local server in the place
// of the model's; only the directories were changed.
func documents(t *testing.T, client string) (all [][]byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", client, "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%q, %v", names, err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// TestRun: what real clients say of a session becomes calls and their outcomes, each
// document by a process that knows only the log, and the session is recorded once.
func TestRun(t *testing.T) {
	for client, want := range map[string][]string{
		"claude-code": {
			`call Bash claude-code://local hook s:toolu_000000000000000000000001 {"command":"echo hello","description":"Say hello"}`,
			`session hook claude-code://local by claude-code`,
			`executed of Bash s:toolu_000000000000000000000001: `,
			`call Bash claude-code://local hook s:toolu_000000000000000000000002 {"command":"exit 3"}`,
			`failed of Bash s:toolu_000000000000000000000002: the tool failed`,
			`call Read claude-code://local hook s:toolu_000000000000000000000003 {"file_path":"/nonexistent"}`,
			`failed of Read s:toolu_000000000000000000000003: the tool failed`,
			`call Write claude-code://local hook s:toolu_000000000000000000000004 {"content":"text\n","file_path":"/home/alice/project/new.txt"}`,
			`executed of Write s:toolu_000000000000000000000004: `,
		},
		"codex": {
			`call Bash codex://local hook s:call_1 {"command":"echo hello"}`,
			`session hook codex://local by codex`,
			`executed of Bash s:call_1: `,
			`call Bash codex://local hook s:call_2 {"command":"exit 3"}`,
			`executed of Bash s:call_2: `,
		},
	} {
		t.Run(client, func(t *testing.T) {
			d := newDesk(t, client)
			for _, document := range documents(t, client) {
				if err := d.run(document); err != nil {
					t.Fatalf("%v: %s", err, document)
				}
			}
			d.want(want...)
		})
	}
}

// TestOrder: documents that are missing, or come twice, lose nothing and hide nothing.
func TestOrder(t *testing.T) {
	d := newDesk(t, "codex")
	all := documents(t, "codex")
	before, after := all[2], all[3]
	run := func(document []byte) {
		t.Helper()
		if err := d.run(document); err != nil {
			t.Fatal(err)
		}
	}
	run(after) // the hook before it was not there, or the client did not wait for it
	call := `call Bash codex://local hook s:call_1 {"command":"echo hello"}`
	session := `session hook codex://local by codex`
	if got := d.log(); len(got) != 4 || got[0] != call {
		t.Fatalf("%q", got)
	}
	run(after)
	run(bytes.ReplaceAll(before, []byte("call_1"), []byte("call_9")))
	got := d.log()
	if tail := strings.Join(got[4:], "\n"); tail != "extra executed of Bash s:call_1\n"+strings.ReplaceAll(call, "call_1", "call_9") {
		t.Errorf("%s", tail)
	}
	if all := strings.Join(got, "\n"); strings.Count(all, session) != 1 || !strings.Contains(all, "gap of 1") || !strings.Contains(all, "executed of Bash s:call_1") {
		t.Errorf("%s", all)
	}
	// Versions that give no id: the newest call with these arguments.
	d = newDesk(t, "codex")
	for _, document := range [][]byte{before, after} {
		run(bytes.ReplaceAll(document, []byte(`,"tool_use_id":"call_1"`), nil))
	}
	call = strings.Replace(call, "s:call_1", "", 1)
	d.want(call, session, "executed of Bash : ")
	// Two of the same: each has an outcome.
	d = newDesk(t, "codex")
	for _, document := range [][]byte{before, before, after, after} {
		run(document)
	}
	answered := make(map[string]bool)
	for _, v := range d.verified() {
		if v.Version == 2 {
			answered[v.ParentID] = true
		}
	}
	if len(answered) != 2 || len(d.log()) != 5 {
		t.Errorf("%d calls have an outcome: %q", len(answered), d.log())
	}
}

// TestChangedArguments: a client's other hooks, and people, can change the arguments
// after the call was recorded. The outcome belongs to what ran, and the log says that
// this was not recorded before.
func TestChangedArguments(t *testing.T) {
	for client, at := range map[string]int{"claude-code": 1, "codex": 2} {
		all := documents(t, client)
		before, after := all[at], bytes.Replace(all[at+1], []byte(`"echo hello"`), []byte(`"rm -r x"`), 1)
		d := newDesk(t, client)
		for _, document := range [][]byte{before, after} {
			if err := d.run(document); err != nil {
				t.Fatal(err)
			}
		}
		got := d.log()
		if len(got) != 5 || !strings.Contains(got[0], "echo hello") || !strings.Contains(strings.Join(got[2:], "\n"), "gap of 1") ||
			!strings.Contains(got[2], `"rm -r x"`) || d.outcomeOf(got[2]) != 1 || d.outcomeOf(got[0]) != 0 {
			t.Errorf("%s: %q", client, got)
		}
	}
}

// outcomeOf is how many outcomes the call has whose line in log this is.
func (d *desk) outcomeOf(call string) (n int) {
	d.t.Helper()
	id := ""
	for _, v := range d.verified() {
		if v.Version == 1 && v.Type == "" && strings.HasSuffix(call, " "+string(v.Params)) {
			id = v.ID
		} else if v.Version == 2 && v.ParentID == id {
			n++
		}
	}
	return n
}

// TestBadDocuments: what is not understood is refused with a reason, so that the tool
// does not run, and leaves nothing in the log.
func TestBadDocuments(t *testing.T) {
	good := string(documents(t, "claude-code")[1])
	if !strings.Contains(good, `"PreToolUse"`) {
		t.Fatal(good)
	}
	change := func(old, new string) string {
		t.Helper()
		if !strings.Contains(good, old) {
			t.Fatalf("no %s in %s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	for document, why := range map[string]string{
		"":                                "not one whole JSON object",
		"{":                               "not one whole JSON object",
		good[:len(good)/2]:                "not one whole JSON object",
		good + good:                       "not one whole JSON object",
		"[" + good + "]":                  "not a JSON object",
		"null":                            "not a JSON object",
		"\xff" + good:                     "not UTF-8",
		change(`"Bash"`, `1`):             "its tool_name is not a string",
		change(`"tool_name":"Bash",`, ``): "it has no tool_name",
		change(`"Bash"`, `"Ba\u0000sh"`):  "a character that no name has",
		change(`"Bash"`, `"Ba\ud800sh"`):  "a character that no name has",
		change(`"Bash"`, `"`+strings.Repeat("x", 2000)+`"`):                       "longer than 1024 bytes",
		change(`"tool_name":`, `"tool_name":"Read","tool_name":`):                 `it has "tool_name" twice`,
		change(`"PreToolUse"`, `"PreToolUse2"`):                                   "no event that is known",
		change(`"hook_event_name":"PreToolUse",`, ``):                             "it has no hook_event_name",
		change(`"tool_input":{`, `"tool_input":[{`) + "]":                         "not one whole JSON object",
		change(`"tool_input":{`, `"tool_input":"x","other":{`):                    "its tool_input is not an object",
		change(`"session_id":`, `"session":`):                                     "it has no session_id",
		change(`"session_id":`, `"session_id":null,"session":`):                   "it has no session_id",
		change(`"tool_input":{`, `"tool_input":{"x":`+strings.Repeat("[", 20000)): "not one whole JSON object",
	} {
		d := newDesk(t, "claude-code")
		err := d.run([]byte(document))
		var block *BlockError
		if !errors.As(err, &block) || !strings.Contains(err.Error(), why) || len(err.Error()) > 500 {
			t.Errorf("%.200q: %v, want %s", document, err, why)
		}
		if _, err := os.Stat(d.o.Audit); err == nil {
			t.Errorf("%.200q: there is a log", document)
		}
	}
	d := newDesk(t, "claude-code")
	// A client may say that it has none of what need not be there.
	if err := d.run([]byte(change(`"tool_input":{`, `"agent_id":null,"tool_input":{`))); err != nil {
		t.Error(err)
	}
	// What is large, deep or odd within the arguments is the tool's business.
	for _, inside := range []string{
		`"x":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `,`, `"x":1,"x":2,`, `"x":9007199254740993,`, `"x":"\u0000",`,
		`"content":"` + strings.Repeat("x", 16<<20) + `",`,
	} {
		if err := d.run([]byte(change(`"tool_input":{`, `"tool_input":{`+inside))); err != nil {
			t.Errorf("%.40s: %v", inside, err)
		}
	}
	if got := d.log(); len(got) != 7 {
		t.Errorf("%d records", len(got))
	}
}

// lower makes documents too long that are not, for a test.
func lower(t *testing.T) {
	maxDocument = 2 << 20
	t.Cleanup(func() { maxDocument = MaxDocument })
}

// TestLongDocuments: what is too long is refused, but for a tool's result.
func TestLongDocuments(t *testing.T) {
	lower(t)
	good := string(documents(t, "claude-code")[1])
	change := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	d := newDesk(t, "claude-code")
	for _, document := range []string{
		good + strings.Repeat(" ", maxDocument),
		change(`"tool_input":{`, `"tool_input":{"x":"`+strings.Repeat("x", maxDocument)+`",`),
		change(`"tool_input":{`, `"more":"`+strings.Repeat("x", maxDocument)+`","tool_input":{`),
		change(`"tool_input":{`, `"tool_response":["`+strings.Repeat("x", maxDocument)),
		strings.Repeat(good, maxDocument/len(good)+1),
	} {
		var block *BlockError
		if err := d.run([]byte(document)); !errors.As(err, &block) {
			t.Errorf("too long a document: %v", err)
		}
	}
	// The reason is not what is in the place of the long value.
	after := string(documents(t, "claude-code")[2])
	for _, document := range []string{good, after} {
		document = strings.Replace(document, `"tool_input":{`, `"tool_input":{"x":"`+strings.Repeat("x", maxDocument)+`",`, 1)
		if err := d.run([]byte(document)); err == nil || !strings.Contains(err.Error(), "it is longer than") {
			t.Errorf("too long arguments: %v", err)
		}
	}
	d.want()
}

// TestLongResult: the result of a tool may be of any size; its outcome is recorded, with
// a hash of its bytes, and what is in it is not taken for the client's.
func TestLongResult(t *testing.T) {
	lower(t)
	all := documents(t, "claude-code")
	before, after := string(all[1]), string(all[2])
	at := strings.Index(after, `"tool_response":`) + len(`"tool_response":`)
	end := at + strings.Index(after[at:], "}") + 1
	for _, result := range []string{
		`"` + strings.Repeat(`\",\"tool_use_id\":\"x\\`, 200_000) + `"`,
		`[{"tool_use_id":"x","session_id":"y"}, "` + strings.Repeat("}]", maxDocument/2) + `" ]`,
	} {
		d := newDesk(t, "claude-code")
		for _, document := range []string{before, after[:at] + " " + result + "\n" + after[end:]} {
			if err := d.run([]byte(document)); err != nil {
				t.Fatal(err)
			}
		}
		d.want(
			`call Bash claude-code://local hook s:toolu_000000000000000000000001 {"command":"echo hello","description":"Say hello"}`,
			`session hook claude-code://local by claude-code`,
			fmt.Sprintf(`executed of Bash s:toolu_000000000000000000000001: content_hash is of the %d bytes as sent`, len(result)))
		if got := d.verified(); got[len(got)-1].ResponseHash != event.HashOf([]byte(result)) {
			t.Errorf("content_hash %s", got[len(got)-1].ResponseHash)
		}
	}
	// Cut, or followed by another document.
	for _, document := range []string{
		after[:at] + `"` + strings.Repeat("x", maxDocument), after[:at] + `["` + strings.Repeat("x", maxDocument) + `"]` + after[end:] + after,
	} {
		d := newDesk(t, "claude-code")
		var block *BlockError
		if err := d.run([]byte(document)); !errors.As(err, &block) || !strings.Contains(err.Error(), "not one whole JSON object") {
			t.Errorf("%v", err)
		}
	}
}

// TestCannotRecord: a tool whose call cannot be recorded must not run, unless the user
// said so; of one that has run, that is no reason to block.
func TestCannotRecord(t *testing.T) {
	all := documents(t, "codex")
	var block *BlockError
	d := newDesk(t, "codex")
	d.o.Signer = func() (*sign.Signer, error) { return nil, errors.New("the key is locked") }
	if err := d.run(all[2]); !errors.As(err, &block) || !strings.Contains(err.Error(), "the key is locked") {
		t.Errorf("%v", err)
	}
	if err := d.run(all[3]); err == nil || errors.As(err, &block) {
		t.Errorf("after: %v", err)
	}
	said := ""
	d.o.FailOpen, d.o.Say = true, func(text string) { said += text }
	if err := d.run(all[2]); err != nil || said == "" {
		t.Errorf("fail open: %v, %q", err, said)
	}
}

// TestRecorded: an MCP server's tool is recorded unless a wrapper records it.
func TestRecorded(t *testing.T) {
	d := newDesk(t, "claude-code")
	document := bytes.Replace(documents(t, "claude-code")[1], []byte(`"Bash"`), []byte(`"mcp__files__read_file"`), 1)
	asked := ""
	answer := true
	d.o.Recorded = func(names []string, directory string) bool {
		asked = strings.Join(names, ",") + " in " + directory
		return answer
	}
	if err := d.run(document); err != nil || asked != "files in /home/alice/project" {
		t.Errorf("%v, asked of %s", err, asked)
	}
	if _, err := os.Stat(d.o.Audit); err == nil {
		t.Error("it was recorded twice")
	}
	answer = false
	if err := d.run(document); err != nil || len(d.log()) != 2 {
		t.Errorf("%v, %q", err, d.log())
	}
}

// TestThirdClient: a client with documents of its own form is a Client and its name in
// the list, and nothing else.
func TestThirdClient(t *testing.T) {
	makers = append(makers, func() *Client {
		return &Client{
			Name: "toy", Label: "Toy", Target: "toy://local",
			Read: func(raw []byte) (*Document, error) {
				r := read(raw)
				d := &Document{Session: r.must("conversation"), Tool: r.must("do"), Arguments: r.object("with"), ID: r.text("step")}
				switch done := r.value("done"); {
				case done != nil:
					d.When, d.Result.Value, d.Failed = After, done, r.text("error")
				default:
					d.When = Before
				}
				return d, r.err
			},
			Hooks: install.Hooks{File: "~/.toy/hooks.json", Before: []string{"before"}, After: []string{"after"}},
		}
	})
	t.Cleanup(func() { makers = makers[:len(makers)-1] })
	d := newDesk(t, "toy")
	for _, document := range []string{
		`{"conversation":"c","do":"shell","with":{"x":1},"step":"1"}`, `{"conversation":"c","do":"shell","with":{"x":1},"step":"1","done":[],"error":"no"}`,
	} {
		if err := d.run([]byte(document)); err != nil {
			t.Fatal(err)
		}
	}
	d.want(`call shell toy://local hook s:1 {"x":1}`, `session hook toy://local by toy`, `failed of shell s:1: no`)

	sys := install.System{OS: "linux", Home: t.TempDir(), Getenv: func(string) string { return "" }}
	f := d.o.Client.Hooks.Open(sys)
	data, err := f.With(install.Wrapper{Path: "/x/signet-wrap"}, "linux")
	if want := `{"hooks":{"before":[{"hooks":[{"type":"command","command":"/x/signet-wrap hook --client toy || exit 2","timeout":60}]}],` +
		`"after":[{"hooks":[{"type":"command","command":"/x/signet-wrap hook --client toy","timeout":60}]}]}}`; err != nil || string(data) != want {
		t.Errorf("%v\n%s", err, data)
	}
}
