package history

import (
	"bytes"
	"encoding/hex"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A prefilter tells from the bytes of a receipt whether a filter can want it, at a
// tenth of what reading it costs. It works on receipts in canonical form alone
// (RFC 8785): there a text has one spelling, and what ends a receipt is known.
// What it lets pass may still not be wanted; what it holds back never is.
type prefilter struct {
	parts        [][]byte     // which the receipt must contain
	folded       []*asciiFold // which it must contain in any case
	arguments    *asciiFold   // which a call's must; nil: whatever they are
	since, until []byte       // in the form of a receipt's times, nil: open
}

func newPrefilter(f *Filter) *prefilter {
	s := &prefilter{}
	for _, text := range []string{f.Signer, strings.TrimPrefix(f.Session, "ses_")} {
		if part := plainRun(text); part != "" {
			s.parts = append(s.parts, []byte(part))
		}
	}
	for _, text := range []string{f.Tool, f.Target} {
		if part := asciiRun(text); part != "" {
			s.folded = append(s.folded, newASCIIFold(part))
		}
	}
	if part := asciiRun(f.Grep); part != "" {
		s.arguments = newASCIIFold(part)
	}
	const ms = time.Millisecond
	s.since = receiptTime(f.Since.Add(ms - 1).Truncate(ms)) // the first that is not before it
	s.until = receiptTime(f.Until.Truncate(ms))
	if f.Since.IsZero() {
		s.since = nil
	}
	if f.Until.IsZero() {
		s.until = nil
	}
	return s
}

// plainRun is the longest part of text that is written as it is in a canonical
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

// asciiRun is the longest part of text, in lower case, that is written as it is in a
// canonical string, and in one that JSON writes otherwise.
func asciiRun(text string) (longest string) {
	other := func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r >= 0x7f }
	for _, run := range strings.FieldsFunc(lower(text), other) {
		if len(run) > len(longest) {
			longest = run
		}
	}
	return longest
}

// receiptTime is t as receipts have it, nil for a year of more than four digits.
func receiptTime(t time.Time) []byte {
	if b := []byte(t.UTC().Format(event.TimeForm)); len(b) == len(event.TimeForm) && isReceiptTime(b) {
		return b
	}
	return nil
}

// isReceiptTime says whether b has the form in which times compare as bytes do.
func isReceiptTime(b []byte) bool {
	if len(b) != len(event.TimeForm) {
		return false
	}
	for i, c := range b {
		switch digit := '0' <= event.TimeForm[i] && event.TimeForm[i] <= '9'; {
		case digit && (c < '0' || c > '9'), !digit && c != event.TimeForm[i]:
			return false
		}
	}
	return true
}

// pass says whether the filter can want a receipt in canonical form, or something
// that it says of another one: only calls and responses are held back.
func (p *prefilter) pass(receipt []byte) bool {
	at := callTime(receipt)
	if at == nil {
		return true
	}
	if p.since != nil && bytes.Compare(at, p.since) < 0 || p.until != nil && bytes.Compare(at, p.until) > 0 {
		return false
	}
	for _, part := range p.parts {
		if !bytes.Contains(receipt, part) {
			return false
		}
	}
	for _, part := range p.folded {
		if !part.in(receipt) {
			return false
		}
	}
	return p.arguments == nil || bytes.HasSuffix(receipt, []byte(`"v":2}`)) || p.arguments.in(receipt) || bytes.Contains(receipt, argumentsApart) || bytes.Contains(receipt, argumentsBeside)
}

// argumentsApart is in a receipt whose arguments are base64 (FORMAT.md of package
// sign, "Exact" and "Apart").
var argumentsApart = []byte(`"params_raw":"`)

// argumentsBeside is in a receipt whose arguments may be in a file beside the log.
var argumentsBeside = []byte(`"params":null,`)

// parentOf is the id of the call that a response in canonical form names, of the form
// that [sign.Signer.Respond] gives it, without reading it; zero for anything else.
func parentOf(receipt []byte) (id ID) {
	const hash, member = `null,"params_hash":"sha256:`, `","parent_receipt_id":"rec_`
	if !bytes.HasSuffix(receipt, []byte(`","v":2}`)) {
		return ID{}
	}
	_, rest, _ := bytes.Cut(receipt, []byte(`"params":`))
	rest, ok := bytes.CutPrefix(rest, []byte(hash))
	if !ok || len(rest) < 64 {
		return ID{}
	}
	rest, ok = bytes.CutPrefix(rest[64:], []byte(member))
	if !ok || len(rest) < 32 || bytes.ContainsAny(rest[:32], "ABCDEF") {
		return ID{}
	}
	if _, err := hex.Decode(id[:], rest[:32]); err != nil {
		return ID{}
	}
	return id
}

// callTime is the time of the request in a call of version 1 or a response of
// version 2 in canonical form (FORMAT.md of package sign), nil for anything else
// and where the time is not in the usual form. Members are in order there, so
// nothing else can be between or after these, and each quote in the patterns
// is a quote and not an escaped one.
func callTime(receipt []byte) []byte {
	if b, ok := bytes.CutSuffix(receipt, []byte(`","v":1}`)); ok {
		if at, rest := cutTime(b); at != nil && bytes.HasSuffix(rest, []byte(`,"ts":"`)) {
			return at
		}
	} else if b, ok := bytes.CutSuffix(receipt, []byte(`","v":2}`)); ok {
		responded, rest := cutTime(b)
		if b, ok := bytes.CutSuffix(rest, []byte(`","ts_response":"`)); ok && responded != nil {
			if at, rest := cutTime(b); at != nil && bytes.HasSuffix(rest, []byte(`,"ts_request":"`)) {
				return at
			}
		}
	}
	return nil
}

// cutTime takes a time off the end of b, nil if there is none.
func cutTime(b []byte) (at, rest []byte) {
	i := len(b) - len(event.TimeForm)
	if i < 0 || !isReceiptTime(b[i:]) {
		return nil, b
	}
	return b[i:], b[:i]
}
