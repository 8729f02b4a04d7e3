package chain

import (
	"slices"
	"strconv"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// The events that the log writes about itself, as [Options].Event gets them.
// FORMAT.md, "Events".
const (
	// TornLine: the log ended in half a line, which now stands in a file of
	// its own. Members: file, hash, kept, length, offset.
	TornLine = "torn_line"
	// LogDamaged: the log is not as its writer left it or cannot be read at
	// its end. Members: expected, file, found, offset, reason.
	LogDamaged = "log_damaged"
	// ClockStep: the clock has stepped back. Members: clock, not_before.
	ClockStep = "clock_step"
)

// Member is a member of an event: its name, and its value as canonical JSON.
type Member struct {
	Name  string
	Value []byte
}

func text(name, value string) Member {
	return Member{name, canon.AppendString(nil, value)}
}

func number(name string, value int64) Member {
	return Member{name, strconv.AppendInt(nil, value, 10)}
}

// event is one that is owed to the log: what it tells of has happened, and it
// is written with the next records.
type event struct {
	kind    string
	members []Member
	pending string // torn_line: the file to rename when the event is on the disk
}

// make returns the event's receipt, signed if there is somebody to sign it.
func (e *event) make(o *Options, at At) ([]byte, error) {
	if o.Event != nil {
		return o.Event(e.kind, at, e.members)
	}
	all := append(slices.Clone(e.members),
		text("ts", at.Time.Format(timeForm)), text("type", e.kind), number("v", 1))
	slices.SortFunc(all, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	receipt := []byte{'{'}
	for i, m := range all {
		if i > 0 {
			receipt = append(receipt, ',')
		}
		receipt = append(append(canon.AppendString(receipt, m.Name), ':'), m.Value...)
	}
	return append(receipt, '}'), nil
}
