package mcpwire

import "io"

// Servers read lines into buffers, and those of bufio.Scanner, asyncio's
// readline and many others have 64 KiB: whoever could read a call must be able
// to read it with its receipt.
const (
	// maxRepeating is how long a message may get, in bytes, by a receipt that
	// repeats the arguments.
	maxRepeating = 48 << 10
	// lineLimit is the length in bytes, line end included, that some servers
	// cannot read.
	lineLimit = 64 << 10
)

// share tells the calls of a message of length bytes how much room there is for
// the receipt of each. The calls of a batch have equal shares.
func share(calls []Call, length int) {
	left, places := maxRepeating-length, 0
	for _, c := range calls {
		if c.InsertAt != 0 {
			left -= len(c.Before) + len(c.After)
			places++
		}
	}
	for i := range calls {
		if calls[i].InsertAt != 0 {
			calls[i].Room = max(left/places, 1)
		}
	}
}

// Splice writes a message to w with the receipts of its calls put in. Taking
// the inserted spans out again gives back the message, byte for byte, but for
// the length in the header of a frame. A message that the receipts would take
// to lineLimit, where it was shorter, is written without them.
func Splice(w io.Writer, l Line, calls []Call, receipts [][]byte) error {
	added := 0
	for i, c := range calls {
		if c.InsertAt != 0 && receipts[i] != nil {
			added += len(c.Before) + len(receipts[i]) + len(c.After)
		}
	}
	if n := len(l.Bytes); n < lineLimit && n+added >= lineLimit {
		added, calls = 0, nil
	}
	header := l.Header
	if header != nil && added > 0 {
		header = withLength(header, len(l.Bytes)+added)
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	at := 0
	for i, c := range calls {
		if c.InsertAt == 0 || receipts[i] == nil {
			continue
		}
		for _, piece := range [][]byte{l.Bytes[at:c.InsertAt], []byte(c.Before), receipts[i], []byte(c.After)} {
			if _, err := w.Write(piece); err != nil {
				return err
			}
		}
		at = c.InsertAt
	}
	_, err := w.Write(l.Bytes[at:])
	return err
}
