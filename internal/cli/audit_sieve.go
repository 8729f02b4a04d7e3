package cli

import (
	"bytes"
	"strings"
	"time"
)

// A sieve tells from the bytes of a receipt whether a filter can want it, at a
// tenth of what reading it costs. It works on receipts in canonical form alone
// (RFC 8785): there a text has one spelling, and what ends a receipt is known.
// What it lets pass may still not be wanted; what it holds back never is.
type sieve struct {
	needles      [][]byte // which the receipt must contain
	since, until []byte   // in the form of a receipt's times, nil: open
}

func newSieve(f *auditFilter) *sieve {
	s := &sieve{}
	for _, text := range []string{f.tool, f.signer, strings.TrimPrefix(f.session, "ses_")} {
		if n := plainRun(text); n != "" {
			s.needles = append(s.needles, []byte(n))
		}
	}
	const ms = time.Millisecond
	s.since = receiptTime(f.since.Add(ms - 1).Truncate(ms)) // the first that is not before it
	s.until = receiptTime(f.until.Truncate(ms))
	if f.since.IsZero() {
		s.since = nil
	}
	if f.until.IsZero() {
		s.until = nil
	}
	return s
}

// plainRun is the longest part of text that stands for itself in a canonical
// string.
func plainRun(text string) (longest string) {
	escaped := func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }
	for _, run := range strings.FieldsFunc(text, escaped) {
		if len(run) > len(longest) {
			longest = run
		}
	}
	return longest
}

const receiptTimeForm = "2006-01-02T15:04:05.000Z"

// receiptTime is t as receipts have it, nil for a year of more than four digits.
func receiptTime(t time.Time) []byte {
	if b := []byte(t.UTC().Format(receiptTimeForm)); len(b) == len(receiptTimeForm) && isReceiptTime(b) {
		return b
	}
	return nil
}

// isReceiptTime says whether b has the form in which times compare as bytes do.
func isReceiptTime(b []byte) bool {
	if len(b) != len(receiptTimeForm) {
		return false
	}
	for i, c := range b {
		switch digit := '0' <= receiptTimeForm[i] && receiptTimeForm[i] <= '9'; {
		case digit && (c < '0' || c > '9'), !digit && c != receiptTimeForm[i]:
			return false
		}
	}
	return true
}

// wants says whether the filter can want a receipt in canonical form, with the
// time that ending found.
func (s *sieve) wants(receipt, at []byte) bool {
	if at != nil && (s.since != nil && bytes.Compare(at, s.since) < 0 || s.until != nil && bytes.Compare(at, s.until) > 0) {
		return false
	}
	for _, n := range s.needles {
		if !bytes.Contains(receipt, n) {
			return false
		}
	}
	return true
}

// How receipts of wrappers, and the reference's, end.
type kind int

const (
	unknownKind kind = iota
	callKind         // version 1, no event
	answerKind       // version 2
)

// ending reads the end of a receipt in canonical form: what it is, and the time
// of the call (FORMAT.md of package sign), nil if that is not in the usual form.
// Members stand in order there, so nothing else can stand between or behind
// these, and each quote in the patterns is a quote and not an escaped one.
func ending(receipt []byte) (kind, []byte) {
	if b, ok := bytes.CutSuffix(receipt, []byte(`","v":1}`)); ok {
		if at, rest := cutTime(b); at != nil && bytes.HasSuffix(rest, []byte(`,"ts":"`)) {
			return callKind, at
		}
	} else if b, ok := bytes.CutSuffix(receipt, []byte(`","v":2}`)); ok {
		responded, rest := cutTime(b)
		if b, ok := bytes.CutSuffix(rest, []byte(`","ts_response":"`)); ok && responded != nil {
			if at, rest := cutTime(b); at != nil && bytes.HasSuffix(rest, []byte(`,"ts_request":"`)) {
				return answerKind, at
			}
		}
	}
	return unknownKind, nil
}

// cutTime takes a time off the end of b, nil if there is none.
func cutTime(b []byte) (at, rest []byte) {
	i := len(b) - len(receiptTimeForm)
	if i < 0 || !isReceiptTime(b[i:]) {
		return nil, b
	}
	return b[i:], b[:i]
}

// parentOf is the id of the receipt that an answer in canonical form answers, nil
// if that takes reading it. (One with an escape in it is nobody's.)
func parentOf(receipt []byte) []byte {
	name := []byte(`"parent_receipt_id":"`)
	i := bytes.Index(receipt, name)
	if i < 0 {
		return nil
	}
	id, rest, ok := bytes.Cut(receipt[i+len(name):], []byte{'"'})
	if !ok || !isAnswerHead(receipt[:i]) && bytes.Contains(rest, name) {
		return nil
	}
	return id
}

// isAnswerHead says whether b is all that stands before parent_receipt_id in an
// answer by a wrapper, so that no other member of that name was taken for it.
func isAnswerHead(b []byte) bool {
	b, ok := bytes.CutPrefix(b, []byte(`{"action":{`))
	if rest, has := bytes.CutPrefix(b, []byte(`"call_id":"`)); ok && has {
		id, rest, _ := bytes.Cut(rest, []byte(`",`))
		if bytes.ContainsAny(id, `"\`) {
			return false
		}
		b = rest
	}
	hash, null := bytes.CutPrefix(b, []byte(`"params":null,"params_hash":"`))
	return ok && null && len(hash) >= 2 && bytes.IndexByte(hash, '"') == len(hash)-2
}
