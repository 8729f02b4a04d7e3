package mcpwire

import "io"

// Servers read lines into buffers, of 64 KiB in bufio.Scanner, asyncio's readline
// and many others. A server that could read a call must also be able to read it
// with its receipt.
const (
	// maxRepeating is the maximum length of a message with a receipt that repeats
	// the arguments, in bytes.
	maxRepeating = 48 << 10
	// lineLimit is a length that some servers cannot read, in bytes, with the line
	// end.
	lineLimit = 64 << 10
)

// share sets the room for the receipts of the calls in a message of length bytes.
// The calls of a batch have equal shares.
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

// Splice writes a message to w with the receipts of its calls inserted. Without the
// inserted bytes it is the message, byte for byte, except for the length in the
// header of a frame. A message shorter than lineLimit that would reach it with the
// receipts is written without them.
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
