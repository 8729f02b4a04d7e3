// Package systemlog is the operating system's log: journald or syslog, the unified
// log of macOS, the event log of Windows. Programs of the user can add to it, and
// can neither edit nor remove its messages.
//
// [Open] returns a [Sender] to it, which never waits. [Journal] reads what journald
// has. [Parse] reads what journalctl, a syslog file or a collector returns.
// [Machine] identifies the machine.
//
// Only the file system says where the system's log is, and no environment variable,
// because the agent can set those.
package systemlog

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Identifier is the name of the sender of heads: SYSLOG_IDENTIFIER, the tag of a
// line, or the source of an event. Records is that of what --system-log records
// adds.
const (
	Identifier = "signet-wrap"
	Records    = "signet-wrap-record"
)

// A Sender sends messages to the system's log.
type Sender interface {
	// To says which log it is: "journald", "syslog" or "eventlog".
	To() string
	// Send sends a message under an identifier. It never waits: if the system does
	// not take the message now, that is an error. Several goroutines may use it.
	Send(identifier string, message []byte) error
}

// An Entry is a message in the system's log.
type Entry struct {
	Message []byte
	// Time is when the system's log got it; zero for a syslog line.
	Time time.Time
	// Trusted says that the system's log itself names the user who sent it.
	Trusted   bool
	UID, Host string // "" if they are not named
	// Command is the command line of who sent it, as the system's log saw it: what the
	// sender has written there. "" if it is not known, or longer than maxCommand.
	Command string
}

// Machine identifies this machine without its id: 32 hex digits; "" if it has no
// id.
func Machine() string {
	id := machineID()
	if id == "" {
		return ""
	}
	return MachineOf(id)
}

// MachineOf identifies the machine with an id, such as an entry's Host.
func MachineOf(id string) string { return short("signet-wrap machine\n" + id) }

// Directory identifies the directory at an absolute path without the path.
func Directory(path string) string { return short(path) }

// short is the first 16 bytes of a SHA-256, in hex.
func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}
