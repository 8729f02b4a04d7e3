// Package event has what a log says about itself and its sessions, beside the
// receipts of calls. Each kind of event is a type, which is encoded and decoded
// only here. chain/FORMAT.md, "Events", has the members of each.
//
// The package knows no keys. An [Event] means something only if its signer is
// known. [Decode] takes the canonical form of a receipt whose signature was
// checked; package sign calls it for Verified.Event.
//
//	r, err := signer.Event(event.Gap{Session: s, Calls: 3, From: from, To: to, Reason: "disk full"}, at.Time, at.Prev)
//
//	switch e := verified.Event.(type) {
//	case event.Gap:
//		fmt.Println(e.Calls, e.Reason)
//	case event.Other:
//		// of a later version, or of another program
//	}
//
// A [Hash] is a SHA-256 hash as receipts, events and records have it. sign.Hash and
// chain.Hash are the same type.
package event

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// An Event is one of the types of this package: Session, Tools, ToolDrift, Task, CallContext, Owner,
// Unanswered, ExtraResponse, NoReceipt, CallRefused, Cosigned, BadCosignature, Gap, TornLine, LogDamaged, ClockStep, AnchorPolicy,
// NewEpoch, Archived, AnchorFinding, Unanchored, KeyRotated, KeyRetired, KeyRevoked, ParamsApart, HashOnly, Erased, Head, or Other for any other type. In all of
// them Session is the id of a session, "ses_" and 32 hex digits, and Target the
// name of its server, such as "mcp://files".
type Event interface {
	// Type is the value of the member "type", such as "torn_line".
	Type() string
	// Members are the event's own members, in no order. The members of every event
	// are not among them: package sign adds v, type, id, ts, nonce, signer and sig,
	// and [Unsigned] adds v, type and ts.
	Members() []Member
}

// A Member is a member of an event: a name of lower-case letters and underscores,
// and a value in canonical form.
type Member struct {
	Name  string
	Value []byte
}

// Session says who is in a session: the client and the server. It comes after the
// session's first call, when the files of the command are hashed, so other calls
// may be before it. It comes again if the server says only later what it is called.
type Session struct {
	Session, Target string
	Client, Server  *Implementation // as each describes itself; nil: not said
	Protocol        string          // version of MCP; "": not said
	Command         []string        // the server's command, secrets masked
	Files           []File          // the files that the command runs
	Heads           *Heads          // where the heads of the session go; nil: a program without heads
	Environment     *Environment    // of the wrapper; nil: it is not to be recorded, or a version without it
	// Via is the way by which the calls of the session came: "wrap", a wrapper on the
	// client's side; "check", one on the server's side; "sdk", the program itself;
	// "hook", a client's own tools. "": a version without it.
	Via      string
	SDK      string    // that the program uses, such as "mcp-go"; "": none
	Settings []Setting // of the wrapper, those that are not the defaults
}

// A Setting is a setting of the wrapper, such as {"fail-open", "true", "flag"}.
type Setting struct {
	Name, Value string
	From        string // "flag", "home" (its config.toml), "system" or "locked" (the system's)
}

// An Environment is who runs the wrapper, and where. Any member but Version may be
// empty.
type Environment struct {
	User, UserID string // the system's name of the user, and its number or, on Windows, SID
	Host         string
	Directory    string // the working directory
	Version      string // of the wrapper
	Program      Hash   // of the wrapper's own file; zero: it was not hashed
}

// Heads says where the heads of a session go, and from which machine.
type Heads struct {
	To      string // "journald", "syslog", "eventlog", "off" (by a flag) or "none" (there is no system log)
	Machine string // 32 hex digits that identify the machine; "" if it has no id
	// Key is the public key, as in receipts, of the key in memory that signs the heads
	// of a session whose own key an SSH agent holds; "" if its own key signs them.
	Key string
}

// An Implementation is the name and version by which a client or server describes
// itself.
type Implementation struct{ Name, Version string }

