// Package event is what a log says of itself and of its sessions, beside the
// receipts of calls: each kind of event is a type, encoded and decoded here and
// nowhere else. chain/FORMAT.md, "Events", has the members of each.
//
// The package knows no keys. An [Event] says something only if who signed it is
// known: [Decode] takes the canonical form of a receipt whose signature was
// checked, as package sign does for its Verified.Event.
//
//	r, err := signer.Event(event.Gap{Session: s, Calls: 3, From: from, To: to, Reason: "disk full"}, at.Time, at.Prev)
//
//	switch e := verified.Event.(type) {
//	case event.Gap:
//		fmt.Println(e.Calls, e.Reason)
//	case event.Other:
//		// of a later version, or another program
//	}
//
// A [Hash] is a SHA-256 as receipts, events and records have it. It is here, in the
// lowest package that has one, and is the type of sign.Hash and chain.Hash too.
package event

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// An Event is one of the types of this package: Session, Tools, ToolDrift, Task,
// Unanswered, ExtraResponse, Gap, TornLine, LogDamaged, ClockStep, AnchorPolicy,
// NewEpoch, AnchorFinding, Unanchored, Head, or Other for any other type.
type Event interface {
	// Type is what the member "type" says, such as "torn_line".
	Type() string
	// Members are the event's own members, in no order: without those that
	// package sign adds (v, type, id, ts, nonce, signer, sig), or [Unsigned]
	// (v, type, ts).
	Members() []Member
}

// A Member is a member of an event: a name of lower-case letters and underscores,
// and a value in canonical form.
type Member struct {
	Name  string
	Value []byte
}

// Session is about who asked and who was asked. It comes after the session's
// first call, when the files of the command are hashed: other calls may stand
// between. It comes once more if the server says only later what it is called.
type Session struct {
	Session, Target string
	Client, Server  *Implementation // as each calls itself; nil: it did not say
	Protocol        string          // version of MCP, "" if nobody said
	Command         []string        // of the server, secrets masked
	Files           []File          // that the command runs
	Heads           *Heads          // where the heads of the session go; nil: a version without heads
}

// Heads says which way the heads of a session go, and from which machine.
type Heads struct {
	To      string // "journald", "syslog", "eventlog", "off" (by a flag) or "none" (there is no system log)
	Machine string // 32 hex digits that stand for the machine; "" if it has no id
}

// An Implementation is what a client or server calls itself.
type Implementation struct{ Name, Version string }

// A File is a file of the server's command.
type File struct {
	Path   string
	SHA256 Hash   // of its bytes; zero: it was not hashed
	Reason string // why not
}

// Tools are the tools as they were last listed to the client.
type Tools struct {
	Session, Target string
	Tools           map[string]Hash // name to the hash of the definition
	ByBytes         []string        // names of those whose hash is of the bytes as sent
	// Adds says that these are added to the tools of the event before, of the same
	// target, or take their places; else they are all that there are.
	Adds bool
	// Left counts definitions in the listing that are not in Tools, because they
	// are too many or have no name. LeftHash is the hash of their hashes.
	Left     int64
	LeftHash Hash
	// SearchEnded says where the search for the last listing of an earlier session
	// ended before it was found; "" if it did not. Then nothing is known of a drift
	// since that listing.
	SearchEnded string
}

// ToolDrift is a definition that is not the one of an earlier Tools.
type ToolDrift struct {
	Session, Target string
	Tool            string
	Was, Now        Hash
}

// Task says that a call was answered with a task and not with a result.
type Task struct {
	Session string
	Call    string // id of its receipt
	Task    string // the server's id
}

// Unanswered are calls whose outcome is not known, and why.
type Unanswered struct {
	Session string
	Calls   []Call
}

// A Call is one of the calls of Unanswered.
type Call struct {
	ID     string // of its receipt
	Reason string
}

// ExtraResponse is a response with the id of a call that has had one: clients take
// the first, which is the call's outcome.
type ExtraResponse struct {
	Session        string
	Call           string // id of its receipt
	ContentHash    Hash   // of the result or error, as in a receipt of version 2; zero: it could not be had
	Status, Reason string // as in such a receipt
}

// Gap is a run of calls that were forwarded without a receipt.
type Gap struct {
	Session  string
	Calls    int64
	From, To time.Time
	Reason   string
}

// TornLine: the log ended in a partial record, which was quarantined.
type TornLine struct {
	File   string // the day file
	Offset int64  // where it began, in bytes
	Length int64  // in bytes
	Hash   Hash   // of its bytes
	Kept   string // name of the file that it is in now
}

