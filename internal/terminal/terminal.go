// Package terminal keeps text from outside from steering a terminal, or from
// showing other than it is: control characters, marks that turn the direction of
// text, and characters that take no place are shown as escapes.
//
// [Clean] is for a text that is to be part of a line. [NewWriter] is the last gate
// before a screen: it lets nothing else through, whoever forgot to clean what, and
// JSON stays JSON of the same meaning.
package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/term"
)

// Unsafe says whether a character is not to be written to a terminal as it is.
func Unsafe(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	switch {
	case r == utf8.RuneError: // what bytes that are no UTF-8 become
	case unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r), unicode.Is(unicode.Variation_Selector, r):
	case unicode.IsPrint(r), unicode.Is(unicode.Zs, r):
		return false
	}
	return true // C1 controls, format, private, unassigned, separators of lines
}

// Clean is s with escapes for what is unsafe, and for bytes that are not UTF-8.
// Line ends are escaped, too.
func Clean(s string) string {
	if strings.IndexFunc(s, Unsafe) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if Unsafe(r) {
			b.Write(appendEscape(nil, r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// appendEscape appends an escape as JSON has it: two of them for what takes more
// than 16 bits.
func appendEscape(b []byte, r rune) []byte {
	if r1, r2 := utf16.EncodeRune(r); r1 != unicode.ReplacementChar {
		return fmt.Appendf(b, `\u%04x\u%04x`, r1, r2)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}

// ours are what this program itself tells a terminal: colours (ECMA-48, section
// 8.3.117), and to clear a line. They steer nothing else.
var ours = []string{"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m", "\r\x1b[K", "\r\n", "\n", "\t"}

// A Writer writes to a terminal what is safe for it: see the package.
type Writer struct {
	file *os.File
	held []byte // the beginning of a character that a write broke off
}

// NewWriter returns a Writer if w is a terminal, and w itself if not.
func NewWriter(w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &Writer{file: f}
	}
	return w
}

// Write writes p with escapes.
func (w *Writer) Write(p []byte) (int, error) {
	text := append(w.held, p...)
	out := make([]byte, 0, len(text))
	for w.held = nil; len(text) > 0; {
		if n := oursAt(text); n > 0 {
			out, text = append(out, text[:n]...), text[n:]
			continue
		}
		if !utf8.FullRune(text) {
			w.held = text
			break
		}
		r, n := utf8.DecodeRune(text)
		if Unsafe(r) {
			out = appendEscape(out, r)
		} else {
			out = append(out, text[:n]...)
		}
		text = text[n:]
	}
	if _, err := w.file.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// oursAt is the length of one of ours at the beginning of text, 0 if there is
// none.
func oursAt(text []byte) int {
	if text[0] >= ' ' {
		return 0
	}
	for _, o := range ours {
		if len(text) >= len(o) && string(text[:len(o)]) == o {
			return len(o)
		}
	}
	return 0
}

// File is the terminal that w writes to, nil if there is none.
func File(w any) *os.File {
	switch w := w.(type) {
	case *Writer:
		return w.file
	case *os.File:
		if term.IsTerminal(int(w.Fd())) {
			return w
		}
	}
	return nil
}
