// Package envelope is how a record of the log travels: as a log record of
// OpenTelemetry (OTLP, in JSON) and as a message of syslog (RFC 5424). It writes both,
// and finds the records again in what a collector or a SIEM gives back.
//
// The record is the body, byte for byte. All else in an envelope is for searching: no
// hash covers it, and it proves nothing.
//
//	otlp.go     a log record and a request of OTLP, in JSON
//	syslog.go   a message of RFC 5424
//	open.go     records in what was given back
package envelope

import (
	"time"
	"unicode/utf8"
)

// A Severity is how much a record matters to those who watch.
type Severity int

const (
	Info  Severity = iota // nothing to do
	Warn                  // a call failed, was refused or had no response; a tool changed
	Error                 // a gap, or damage
)

// A Record is what is to travel.
type Record struct {
	Line       []byte // as in the log, without its newline; nil: it is not exported
	Size       int    // of the line, in bytes
	Hash, Prev string // record_hash and prev_hash; "" for a line that is no record
	Time       time.Time
	Severity   Severity
	Kind       string // one word: call, response, unreadable, or the type of an event
	TraceID    string // 32 hex digits, or ""
	SpanID     string // 16 hex digits, or ""
	Attributes []Attribute
	Selection  bool // it is one of those that a filter has left
}

// An Attribute is one of a Record: a text, or a number.
type Attribute struct {
	Key, Text string
	Number    int64 // if Text is empty
}

// Names that say what proves a record without its body, and what was asked for. They
// are attributes of OTLP, and members of the message of syslog.
const (
	RecordHash  = "signet.record_hash"
	PrevHash    = "signet.prev_hash"
	NotExported = "signet.not_exported"
	Selection   = "signet.selection"
	Size        = "signet.size"
)

const hex = "0123456789abcdef"

// appendString appends a text as a string of JSON. What is not UTF-8 becomes U+FFFD.
func appendString[T string | []byte](b []byte, s T) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[from:i]...), "\uFFFD"...)
				from = i + 1
			}
			i += size
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	return append(append(b, s[from:]...), '"')
}
