package envelope

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

const line = `{"receipt":{"a":"\"{ ` + "\x7f" + ` é"},"prev_hash":"sha256:1","record_hash":"sha256:2"}`

// quoted is a text in JSON.
func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func opened(t *testing.T, s string) (o Opened, lines []string, stubs []Found) {
	t.Helper()
	o, err := Open([]byte(s), func(f Found) {
		if f.Line == nil {
			stubs = append(stubs, f)
		} else {
			lines = append(lines, string(f.Line))
		}
	})
	if err != nil {
		t.Errorf("%.100s: %v", s, err)
	}
	return o, lines, stubs
}

func TestOpen(t *testing.T) {
	r := Record{Line: []byte(line), Size: len(line), Hash: "sha256:2", Prev: "sha256:1", Time: time.Unix(1, 0), Kind: "call",
		Attributes: []Attribute{{Key: "x", Text: line}, {Key: "n", Number: 7}}}
	without := r
	without.Line, without.Selection, without.Attributes = nil, true, nil
	resource := Resource{Version: "1"}
	request := string(resource.AppendRequestStart(nil)) + string(r.AppendOTLP(nil)) + "," + string(without.AppendOTLP(nil)) + RequestEnd
	for _, tt := range []struct {
		name, in     string
		form         Form
		lines, stubs int
		cut          int
	}{
		{"a request", strings.ReplaceAll(request, quoted(line)+`}},{"key":"n"`, `"x"}},{"key":"n"`), OTLP, 1, 1, 0},
		{"one that was cut", request[:len(request)/2], OTLP, 0, 0, 1},
		{"one that was cut, and another", request[:len(request)/2] + `{"resourceLogs":[{"x":` + quoted(line) + `}]}`, OTLP, 1, 0, 1},
		{"a request of others", `{"resourceLogs":[]}`, OTLP, 0, 0, 0},
		{"a member", `{"a":[{"b":{"message":` + quoted(line) + `}}]}`, JSON, 1, 0, 0},
		{"an object", `{"a":[{"b":` + line + `}]}`, JSON, 1, 0, 0},
		{"a text that was cut", `{"message":` + quoted(line[:len(line)-5]) + `}`, JSON, 0, 0, 1},
		{"flat attributes", `{"attributes":{"signet.not_exported":true,"signet.record_hash":"sha256:2","signet.prev_hash":"sha256:1"}}`, JSON, 0, 1, 0},
		{"a message", string(r.AppendSyslog(nil, Header{"h", 1})), Syslog, 1, 0, 0},
		{"one without its body", string(without.AppendSyslog(nil, Header{"", 1})), Syslog, 0, 1, 0},
		{"one with another header", "Nov 29 23:00:00 h signet-wrap[1]: " + line, Syslog, 1, 0, 0},
		{"one that was cut", "Nov 29 h: " + line[:40], Syslog, 0, 0, 1},
		{"one that was cut, and another", "Nov 29 h: " + line[:40] + "Nov 29 h: " + line, Syslog, 1, 0, 1},
		{"a message of others", "Nov 29 h sshd[1]: {}", "", 0, 0, 0},
		{"a line of the log", line, "", 0, 0, 0},
		{"half of one", line[:40], "", 0, 0, 0},
		{"a receipt with a record in its arguments", `{"action":{"params":` + line + `},"sig":"x"}`, "", -1, 0, 0},
	} {
		o, lines, stubs := opened(t, tt.in)
		if o.Form != tt.form || tt.lines >= 0 && len(lines) != tt.lines || len(stubs) != tt.stubs || o.Cut != tt.cut {
			t.Errorf("%s: %+v, %q, %q", tt.name, o, lines, stubs)
		}
		for _, l := range lines {
			if tt.lines > 0 && strings.ReplaceAll(l, `\u007f`, "\x7f") != line {
				t.Errorf("%s: %s", tt.name, l)
			}
		}
		for _, s := range stubs {
			if s.Hash != "sha256:2" || s.Prev != "sha256:1" {
				t.Errorf("%s: %+v", tt.name, s)
			}
		}
	}
	if o, _, _ := opened(t, request); !o.Selection {
		t.Error("it does not say that it is a selection")
	}
}

// What is hostile is refused, or takes no more than its length.
func TestOpenHostile(t *testing.T) {
	for name, in := range map[string]string{
		"deep":  strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000),
		"many":  `{"a":[` + strings.Repeat(`"{\"receipt\":1}",`, MaxFound+1) + `0]}`,
		"long":  `{"a":"` + strings.Repeat("x", MaxLine) + `"}`,
		"empty": "",
	} {
		if _, err := Open([]byte(in), func(Found) {}); errors.Is(err, ErrBounds) != (name != "empty") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, in := range []string{"x" + strings.Repeat(`{"receipt":`, 1<<20), "x" + strings.Repeat("{", 1<<20) + `"receipt""record_hash"`, strings.Repeat(`{"resourceLogs":`, 1<<18)} {
		if _, err := Open([]byte(in), func(Found) {}); err != nil {
			t.Error(err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, s := range []string{line, `{"message":` + quoted(line) + `}`, "x: " + line, `{"resourceLogs":[{}]}`, `[1,"a",{"key":"k","value":{"stringValue":"v"}}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		Open(b, func(f Found) {
			if f.Line != nil && !json.Valid(f.Line) {
				t.Errorf("%q is no JSON", f.Line)
			}
		})
	})
}
