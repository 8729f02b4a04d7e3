package proc

import (
	"os"
	"time"
)

// group is what belongs to the server: all in our Job Object.
type group struct{}

func (group) begin(*os.Process) {}

// End lets live what the server, which is done, started, if it ended by itself:
// it may be meant to. If we were told to end, that gets what is left of its
// time, and dies with us. The channel is closed when all that is over.
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

// Close comes when the end is over.
func (s *Server) Close() { s.release() }
