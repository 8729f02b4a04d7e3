package cli

import (
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/terminal"
	"github.com/signet-wrap/signet-wrap/internal/toolstore"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// steering is a name that would clear a screen, set its title, turn the direction
// of text, and hide some.
const steering = "x\x1b[2J\x1b]0;t\a\u009b2J\u0085\u202egnp\u2066\u061c\u200b\u2028\U000e0041\ufe0f.end"

// TestScreen: whatever is in the log, the keys and a client's file, on a
// terminal no verb prints a character that steers it or hides. In a pipe JSON has
// the names as they are.
func TestScreen(t *testing.T) {
	bot, _ := testSigner(t, steering)
	var id string
	action := sign.Action{Tool: steering, Target: "mcp://" + steering, Session: steering, CallID: steering, Arguments: []byte(`{"` + steering[:1] + `\u202e":"\u202egnp"}`)}
	wrapped := action
	wrapped.Session = "ses_5f1c0f2e8d7b4a6990e1d2c3b4a59687"
	who, definitions := &event.Implementation{Name: steering, Version: steering}, []string{}
	for _, more := range []string{"", steering} { // as a file would have it, and escaped
		b, err := json.Marshal(map[string]string{"name": steering, "description": "a\n" + more})
		if err != nil {
			t.Fatal(err)
		}
		definitions = append(definitions, string(b))
	}
	definitions = append(definitions, `{"name":"`+"\u009b\u202egnp"+`"}`)
	listing := func(definition string) func(chain.At) []byte {
		return eventBy(t, bot, event.Tools{Session: wrapped.Session, Target: action.Target, Tools: map[string]event.Hash{steering: event.HashOf([]byte(definition))}})
	}
	dir := logOf(t,
		receiptOf(t, bot, wrapped, func(*sign.Receipt) {}),
		eventBy(t, bot, event.Session{Session: wrapped.Session, Target: action.Target, Client: who, Server: who, Protocol: steering, Command: []string{steering},
			Environment: &event.Environment{User: steering, UserID: steering, Host: steering, Directory: steering, Version: steering}}),
		eventBy(t, bot, event.Owner{Owner: steering, Was: steering}),
		listing(definitions[0]), listing(definitions[1]), listing(definitions[2]), listing("gone"),
		receiptOf(t, bot, action, func(r *sign.Receipt) { id = r.ID }),
		eventBy(t, bot, event.CallContext{Session: steering, Calls: []event.Context{{Call: "rec_x", Client: who, Span: steering, IDs: []event.ClientID{{Name: steering, ID: steering}}}}}),
		eventBy(t, bot, event.ToolDrift{Session: steering, Target: steering, Tool: steering}),
		eventBy(t, bot, event.Gap{Session: steering, Calls: 1, Reason: steering}),
		raw(`{"name":"\u001b`+"\u009b\u202egnp"+`","type":"note`+"\u009b"+`"}`),
		raw(`{"v":"`+"\u009b\u202egnp"+`"}`),
	)
	for _, d := range definitions {
		if err := toolstore.New(home.Dir(dir).Tools()).Keep([]byte(d)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two"} {
		pub := keys.FormatPublic(&keys.Public{Name: name, Owner: steering, Key: make(ed25519.PublicKey, 32), Created: time.Now()})
		if name == "two" { // and one that does not read
			pub = []byte(strings.Replace(string(pub), `"v":1`, `"v":1,"`+"\u009b\u202egnp"+`":1`, 1))
		}
		if err := os.WriteFile(filepath.Join(dir, "keys", name+".pub"), pub, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	receipt := filepath.Join(t.TempDir(), "\u009b\u202egnp.json")
	if err := os.WriteFile(receipt, []byte(`{"v":1,"`+"\u009b\u202egnp"+`":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, shows := range map[string]bool{
		"audit": true, "audit --json": true, "audit --limit 8 --json": true, "audit show " + id: true, "audit show " + id + " --json": true,
		"audit tools": true, "audit tools --json": true, "audit --client gnp --owner gnp --where gnp": true, "audit --client \u202egnp\u009b": false,
		"verify --chain": true, "verify --chain --json": true, "verify " + receipt: false, "verify " + receipt + "x": true,
		"identity list": true, "identity list --json": true, "doctor": false, "doctor --json": false, "status": false, "status --json": false,
		"audit --tool \u202egnp\u009b --limit \u202egnp": true, "audit --\u009bgnp": true, "\u009bgnp": true, "audit --since \u009bgnp": true,
	} {
		screen, _ := startOnTerminal(t, dir, args, true).rest(t)
		for _, r := range strings.NewReplacer("\r\n", "", "\r\x1b[K", "", "\t", "").Replace(screen) {
			if terminal.Unsafe(r) {
				t.Errorf("%s: %U is written: %q", args, r, screen)
				break
			}
		}
		if shows && !strings.Contains(screen, "gnp") {
			t.Errorf("%s: the name is not shown: %q", args, screen)
		}
	}
	_, out, _ := run(t, "audit", "--json", "--home", dir)
	var first struct {
		Tool string
	}
	if err := json.Unmarshal([]byte(strings.SplitN(out, "\n", 2)[0]), &first); err != nil || first.Tool != steering || !strings.Contains(out, "\u009b2J\u0085\u202egnp") {
		t.Errorf("in a pipe: %v, %q", err, out)
	}
}
