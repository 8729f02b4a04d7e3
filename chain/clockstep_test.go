package chain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// steps are the clock_step events of a log, "clock not_before ts" each.
func steps(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	for e, err := range scan(dir) {
		if err != nil {
			t.Fatal(err)
		}
		var m struct {
			Type, Clock, TS string
			NotBefore       string `json:"not_before"`
		}
		if err := json.Unmarshal(e.Receipt, &m); err != nil {
			t.Fatal(err)
		}
		if m.Type == (event.ClockStep{}).Type() {
			all = append(all, fmt.Sprintf("%s %s %s", m.Clock[11:19], m.NotBefore[11:19], m.TS[11:19]))
		}
	}
	return strings.Join(all, ", ")
}

// Each step back is told once by each writer, with what the clock really said;
// small ones and those forward are not.
func TestClockStep(t *testing.T) {
	dir := t.TempDir()
	c := &clock{day0}
	one, two := newLog(t, dir, c), newLog(t, dir, c)
	for i, tt := range []struct {
		log  *Log
		to   time.Duration // of the clock, from day0 on
		want string
	}{
		{one, 0, ""},
		{one, -2 * time.Second, ""},
		{one, 0, ""},
		{one, -time.Minute, "11:59:00 12:00:00 12:00:00"},
		{one, -time.Minute, ""},
		{one, -59 * time.Second, ""},
		{two, -30 * time.Second, "11:59:30 12:00:00 12:00:00"},
		{one, -29 * time.Second, ""},
		{one, -time.Hour, "11:00:00 12:00:00 12:00:00"}, // once more
		{one, time.Minute, ""},
		{two, -29 * time.Second, ""}, // who has never caught up,
		{one, time.Hour, ""},
		{one, time.Hour + time.Minute, ""},
		{two, time.Hour + time.Minute, ""},
		{two, time.Hour, "13:00:00 13:01:00 13:01:00"},
	} {
		c.Time = day0.Add(tt.to)
		before := steps(t, dir)
		add(t, tt.log, "x")
		if got := strings.TrimPrefix(strings.TrimPrefix(steps(t, dir), before), ", "); got != tt.want {
			t.Errorf("append %d: %q, want %q", i, got, tt.want)
		}
	}
	verify(t, dir)
}

// A step back that does not reach the newest record is a step all the same, if
// the system knows that more time has passed.
func TestClockStepBehindIdleness(t *testing.T) {
	dir := makeLog(t, 1)
	l := New(dir, Options{NoSync: true})
	defer l.Close()
	add(t, l, "a")
	if got := steps(t, dir); got != "" {
		t.Fatalf("steps %q", got)
	}
	// As if the system had counted an hour more than the wall has.
	l.clock = l.clock.Round(0).Add(time.Hour)
	add(t, l, "b")
	add(t, l, "c")
	if got := steps(t, dir); strings.Count(got, " ") != 2 {
		t.Errorf("steps %q, want one", got)
	}

	for _, tt := range []struct{ passed, want time.Duration }{{0, 0}, {time.Hour, time.Hour}, {-time.Hour, 0}} {
		if got := dueTime(day0, tt.passed).Sub(day0); got != tt.want {
			t.Errorf("%v passed: due %v later", tt.passed, got)
		}
	}
}

// A failed append does not lose the event, nor does it come twice.
func TestClockStepAfterFailure(t *testing.T) {
	dir := makeLog(t, 1)
	c := &clock{day0}
	l := newLog(t, dir, c)
	add(t, l, "a")
	c.Time = day0.Add(-time.Hour)
	for range 2 {
		if _, err := l.Append(1, func(int, At) ([]byte, error) { return []byte("x"), nil }); err == nil {
			t.Fatal("it was no receipt")
		}
	}
	add(t, l, "b")
	add(t, l, "c")
	if got := ids(t, dir); got != "0 a clock_step b c" {
		t.Errorf("records %q", got)
	}
}

// answer is a version 2 receipt: it has the time of its call.
func answer(id string, requested time.Time) []byte {
	return fmt.Appendf(nil, `{"id":"rec_%s","ts_request":"%s","ts_response":"%[2]s","v":2}`, id, requested.Format(event.TimeForm))
}

// Answers at the end of the log do not let later records go back in time.
func TestTimeBehindAnswers(t *testing.T) {
	for _, n := range []int{1, 3, 200} {
		dir := t.TempDir()
		c := &clock{day0}
		l := newLog(t, dir, c)
		add(t, l, "a")
		if _, err := l.Append(n, func(i int, _ At) ([]byte, error) {
			return answer(fmt.Sprint(i), day0.Add(-time.Minute)), nil
		}); err != nil {
			t.Fatal(err)
		}
		c.Time = day0.Add(-time.Second)
		add(t, newLog(t, dir, c), "b")
		got := times(t, dir)
		if last := got[len(got)-1]; !last.Equal(day0) {
			t.Errorf("%d answers: the next record is of %v", n, last)
		}
	}
}

// For an edited last record the next writer writes an event, and there is one break.
func TestEditedEnd(t *testing.T) {
	dir := makeLog(t, 3)
	day := dayFile(day0)
	write(t, bytes.Replace(read(t, dir, day), []byte("rec_2"), []byte("rec_X"), 1), dir, day)
	for range 2 {
		add(t, newLog(t, dir, &clock{day0}), "c")
	}
	if got := ids(t, dir); got != "0 1 X log_damaged c c" {
		t.Errorf("records %q", got)
	}
	r := verify(t, dir)
	if len(r.Breaks) != 1 || r.Breaks[0].Kind != Edited || r.Breaks[0].Line != 3 {
		t.Errorf("breaks %+v", r.Breaks)
	}
}
