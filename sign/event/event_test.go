package event

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

var at = time.Date(2026, 5, 1, 10, 0, 0, 123e6, time.UTC)

// every is one of each type, with text that JSON escapes.
var every = []Event{
	Session{"ses_1", "mcp://x", &Implementation{"a\n", "1"}, nil, "2025-11-25", []string{"npx", "\u0001", "***"}, []File{{"/a\\b", Hash{9}, ""}, {"/c", Hash{}, "it changed"}}, nil, nil, "", "", nil},
	Session{"ses_1", "mcp://x", nil, nil, "", []string{"npx"}, []File{{"/a", Hash{9}, ""}}, &Heads{"journald", "00ff", ""}, &Environment{"me\n", "1000", "h", "/w", "v1.2.3", Hash{9}}, "hook", "", nil},
	Session{"ses_1", "mcp://x", nil, nil, "", []string{"npx"}, nil, nil, &Environment{"", "", "", "", "v1", Hash{}}, "wrap", "", []Setting{{"fail-open", "true", "flag"}, {"sync", "off\"", "locked"}}},
	Session{"ses_2", "mcp://x", nil, nil, "", []string{"npx"}, nil, &Heads{"syslog", "00ff", "ed25519:AA=="}, nil, "", "", nil},
	KeyRotated{"bot", "ed25519:AA==", "ed25519:AQ=="},
	KeyRetired{"bot", "ed25519:AA=="},
	KeyRevoked{"bot", "ed25519:AA==", time.Time{}, "it leaked"},
	KeyRevoked{"bot", "ed25519:AA==", at, ""},
	ParamsApart{"ses_1"},
	HashOnly{"ses_1", []Call{{"rec_1", "secret"}, {"rec_2", "tool"}}},
	Erased{[]string{"rec_1", "rec_2"}, "asked for by the customer"},
	Tools{Session: "ses_1", Target: "mcp://x", Tools: map[string]Hash{"a": Hash{9}, "\"é\"": Hash{1}, "\U0001F600": Hash{2}, "\uFB33": Hash{3}}},
	Tools{"ses_1", "mcp://x", map[string]Hash{"a": Hash{9}}, []string{"a"}, true, 7, Hash{1}, "after 5 records", "rec_1"},
	CallContext{"ses_1", []Context{{"rec_1", &Implementation{"a", "1"}, "00f067aa0ba902b7", []ClientID{{"a/toolUseId", "toolu_\n"}, {"b\n", ""}}}, {Call: "rec_2", Span: "1"}}},
	Owner{"Build \"team\"", ""},
	ExtraResponse{"ses_1", "rec_1", Hash{9}, "failed", "isError"},
	ExtraResponse{"ses_1", "rec_1", Hash{}, "", "it cannot be read"},
	ToolDrift{"ses_1", "mcp://x", "t", Hash{9}, Hash{1}},
	Task{"ses_1", "rec_1", "786512e2"},
	Unanswered{"ses_1", []Call{{"rec_1", "the server ended"}, {"rec_2", "\t"}}},
	Session{"ses_3", "mcp://x", nil, nil, "", []string{"npx"}, nil, nil, nil, "check", "", nil},
	Session{"ses_4", "mcp://x", nil, nil, "", nil, nil, nil, nil, "sdk", "mcp-go", nil},
	NoReceipt{"ses_1", "rec_1"},
	CallRefused{"ses_1", "mcp://x", "t\n", "n:1", "stale", "it is \"old\"", Hash{9}, "rec_1", "ed25519:AA==", 2},
	CallRefused{"ses_1", "mcp://x", "t", "", "no_receipt", "", Hash{}, "", "", 1},
	Cosigned{"ses_1", "rec_1", []byte(`{"v":3}`)},
	BadCosignature{"ses_1", "rec_1", "forged", Hash{9}},
	Gap{"ses_1", 3, at, at.Add(time.Second), "no space left on device"},
	TornLine{"2026-05-01.jsonl", 785, 42, Hash{9}, "2026-05-01.jsonl.torn-785"},
	LogDamaged{File: "2026-05-01.jsonl", Offset: 1, Expected: Hash{9}, Reason: "gone", Gone: true, Found: Hash{1}},
	LogDamaged{File: "2026-05-01.jsonl", Offset: 1, Expected: Hash{9}, Gone: true, Reason: "nothing is left"},
	LogDamaged{File: "2026-05-01.jsonl", Offset: 1, Expected: Hash{9}, Reason: "not JSON"},
	ClockStep{at, at.Add(time.Hour)},
	AnchorPolicy{"signet-wrap/00", "signet-wrap/00+01020304+AQ==", Hash{9}, "home"},
	Archived{"deleted", []ArchivedFile{{"2026-05-01.jsonl", 900, 2}}, HashOf([]byte("a")), HashOf([]byte("b")), 2, 5, "AAAA", HashOf([]byte("c"))},
	NewEpoch{"signet-wrap/00", 12, "AAAA", "restored a backup"},
	AnchorFinding{"rollback", "signet-wrap/00", 12, []string{"w1", "w2"}, "the log ends after 3 records"},
	Unanchored{"ses_1", at},
	Head{17, true, 1, Hash{9}, []string{"00", "01"}, "2026-05-01.jsonl", 785, Hash{1}, "ses_1", Hash{}},
	Head{17, true, 1, Hash{9}, []string{"00", "01"}, "2026-05-01.jsonl", 785, Hash{1}, "ses_1", Hash{9}},
	Other{"policy_violation", []Member{{"a", []byte("[null]")}, {"tool", []byte(`"rm"`)}}},
}

