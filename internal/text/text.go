// Package text reads small text files as people's editors and shells write them.
// On Windows these begin with a byte order mark (Notepad), or are UTF-16
// (redirection in Windows PowerShell).
package text

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"unicode/utf16"
)

// Decode returns b as UTF-8 without a byte order mark: b itself, if it is not
// UTF-16 with one. Bytes that are not valid UTF-8 stay: whoever reads them
// decides. The error names an encoding that is not read.
func Decode(b []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(b, []byte("\x00\x00\xfe\xff")):
		return nil, errors.New("it is UTF-32: save it as UTF-8")
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		return fromUTF16(b[2:], binary.LittleEndian)
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		return fromUTF16(b[2:], binary.BigEndian)
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	// No text of ours begins with a NUL or has one as its second character.
	if len(b) >= 2 && (b[0] == 0) != (b[1] == 0) {
		return nil, errors.New("it is UTF-16 without a byte order mark: save it as UTF-8")
	}
	return b, nil
}

func fromUTF16(b []byte, order binary.ByteOrder) ([]byte, error) {
	if len(b)%2 != 0 {
		return nil, errors.New("it is UTF-16, and ends within a character: save it as UTF-8")
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	runes := utf16.Decode(units)
	if !slices.Equal(utf16.Encode(runes), units) {
		return nil, errors.New("it is UTF-16 with half a surrogate pair: save it as UTF-8")
	}
	return []byte(string(runes)), nil
}
