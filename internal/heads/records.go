package heads

import (
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
)

// RecordRate is how many records [Sender.Records] sends to the system's log in a
// second; more are left out. A collector that wants all of them reads the log.
const RecordRate = 100

// A Build makes receipts for an append: see [chain.Log.Append].
type Build = func(i int, at chain.At) ([]byte, error)

// Records returns a build that makes the same records. [Sender.Wrote] also sends
// them, as they are in the log.
func (s *Sender) Records(build Build) Build {
	if s == nil {
		return build
	}
	s.made = nil
	return func(i int, at chain.At) ([]byte, error) {
		receipt, err := build(i, at)
		if err == nil && receipt != nil {
			s.made = append(s.made, made{i, at.Prev, receipt})
		}
		return receipt, err
	}
}

// made is a record that is being appended.
type made struct {
	index   int
	prev    chain.Hash
	receipt []byte
}

// sendRecords sends the records in made. The caller holds mu.
func (s *Sender) sendRecords(written []chain.Written) {
	at := map[int]chain.Hash{}
	for _, w := range written {
		at[w.Index] = w.Hash
	}
	for _, m := range s.made {
		now := time.Now()
		if now.Sub(s.second) >= time.Second {
			s.second, s.inSecond = now, 0
		}
		hash, ok := at[m.index]
		if s.inSecond++; !ok || s.inSecond > RecordRate {
			continue
		}
		line := append(append([]byte(`{"receipt":`), m.receipt...), `,"prev_hash":"`...)
		line = append(append(line, m.prev.String()...), `","record_hash":"`...)
		line = append(append(line, hash.String()...), `"}`...)
		s.to.Send(systemlog.Records, line) // a lost one is still in the log
	}
	s.made = nil
}