// A File is a file of the server's command.
type File struct {
	Path   string
	SHA256 Hash   // of its bytes; zero: not hashed
	Reason string // why it was not hashed
}

// Tools are the tools as last listed to the client.
type Tools struct {
	Session, Target string
	Tools           map[string]Hash // hashes of the definitions, by name
	ByBytes         []string        // names of the tools whose hash is of the bytes as sent, not of the canonical form
	// Adds says that the tools are added to those of the events before, of the same
	// target, or replace those with the same names. Otherwise they are all tools.
	Adds bool
	// Left is the number of definitions in the listing that are not in Tools,
	// because there are too many or they have no name. LeftHash is the hash of
	// their hashes.
	Left     int64
	LeftHash Hash
	// SearchEnded is the limit that ended the search for the last listing of an
	// earlier session, such as "after 50000 records"; "": the search was complete.
	// If it is set, nothing is known about changes since that listing.
	SearchEnded string
	// Call is the id of the receipt of the first call after the listing; "" if
	// there was none, or in a version that did not say.
	Call string
}

// ToolDrift says that a definition differs from the one in an earlier Tools.
type ToolDrift struct {
	Session, Target string
	Tool            string
	Was, Now        Hash // of the definitions
}

// Task says that the response to a call was a task and not a result.
type Task struct {
	Session string
	Call    string // id of the call's receipt
	Task    string // the server's id of the task
}

// CallContext is what calls say of themselves besides: who asked, in the client's
// own words. It comes up to a second after them. A call that says nothing is in no
// such event.
type CallContext struct {
	Session string
	Calls   []Context
}

// A Context is what one of the calls of CallContext says.
type Context struct {
	Call   string          // id of its receipt
	Client *Implementation // if it is not that of the session's event; else nil
	Span   string          // parent-id of W3C Trace Context: the span in which the call was made
	IDs    []ClientID      // in the order of their names
}

// A ClientID is the client's own id for the use of the tool, or for the
// conversation: a member of _meta.
type ClientID struct{ Name, ID string }

// Owner says who is responsible for the key that signs it, from here on.
type Owner struct{ Owner, Was string }

// Unanswered are calls whose outcome is not known.
type Unanswered struct {
	Session string
	Calls   []Call
}

// A Call is a call in Unanswered or HashOnly.
type Call struct {
	ID     string // of the call's receipt
	Reason string // why there is no outcome, or no arguments
}

// ExtraResponse is a response with the id of a call that has had one: clients take
// ExtraResponse is a second response to a call. Clients take the first, which has
// the call's outcome.
type ExtraResponse struct {
	Session        string
	Call           string // id of its receipt
	ContentHash    Hash   // of the result or error, as in a receipt of version 2; zero: not known
	Status, Reason string // as in a receipt of version 2
}

// NoReceipt says that a call came to a check without a receipt of its client, and
// passed.
type NoReceipt struct {
	Session string
	Call    string // id of the receipt that the check made for its log
}

// CallRefused says that a call did not pass a check, so the server has not had it.
type CallRefused struct {
	Session, Target string
	Tool, CallID    string // of the call, as receipts have them
	Reason          string // one word, as in package check
	Detail          string // for people
	Arguments       Hash   // of the arguments as they came, as params_hash; zero: the call has none
	// Receipt is the id of the receipt that the call carried, and Key who signed it,
	// if its signature is good; else both are "".
	Receipt, Key string
	Together     int64 // number of calls in the same message, which were refused with it
}

// Cosigned is a receipt of version 3 that came with the response to a call: the
// server's side confirms the outcome. It was verified when it came.
type Cosigned struct {
	Session string
	Call    string // id of the receipt of the call, which is in Receipt
	Receipt []byte // canonical JSON
}

// BadCosignature says that a response carried what looks like a receipt of version 3
// and confirms nothing. The response was passed on, and recorded as it was.
type BadCosignature struct {
	Session string
	Call    string // id of the receipt of the call
	Reason  string
	Hash    Hash // of the bytes of what it carried
}

