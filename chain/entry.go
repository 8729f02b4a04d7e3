package chain

import (
	"bytes"
	"context"
	"fmt"
	"iter"
)

// An Entry is a record as read from the log. Its slices are valid until the loop
// asks for the next one or ends; see Keep.
type Entry struct {
	File   string // name of the day file
	Line   int    // from 1; 0: not known (reading backward)
	Offset int64  // of the line's first byte in the file

	Receipt    []byte // in canonical form (RFC 8785), whatever its spelling in the file; see Canonical
	PrevHash   Hash   // as stored
	RecordHash Hash   // as stored; Verify checks both hashes, reading does not
	Raw        []byte // the whole line, without its newline
	Extra      bool   // set by [ParseEntry]: the record has more members, which no hash covers

	// Canonical is false for a receipt that has no canonical form with the same
	// meaning. It is damage: nobody signed it. Receipt is then as stored.
	Canonical bool
}

// ParseEntry reads one line of a log, without its newline, as a record. The Entry
// has no file, line or offset. The error says why the line is not a record; no hash
// is checked.
func ParseEntry(line []byte) (Entry, error) {
	r, err := parseRecord(line)
	if err != nil {
		return Entry{}, err
	}
	return Entry{
		Raw: line, Receipt: r.receipt, Canonical: r.refused == nil, PrevHash: r.prev, RecordHash: r.hash, Extra: r.extra,
	}, nil
}

// Check says whether the record's hash is that of its receipt and PrevHash. It
// cannot say whether the record is in its place; [Verify] can.
func (e *Entry) Check() error {
	r, err := parseRecord(e.Raw)
	if err != nil {
		return err
	}
	if r.refused != nil {
		return r.refused
	}
	if sum := r.sum(); sum != r.hash {
		return fmt.Errorf("the record has the hash %v, but its contents have %v", r.hash, sum)
	}
	return nil
}

// Position returns where the record's line begins.
func (e *Entry) Position() Position { return Position{e.File, e.Offset} }

// Keep returns a copy of e with slices of its own.
func (e *Entry) Keep() Entry {
	k := *e
	k.Raw = bytes.Clone(e.Raw)
	if r, ok := frame(k.Raw); ok && bytes.Equal(r.receipt, e.Receipt) {
		k.Receipt = r.receipt // share the memory of Raw
	} else {
		k.Receipt = bytes.Clone(e.Receipt)
	}
	return k
}

// Records yields the records of the log one by one, as [Read] does. For a line that
// is not a record it yields a *[LineError] and an Entry with its position and,
// unless the line is too long, Raw; the loop may continue. Any other error ends the
// loop. With o.Backward it reads the files from their ends, and hardly more of them
// than the loop asks for.
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
