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
	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestAuditLongTexts: names, reasons, signers and sessions of megabytes, in what is
// signed and in what is not, take no more than some lines of a screen.
func TestAuditLongTexts(t *testing.T) {
	if testing.Short() {
		t.Skip("long texts, one goroutine: nothing for the race detector")
	}
	long := strings.Repeat("<\u202egnp\u009b>", 20_000)
	bot, _ := testSigner(t, long)
	quoted := string(canon.AppendString(nil, long))
	var id string
	action := sign.Action{Tool: long, Target: long, Session: "ses_" + long, CallID: long, TraceID: long, ParentID: long,
		Arguments: []byte(`{"a":` + strings.Repeat("[", 6000) + strings.Repeat("]", 6000) + `}`)}
	dir := logOf(t,
		receiptOf(t, bot, action, func(r *sign.Receipt) { id = r.ID }),
		func(at chain.At) []byte {
			return eventBy(t, bot, event.Unanswered{Session: action.Session, Calls: []event.Call{{ID: id, Reason: long}}})(at)
		},
		eventBy(t, bot, event.Session{Session: action.Session, Command: []string{long}, Target: long}),
		eventBy(t, bot, event.Gap{Session: long, Calls: 1, Reason: long}),
		raw(`{"id":`+quoted+`,"type":`+quoted+`}`),
		raw(`{"v":`+quoted+`}`),
	)
	for _, args := range []string{"audit", "audit --limit all", "audit --open", "audit show " + id} {
		status, out, errs := run(t, append(strings.Fields(args), "--home", dir)...)
		if status != 0 || !strings.Contains(out, `\u202egnp`) || len(out)+len(errs) > 64<<10 {
			t.Errorf("%s: status %d, %d and %d bytes: %.2000s%.1000s", args, status, len(out), len(errs), out, errs)
		}
	}
	var shown struct{ Events []shownRecord }
	if _, out, _ := run(t, "audit", "show", id, "--json", "--home", dir); json.Unmarshal([]byte(out), &shown) != nil || len(shown.Events) != 2 {
		t.Errorf("as JSON: %.300s", out)
	}
}

// TestAuditUnknownKeys: a name proves nothing, so a row says if its key is none of
// those in the home directory; where there is none at all, nothing can be said.
func TestAuditUnknownKeys(t *testing.T) {
	bot, key := testSigner(t, "bot")
	other, _ := testSigner(t, "other")
	as, err := sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, 32)), "bot", "")
	if err != nil {
		t.Fatal(err)
	}
	dir := logOf(t, call(t, bot, "one"), call(t, as, "two"), call(t, other, "three"))
	if _, out, _ := run(t, "audit", "--home", dir); strings.Contains(out, "?") {
		t.Errorf("no key is known: %s", out)
	}
	known := keys.FormatPublic(&keys.Public{Name: "bot", Key: testKey(t, key), Created: time.Now()})
	if err := os.MkdirAll(filepath.Join(dir, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keys", "bot.pub"), known, 0o600); err != nil {
		t.Fatal(err)
	}
	_, out, _ := run(t, "audit", "--home", dir)
	rows := strings.Split(out, "\n")
	for i, want := range []string{" bot ", " bot? ", " other? "} {
		if !strings.Contains(rows[i+1], want) {
			t.Errorf("row %d lacks %q: %s", i, want, out)
		}
	}
}

func testKey(t *testing.T, pubkey string) ed25519.PublicKey {
	t.Helper()
	p, _, err := (&command{}).pubkey("", pubkey)
	if err != nil {
		t.Fatal(err)
	}
	return p.Key
}
