package chain

import "github.com/signet-wrap/signet-wrap/sign/event"

// owed is an event that is owed to the log: what it tells of has happened, and it
// is written with the next records.
type owed struct {
	event   event.Event
	pending string // of a torn line: the file to rename when the event is on the disk
}

// make returns the event's receipt, signed if there is somebody to sign it.
func (e *owed) make(o *Options, at At) ([]byte, error) {
	if o.Event != nil {
		return o.Event(e.event, at)
	}
	return event.Unsigned(e.event, at.Time)
}
