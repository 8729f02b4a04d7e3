package systemlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"
)

// maxLine is the maximum length of a line that is read, in bytes. A head has at
// most 1,000, but journald adds the command line of the process, which can have
// megabytes: such a head counts as any other.
const maxLine = 16 << 20

// maxCommand bounds a command line, in bytes.
const maxCommand = 64 << 10

// endless is how much of a line without an end is read, in bytes.
const endless = 1 << 30

// ErrEndless reports a line that is longer than a gigabyte.
var ErrEndless = errors.New("a line of more than a gigabyte")

// ParseLine reads a line in the form of `journalctl -o json`, `-o cat`, or a syslog
// file; in the latter two, the whole line is the message. journal says whether it is
// an entry of a journal, which may have no message for us.
func ParseLine(line []byte) (e Entry, journal bool) {
	if e, ok := journalEntry(line); ok {
		return e, true
	}
	return Entry{Message: line}, false
}

// Each calls see for each line of a file of a system's log that has at most limit bytes,
// with what ParseLine says of it, until see returns false.
func Each(r io.Reader, limit int, see func(e Entry, journal bool) bool) error {
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := ReadLine(in, limit)
		if line = bytes.TrimSpace(line); len(line) > 0 {
			e, journal := ParseLine(line)
			if !journal {
				e.Message = bytes.Clone(e.Message) // of the buffer of in
			}
			if !see(e, journal) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// lines calls see for each line that is not too long.
func lines(r io.Reader, see func([]byte) bool) error {
	in := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := ReadLine(in, maxLine)
		if len(line) > 0 && !see(line) {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// ReadLine reads a line, which is valid until the next read. Of one that is longer
// than limit nothing is left, and one without an end is [ErrEndless].
func ReadLine(in *bufio.Reader, limit int) (line []byte, err error) {
	line, err = in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	line = bytes.Clone(line)
	for read := len(line); errors.Is(err, bufio.ErrBufferFull); {
		var part []byte
		part, err = in.ReadSlice('\n')
		switch read += len(part); {
		case read > endless:
			return nil, ErrEndless
		case read > limit:
			line = nil
		default:
			line = append(line, part...)
		}
	}
	return line, err
}

// journalEntry reads an entry of `journalctl -o json`. A field that occurs twice is
// a list there, and one that is not text is a list of numbers. Such an entry has no
// message, because somebody has added a second value to the field.
func journalEntry(line []byte) (e Entry, ok bool) {
	if len(line) == 0 || line[0] != '{' {
		return e, false
	}
	var f struct {
		Message  *text `json:"MESSAGE"`
		ID       text  `json:"SYSLOG_IDENTIFIER"`
		UID      text  `json:"_UID"`
		Host     text  `json:"_MACHINE_ID"`
		Source   text  `json:"_SOURCE_REALTIME_TIMESTAMP"`
		Received text  `json:"__REALTIME_TIMESTAMP"`
		Command  text  `json:"_CMDLINE"`
	}
	if json.Unmarshal(line, &f) != nil || f.Received.s == "" {
		return e, false
	}
	for _, us := range []string{f.Source.s, f.Received.s} {
		if n, err := strconv.ParseInt(us, 10, 64); err == nil && n > 0 {
			e.Time = time.UnixMicro(n).UTC()
			break
		}
	}
	e.UID, e.Host, e.Trusted = f.UID.s, f.Host.s, f.UID.s != ""
	if len(f.Command.s) <= maxCommand {
		e.Command = f.Command.s
	}
	if f.Message != nil && (f.ID.s == Identifier || f.ID.s == Records) && !f.UID.odd && !f.Host.odd && !f.Source.odd {
		e.Message = []byte(f.Message.s)
	}
	return e, true
}

// text is a field that is a text; s is "" if it is anything else.
type text struct {
	s   string
	odd bool
}

func (t *text) UnmarshalJSON(b []byte) error {
	t.odd = json.Unmarshal(b, &t.s) != nil
	return nil
}
