package anchor

import "errors"

// Keep says, as [chain.Options.Keep] asks, whether records that could not be synced
// must stay in the log, because the store in the directory dir has read them or may
// be about to: taken back, they would be missing from what it signs. If they need
// not, nothing is anchored until done is called.
func Keep(dir, file string, size int64) (keep bool, done func()) {
	s, err := Open(dir)
	if errors.Is(err, ErrNoStore) {
		return false, func() {}
	}
	if err != nil {
		return true, nil
	}
	unlock, err := s.lock()
	if err != nil { // somebody is at it
		return true, nil
	}
	st := s.State()
	c, err := s.Checkpoint()
	if err != nil || c != nil && c.Size > st.Size || st.Last.File > file || st.Last.File == file && st.Last.End > size {
		unlock()
		return true, nil
	}
	return false, unlock
}
