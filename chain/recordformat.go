package chain

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Hash is the hash of a record: see [event.Hash].
type Hash = event.Hash

// genesis is the prev_hash of a log's first record.
var genesis Hash

// hashLen is the length of a hash as text, in bytes.
const hashLen = len("sha256:") + 2*sha256.Size

// appendHash appends the text of h.
func appendHash(b []byte, h Hash) []byte {
	b, _ = h.AppendText(b) // never fails
	return b
}

// parseHash reads the text of a hash.
func parseHash(b []byte) (h Hash, ok bool) {
	err := h.UnmarshalText(b)
	return h, err == nil
}

// hashIn reads the hash in a JSON string of any spelling.
func hashIn(v jsontext.Value) (h Hash, ok bool) {
	s, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return h, false
	}
	return parseHash(s)
}

// This package and the reference write a record in this form. In a line of this
// form the receipt is what is between the two ends.
const (
	recordHead = `{"receipt":`
	recordPrev = `,"prev_hash":"`
	recordHash = `","record_hash":"`
	recordEnd  = `"}`
	recordTail = len(recordPrev) + hashLen + len(recordHash) + hashLen + len(recordEnd)
)

// appendRecord appends the line of a record, with its newline, and returns its
// record_hash. receipt must be canonical. FORMAT.md, "Records".
func appendRecord(dst, receipt []byte, prev Hash) ([]byte, Hash) {
	sum := recordSum(receipt, prev)
	dst = append(append(dst, recordHead...), receipt...)
	return appendTail(dst, prev, sum), sum
}

// appendTail appends what comes after the receipt.
func appendTail(dst []byte, prev, sum Hash) []byte {
	dst = appendHash(append(dst, recordPrev...), prev)
	dst = appendHash(append(dst, recordHash...), sum)
	return append(append(dst, recordEnd...), '\n')
}

// recordSum is H(JCS({"prev_hash":prev,"receipt":receipt})). receipt is canonical
// and the two names are in order, so JCS is the members one after the other.
func recordSum(receipt []byte, prev Hash) (sum Hash) {
	var head [len(`{"prev_hash":"`) + hashLen + len(`","receipt":`)]byte
	h := sha256.New() // does not escape, so no allocation
	h.Write(append(appendHash(append(head[:0], `{"prev_hash":"`...), prev), `","receipt":`...))
	h.Write(receipt)
	h.Write([]byte{'}'})
	h.Sum(sum[:0])
	return sum
}

// record is a parsed line. receipt may share the line's memory.
type record struct {
	// receipt is in canonical form, whatever its spelling: what is read is what was
	// hashed and signed. If it has no canonical form, receipt is as stored and
	// refused says why (FORMAT.md, "Refused as damage").
	receipt []byte
	refused error

	prev  Hash
	hash  Hash // as stored
	extra bool // there are more members, which no hash covers
}

// sum is the record_hash that the record should have. A record that is refused
// has none.
func (r *record) sum() Hash { return recordSum(r.receipt, r.prev) }

// intact says whether the record has the record_hash that it should have.
func (r *record) intact() bool { return r.refused == nil && r.sum() == r.hash }

// canonicalize brings the receipt into canonical form.
func (r *record) canonicalize() {
	c, err := canon.Canonicalize(r.receipt)
	if err != nil {
		r.refused = err
		return
	}
	r.receipt = c
}

// trimMark takes a byte order mark, such as editors on Windows write, off the
// line at an offset of its file.
func trimMark(line []byte, off int64) []byte {
	if off == 0 {
		return bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	return line
}

// isUTF16 guesses whether a line that is not JSON is so because of its encoding.
func isUTF16(line []byte) bool {
	return bytes.HasPrefix(line, []byte("\xff\xfe")) || bytes.HasPrefix(line, []byte("\xfe\xff")) ||
		len(line) > 2 && (line[0] == 0 && line[1] == '{' || line[0] == '{' && line[1] == 0)
}

// parseRecord reads a line, without its newline. The receipt of a record that
// it returns is one JSON value; no hash is checked.
func parseRecord(line []byte) (record, error) {
	if r, ok := frame(line); ok {
		if canon.IsCanonical(r.receipt) {
			return r, nil
		}
		if jsontext.Value(r.receipt).IsValid() {
			r.canonicalize()
			return r, nil
		}
	}
	return parseAny(line)
}

// frame reads a line of the form written here. It does not look at the receipt.
func frame(line []byte) (r record, ok bool) {
	if len(line) < len(recordHead)+recordTail || !bytes.HasPrefix(line, []byte(recordHead)) {
		return r, false
	}
	r.receipt = line[len(recordHead) : len(line)-recordTail]
	rest := line[len(line)-recordTail:]
	take := func(s string) {
		ok = ok && string(rest[:len(s)]) == s
		rest = rest[len(s):]
	}
	takeHash := func() (d Hash) {
		var good bool
		d, good = parseHash(rest[:hashLen])
		ok = ok && good
		rest = rest[hashLen:]
		return d
	}
	ok = true
	take(recordPrev)
	r.prev = takeHash()
	take(recordHash)
	r.hash = takeHash()
	take(recordEnd)
	return r, ok
}

// parseAny reads a record in any spelling that JSON allows: other spacing, another
// order, more members.
func parseAny(line []byte) (r record, err error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(line))
	if tok, err := d.ReadToken(); err != nil {
		return r, unreadable(line, err)
	} else if tok.Kind() != '{' {
		return r, errors.New("not a JSON object")
	}
	var receipt, prev, hash bool
	for {
		tok, err := d.ReadToken()
		if err != nil {
			return r, unreadable(line, err)
		}
		if tok.Kind() == '}' {
			break
		}
		name := tok.String()
		v, err := d.ReadValue()
		if err != nil {
			return r, unreadable(line, err)
		}
		switch name {
		case "receipt":
			r.receipt, receipt = bytes.Clone(v), true
		case "prev_hash":
			r.prev, prev = hashIn(v)
		case "record_hash":
			r.hash, hash = hashIn(v)
		default:
			r.extra = true
		}
	}
	if _, err := d.ReadToken(); err != io.EOF {
		return r, errors.New("more than one value on the line")
	}
	switch {
	case !receipt:
		return r, errors.New("no receipt member")
	case !prev:
		return r, errors.New("no prev_hash of the form sha256:<64 hex>")
	case !hash:
		return r, errors.New("no record_hash of the form sha256:<64 hex>")
	}
	r.canonicalize()
	return r, nil
}

// errCut is in the error of parseRecord for a line with only the beginning of a
// record.
var errCut = errors.New("the line is truncated")

// unreadable says why jsontext could not read line. It distinguishes a truncated
// line, with nothing or another record after it, from other damage.
func unreadable(line []byte, err error) error {
	if isUTF16(line) {
		return errors.New("the file is UTF-16: save it as UTF-8")
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w after %d bytes", errCut, len(line))
	}
	if i := bytes.LastIndex(line, []byte(recordHead)); i > 0 {
		if r, ok := frame(line[i:]); ok && jsontext.Value(r.receipt).IsValid() {
			return fmt.Errorf("%w after %d bytes, and another record is joined to it", errCut, i)
		}
	}
	var syn *jsontext.SyntacticError
	if errors.As(err, &syn) {
		if syn.Err == jsontext.ErrDuplicateName {
			return errors.New("a member name occurs twice")
		}
		return fmt.Errorf("not JSON from byte %d on: %w", syn.ByteOffset, syn.Err)
	}
	return err
}
