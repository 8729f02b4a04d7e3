package mcpwire

import "io"

// Splice writes a message to w with the receipts of its calls put in. Taking
// the inserted spans out again gives back the message, byte for byte, but for
// the length in the header of a frame.
func Splice(w io.Writer, l Line, calls []Call, receipts [][]byte) error {
	if l.Header != nil {
		length := len(l.Bytes)
		for i, c := range calls {
			if c.InsertAt != 0 && receipts[i] != nil {
				length += len(c.Before) + len(receipts[i]) + len(c.After)
			}
		}
		if _, err := w.Write(withLength(l.Header, length)); err != nil {
			return err
		}
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
