package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestFormatOfEvents: the examples of the events of a session in chain/FORMAT.md have
// the members that we write, of the same types, and no others. (package chain tests that
// what they say is true, and that no event is missing.)
func TestFormatOfEvents(t *testing.T) {
	page, err := os.ReadFile("../../chain/FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)### Events by example\n.*?```jsonl\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("no examples")
	}
	shown := map[string]any{}
	for line := range bytes.Lines(block[1]) {
		v, err := sign.Verify(bytes.TrimSpace(line), sign.AnyKey)
		if err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if shown[v.Type] == nil { // the first is of a wrapper's session
			shown[v.Type] = shape(t, line)
		}
	}
	made := map[string]any{}
	for _, receipt := range everyEvent(t) {
		v, err := sign.ReadUnverified(receipt)
		if err != nil {
			t.Fatal(err)
		}
		if made[v.Type] == nil { // a further listing has other members
			made[v.Type] = shape(t, receipt)
		}
	}
	if len(made) < 8 {
		t.Fatalf("only %q", slices.Sorted(maps.Keys(made)))
	}
	for kind := range made {
		got, _ := json.Marshal(shown[kind])
		want, _ := json.Marshal(made[kind])
		if !bytes.Equal(got, want) {
			t.Errorf("%s: the example has\n%s\nand we write\n%s", kind, got, want)
		}
	}
}

// shape is the names of members and the types of their values. Of the members
// of tools, whose names are anything, it takes one.
func shape(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	var of func(v any) any
	of = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			all := map[string]any{}
			for name, x := range v {
				all[name] = of(x)
			}
			if tools, ok := v["tools"].(map[string]any); ok {
				for _, x := range tools {
					all["tools"] = map[string]any{"": of(x)}
				}
			}
			return all
		case []any:
			return []any{of(v[0])}
		case string:
			return "string"
		case float64:
			return "number"
		}
		return v
	}
	return of(v)
}

// everyEvent is the events of a session in which all happens that we tell of.
func everyEvent(t *testing.T) (receipts [][]byte) {
	t.Helper()
	locked := true
	s := newScene(t, func(o *Options) {
		o.FailOpen = true
		o.Command = []string{"server", "--token", "hush"}
		o.Files = func(context.Context) []event.File {
			return []event.File{{Path: "/usr/bin/server", SHA256: event.HashOf(nil)}}
		}
		unlocked := o.Signer
		o.Signer = func() (*sign.Signer, error) {
			if locked {
				return nil, errors.New("the key is encrypted")
			}
			return unlocked()
		}
	})
	s.play(slices.Concat([]string{
		`> {"id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","clientInfo":{"name":"agent","version":"1"}}}`,
		`< {"id":0,"result":{"protocolVersion":"2025-11-25","serverInfo":{"name":"files","version":"2"}}}`},
		listing("1", `{"name":"read_file"}`))...)
	s.client(toolCall("1", "read_file"))
	locked = false
	s.client(toolCall("2", "read_file", `"_meta":{"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",`+
		`"claudecode/toolUseId":"toolu_1","io.modelcontextprotocol/clientInfo":{"name":"other","version":"1"}}`))
	s.server(`{"id":2,"result":{"task":{"taskId":"t"}}}`, `{"id":2,"result":{}}`)
	s.play(listing("2", `{"name":"read_file","description":"and more"}`)...)
	s.client(toolCall("3", "read_file"))
	s.close()
	for e, err := range testlog.Records(s.dir) {
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(e.Receipt, []byte(`"type":`)) {
			receipts = append(receipts, slices.Clone(e.Receipt))
		}
	}
	return receipts
}