// LogDamaged: a writer found the log otherwise than it, or another, had left it.
type LogDamaged struct {
	File     string
	Offset   int64 // in bytes
	Expected Hash  // of the record after which the log goes on, or that is gone
	Gone     bool  // the log ended with the record Found, and not with Expected
	Found    Hash  // zero: with none
	Reason   string
}

// ClockStep: the writer's clock stepped back.
type ClockStep struct {
	Clock     time.Time // what it said
	NotBefore time.Time // the earliest time that it should have said
}

// AnchorPolicy says to whom the log is anchored from here on: package anchor.
type AnchorPolicy struct {
	Origin string // names the log to its witnesses
	VKey   string // the key that signs its checkpoints, c2sp.org/signed-note
	Policy Hash   // of the policy's file
	Store  string // "home" if what anchoring takes is in the home, else "elsewhere"
}

// NewEpoch says that the log no longer goes on from what was anchored, and is
// anchored anew under another origin. It excuses nothing: who has the key can
// sign one.
type NewEpoch struct {
	Origin string // up to here
	Size   int64  // records that were anchored
	Root   string // of their tree, base64
	Reason string
}

// AnchorFinding says that the log was found not to be the one that was anchored.
type AnchorFinding struct {
	Kind   string // "rollback": it is shorter; "fork": it is another one
	Origin string
	Size   int64    // records that were anchored
	By     []string // who says so: "store" or witnesses
	Detail string
}

// Unanchored: for long, nobody could be reached to anchor the log.
type Unanchored struct {
	Session string
	Since   time.Time // of the last time, or the session's beginning
}

// Head says where the log ended. It goes to the system's log and not into ours,
// and is signed by a key that is named by its public half only: chain/FORMAT.md,
// "Heads".
type Head struct {
	Seq  int64 // counts the heads of a session from 0
	Last bool  // the session has ended
	Lost int64 // heads of the session that could not be sent

	Log     Hash     // of the log's first record
	Dirs    []string // stand for the directory, as named and as resolved: 32 hex digits each
	File    string   // the day file
	End     int64    // in it, in bytes: after the newest record that the process had on the disk
	Head    Hash     // of that record
	Session string
}

// Other is an event of a type that this package does not know. Nothing is known
// of its members but that they are JSON.
type Other struct {
	Kind string // its type
	Rest []Member
}

func (Session) Type() string       { return "session" }
func (Tools) Type() string         { return "tools" }
func (ToolDrift) Type() string     { return "tool_drift" }
func (Task) Type() string          { return "task" }
func (Unanswered) Type() string    { return "unanswered" }
func (ExtraResponse) Type() string { return "extra_response" }
func (Gap) Type() string           { return "gap" }
func (TornLine) Type() string      { return "torn_line" }
func (LogDamaged) Type() string    { return "log_damaged" }
func (ClockStep) Type() string     { return "clock_step" }

func (AnchorPolicy) Type() string  { return "anchor_policy" }
func (NewEpoch) Type() string      { return "new_epoch" }
func (AnchorFinding) Type() string { return "anchor_finding" }
func (Unanchored) Type() string    { return "unanchored" }
func (Head) Type() string          { return "head" }

// Type is e.Kind.
func (e Other) Type() string { return e.Kind }

// TimeForm is the layout of times in events and receipts, for [time.Time.Format]:
// RFC 3339, in UTC, with milliseconds.
const TimeForm = "2006-01-02T15:04:05.000Z"

// FormatTime is t as it stands in events and receipts.
func FormatTime(t time.Time) string { return t.UTC().Format(TimeForm) }

// Unsigned is the receipt of an event that nobody signs, in canonical form. It
// has the event's members, v, type and ts, and no id, nonce, signer or sig.
func Unsigned(e Event, now time.Time) ([]byte, error) {
	return Object(append(slices.Clone(e.Members()),
		text("ts", FormatTime(now)), text("type", e.Type()), integer("v", 1)))
}

// Object is the object with these members, in canonical form. It is an error if
// a name stands twice or is none for a member of an event, or a value is not
// canonical.
func Object(members []Member) ([]byte, error) {
	for _, m := range members {
		if m.Name == "" || strings.Trim(m.Name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return nil, fmt.Errorf("member %q has a bad name", m.Name)
		}
		if !canon.IsCanonical(m.Value) {
			return nil, fmt.Errorf("member %q is not canonical", m.Name)
		}
	}
	members = slices.Clone(members)
	slices.SortFunc(members, func(x, y Member) int { return strings.Compare(x.Name, y.Name) })
	b := []byte{'{'}
	for i, m := range members {
		if i > 0 && members[i-1].Name == m.Name {
			return nil, fmt.Errorf("member %q stands twice", m.Name)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(canon.AppendString(b, m.Name), ':'), m.Value...)
	}
	return append(b, '}'), nil
}
