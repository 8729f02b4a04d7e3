package systemlog

import (
	"errors"
	"time"
)

// Reach says which time the system's log covers for the users that were asked for:
// the times of the oldest and newest message that it has of them; zero if it has
// none.
type Reach struct {
	From, To time.Time
	Partial  string // why not all of the journal could be read; "" if it could
}

// ErrAbsent says that this machine has no system log that can be read.
var ErrAbsent = errors.New("there is no journal")
