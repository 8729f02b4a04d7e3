package envelope

import (
	"bytes"
	"strconv"
	"strings"
)

// syslogFacility is "log audit" of RFC 5424.
const syslogFacility = 13

// syslogLevels are severities as syslog counts them.
var syslogLevels = [...]int64{6, 4, 3}

// A Header is what all messages of a program have in common.
type Header struct {
	Host string
	PID  int
}

// AppendSyslog appends a record as a message of RFC 5424, without the octet count. The
// message is the line, but for DEL, which receivers would escape in ways of their own:
// it is written as JSON may write it, which is the same record.
func (r *Record) AppendSyslog(b []byte, h Header) []byte {
	b = append(b, '<')
	b = strconv.AppendInt(b, syslogFacility*8+syslogLevels[r.Severity], 10)
	b = append(b, ">1 "...)
	if r.Time.IsZero() {
		b = append(b, '-')
	} else {
		b = r.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	}
	b = append(append(b, ' '), headerWord(h.Host, 255)...)
	b = append(b, " signet-wrap "...)
	b = strconv.AppendInt(b, int64(h.PID), 10)
	b = append(append(b, ' '), headerWord(r.Kind, 32)...)
	b = append(b, ' ')
	if r.Hash == "" {
		b = append(b, '-')
	} else {
		// 32473 is the number of RFC 5612 for those who have none.
		b = append(append(append(b, `[signet@32473 record_hash="`...), r.Hash...), '"')
		if r.Selection {
			b = append(b, ` selection="true"`...)
		}
		b = append(b, ']')
	}
	b = append(b, ' ')
	if r.Line != nil {
		return appendWithoutDEL(b, r.Line)
	}
	b = append(append(append(b, `{"`+NotExported+`":true,"`+RecordHash+`":`...), strconv.Quote(r.Hash)...), `,"`+PrevHash+`":`...)
	b = append(append(b, strconv.Quote(r.Prev)...), `,"`+Size+`":`...)
	return append(strconv.AppendInt(b, int64(r.Size), 10), '}')
}

func appendWithoutDEL(b, line []byte) []byte {
	for {
		i := bytes.IndexByte(line, 0x7f)
		if i < 0 {
			return append(b, line...)
		}
		b = append(append(b, line[:i]...), `\u007f`...)
		line = line[i+1:]
	}
}

// headerWord is a text as the header of a message can have it.
func headerWord(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), most)]
}
