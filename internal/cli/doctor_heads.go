package cli

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
)

// headsFinding says whether the system's log takes heads, whether they can be read
// back, and what would improve it.
func (c *command) headsFinding(h home.Dir) finding {
	note := func(do, format string, a ...any) finding {
		return finding{Check: "heads", State: "note", Says: fmt.Sprintf(format, a...), Do: do}
	}
	to := c.OpenLog()
	if to == nil {
		return note(`keep the head that "signet-wrap verify --chain" prints elsewhere, or anchor the log`,
			"there is no system log that remembers where the log ends")
	}
	if to.To() != "journald" {
		return note("signet-wrap verify --chain --against FILE, with the file that it writes", "heads go to %s, which verify does not read without --against", to.To())
	}
	count := 0
	var newest time.Time
	reach, err := c.ReadLog(c.ctx, owners(logPlace{home: h, audit: h.Audit()}), func(e systemlog.Entry) bool {
		if newest.IsZero() {
			newest = e.Time
		}
		count++
		return count < 1000
	})
	_, perr := os.Stat("/var/log/journal")
	switch {
	case errors.Is(err, systemlog.ErrAbsent):
		return note("install journalctl (systemd)", "where the log ends goes to journald, and there is no journalctl to read it back")
	case err != nil:
		return note("sudo signet-wrap verify --chain --home "+string(h), "where the log ends goes to journald, and cannot be read back: %v", err)
	case perr != nil:
		return note("sudo mkdir -p /var/log/journal && sudo journalctl --flush", "where the log ends goes to journald, which forgets it when the system restarts")
	case count == 0:
		return note("", "where the log ends goes to journald, which has no head of this user yet")
	}
	return finding{Check: "heads", State: "ok", Says: fmt.Sprintf("where the log ends goes to journald, the newest at %s; it reaches from %s", formatTime(newest), formatTime(reach.From))}
}
