package chain

import (
	"bytes"
	"context"
	"fmt"
	"iter"
)

// Entry is a record as it stands in the log. Its slices are good until the next
// one is asked for, or the loop ends.
type Entry struct {
	File   string // name of the day file
	Line   int    // 1-based, 0 if it is not known (reading backward)
	Offset int64  // of the line's first byte in the file

	Receipt    []byte // in canonical form (RFC 8785), however it was spelled; see Canonical
	PrevHash   Hash   // as stored
	RecordHash Hash   // likewise; Verify checks both, reading does not
	Raw        []byte // the whole line, without its newline
	Extra      bool   // from [ParseEntry]: it has other members too, which no hash covers

	// Canonical is false for a receipt that has no canonical form, because that
	// would not say the same: it is as stored, and damage. Nobody signed it.
	Canonical bool
}

// ParseEntry reads one line of a log, without its newline, as a record: what
// somebody has copied out of one. It has no place.
func ParseEntry(line []byte) (Entry, error) {
	r, err := parseRecord(line)
	if err != nil {
		return Entry{}, err
	}
	return Entry{
		Raw: line, Receipt: r.receipt, Canonical: r.refused == nil, PrevHash: r.prev, RecordHash: r.hash, Extra: r.extra,
	}, nil
}

// Check says whether the record's hash is that of its receipt and of PrevHash. It
// cannot tell whether the record is in its place; [Verify] does.
func (e *Entry) Check() error {
	r, err := parseRecord(e.Raw)
	if err != nil {
		return err
	}
	if r.refused != nil {
		return r.refused
	}
	if sum := r.sum(); sum != r.hash {
		return fmt.Errorf("the record's hash is %v and should be %v", r.hash, sum)
	}
	return nil
}

// Position is where the record stands.
func (e *Entry) Position() Position { return Position{e.File, e.Offset} }

// Keep returns e with slices that last.
func (e *Entry) Keep() Entry {
	k := *e
	k.Raw = bytes.Clone(e.Raw)
	if r, ok := frame(k.Raw); ok && bytes.Equal(r.receipt, e.Receipt) {
		k.Receipt = r.receipt // once in memory is enough
	} else {
		k.Receipt = bytes.Clone(e.Receipt)
	}
	return k
}

// Records yields the records of the log, as [Read] reads them, one by one. A line
// that is no record comes as a *[LineError] beside an Entry that has its position
// and, unless it is too long, Raw; the loop may go on. Any other error ends it.
// Backward it reads the files from their ends, and of them little more than is
// asked for. [Read] does more, faster.
func (s *Snapshot) Records(ctx context.Context, o ReadOptions) iter.Seq2[Entry, error] {
	type line struct {
		e   Entry
		bad *LineError
	}
	return func(yield func(Entry, error) bool) {
		look := func(e Entry, bad *LineError) (line, bool) {
			return line{e, bad}, true
		}
		for l, err := range Read(ctx, s, o, look) {
			if err == nil && l.bad != nil {
				err = l.bad
			}
			if !yield(l.e, err) {
				return
			}
		}
	}
}