// What is encoded is decoded to the same.
func TestDecode(t *testing.T) {
	for _, e := range every {
		receipt, err := Unsigned(e, at)
		if err != nil {
			t.Fatal(err)
		}
		if !canon.IsCanonical(receipt) {
			t.Errorf("%s: not canonical", receipt)
		}
		got, err := Decode(receipt)
		if err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%v\ngot  %+v\nwant %+v", err, got, e)
		}
	}
}

// An event that lacks a member, or has one of another kind or name, is none of
// its type: encoding/json would take some of them.
func TestDecodeIsStrict(t *testing.T) {
	for _, e := range every[:len(every)-1] {
		for i, m := range e.Members() {
			for name, changed := range map[string][]Member{
				"without": slices.Delete(e.Members(), i, i+1),
				"renamed": replaced(e.Members(), i, Member{"renamed_" + m.Name, m.Value}),
				"true":    replaced(e.Members(), i, Member{m.Name, []byte("true")}),
				"nested":  replaced(e.Members(), i, Member{m.Name, []byte(`[{"x":[]}]`)}),
			} {
				if optional := []string{"found", "adds", "by_bytes", "left", "search_ended", "heads", "environment", "through", "sdk", "settings"}; (slices.Contains(optional, m.Name) || m.Name == "call" && e.Type() == "tools" || m.Name == "policy" && e.Type() == "head") && (name == "without" || name == "renamed") {
					continue
				}
				if (m.Name == "adds" || m.Name == "last") && name == "true" {
					continue // that is what it is
				}
				receipt, err := Unsigned(Other{e.Type(), changed}, at)
				if err != nil {
					t.Fatal(err)
				}
				got, err := Decode(receipt)
				if _, other := got.(Other); err == nil || !other || got.Type() != e.Type() {
					t.Errorf("%s %s: %+v, %v", name, receipt, got, err)
				}
			}
		}
	}
	for _, receipt := range []string{
		`{"Type":"gap"}`, `{"type":1}`, `{}`, `[]`, `"type"`, `{"type": "gap"}`, `{"type":"gap","type":"gap"}`, `{"type":"\u0067ap"}`, ``, `{"type":`,
	} {
		if e, err := Decode([]byte(receipt)); err == nil {
			t.Errorf("%s: %+v", receipt, e)
		}
	}
}

func replaced(members []Member, i int, m Member) []Member {
	members = slices.Clone(members)
	members[i] = m
	return members
}

// Unknown members are ignored, and a tools event with a wrong list is refused.
func TestDecodeMore(t *testing.T) {
	receipt, err := Unsigned(Other{"task", append(Task{"ses_1", "rec_1", "786512e2"}.Members(), Member{"zone", []byte("1")})}, at)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(receipt); err != nil || got != (Task{"ses_1", "rec_1", "786512e2"}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Unsigned(Other{"x", []Member{{"type", []byte("1")}}}, at); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("%v", err)
	}
}

// A name that is no text becomes another; the listing stays one object.
func TestToolsOfBadNames(t *testing.T) {
	receipt, err := Unsigned(Tools{Tools: map[string]Hash{"a\xff": {1}, "a\xfe": {2}}}, at)
	if err != nil {
		t.Fatal(err)
	}
	e, err := Decode(receipt)
	if err != nil || !reflect.DeepEqual(e.(Tools).Tools, map[string]Hash{"a\uFFFD": {2}}) {
		t.Errorf("%+v, %v", e, err)
	}
}
