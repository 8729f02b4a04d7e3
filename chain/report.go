package chain

import (
	"errors"
	"time"
)

// Report is what [Verify] found. A log is unbroken if Damaged is 0 and whole, as
// far as the log itself can tell, if also Torn is nil and all of Quarantined is
// Recorded and Kept.
type Report struct {
	Files   []string // day files, oldest first
	Records int64    // readable ones, events included
	Events  int64    // records whose receipt has a type member
	Bytes   int64    // read

	Head        Hash      // the newest record's hash; zero in an empty log
	First, Last time.Time // of the first and last record that is believed and says so

	Damaged   int64   // places where the log is damaged
	Forged    int64   // those of them that are of kind Forged
	Displaced int64   // records that were signed to follow another one; the first is among Breaks
	Breaks    []Break // the first of them, 100 at the most, in order

	Torn        *Torn         // the newest file ends in half a line
	Quarantined []Quarantined // such lines of earlier, in files beside the log

	Unprotected int64    // records with members beside the three that a hash covers
	Ignored     []string // .jsonl files that are not named as a day; the reference would read them
}

// Torn is half a line at the end of the log, such as a crash leaves. The next
// append quarantines it.
type Torn struct {
	File   string
	Line   int   // 1-based
	Offset int64 // of its first byte
	Length int64 // in bytes
}

// Quarantined is a torn line in a file of its own.
type Quarantined struct {
	File     string // beside the day files
	Recorded bool   // an event in the log tells of it
	Kept     bool   // the file is there, and no directory or link, with the bytes that the event names
}

// Kind says what a break looks like. The log cannot know what was done, only
// what the least is that would have this effect.
type Kind string

const (
	Edited     Kind = "edited"     // the record's content or one of its hashes was changed
	Forged     Kind = "forged"     // the hashes are right and the receipt is not what was signed
	Displaced  Kind = "displaced"  // the record was signed to follow another one
	Removed    Kind = "removed"    // one or more records before this line are missing
	Inserted   Kind = "inserted"   // lines stand here that do not belong to the chain
	Duplicated Kind = "duplicated" // the record stands elsewhere too
	Swapped    Kind = "swapped"    // the record stands in another place than it did
	Truncated  Kind = "truncated"  // the line breaks off, with or without another glued to it
	Malformed  Kind = "malformed"  // the line cannot be read, or not in one way only
)

// Break is a place where the log is damaged.
type Break struct {
	File     string `json:"file"`
	Line     int    `json:"line"` // 1-based
	Kind     Kind   `json:"kind"`
	Expected *Hash  `json:"expected,omitempty"` // where a hash is what differs; nil: none is
	Found    *Hash  `json:"found,omitempty"`
	Detail   string `json:"detail"` // one line for a person
}

const maxBreaks = 100

// ErrDisplaced is what [VerifyOptions.Check] returns for a receipt that was
// signed to stand after another record: somebody has taken records out before
// it, put some in or changed them, and made all hashes from there on anew.
var ErrDisplaced = errors.New("it was signed to follow another record: some before it were removed, inserted or changed, and the hashes made anew")

// note lists a break, or only counts it.
func (r *Report) note(b Break) {
	r.Damaged++
	if b.Kind == Forged {
		r.Forged++
	}
	if len(r.Breaks) < maxBreaks {
		r.Breaks = append(r.Breaks, b)
	}
}
