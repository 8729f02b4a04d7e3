package wrap

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// drainSilence is how long the server's output must be silent, after the server has
// exited, before the wrapper stops reading it. A child of the server may still have
// it open.
const drainSilence = 500 * time.Millisecond

// relay copies the server's stdout to the client as it comes.
type relay struct {
	from io.ReadCloser
	to   *clientWriter
	seen *record.Output // gets each piece after it was written
	hold *hold          // responses that are to be cosigned; nil: none are

	done  chan struct{} // closed when there is no more to copy
	since atomic.Int64  // when it began to wait for output, in Unix nanoseconds; 0 while it writes
}

func newRelay(from io.ReadCloser, to *clientWriter, seen *record.Output) *relay {
	return &relay{from: from, to: to, seen: seen, done: make(chan struct{})}
}

func (r *relay) run() {
	defer close(r.done)
	// A client that closed our stdout makes the server's next write fail, as
	// it would without us (2025-11-25, basic/lifecycle, shutdown).
	defer r.from.Close()
	pass := r.pass
	if r.hold != nil {
		r.hold.passed, pass = r.pass, r.hold.take
	}
	buf := make([]byte, mcpwire.ReadSize)
	for {
		r.since.Store(time.Now().UnixNano())
		n, err := r.from.Read(buf)
		r.since.Store(0)
		if n > 0 {
			if err := pass(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if r.hold != nil {
				r.hold.end()
			}
			r.seen.End()
			return
		}
	}
}

// pass passes on what is not held.
func (r *relay) pass(p []byte) error {
	r.seen.Begin()
	if _, err := r.to.Write(p); err != nil {
		return err
	}
	r.seen.Write(p)
	return nil
}

// drain returns when the output has ended; or when left is closed, because no
// process remains that may write, and there was no output for the time of silence;
// or at once when hurry is closed.
func (r *relay) drain(silence time.Duration, left, hurry <-chan struct{}) {
	select {
	case <-r.done:
		return
	case <-hurry:
		return
	case <-left:
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-r.done:
			return
		case <-hurry:
			return
		case now := <-tick.C:
			if since := r.since.Load(); since != 0 && now.UnixNano()-since > int64(silence) {
				return
			}
		}
	}
}
