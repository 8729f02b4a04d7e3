package chain

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// The example in FORMAT.md is a log, and what this package would write.
func TestFormatExample(t *testing.T) {
	page := read(t, "FORMAT.md")
	example := regexp.MustCompile("(?s)```jsonl\n(.*?)```").FindSubmatch(page)
	if example == nil {
		t.Fatal("no example")
	}
	const day = "2026-05-01.jsonl"
	dir := t.TempDir()
	write(t, example[1], dir, day)
	write(t, []byte(`{"receipt":{"action":{"call_id":"n:8","par`), dir, day+".torn-785")
	if r := mustBeWhole(t, dir, 3); r.Events != 1 || len(r.Quarantined) != 1 || r.First.Format(event.TimeForm) != "2026-05-01T10:00:01.500Z" {
		t.Errorf("%+v", r)
	}

	again := t.TempDir()
	l := newLog(t, again, &clock{time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)})
	for e, err := range scan(dir) {
		if err != nil {
			t.Fatal(err)
		}
		receipt := bytes.Clone(e.Receipt)
		if _, err := l.Append(1, func(int, At) ([]byte, error) { return receipt, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, again, day); !bytes.Equal(got, example[1]) {
		t.Errorf("written again: %s", got)
	}
}

// The kinds and events that FORMAT.md names are those that there are, with the
// members that it names.
func TestFormatNames(t *testing.T) {
	page := string(read(t, "FORMAT.md"))
	for _, kind := range []Kind{Edited, Forged, Removed, Inserted, Swapped, Duplicated, Truncated, Malformed} {
		if !strings.Contains(page, "| `"+string(kind)+"` |") {
			t.Errorf("kind %s is not in FORMAT.md", kind)
		}
	}

	// A torn line, then a last line that is none, then a loss; in the end the
	// clock steps back.
	dir := makeLog(t, 2)
	day := dayFile(day0)
	write(t, append(read(t, dir, day), "{\"receipt\":\n{\"re"...), dir, day)
	members := map[string]string{}
	c := &clock{day0}
	l := New(dir, Options{NoSync: true, Now: c.now, Event: func(e event.Event, at At) ([]byte, error) {
		var names []string
		for _, m := range e.Members() {
			names = append(names, m.Name)
		}
		slices.Sort(names)
		members[e.Type()] += strings.Join(names, " ") + " ; "
		return receipt(e.Type(), at.Time), nil
	}})
	defer l.Close()
	add(t, l, "a")
	write(t, nil, dir, day)
	add(t, l, "b")
	c.Time = c.Add(-time.Minute)
	add(t, l, "c")
	want := map[string]string{
		event.TornLine{}.Type():   "file hash kept length offset ; ",
		event.LogDamaged{}.Type(): "expected file offset reason ; expected file found offset reason ; ",
		event.ClockStep{}.Type():  "clock not_before ; ",
	}
	for kind, got := range members {
		if got != want[kind] {
			t.Errorf("%s: members %q, want %q", kind, got, want[kind])
		}
		row := regexp.MustCompile("(?m)^\\| `" + kind + "` \\|.*$").FindString(page)
		for _, name := range strings.Fields(strings.ReplaceAll(got, ";", "")) {
			if !strings.Contains(row, "`"+name+"`") {
				t.Errorf("FORMAT.md does not have %s of %s", name, kind)
			}
		}
	}
	if len(members) != len(want) {
		t.Errorf("events %v", members)
	}
	if _, err := verifyDir(context.Background(), dir, VerifyOptions[struct{}]{}); err != nil {
		t.Error(err)
	}
}
