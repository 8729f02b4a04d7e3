package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// A Found is what Open has found: a line of the log or, of a record that was not
// exported, its hashes.
type Found struct {
	Line       []byte // nil: it was not exported
	Hash, Prev string // then these, as they were given
}

// A Form is how records came back.
type Form string

const (
	OTLP   Form = "otlp"   // requests, as a collector's file exporter writes them
	JSON   Form = "json"   // objects with the lines in them, whatever else they have
	Syslog Form = "syslog" // lines that end in a record, whatever is before it
)

// Bounds of what Open takes: what was given back may be hostile.
const (
	// MaxFound is how many records a line may hold.
	MaxFound = 1 << 16
	// MaxLine is how long a line may be that holds records in itself, in bytes.
	MaxLine = 64 << 20
	// maxDepth is how deep values may be in others.
	maxDepth = 64
)

// ErrBounds is why a line is refused that may hold records.
var ErrBounds = errors.New("too much for one line of an export")

// An Opened is what a line turned out to be.
type Opened struct {
	Form      Form // "": nothing of the kind, and what was found counts for nothing
	Selection bool // the exporter had a filter, by its own word
	Cut       int  // texts in it that began as lines of the log and do not end as such
}

// Open finds records in a line that a collector or a SIEM gives back: in any text of a
// JSON value that is a line of the log, in any object that is one, or at the end of a line
// of syslog. What found gets is its own.
//
// Receivers that are killed, or have a limit, leave a part of a line. That is as good as
// none: only what is JSON to its end is given to found.
func Open(line []byte, found func(Found)) (Opened, error) {
	line = bytes.TrimSpace(line)
	switch {
	case len(line) == 0:
		return Opened{}, nil
	case line[0] != '{' && line[0] != '[':
		return openText(line, found), nil
	case len(line) > MaxLine && bytes.HasPrefix(line, []byte(`{"receipt":`)):
		return Opened{}, nil // one record, which the caller knows better
	case len(line) > MaxLine:
		return Opened{Form: JSON}, fmt.Errorf("%w: it is longer than %d MiB", ErrBounds, MaxLine>>20)
	case json.Valid(line):
		return openJSON(line, found)
	}
	// A request of which a part was written, perhaps with another one after it.
	const request = `{"resourceLogs":`
	if !bytes.HasPrefix(line, []byte(request)) {
		return openText(line, found), nil
	}
	for range maxTries {
		i := bytes.Index(line[1:], []byte(request))
		if i < 0 {
			break
		}
		if line = line[1+i:]; json.Valid(line) {
			o, err := openJSON(line, found)
			o.Cut++
			return o, err
		}
	}
	return Opened{Form: OTLP, Cut: 1}, nil
}

// maxTries bounds the places in a line at which a record may begin.
const maxTries = 16

func openJSON(line []byte, found func(Found)) (Opened, error) {
	w := walker{b: line, found: found}
	_, err := w.value(0)
	switch {
	case w.receipt, w.n == 0 && w.Cut == 0 && w.Form == "" && err == nil:
		return Opened{}, nil
	case w.Form == "":
		w.Form = JSON
	}
	return w.Opened, err
}

// openText finds the record at the end of a line that is no JSON.
func openText(line []byte, found func(Found)) Opened {
	o := Opened{Form: Syslog, Selection: bytes.Contains(line, []byte(` selection="true"`))}
	// What a line of the log that another program wrote must have.
	last := min(bytes.LastIndex(line, []byte(`"record_hash"`)), bytes.LastIndex(line, []byte(`"receipt"`)))
	begun := 0
	for i := range line {
		rest := line[i:]
		if rest[0] != '{' || begun > maxTries {
			continue
		}
		switch absent := bytes.HasPrefix(rest, []byte(`{"`+NotExported+`"`)); {
		case !absent && !bytes.HasPrefix(rest, []byte(`{"receipt":`)) && i > last:
		case i == 0:
			return Opened{} // it is no envelope: a line of the log that was changed, say
		case !json.Valid(rest):
			begun++
		case absent:
			if s, ok := readStub(rest); ok {
				found(s)
				return o
			}
		default:
			o.Cut = min(begun, 1)
			found(Found{Line: bytes.Clone(rest)})
			return o
		}
	}
	if begun == 0 {
		return Opened{}
	}
	o.Cut = 1
	return o
}

func readStub(text []byte) (Found, bool) {
	var s stub
	err := json.Unmarshal(text, &s)
	return Found{Hash: s.Hash, Prev: s.Prev}, err == nil && s.Hash != ""
}

type stub struct {
	Hash string `json:"signet.record_hash"`
	Prev string `json:"signet.prev_hash"`
}

// looksLikeLine says whether a text that begins with "{" may be, or have been, a line of
// the log.
func looksLikeLine(text []byte) bool {
	return bytes.HasPrefix(text, []byte(`{"receipt":`)) || text[0] == '{' && bytes.Contains(text, []byte(`"record_hash"`)) && bytes.Contains(text, []byte(`"receipt"`))
}

// walker goes through a valid JSON value, once, and holds no part of it.
type walker struct {
	b       []byte
	i       int
	n       int  // found
	receipt bool // the value is a receipt itself: what is in it are its arguments
	found   func(Found)
	Opened
}

// attributes are what a value says of a record that is in it or beside it.
type attributes struct {
	key, text   string // of an attribute of OTLP: {"key":…,"value":{"stringValue":…}}
	hash, prev  string
	notExported bool
}

