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
// most 1,000, and journalctl adds a dozen fields.
const maxLine = 64 << 10

// Parse reads messages in the form of `journalctl -o json`, `-o cat`, or a syslog
// file, one on a line, and calls see for each. Lines longer than 64 KiB and lines
// of other forms are skipped. It ends early if see returns false. An Entry is valid
// until see returns.
func Parse(r io.Reader, see func(Entry) bool) error {
	return lines(r, func(line []byte) bool {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			return true
		}
		if e, ok := journalEntry(line); ok {
			return see(e)
		}
		return see(Entry{Message: line})
	})
}

// lines calls see for each line that is not too long.
func lines(r io.Reader, see func([]byte) bool) error {
	in := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := in.ReadSlice('\n')
		long := false
		for errors.Is(err, bufio.ErrBufferFull) {
			long = true
			_, err = in.ReadSlice('\n')
		}
		if !long && len(line) > 0 && !see(line) {
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

// journalEntry reads an entry of `journalctl -o json`. A field that occurs twice is
// a list there, and one that is not text is a list of numbers. ok is false for such
// an entry, because somebody has added a second value to the field.
func journalEntry(line []byte) (e Entry, ok bool) {
	if line[0] != '{' {
		return e, false
	}
	var f struct {
		Message  *string `json:"MESSAGE"`
		ID       string  `json:"SYSLOG_IDENTIFIER"`
		UID      string  `json:"_UID"`
		Host     string  `json:"_MACHINE_ID"`
		Source   string  `json:"_SOURCE_REALTIME_TIMESTAMP"`
		Received string  `json:"__REALTIME_TIMESTAMP"`
	}
	if json.Unmarshal(line, &f) != nil || f.Received == "" {
		return e, false
	}
	for _, us := range []string{f.Source, f.Received} {
		if n, err := strconv.ParseInt(us, 10, 64); err == nil && n > 0 {
			e.Time = time.UnixMicro(n).UTC()
			break
		}
	}
	e.UID, e.Host, e.Trusted = f.UID, f.Host, f.UID != ""
	if f.Message != nil && (f.ID == Identifier || f.ID == Records) {
		e.Message = []byte(*f.Message)
	}
	return e, true
}
