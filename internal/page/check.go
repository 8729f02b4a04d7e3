package page

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/verify"
)

// A Checked is what verifying the log came to.
type Checked struct {
	Log      *verify.Log `json:"log,omitempty"` // nil: it could not be verified
	Sentence string      `json:"sentence"`      // the verdict in words, which follow it
	Error    string      `json:"error,omitempty"`
	At       time.Time   `json:"at"` // when it was done
	Took     int64       `json:"took_ms"`
}

// Bounds of how often the log is verified again: it has changed, and so much more time
// than verifying took has passed.
const (
	lookEvery  = time.Second
	checkPause = 2 * time.Second
	checkShare = 10
)

// check verifies the log, and again when it has changed, until ctx is done. The first time
// the index is made of the records that it has verified.
func (s *Server) check(ctx context.Context, passed chan<- *firstPass) {
	first := &firstPass{s: s, ctx: ctx}
	for ctx.Err() == nil {
		seen := fingerprint(s.o.Audit)
		began := time.Now()
		s.update(func() { s.checking, s.stale, s.progress = true, false, progress{} })
		var reading Reading
		if first != nil {
			reading = first.begin
		}
		f, sentence, err := s.o.Check(ctx, func(records, bytes, total int64) {
			s.update(func() {
				if s.progress = (progress{records, bytes, total}); first != nil {
					s.reading = s.progress
				}
			})
		}, reading)
		if ctx.Err() != nil {
			return
		}
		if first != nil {
			first.whole = err == nil && f != nil
			passed <- first
			first = nil
		}
		took := time.Since(began)
		c := &Checked{Log: f, Sentence: sentence, At: time.Now(), Took: took.Milliseconds()}
		if err != nil {
			c.Error = err.Error()
		}
		s.update(func() { s.checking, s.checked = false, c })
		again := time.Now().Add(max(checkPause, checkShare*took))
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(lookEvery):
			}
			changed := fingerprint(s.o.Audit) != seen
			if changed {
				s.update(func() { s.stale = true })
			}
			if changed && time.Now().After(again) {
				break
			}
		}
	}
}

// fingerprint changes when a day file is written, in whatever way.
func fingerprint(dir string) uint64 {
	h := fnv.New64a()
	list, err := os.ReadDir(dir)
	if err != nil {
		fmt.Fprint(h, err)
	}
	for _, e := range list {
		if !strings.Contains(e.Name(), ".jsonl") { // compressed ones, and arguments beside them, too
			continue
		}
		if st, err := os.Lstat(filepath.Join(dir, e.Name())); err == nil {
			fmt.Fprintln(h, e.Name(), st.Size(), st.ModTime().UnixNano())
		}
	}
	return h.Sum64()
}
