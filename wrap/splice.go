package wrap

import "io"

// splice writes line to w with the receipts of its calls put in. Taking the
// inserted spans out again gives back the line, byte for byte.
func splice(w io.Writer, line []byte, calls []call, receipts [][]byte) error {
	at := 0
	for i, c := range calls {
		if c.insertAt == 0 || receipts[i] == nil {
			continue
		}
		for _, piece := range [][]byte{line[at:c.insertAt], []byte(c.before), receipts[i], []byte(c.after)} {
			if _, err := w.Write(piece); err != nil {
				return err
			}
		}
		at = c.insertAt
	}
	_, err := w.Write(line[at:])
	return err
}