// ParamsApart says that the arguments of the session's calls are in files beside the log
// (chain/FORMAT.md, "Arguments apart"). It comes before the first of them.
type ParamsApart struct{ Session string }

// HashOnly says of which calls the arguments were not kept at all, where those of other
// calls are. It is written with them: directly after them, and with the same time.
type HashOnly struct {
	Session string
	Calls   []Call // Reason is "tool" (the user has named it) or "secret" (the arguments seemed to hold one)
}

// Erased says whose arguments are removed from the files beside the log. It is signed
// before that is done. It excuses nothing: the holder of the key can sign one at any time.
type Erased struct {
	Calls  []string // ids of the receipts
	Reason string
}

// Gap is a run of calls that were forwarded without receipts.
type Gap struct {
	Session  string
	Calls    int64     // how many
	From, To time.Time // the first call, and the last
	Reason   string    // why they could not be recorded
}

// TornLine says that the log ended in a partial record, which was quarantined.
type TornLine struct {
	File   string // the day file
	Offset int64  // where the partial record began, in bytes
	Length int64  // in bytes
	Hash   Hash   // of its bytes
	Kept   string // name of the file that has it now
}

// LogDamaged says that a writer found the log changed or damaged since it was last
// written.
type LogDamaged struct {
	File     string // the day file
	Offset   int64  // in bytes
	Expected Hash   // of the record that the log continues after, or that is missing
	Gone     bool   // the record Expected is missing: the log ended with the record Found
	Found    Hash   // zero: the log was empty
	Reason   string
}

// ClockStep says that the writer's clock was set back.
type ClockStep struct {
	Clock     time.Time // the time that the clock had
	NotBefore time.Time // the earliest time that is right: of the newest record or day file
}

// AnchorPolicy says who cosigns the log from here on: package chain/anchor.
type AnchorPolicy struct {
	Origin string // the log's name for its witnesses
	VKey   string // the key that signs its checkpoints, as in c2sp.org/signed-note
	Policy Hash   // of the policy file
	Store  string // where the state of anchoring is: "home" (the home directory) or "elsewhere"
}

// NewEpoch says that the log no longer continues what was anchored, and is anchored
// under a new origin from here on. It excuses nothing: the holder of the key can
// sign one at any time.
type NewEpoch struct {
	Origin string // the origin up to here
	Size   int64  // records that were anchored
	Root   string // of their tree, base64
	Reason string
}

// Archived says that days of the log were closed and compressed, or taken away. It excuses
// nothing: the holder of the key can sign one at any time.
type Archived struct {
	Action      string         // "compressed", "moved" or "deleted"
	Files       []ArchivedFile // the days, oldest first
	First, Last Hash           // of the first record of the first day, and the last of the last
	Records     int64          // how many there are in the days
	Before      int64          // records of the log before the first of them
	Root        string         // of the tree of the first Before+Records records, base64
	Ends        Hash           // of what the files of ends have of these records, one after the other
}

// An ArchivedFile is a day in Archived.
type ArchivedFile struct {
	File    string // name of the day file, uncompressed
	End     int64  // where its last record ends, in bytes
	Records int64
}

// AnchorFinding says that the log is not the one that was anchored.
type AnchorFinding struct {
	Kind   string // "rollback": the log is shorter; "fork": it has other records
	Origin string
	Size   int64    // records that were anchored
	By     []string // who says so: "store", or names of witnesses
	Detail string   // one line for people
}

// Unanchored says that the log could not be anchored for a long time.
type Unanchored struct {
	Session string
	Since   time.Time // the last time that it was anchored, or the session's beginning
}

// KeyRotated says that a key has a successor. It makes the successor trusted by
// nobody.
type KeyRotated struct {
	Name           string // of both keys in the home
	Key, Successor string // public keys, as in receipts
}

// KeyRetired says that a key signs no more.
type KeyRetired struct{ Name, Key string }

