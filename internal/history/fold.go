package history

import (
	"bytes"
	"strings"
	"unicode"
)

// lower is s without case, as filters compare texts. What is not ASCII stays so (K of
// Kelvin is no k): so the ASCII letters of a text are where the bytes have them.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if l := unicode.ToLower(r); r < 0x80 || l >= 0x80 {
			return l
		}
		return r
	}, s)
}

// within says whether part, which is lower, is in s in any case.
func within(s, part string) bool { return part == "" || strings.Contains(lower(s), part) }

// asciiFold finds an ASCII text in bytes, in any case.
type asciiFold struct {
	text []byte // in lower case
	at   int    // of the byte in text that is looked for, the rarest
	a, b byte   // it, in lower and in upper case
}

// common are bytes that receipts are full of, the most frequent last: what is not in
// it is rarer.
const common = "zjqxkvw_/.-yhglbfumspcdnrtioae0123456789:,"

func newASCIIFold(text string) *asciiFold {
	f := &asciiFold{text: []byte(text)}
	rarest := len(common)
	for i, c := range f.text {
		if n := strings.IndexByte(common, c); n < rarest {
			f.at, rarest = i, n
		}
	}
	f.a = f.text[f.at]
	f.b = f.a
	if 'a' <= f.a && f.a <= 'z' {
		f.b -= 'a' - 'A'
	}
	return f
}

func (f *asciiFold) in(b []byte) bool {
	end := len(b) - len(f.text) + f.at + 1 // of places for the rarest byte
	for i := f.at; i < end; {
		rest := b[i:end]
		n := bytes.IndexByte(rest, f.a)
		if n >= 0 {
			rest = rest[:n]
		}
		if m := bytes.IndexByte(rest, f.b); f.b != f.a && m >= 0 {
			n = m
		}
		if n < 0 {
			return false
		}
		i += n
		if f.here(b[i-f.at:]) {
			return true
		}
		i++
	}
	return false
}

// here says whether b begins with the text.
func (f *asciiFold) here(b []byte) bool {
	for i, c := range f.text {
		d := b[i]
		if 'A' <= d && d <= 'Z' {
			d += 'a' - 'A'
		}
		if c != d {
			return false
		}
	}
	return true
}
