package verify

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/envelope"
	"github.com/signet-wrap/signet-wrap/internal/text"
	pubkeys "github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
)

// Selection is what verifying a file of JSON lines came to, each a receipt or a
// record of a log: an export of audit, a day file, what somebody has picked out.
// Each is verified by itself; what is not in the file, nobody can tell.
type Selection struct {
	Verdict     Verdict `json:"verdict"`
	Interrupted bool    `json:"interrupted,omitempty"` // before its end: what follows is of what was read
	Selection   bool    `json:"selection"`             // true
	Records     int64   `json:"records"`               // receipts and events
	First       string  `json:"first,omitempty"`       // the earliest time of a believed record
	Last        string  `json:"last,omitempty"`

	Unprotected  int64        `json:"unprotected"` // records with members that no hash covers
	Authenticity Authenticity `json:"authenticity"`
	Gaps         []string     `json:"gaps,omitempty"`  // one phrase each: what the records themselves say is missing
	Notes        []string     `json:"notes,omitempty"` // what is accounted for

	Damaged int64         `json:"damaged"` // lines
	Breaks  []chain.Break `json:"breaks"`  // the first of them

	// Completeness is Picked, Whole, Gaps or Unordered. A file of lines of their own is always
	// Picked, and so is what an export has sent through a filter, by its word.
	Completeness string `json:"completeness"`

	// Of what an export has sent and a collector or a SIEM has given back.
	Form        string  `json:"form,omitempty"`         // "otlp", "json" or "syslog"; "": the records are lines of their own
	Ranges      []Range `json:"ranges,omitempty"`       // in the order of their times, the first of them
	RangeCount  int64   `json:"range_count,omitempty"`  // all of them
	Duplicates  int64   `json:"duplicates,omitempty"`   // records that came again
	NotExported int64   `json:"not_exported,omitempty"` // records known by their hashes only

	Absent []string `json:"not_exported_hashes,omitempty"` // of the first of them
	Others int64    `json:"others,omitempty"`              // lines of other programs

	Missing      []Missing `json:"missing,omitempty"`       // between the ranges that are listed
	MissingCount int64     `json:"missing_count,omitempty"` // between all of them
}

// CheckFile verifies what r has, as its content shows: one receipt or event, in
// any layout, or a selection, of which the other result is nil. name is for
// findings. An error that is no interruption says that it is neither, or could
// not be read; an interrupted selection is returned beside it.
func CheckFile(ctx context.Context, r io.Reader, name string, keys Keys, o Options) (*Receipt, *Selection, error) {
	var in *lines
	var head head
	var err error
	if !finished(ctx, func() {
		if in, err = newLines(r); err == nil {
			head, err = in.first()
		}
	}) {
		return nil, nil, ctx.Err()
	}
	if err != nil {
		return nil, nil, err
	}
	if len(bytes.TrimSpace(head.all)) == 0 {
		return nil, nil, &NotReceiptError{errors.New("it is empty"), nil}
	}
	if !head.lines && !in.holdsRecords(head.all) {
		receipt, err := CheckReceipt(head.all, keys, o.Now)
		if len(head.all) > maxKeyFile {
		} else if _, perr := pubkeys.ParsePublic(head.all); perr == nil { // easily mistaken on the command line
			err = errors.New("a public key, not a receipt")
		} else if isKeyFile(head.all) {
			err = errors.New("a key file, not a receipt")
		}
		if err != nil {
			return nil, nil, &NotReceiptError{err, head.all}
		}
		return &receipt, nil, nil
	}
	s := newSelection(&keys, name)
	err = s.run(ctx, in, o.Progress)
	f := s.finding(o.Now)
	f.Interrupted = err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err())
	switch {
	case s.readable == 0 && err == nil:
		return nil, nil, &NotReceiptError{sign.ErrNotReceipt, head.all}
	case s.readable == 0 && !f.Interrupted:
		return nil, nil, err
	case err != nil && (f.Verdict != Tampered || s.readable == 0):
		f.Verdict = Unchecked
	}
	return nil, f, err
}

// finished runs f, and says whether it was finished before ctx was done. If not,
// what f changes is its own: it goes on.
func finished(ctx context.Context, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// compressed is how files begin that gzip, zstd, bzip2, xz and zip have made.
var compressed = []string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "BZh", "\xfd7zX", "PK\x03\x04"}

