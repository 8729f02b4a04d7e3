package chain

import (
	"errors"
	"time"
)

// Report is the result of [Verify]. A log is undamaged if Damaged is 0. It is
// complete, as far as the log itself shows, if also Torn is nil and all of
// Quarantined are Recorded and Kept.
type Report struct {
	Files   []string // day files, oldest first
	Records int64    // readable records, events included
	Events  int64    // records whose receipt has a type member
	Bytes   int64    // read

	Head        Hash      // record_hash of the newest record; zero in an empty log
	First, Last time.Time // times of the first and last believed records; zero: none

	Damaged   int64   // number of places where the log is damaged
	Forged    int64   // how many of them are of kind Forged
	Displaced int64   // records that were signed to follow another record; only the first is a break
	Breaks    []Break // the first 100 of Damaged, in order

	Torn        *Torn         // a partial record at the end of the newest file; nil: none
	Quarantined []Quarantined // quarantined partial records, in files beside the log

	Unprotected int64    // records with further members, which no hash covers
	Gone        []string // day files that were archived and are not there, before the first that is
	Archived    int64    // number of their records, by their ends
	BadEnds     []string // ends of days that cannot be read, or that are of other records; phrases

	Both    []string // day files of which there is a compressed one, too, which is not read
	Ignored []string // .jsonl files whose names are not days; the reference would read them
}

// Torn is a partial record at the end of the log, such as a crash leaves. The next
// append quarantines it.
type Torn struct {
	File   string
	Line   int   // 1-based
	Offset int64 // of its first byte
	Length int64 // in bytes
}

// Quarantined is a partial record in a file of its own.
type Quarantined struct {
	File     string // name of the file, in the log's directory
	Recorded bool   // an event in the log names it
	Kept     bool   // it is a regular file, with the bytes that the event names
}

// Kind says what a break looks like. The log cannot show what was done, only the
// smallest change with this effect.
type Kind string

const (
	Edited     Kind = "edited"     // the record's content or one of its hashes was changed
	Forged     Kind = "forged"     // the hashes match, but the receipt is not what was signed
	Displaced  Kind = "displaced"  // the record was signed to follow another one
	Removed    Kind = "removed"    // one or more records before this line are missing
	Inserted   Kind = "inserted"   // lines here do not belong to the chain
	Duplicated Kind = "duplicated" // the record is also in another place
	Swapped    Kind = "swapped"    // the record was moved here from another place
	Truncated  Kind = "truncated"  // the line has only the beginning of a record, perhaps with another one after it
	Malformed  Kind = "malformed"  // the line cannot be read, or can be read in two ways
)

// Break is a place where the log is damaged.
type Break struct {
	File     string `json:"file"`
	Line     int    `json:"line"` // from 1
	Kind     Kind   `json:"kind"`
	Expected *Hash  `json:"expected,omitempty"` // if hashes differ; nil: not a matter of hashes
	Found    *Hash  `json:"found,omitempty"`
	Detail   string `json:"detail"` // one line for people
}

const maxBreaks = 100

// ErrDisplaced is what [VerifyOptions].Check returns for a receipt that was signed
// to follow another record: records before it were removed, inserted or changed,
// and all hashes after that computed again.
var ErrDisplaced = errors.New("it was signed to follow another record: some before it were removed, inserted or changed, and the hashes computed again")

// note adds a break, or only counts it.
func (r *Report) note(b Break) {
	r.Damaged++
	if b.Kind == Forged {
		r.Forged++
	}
	if len(r.Breaks) < maxBreaks {
		r.Breaks = append(r.Breaks, b)
	}
}
