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

// maxLine is the longest line of a system's log that is read, in bytes. A head is
// 1,000 at most, and journalctl writes a dozen fields beside it.
const maxLine = 64 << 10

// Parse reads messages as `journalctl -o json` or `-o cat` writes them, or as they
// stand in a syslog file, one a line, and calls see for each. Lines that are
// longer than 64 KiB, and those that are neither, are passed over. It ends early
// if see returns false. An Entry is good until see returns.
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

// journalEntry reads an entry of `journalctl -o json`. A field that stands twice
// there is a list, and one that is not text is a list of numbers: such an entry is
// none, for somebody has put a second value beside the one that counts.
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