// maxKeyFile is more than key files have, in bytes.
const maxKeyFile = 64 << 10

// isKeyFile says whether b is a key file of any kind, in order or not. It was
// named by mistake, and nobody tampered with it.
func isKeyFile(b []byte) bool {
	var f struct {
		Algorithm         string
		Sig, Action, Type json.RawMessage
	}
	return json.Unmarshal(b, &f) == nil && f.Algorithm != "" && f.Sig == nil && f.Action == nil && f.Type == nil
}

// A NotReceiptError says that what was to be verified is no receipt.
type NotReceiptError struct {
	Err     error
	Content []byte // of it, at least the beginning
}

func (e *NotReceiptError) Error() string { return e.Err.Error() }
func (e *NotReceiptError) Unwrap() error { return e.Err }

// lines reads JSON lines, as UTF-8, of any length up to sign.MaxReceipt.
type lines struct {
	r      *bufio.Reader
	file   *os.File // where the bytes of r are, if it is a file in UTF-8 that is read from its beginning
	off    int64    // in file, of what r has next
	ahead  [][]byte // read already
	n      int64    // bytes
	number int      // of the line that next returned, from 1 on
}

func newLines(r io.Reader) (*lines, error) {
	in := bufio.NewReaderSize(r, lineBuffer)
	start, _ := in.Peek(4)
	if slices.ContainsFunc(compressed, func(magic string) bool { return bytes.HasPrefix(start, []byte(magic)) }) {
		if bytes.HasPrefix(start, []byte("PK")) {
			return nil, errors.New("it is a zip file, and no report as audit report writes it")
		}
		return nil, errors.New("it is compressed: unpack it first")
	}
	decoded, err := text.NewReader(in)
	if err != nil {
		return nil, err
	}
	if decoded != io.Reader(in) { // UTF-16
		return &lines{r: bufio.NewReaderSize(decoded, lineBuffer)}, nil
	}
	l := &lines{r: in}
	if f, ok := r.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
			if at, err := f.Seek(0, io.SeekCurrent); err == nil {
				l.file, l.off = f, at-int64(in.Buffered())
			}
		}
	}
	return l, nil
}

// lineBuffer is how long a line may be, in bytes, that is read at once.
const lineBuffer = 256 << 10

var errTooLong = fmt.Errorf("longer than %d MiB", sign.MaxReceipt>>20)

// next returns the next line with its newline, if it has one; io.EOF after the
// last. The line is the caller's.
func (l *lines) next() (line []byte, err error) {
	if len(l.ahead) > 0 {
		line, l.ahead = l.ahead[0], l.ahead[1:]
	} else if line, err = l.read(); err != nil {
		return nil, err
	}
	l.number++
	l.n += int64(len(line))
	return line, nil
}

func (l *lines) read() (line []byte, err error) {
	part, err := l.r.ReadSlice('\n')
	line = bytes.Clone(part)
	if err == bufio.ErrBufferFull {
		line, err = l.readLong(line)
	}
	l.off += int64(len(line))
	if err == io.EOF && len(line) > 0 {
		err = nil
	}
	return line, err
}

// readLong reads the rest of a line that begins with start. Nothing is held of a
// line that is too long, if that can be seen before.
func (l *lines) readLong(start []byte) (line []byte, err error) {
	tooLong := fmt.Errorf("line %d is %w", l.number+1+len(l.ahead), errTooLong)
	if l.file != nil {
		rest, err := lineLength(io.NewSectionReader(l.file, l.off+int64(len(start)), sign.MaxReceipt))
		if err != nil {
			return nil, err
		}
		if len(start)+rest > sign.MaxReceipt {
			return nil, tooLong
		}
		line = append(make([]byte, 0, len(start)+rest), start...)
		line = line[:cap(line)]
		n, err := io.ReadFull(l.r, line[len(start):])
		return line[:len(start)+n], err
	}
	parts, size := [][]byte{start}, len(start)
	for {
		part, err := l.r.ReadSlice('\n')
		if size += len(part); size > sign.MaxReceipt {
			return nil, tooLong
		}
		parts = append(parts, bytes.Clone(part))
		if err != bufio.ErrBufferFull {
			return bytes.Join(parts, nil), err
		}
	}
}

