package systemlog

import (
	"errors"
	"time"
)

// Reach is from when to when the system's log reaches for the users that were
// asked for: the times of the oldest and the newest message that it has of them,
// zero if it has none.
type Reach struct{ From, To time.Time }

// ErrAbsent: this machine has no system log that can be read back.
var ErrAbsent = errors.New("there is no journal")