// KeyRevoked says that what a key signed is not to be believed: from the first record
// that follows one of the time Since on, or if that is zero from this event on.
type KeyRevoked struct {
	Name, Key string
	Since     time.Time
	Reason    string
}

// Head says where the log ended. It is sent to the system's log, not written to
// ours. Its signer is named only by the public key: chain/FORMAT.md, "Heads".
type Head struct {
	Seq  int64 // number of the head in its session, from 0
	Last bool  // the session has ended
	Lost int64 // number of heads of the session that could not be sent

	Log     Hash     // of the log's first record
	Dirs    []string // identify the directory, as named and as resolved: 32 hex digits each
	File    string   // the day file
	End     int64    // in File, in bytes: the end of the newest record that was on the disk
	Head    Hash     // the hash of that record
	Session string

	Policy Hash // by which the log is anchored, as AnchorPolicy has it; zero: none
}

// Other is an event of an unknown type, or one that lacks members of its type.
// Nothing is known about its members but that they are JSON.
type Other struct {
	Kind string // its type
	Rest []Member
}

func (Session) Type() string       { return "session" }
func (Tools) Type() string         { return "tools" }
func (ToolDrift) Type() string     { return "tool_drift" }
func (Task) Type() string          { return "task" }
func (CallContext) Type() string   { return "call_context" }
func (Owner) Type() string         { return "owner" }
func (Unanswered) Type() string    { return "unanswered" }
func (ExtraResponse) Type() string { return "extra_response" }
func (NoReceipt) Type() string     { return "no_receipt" }
func (CallRefused) Type() string   { return "call_refused" }
func (Cosigned) Type() string      { return "cosigned" }
func (Gap) Type() string           { return "gap" }
func (TornLine) Type() string      { return "torn_line" }
func (LogDamaged) Type() string    { return "log_damaged" }
func (ClockStep) Type() string     { return "clock_step" }

func (ParamsApart) Type() string { return "params_apart" }
func (HashOnly) Type() string    { return "hash_only" }
func (Erased) Type() string      { return "erased" }

func (BadCosignature) Type() string { return "bad_cosignature" }

func (AnchorPolicy) Type() string  { return "anchor_policy" }
func (NewEpoch) Type() string      { return "new_epoch" }
func (Archived) Type() string      { return "archived" }
func (AnchorFinding) Type() string { return "anchor_finding" }
func (Unanchored) Type() string    { return "unanchored" }
func (KeyRotated) Type() string    { return "key_rotated" }
func (KeyRetired) Type() string    { return "key_retired" }
func (KeyRevoked) Type() string    { return "key_revoked" }
func (Head) Type() string          { return "head" }

// Type returns e.Kind.
func (e Other) Type() string { return e.Kind }

// TimeForm is the layout of times in events and receipts, for [time.Time.Format]:
// RFC 3339, UTC, with milliseconds.
const TimeForm = "2006-01-02T15:04:05.000Z"

// FormatTime returns t as events and receipts have it.
func FormatTime(t time.Time) string { return t.UTC().Format(TimeForm) }

// Unsigned returns the receipt of an event that is not signed, in canonical form.
// It has the event's members, v, type and ts, and no id, nonce, signer or sig.
func Unsigned(e Event, now time.Time) ([]byte, error) {
	return Object(append(slices.Clone(e.Members()),
		text("ts", FormatTime(now)), text("type", e.Type()), integer("v", 1)))
}

// Object returns the object with these members, in canonical form. The error says
// that a name occurs twice or has other characters than a to z and _, or that a
// value is not canonical.
func Object(members []Member) ([]byte, error) {
	for _, m := range members {
		if m.Name == "" || strings.Trim(m.Name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return nil, fmt.Errorf("%q is not a valid member name", m.Name)
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
			return nil, fmt.Errorf("member %q occurs twice", m.Name)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(canon.AppendString(b, m.Name), ':'), m.Value...)
	}
	return append(b, '}'), nil
}