// lineLength is how many bytes r has up to the first newline, which counts, or in
// all.
func lineLength(r io.Reader) (n int, err error) {
	buf := make([]byte, lineBuffer)
	for {
		m, err := r.Read(buf)
		if i := bytes.IndexByte(buf[:m], '\n'); i >= 0 {
			return n + i + 1, nil
		}
		n += m
		if err == io.EOF {
			return n, nil
		} else if err != nil {
			return 0, err
		}
	}
}

// head is what a file turns out to be.
type head struct {
	lines bool   // JSON lines
	all   []byte // all of it, or of JSON lines the first
}

// first finds out what the file is. Of JSON lines nothing is taken.
func (l *lines) first() (h head, err error) {
	blank := func(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }
	more := func() (line []byte, err error) {
		if line, err = l.read(); err == nil {
			l.ahead = append(l.ahead, line)
		}
		return line, err
	}
	var one []byte
	for one == nil || blank(one) {
		if one, err = more(); err == io.EOF {
			return head{}, nil
		} else if err != nil {
			return head{}, err
		}
		if len(l.ahead) > 1000 {
			return head{}, sign.ErrNotReceipt
		}
	}
	if isObject(one) {
		for {
			line, err := more()
			switch {
			case err == io.EOF:
				return head{isRecord(one), one}, nil
			case err != nil:
				return head{}, err
			case !blank(line):
				return head{true, one}, nil
			case len(l.ahead) > 1000:
				return head{}, sign.ErrNotReceipt
			}
		}
	}
	// A receipt over several lines, which is not in canonical form and hence no
	// longer than that, or JSON lines of which the first is damaged.
	if len(one) > canon.MaxRewrite {
		return head{true, one}, nil
	}
	most := int64(canon.MaxRewrite) + 1
	rest, err := io.ReadAll(io.LimitReader(l.r, most))
	if err != nil {
		return head{}, err
	}
	l.r = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(rest), l.r), lineBuffer)
	if int64(len(rest)) == most {
		return head{true, one}, nil
	}
	all := append(bytes.Join(l.ahead, nil), rest...)
	if !canon.Valid(all) {
		for line := range bytes.Lines(rest) {
			if isObject(line) {
				return head{true, one}, nil
			}
		}
	}
	return head{false, all}, nil
}

func isObject(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) > 0 && line[0] == '{' && canon.Valid(line)
}

func isRecord(line []byte) bool {
	_, err := chain.ParseEntry(bytes.TrimSpace(line))
	return err == nil
}

// holdsRecords says whether a file, which is no receipt, has records in it all the same:
// then they are read as lines.
func (l *lines) holdsRecords(all []byte) bool {
	if !holdsRecords(all) {
		return false
	}
	if canon.Valid(all) { // one value, over as many lines as it likes
		var one bytes.Buffer
		if json.Compact(&one, all) != nil {
			return false
		}
		l.ahead = [][]byte{append(one.Bytes(), '\n')}
		l.r = bufio.NewReaderSize(bytes.NewReader(nil), 16)
	}
	return true
}

// selection follows the lines of a file.
type selection struct {
	checker  checker
	name     string
	tally    *tally
	logCheck *logCheck
	readable int64 // receipts, and what is known not to be what was signed
	f        Selection
	from, to time.Time
	record   func(hash chain.Hash) // gets the record_hash of each record; nil: not called

	links    *links
	form     envelope.Form // of what was given back; "": lines of their own
	selected bool          // by the word of the exporter
	last     chain.Hash    // of the record before
	disorder bool          // records do not come in their order
	strange  []chain.Break // lines of other programs, or damage
	others   int64         // all of them

	objects      []lineChecked // JSON of other programs, the first of them; in a file of receipts they count as such
	otherObjects int64         // all of them
	cut          int64         // records of which a part came
}

func newSelection(keys *Keys, name string) *selection {
	s := &selection{checker: checker{keys: keys}, name: name, logCheck: newLogCheck(keys), links: newLinks()}
	s.tally = s.logCheck.tally
	s.tally.copies.all = true
	return s
}

// lineChecked is what a worker found out about a line.
type lineChecked struct {
	number int
	line   []byte
	ended  bool

	entry chain.Entry
	bare  bool  // a receipt, and no record
	err   error // it is neither
	check chain.Checked[checked]
	hash  error // of a record: it is not its own

	inner   []lineChecked   // records in it
	opened  envelope.Opened // of a line with records in it
	absent  bool            // of a record that was not exported: entry has its hashes
	refused error           // there is too much in it
}

