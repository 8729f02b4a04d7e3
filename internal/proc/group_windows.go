package proc

import (
	"os"
	"time"
)

// group is the server's processes: all in our Job Object.
type group struct{}

func (group) begin(*os.Process) {}

// End lets the processes live that the server, which has ended, has started, if it
// ended without being asked: that may be intended. If this process was told to end,
// they have the rest of its time, and end with it. The channel is closed after
// that.
func (s *Server) End() <-chan struct{} {
	left := make(chan struct{})
	job, err := ownJob()
	if err != nil || !s.Asked() {
		if err == nil {
			job.dieTogether(false)
		}
		close(left)
		return left
	}
	go func() {
		defer close(left)
		for !job.alone() {
			select {
			case <-s.hurry:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return left
}

// Close is called after End.
func (s *Server) Close() { s.release() }