func (a *attributes) set(name, text string, w *walker) {
	switch name {
	case RecordHash, "record_hash":
		a.hash = text
	case PrevHash, "prev_hash":
		a.prev = text
	case NotExported, "not_exported":
		a.notExported = text == "true"
	case Selection:
		w.Selection = w.Selection || text == "true"
	}
}

func (w *walker) space() {
	for w.i < len(w.b) && (w.b[w.i] == ' ' || w.b[w.i] == '\t' || w.b[w.i] == '\n' || w.b[w.i] == '\r') {
		w.i++
	}
}

// value passes over a value and returns its text, if it is one, or its attributes.
func (w *walker) value(depth int) (a attributes, err error) {
	if depth > maxDepth {
		return a, fmt.Errorf("%w: its values are more than %d deep", ErrBounds, maxDepth)
	}
	w.space()
	switch w.b[w.i] {
	case '"':
		a.text, err = w.text(true)
		return a, err
	case '{':
		return w.object(depth)
	case '[':
		return a, w.array(depth)
	}
	from := w.i
	for w.i < len(w.b) && !bytes.ContainsRune([]byte(",]} \t\r\n"), rune(w.b[w.i])) {
		w.i++
	}
	if word := w.b[from:w.i]; len(word) <= 5 {
		a.text = string(word)
	}
	return a, nil
}

// text passes over a string. One that is a line is found; another is returned, if it is
// short.
func (w *walker) text(body bool) (string, error) {
	from := w.i
	w.i++
	for w.b[w.i] != '"' {
		if w.b[w.i] == '\\' {
			w.i++
		}
		w.i++
	}
	w.i++
	raw := w.b[from:w.i]
	trimmed := bytes.TrimLeft(raw[1:], " ")
	line := body && len(trimmed) > 10 && trimmed[0] == '{'
	if !line && len(raw) > 200 {
		return "", nil
	}
	var s string
	if plain := raw[1 : len(raw)-1]; bytes.IndexByte(plain, '\\') < 0 && utf8.Valid(plain) {
		s = string(plain)
	} else if err := json.Unmarshal(raw, &s); err != nil {
		return "", err
	}
	if t := bytes.TrimSpace([]byte(s)); line && looksLikeLine(t) {
		if json.Valid(t) {
			return "", w.put(Found{Line: t})
		}
		w.Cut++
		return "", nil
	} else if line && bytes.HasPrefix(t, []byte(`{"`+NotExported+`"`)) {
		if s, ok := readStub(t); ok {
			return "", w.put(s)
		}
	}
	if len(s) > 200 {
		s = ""
	}
	return s, nil
}

func (w *walker) put(f Found) error {
	if w.n++; w.n > MaxFound {
		return fmt.Errorf("%w: it holds more than %d records", ErrBounds, MaxFound)
	}
	w.found(f)
	return nil
}

func (w *walker) object(depth int) (a attributes, err error) {
	from := w.i
	members := 0 // of those of a line of the log
	var says attributes
	w.i++
	for {
		if w.space(); w.b[w.i] == '}' {
			break
		}
		name, err := w.text(false)
		if err != nil {
			return a, err
		}
		w.space()
		w.i++ // the colon
		if name == "receipt" {
			members |= 1
			if err := w.pass(); err != nil { // what is in a receipt is the receipt's
				return a, err
			}
		} else {
			v, err := w.value(depth + 1)
			if err != nil {
				return a, err
			}
			switch says.set(name, v.text, w); name {
			case "sig":
				w.receipt = w.receipt || depth == 0
			case "prev_hash":
				members |= 2
			case "record_hash":
				members |= 4
			case "resourceLogs":
				if depth == 0 {
					w.Form = OTLP
				}
			case "key":
				a.key = v.text
			case "stringValue", "boolValue", "value":
				a.text = v.text
			}
		}
		if w.space(); w.b[w.i] == ',' {
			w.i++
		}
	}
	w.i++
	switch {
	case members == 7 && depth == 0: // a record of its own, which the caller knows better
	case members == 7:
		err = w.put(Found{Line: bytes.Clone(w.b[from:w.i])})
	case says.notExported && says.hash != "":
		err = w.put(Found{Hash: says.hash, Prev: says.prev})
	}
	return a, err
}

// pass passes over a value, in which nothing is looked for.
func (w *walker) pass() error {
	depth := 0
	for {
		switch w.space(); w.b[w.i] {
		case '"':
			for w.i++; w.b[w.i] != '"'; w.i++ {
				if w.b[w.i] == '\\' {
					w.i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',', ':':
		default:
			for !bytes.ContainsRune([]byte(",]} \t\r\n"), rune(w.b[w.i+1])) {
				w.i++
			}
		}
		if w.i++; depth == 0 {
			return nil
		}
	}
}

func (w *walker) array(depth int) error {
	var says attributes
	w.i++
	for {
		if w.space(); w.b[w.i] == ']' {
			break
		}
		a, err := w.value(depth + 1)
		if err != nil {
			return err
		}
		if a.key != "" {
			says.set(a.key, a.text, w)
		}
		if w.space(); w.b[w.i] == ',' {
			w.i++
		}
	}
	w.i++
	if says.notExported && says.hash != "" {
		return w.put(Found{Hash: says.hash, Prev: says.prev})
	}
	return nil
}
