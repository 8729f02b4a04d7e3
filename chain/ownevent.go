package chain

import "github.com/signet-wrap/signet-wrap/sign/event"

// owed is an event that the log must have: it is written before the next records.
type owed struct {
	event   event.Event
	pending string // for a torn line: the file to rename when the event is on the disk
}

// make returns the event's receipt, which is signed if Options.Event is set.
func (e *owed) make(o *Options, at At) ([]byte, error) {
	if o.Event != nil {
		return o.Event(e.event, at)
	}
	return event.Unsigned(e.event, at.Time)
}
