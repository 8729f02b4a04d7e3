package cli

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// dayFileOf is the text of the only day file of a home.
func dayFileOf(t *testing.T, home string) []byte {
	t.Helper()
	days, err := filepath.Glob(filepath.Join(home, "audit", "????-??-??.jsonl"))
	if err != nil || len(days) != 1 {
		t.Fatal(days, err)
	}
	b, err := os.ReadFile(days[0])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A receipt, and a file of records, are read as text files on Windows are
// written; an encoding that is not read is named.
func TestVerifyWindowsText(t *testing.T) {
	bot, key := testSigner(t, "bot")
	wide := func(mark string, order binary.AppendByteOrder, b []byte) []byte {
		out := []byte(mark)
		for _, unit := range utf16.Encode([]rune(string(b))) {
			out = order.AppendUint16(out, unit)
		}
		return out
	}
	records := dayFileOf(t, logOf(t, call(t, bot, "tööl"), call(t, bot, "b")))
	var first struct{ Receipt json.RawMessage }
	if err := json.Unmarshal(records[:bytes.IndexByte(records, '\n')], &first); err != nil {
		t.Fatal(err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, first.Receipt, "", "  "); err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{"receipt": first.Receipt, "receipt over several lines": pretty.Bytes(), "records": records} {
		crlf := bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
		for encoding, text := range map[string][]byte{
			"UTF-8":                        b,
			"CR LF":                        crlf,
			"UTF-8 with a byte order mark": append([]byte("\xef\xbb\xbf"), crlf...),
			"UTF-16LE":                     wide("\xff\xfe", binary.LittleEndian, crlf),
			"UTF-16BE":                     wide("\xfe\xff", binary.BigEndian, crlf),
		} {
			if status, out, errs := run(t, "verify", "--pubkey", key, file(t, text)); status != exitOK {
				t.Errorf("%s in %s: exit status %d\n%s%s", what, encoding, status, out, errs)
			}
		}
		if status, _, errs := run(t, "verify", "--pubkey", key, file(t, wide("", binary.LittleEndian, b))); status != exitUsage || !strings.Contains(errs, "UTF-16") {
			t.Errorf("%s in UTF-16 without a mark: exit status %d\n%s", what, status, errs)
		}
	}
}

// Every edit of an export that changes what a receipt says is found, and an
// honest one is never called tampered, whoever is known.
func TestVerifyExportEdited(t *testing.T) {
	bot, key := testSigner(t, "bot")
	text := dayFileOf(t, logOf(t, call(t, bot, "a"), wrapped(t, bot, "read"), eventBy(t, bot, event.Gap{Calls: 1}), raw(`{"ts":"2026-05-01T00:00:00.000Z","type":"note","v":1}`), call(t, bot, "b")))
	for _, args := range [][]string{{"--pubkey", key}, {}} {
		if status, out, _ := run(t, append([]string{"verify", file(t, text)}, args...)...); status != exitUnconfirmed {
			t.Errorf("%q: exit status %d\n%s", args, status, out)
		}
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for i, line := range lines[:len(lines)-1] {
		for at := bytes.IndexByte(line, ':') + 2; at < len(line)-1; at += 3 * every(20) {
			edited := bytes.Clone(line)
			if edited[at] ^= 1; edited[at] < ' ' || edited[at] == '\\' {
				continue
			}
			all := bytes.Join([][]byte{bytes.Join(lines[:i], nil), edited, bytes.Join(lines[i+1:], nil)}, nil)
			if status, out, _ := run(t, "verify", "--pubkey", key, file(t, all)); status != exitFailed {
				t.Fatalf("line %d, byte %d: exit status %d\n%s\n%s", i+1, at, status, edited, out)
			}
		}
	}
}

// appended is a home's log with one more record, written as any program can: the
// chain goes on, and nothing is known of who signed the receipt.
func appended(t *testing.T, home string, receipt func(chain.At) []byte) {
	t.Helper()
	l := chain.New(filepath.Join(home, "audit"), chain.Options{NoSync: true})
	defer l.Close()
	if _, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) { return receipt(at), nil }); err != nil {
		t.Fatal(err)
	}
}

// What nobody signed, or a key that is not known, is listed and changes nothing
// else.
func TestVerifyBelievesTheKnown(t *testing.T) {
	bot, key := testSigner(t, "bot")
	other, _ := testSigner(t, "other")
	const session = "ses_0123456789abcdef0123456789abcdef"
	var id string
	home := logOf(t, func(at chain.At) []byte {
		b := wrapped(t, bot, "a")(at)
		v, err := sign.Verify(b, sign.AnyKey)
		if err != nil {
			t.Fatal(err)
		}
		id = v.ID
		return b
	}, eventBy(t, bot, event.Session{Session: session}))
	was, status := verified(t, home, "--pubkey", key)
	if status != exitOK || len(was.Completeness.Notes) != 1 {
		t.Fatalf("%+v", was)
	}
	head, err := event.ParseHash(was.Head)
	if err != nil {
		t.Fatal(err)
	}
	day := time.Now().UTC().Format(time.DateOnly) + ".jsonl"
	for _, e := range []event.Event{
		event.Unanswered{Session: session, Calls: []event.Call{{ID: id, Reason: "cancelled by the client"}}},
		event.Gap{Session: session, Calls: 5},
		event.LogDamaged{File: day, Expected: head, Gone: true},
		event.TornLine{File: day, Kept: day + ".torn-1"},
		event.ClockStep{},
		event.Session{Session: "ses_x"},
	} {
		unsigned, err := event.Unsigned(e, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		appended(t, home, raw(string(unsigned)))
		appended(t, home, func(at chain.At) []byte {
			return eventBy(t, other, e)(chain.At{Time: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)})
		})
		got, status := verified(t, home, "--pubkey", key)
		if status != exitUnconfirmed || got.Damaged != 0 || got.First != was.First || got.Last != was.Last ||
			strings.Join(got.Completeness.Gaps, "") != "" || strings.Join(got.Completeness.Notes, "") != strings.Join(was.Completeness.Notes, "") {
			t.Errorf("%s: exit status %d\n%+v\nwant as\n%+v", e.Type(), status, got, was)
		}
	}
}

// Copies of receipts that are bound to no place are found, whatever they are and
// whatever their session is called.
func TestVerifyCopies(t *testing.T) {
	bot, key := testSigner(t, "bot")
	for _, session := range []string{"", "deploy-1", "ses_deploy1", "ses_", "ses_" + strings.Repeat("AB", 16), "ses_" + strings.Repeat("0", 32)} {
		once := receiptOf(t, bot, sign.Action{Tool: "pay", Session: session})
		var kept []byte
		home := logOf(t, func(at chain.At) []byte { kept = once(at); return kept })
		if f, status := verified(t, home, "--pubkey", key); status != exitOK {
			t.Errorf("%q: exit status %d, %+v", session, status, f)
		}
		appended(t, home, func(chain.At) []byte { return kept })
		if f, status := verified(t, home, "--pubkey", key); status == exitOK {
			t.Errorf("%q copied: exit status %d, %+v", session, status, f)
		}
	}
	// A response, too.
	var asked, response []byte
	home := logOf(t, func(at chain.At) []byte { asked = wrapped(t, bot, "read")(at); return asked })
	var r request
	if err := json.Unmarshal(asked, &r); err != nil {
		t.Fatal(err)
	}
	appended(t, home, func(at chain.At) []byte { response = responded(t, bot, &r)(at); return response })
	if f, status := verified(t, home, "--pubkey", key); status != exitOK {
		t.Errorf("exit status %d, %+v", status, f)
	}
	appended(t, home, func(chain.At) []byte { return response })
	f, status := verified(t, home, "--pubkey", key)
	if status != exitUnconfirmed || !strings.Contains(strings.Join(f.Completeness.Gaps, ""), "1 outcome copied") {
		t.Errorf("a response copied: exit status %d, %+v", status, f)
	}
}

// A day file to come in which nothing is signed, and records dated ahead, do not
// pass in silence.
func TestVerifyDaysToCome(t *testing.T) {
	bot, key := testSigner(t, "bot")
	home := logOf(t, call(t, bot, "a"))
	later := time.Now().AddDate(1, 0, 0)
	l := chain.New(filepath.Join(home, "audit"), chain.Options{NoSync: true, Now: func() time.Time { return later }})
	defer l.Close()
	if _, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) {
		return event.Unsigned(event.Other{Kind: "note"}, at.Time)
	}); err != nil {
		t.Fatal(err)
	}
	f, status := verified(t, home, "--pubkey", key)
	if status != exitUnconfirmed || !strings.Contains(strings.Join(f.Authenticity.Doubts, ""), "of a day to come, and nothing of that day in it is signed") || f.First != f.Last {
		t.Errorf("exit status %d, %+v", status, f)
	}
	older := func(_ int, at chain.At) ([]byte, error) {
		return call(t, bot, "b")(chain.At{Time: time.Now(), Prev: at.Prev}), nil
	}
	if _, err := l.Append(1, older); err != nil {
		t.Fatal(err)
	}
	f, status = verified(t, home, "--pubkey", key)
	if status != exitUnconfirmed || !strings.Contains(strings.Join(f.Authenticity.Doubts, ""), "of a day to come, and nothing of that day") {
		t.Errorf("with an older record: exit status %d, %+v", status, f)
	}
	if _, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) { return call(t, bot, "b")(at), nil }); err != nil {
		t.Fatal(err)
	}
	f, status = verified(t, home, "--pubkey", key)
	if status != exitUnconfirmed || !strings.Contains(strings.Join(f.Authenticity.Doubts, ""), "claim times to come") || f.Verdict != verify.Unconfirmed {
		t.Errorf("exit status %d, %+v", status, f)
	}
}
