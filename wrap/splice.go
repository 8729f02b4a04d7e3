package wrap

import "io"

// splice writes a message to w with the receipts of its calls put in. Taking
// the inserted spans out again gives back the message, byte for byte, but for
// the length in the header of a frame.
func splice(w io.Writer, l line, calls []call, receipts [][]byte) error {
	if l.header != nil {
		length := len(l.bytes)
		for i, c := range calls {
			if c.insertAt != 0 && receipts[i] != nil {
				length += len(c.before) + len(receipts[i]) + len(c.after)
			}
		}
		if _, err := w.Write(withLength(l.header, length)); err != nil {
			return err
		}
	}
	at := 0
	for i, c := range calls {
		if c.insertAt == 0 || receipts[i] == nil {
			continue
		}
		for _, piece := range [][]byte{l.bytes[at:c.insertAt], []byte(c.before), receipts[i], []byte(c.after)} {
			if _, err := w.Write(piece); err != nil {
				return err
			}
		}
		at = c.insertAt
	}
	_, err := w.Write(l.bytes[at:])
	return err
}
