// Package systemlog is the operating system's own log: journald or syslog, the
// unified log of macOS, the event log of Windows. A program of the user can add to
// it, and neither edit nor remove what is there.
//
// [Open] finds the one that takes messages, and a [Sender] never waits for it.
// [Journal] reads back what journald has. [Parse] reads what journalctl, a syslog
// file or a collector gives back. [Machine] stands for the machine.
//
// Nothing but the file system says where the system's log is: no environment
// variable does, for those are the agent's to set.
package systemlog

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Identifier is the name of what we send: SYSLOG_IDENTIFIER, the tag of a line, or
// the source of an event. Records has what --system-log records adds.
const (
	Identifier = "signet-wrap"
	Records    = "signet-wrap-record"
)

// A Sender sends messages to the system's log.
type Sender interface {
	// To is which log it is: "journald", "syslog" or "eventlog".
	To() string
	// Send sends a message under an identifier. It never waits: what the system
	// does not take now is an error. It may be used by several goroutines.
	Send(identifier string, message []byte) error
}

// An Entry is a message that the system's log has kept.
type Entry struct {
	Message []byte
	// Time is when the system's log got it. Of a syslog line it is the zero time.
	Time time.Time
	// Trusted says that the system's log itself names the user who sent it.
	Trusted   bool
	UID, Host string // "" if they are not named
}

// Machine stands for this machine and does not tell its id: 32 hex digits, "" if
// it has no id.
func Machine() string {
	id := machineID()
	if id == "" {
		return ""
	}
	return MachineOf(id)
}

// MachineOf stands for the machine with an id, such as an entry's Host.
func MachineOf(id string) string { return short("signet-wrap machine\n" + id) }

// Directory stands for the directory at an absolute path, and does not tell it.
func Directory(path string) string { return short(path) }

// short is the first 16 bytes of a SHA-256, in hex.
func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}
