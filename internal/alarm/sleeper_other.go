//go:build !unix && !windows

package alarm

import "time"

// sleeper is a goroutine's sleep that another can end.
type sleeper struct{ woken chan struct{} }

func newSleeper() (*sleeper, error) { return &sleeper{make(chan struct{}, 1)}, nil }

// sleep returns after d, or sooner: when it is woken. With a negative d it sleeps
// until then.
func (s *sleeper) sleep(d time.Duration) {
	var over <-chan time.Time
	if d >= 0 {
		over = time.After(d)
	}
	select {
	case <-s.woken:
	case <-over:
	}
}

func (s *sleeper) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}
