// Package text reads small text files as people's editors and shells write them.
// On Windows these begin with a byte order mark (Notepad), or are UTF-16
// (redirection in Windows PowerShell).
package text

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// Decode returns b as UTF-8 without a byte order mark: b itself, unless it is
// UTF-16 with one. It does not check that the result is valid UTF-8. The error
// names an encoding that is not supported.
func Decode(b []byte) ([]byte, error) {
	mark, order, err := encoding(b)
	switch {
	case err != nil:
		return nil, err
	case order != nil:
		return io.ReadAll(&utf16Reader{r: bufio.NewReader(bytes.NewReader(b[mark:])), order: order})
	}
	return b[mark:], nil
}

// NewReader returns a reader of what [Decode] would make of all that r has, of
// which it holds little.
func NewReader(r *bufio.Reader) (io.Reader, error) {
	start, _ := r.Peek(4)
	mark, order, err := encoding(start)
	if err != nil {
		return nil, err
	}
	r.Discard(mark)
	if order != nil {
		return &utf16Reader{r: r, order: order}, nil
	}
	return r, nil
}

// encoding says how a text is encoded that begins with b: how long its byte order
// mark is, and the order of UTF-16, nil for UTF-8.
func encoding(b []byte) (mark int, order binary.ByteOrder, err error) {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(b, []byte("\x00\x00\xfe\xff")):
		return 0, nil, errors.New("it is UTF-32: save it as UTF-8")
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		return 2, binary.LittleEndian, nil
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		return 2, binary.BigEndian, nil
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		return 3, nil, nil
	case len(b) >= 2 && (b[0] == 0) != (b[1] == 0):
		// No text of ours begins with a NUL or has one as its second character.
		return 0, nil, errors.New("it is UTF-16 without a byte order mark: save it as UTF-8")
	}
	return 0, nil, nil
}

// utf16Reader reads UTF-16 as UTF-8.
type utf16Reader struct {
	r     *bufio.Reader
	order binary.ByteOrder
	out   []byte // still to be returned
	err   error  // after out
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) < len(p) && u.err == nil {
		u.err = u.decode()
	}
	n := copy(p, u.out)
	if u.out = append(u.out[:0], u.out[n:]...); n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, u.err
}

// decode takes the next character.
func (u *utf16Reader) decode() error {
	unit, err := u.unit()
	if err != nil {
		return err
	}
	char := rune(unit)
	if utf16.IsSurrogate(char) {
		second, err := u.unit()
		if err != nil && err != io.EOF {
			return err
		}
		if char = utf16.DecodeRune(char, rune(second)); err == io.EOF || char == utf8.RuneError {
			return errors.New("it is UTF-16 with half a surrogate pair: save it as UTF-8")
		}
	}
	u.out = utf8.AppendRune(u.out, char)
	return nil
}

// unit takes the next 16 bits; io.EOF if there are none.
func (u *utf16Reader) unit() (uint16, error) {
	var b [2]byte
	_, err := io.ReadFull(u.r, b[:])
	if err == io.ErrUnexpectedEOF {
		err = errors.New("it is UTF-16, and ends within a character: save it as UTF-8")
	}
	return u.order.Uint16(b[:]), err
}
