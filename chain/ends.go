package chain

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// A day that was archived has a file <day>.ends beside the log. It says of each record
// of the day where its line ended and what its hash was, so that the chain, the tree of
// its hashes and heads of the day can be checked without the day. FORMAT.md, "Archived
// days", has the bytes.
const (
	endsSuffix = ".ends" // after a day
	endSize    = 40      // bytes of a record in it
)

// EndsFile is the name of the file with the ends of a day, of the day file of that name.
func EndsFile(day string) string { return strings.TrimSuffix(day, daySuffix) + endsSuffix }

// A RecordEnd is the end of a record.
type RecordEnd struct {
	File     string // name of the day file
	End      int64  // offset after its newline
	Hash     Hash   // record_hash, as stored
	Archived bool   // the day is not there: this is of the day's ends
}

// AppendEnd appends what an ends file has of a record.
func AppendEnd(b []byte, r RecordEnd) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(r.End))
	return append(b, r.Hash[:]...)
}

// errEnds is the error for an ends file that no archive has written.
var errEnds = errors.New("not the ends of a day's records")

// ReadEnds reads an ends file, of the day file of that name.
func ReadEnds(in io.Reader, day string, take func(RecordEnd) error) error {
	r := bufio.NewReaderSize(in, 1000*endSize)
	var b [endSize]byte
	for last := int64(0); ; {
		_, err := io.ReadFull(r, b[:])
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return errEnds
		case err != nil:
			return err
		}
		e := RecordEnd{File: day, End: int64(binary.BigEndian.Uint64(b[:])), Hash: Hash(b[8:])}
		if e.End <= last {
			return errEnds
		}
		last = e.End
		if err := take(e); err != nil {
			return err
		}
	}
}

// Gone returns the days, by the names of their files, that were archived and are not in
// the snapshot: those with ends before the first day file.
func (s *Snapshot) Gone() []string {
	return slices.DeleteFunc(slices.Clone(s.ends), func(day string) bool { return len(s.days) > 0 && day >= s.days[0] })
}

// HasEnds says whether there are ends of any day.
func (s *Snapshot) HasEnds() bool { return len(s.ends) > 0 }

// readEnds reads the ends of a day.
func (s *Snapshot) readEnds(ctx context.Context, day string, take func(RecordEnd) error) error {
	f, _, err := openFile(s.fsys, EndsFile(day))
	if err != nil {
		return err
	}
	defer f.Close()
	n := 0
	return ReadEnds(f, day, func(e RecordEnd) error {
		if n++; n%10_000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return take(e)
	})
}

// archived follows the chain through the days that are gone. What is wrong with their
// ends is in the report; the error is another.
func (v *verifier) archived(ctx context.Context, record func(RecordEnd)) error {
	for _, day := range v.s.Gone() {
		v.report.Gone = append(v.report.Gone, day)
		err := v.s.readEnds(ctx, day, func(e RecordEnd) error {
			e.Archived = true
			v.report.Archived++
			v.last, v.alt = e.Hash, e.Hash
			if record != nil {
				record(e)
			}
			return nil
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			v.badEnds(day, err)
		}
	}
	return nil
}

func (v *verifier) badEnds(day string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("it is not there")
	}
	if v.report.BadEnds = append(v.report.BadEnds, fmt.Sprintf("%s: %v", EndsFile(day), err)); len(v.report.BadEnds) > maxBreaks {
		v.report.BadEnds = v.report.BadEnds[:maxBreaks]
	}
}

// errOtherEnds is the error for ends of other records than those that are there.
var errOtherEnds = errors.New("the records that are there are not those that were archived")

// checkEnds compares the ends of days that are there with their records.
func (v *verifier) checkEnds(ctx context.Context, ends map[string]*endsSum) error {
	for _, day := range v.s.ends {
		there := ends[day]
		if there == nil {
			continue
		}
		sum := newEndsSum()
		err := v.s.readEnds(ctx, day, func(e RecordEnd) error { sum.add(e); return nil })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && !sum.equal(there) {
			err = errOtherEnds
		}
		if err != nil {
			v.badEnds(day, err)
		}
	}
	return nil
}

// endsSum is a hash of what an ends file has, so that a day can be compared with it
// without holding either in memory.
type endsSum struct {
	sum hash.Hash
	buf []byte
}

func newEndsSum() *endsSum { return &endsSum{sum: sha256.New()} }

func (s *endsSum) add(e RecordEnd) {
	s.buf = AppendEnd(s.buf[:0], e)
	s.sum.Write(s.buf)
}

func (s *endsSum) equal(t *endsSum) bool { return bytes.Equal(s.sum.Sum(nil), t.sum.Sum(nil)) }

// endsOf are sums for the days of a snapshot that have ends and are there.
func (s *Snapshot) endsOf() map[string]*endsSum {
	all := map[string]*endsSum{}
	for _, day := range s.ends {
		if slices.Contains(s.days, day) {
			all[day] = newEndsSum()
		}
	}
	return all
}