// A batch of lines is checked by all cores at once.
const (
	batchLines = 256
	batchBytes = 2 << 20
)

func (s *selection) run(ctx context.Context, in *lines, progress func(records, bytes, total int64)) error {
	type batch struct {
		lines []lineChecked
		n     int64 // bytes read
		err   error
	}
	// Reading may wait, of a terminal or a pipe, and cannot be interrupted.
	batches := make(chan batch, 1)
	go func() {
		defer close(batches)
		for {
			var b batch
			size := 0
			for b.err == nil && len(b.lines) < batchLines && size < batchBytes {
				var line []byte
				if line, b.err = in.next(); b.err == nil {
					body, ended := bytes.CutSuffix(line, []byte{'\n'})
					if body = bytes.TrimSpace(body); len(body) > 0 {
						b.lines = append(b.lines, lineChecked{number: in.number, line: body, ended: ended})
					}
					size += len(line)
				}
			}
			b.n = in.n
			select {
			case batches <- b:
			case <-ctx.Done():
				return
			}
			if b.err != nil {
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case b := <-batches:
			if !finished(ctx, func() { s.checkAll(b.lines) }) { // of a line of many MB
				return ctx.Err()
			}
			for i := range b.lines {
				if err := b.lines[i].refused; err != nil {
					return fmt.Errorf("line %d: %w", b.lines[i].number, err)
				}
				s.follow(&b.lines[i])
			}
			if progress != nil {
				progress(s.f.Records, b.n, 0)
			}
			if b.err == io.EOF || s.readable == 0 && b.n > sign.MaxReceipt {
				return nil // not a receipt in all that: it may have no end
			} else if b.err != nil {
				return b.err
			}
		}
	}
}

func (s *selection) checkAll(all []lineChecked) {
	eachOf(all, s.check)
	for i := range all {
		eachOf(all[i].inner, func(l *lineChecked) {
			if l.line != nil {
				s.checkRecord(l)
				l.line = nil
			}
		})
	}
}

// eachOf has all cores check lines.
func eachOf(all []lineChecked, check func(*lineChecked)) {
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range min(workers, len(all)) {
		wg.Go(func() {
			for i := w; i < len(all); i += workers {
				check(&all[i])
			}
		})
	}
	wg.Wait()
}

func (s *selection) check(l *lineChecked) {
	if s.checkRecord(l); l.err == nil || s.open(l) {
		return
	}
	receipt, err := canon.Canonicalize(l.line)
	switch {
	case errors.As(err, new(*canon.InexactError)):
		receipt = l.line // sign says what is wrong with it
	case err != nil:
		return
	default:
		var ok bool
		if receipt, ok = bareReceipt(receipt); !ok {
			return
		}
	}
	l.bare, l.err = true, nil
	l.check = s.checker.alone(receipt)
}

// bareReceipt is what may be the receipt of a line that is no record: the line,
// in canonical form, or its only member, "receipt". A record of which another
// member is not as it should be is not ok.
func bareReceipt(line []byte) (receipt []byte, ok bool) {
	receipt = line
	members, inside := 0, false
	for cur := canon.Members(line); cur.Next(); members++ {
		if string(cur.Name) == "receipt" {
			receipt, inside = cur.Value, true
		}
	}
	return receipt, !inside || members == 1
}

// follow takes the lines in their order.
func (s *selection) follow(l *lineChecked) {
	if o := l.opened; o.Form != "" {
		s.form, s.selected, s.cut = o.Form, s.selected || o.Selection, s.cut+int64(o.Cut)
		for i := range l.inner {
			s.follow(&l.inner[i])
		}
		if len(l.inner) == 0 && o.Cut == 0 {
			s.others++
		}
		return
	}
	l.entry.File, l.entry.Line = s.name, l.number
	damage := func(kind chain.Kind, detail string) { s.damaged(l.number, kind, detail) }
	if l.absent && l.err == nil {
		s.readable++
		s.links.add(l.entry.RecordHash, l.entry.PrevHash, time.Time{}, absent)
		s.follows(&l.entry)
		return
	}
	if l.err != nil {
		if l.ended && isStrange(l.line) {
			s.others++
			if len(s.strange) < maxListed {
				s.strange = append(s.strange, chain.Break{File: s.name, Line: l.number, Kind: chain.Malformed, Detail: text.Clip(l.err.Error(), maxClip)})
			}
		} else if l.ended {
			damage(chain.Malformed, l.err.Error())
		} else {
			s.f.Gaps = append(s.f.Gaps, fmt.Sprintf("%s:%d: the file ends within a line", s.name, l.number))
		}
		return
	}
	s.f.Records++
	if !l.bare {
		s.readable++
	}
	if s.record != nil {
		s.record(l.entry.RecordHash) // of a receipt that is no record: the zero Hash
	}
	if l.entry.Extra {
		s.f.Unprotected++
	}
	if l.hash != nil {
		damage(chain.Edited, l.hash.Error())
		return
	}
	c := l.check.Result
	if l.bare && c.err != nil && isStrange(l.line) {
		if s.f.Records--; len(s.objects) < maxListed {
			s.objects = append(s.objects, *l)
		}
		s.otherObjects++
		return
	}
	if !l.bare {
		var at time.Time
		if c.known {
			at = c.v.Time
		}
		s.follows(&l.entry)
		if s.links.add(l.entry.RecordHash, l.entry.PrevHash, at, exported) {
			s.f.Duplicates++
			s.f.Records--
			return
		}
	}
	if c.err == nil || errors.As(c.err, new(*sign.InvalidError)) || errors.Is(c.err, sign.ErrUnsigned) {
		s.readable++
	}
	switch {
	case errors.Is(l.check.Bad, chain.ErrDisplaced):
		damage(chain.Displaced, l.check.Bad.Error())
	case l.check.Bad != nil:
		damage(chain.Forged, l.check.Bad.Error())
	}
	s.tally.see(&l.entry, c)
	if !c.known {
		return
	}
	s.logCheck.believe(&l.entry, c)
	if at := c.v.Time; !at.IsZero() {
		if s.from.IsZero() || at.Before(s.from) {
			s.from = at
		}
		if at.After(s.to) {
			s.to = at
		}
	}
}

// follows looks whether a record comes in its order.
func (s *selection) follows(e *chain.Entry) {
	s.disorder = s.disorder || !s.last.IsZero() && e.PrevHash != s.last
	s.last = e.RecordHash
}

func (s *selection) damaged(line int, kind chain.Kind, detail string) {
	if s.f.Damaged++; len(s.f.Breaks) < maxListed {
		s.f.Breaks = append(s.f.Breaks, chain.Break{File: s.name, Line: line, Kind: kind, Detail: text.Clip(detail, maxClip)})
	}
}

func (s *selection) finding(now time.Time) *Selection {
	s.logCheck.dated(now)
	f := &s.f
	if s.form != "" {
		f.Others = s.others + s.otherObjects
	} else { // nobody else writes there
		for i := range s.objects {
			s.tally.see(&s.objects[i].entry, s.objects[i].check.Result)
		}
		s.tally.found.Unreadable += s.otherObjects - int64(len(s.objects))
		f.Records += s.otherObjects
		f.Damaged += s.others
		f.Breaks = append(f.Breaks, s.strange...)
		slices.SortStableFunc(f.Breaks, func(a, b chain.Break) int { return a.Line - b.Line })
		f.Breaks = f.Breaks[:min(len(f.Breaks), maxListed)]
	}
	f.Selection, f.Verdict, f.Completeness = true, Valid, Picked
	s.returned(f)
	f.First, f.Last = formatTime(s.from), formatTime(s.to)
	f.Breaks = append([]chain.Break{}, f.Breaks...) // [] rather than null
	f.Authenticity = s.tally.finding()
	gaps, notes := s.logCheck.outcomes.findings(true)
	if s.form != "" && s.disorder { // a response may have come before its call
		notes = slices.DeleteFunc(notes, func(n string) bool { return strings.Contains(n, " without an outcome: ") })
	}
	f.Gaps = append(append(f.Gaps, s.logCheck.gaps...), gaps...)
	f.Notes = append(f.Notes, notes...)
	switch {
	case f.Damaged > 0:
		f.Verdict = Tampered
	case !f.Authenticity.Established() || len(f.Gaps) > 0 || f.MissingCount > 0 || f.NotExported > 0:
		f.Verdict = Unconfirmed
	}
	return f
}
