package mcpwire

import (
	"bytes"
	"crypto/sha256"
	"hash"

	"github.com/go-json-experiment/json/jsontext"
)

// skim reads one large message as it streams, and finds the answers in it as
// readAnswers does in a small one. It keeps their ids and what says how the
// calls ended, and of a result or error the bytes or, where those are too many,
// their hash.
//
// It follows strings and brackets and checks nothing else, so it may make an
// answer of what is no JSON. But a message with brackets that do not match in
// number, or with more than one value, gives none.
type skim struct {
	broken  bool // it is no JSON, and is not read on
	begun   bool // the value that is the message has begun
	depth   int  // of arrays and objects that are open
	base    int  // the depth at which the members of messages stand: 1, or 2 in a batch; 0: not known yet
	str     bool // inside a string
	escaped bool // behind a backslash in it

	// names are where the reading stands: the member of the message, the
	// member inside that one, and so on. What is deeper does not matter.
	names [skimLevels]string

	// What takes the bytes that are read.
	inWord  bool     // the string that is being read may be a name
	catch   *[]byte  // the value of a member that is kept; nil: none
	caught  int      // the level of that member
	content *content // the result or error; nil: neither

	word    []byte // the last string that may be a name, as it is spelled
	message skimmed
	found   []Response
}

// skimLevels is how many objects inside each other have members that matter:
// the message, its result, and the result within the answer to tasks/get.
const skimLevels = 3

// Bounds of what is kept, in bytes. A name with every letter escaped is six
// times as long.
const (
	maxCaught = 64 << 10 // of a value: a requestState is the only one that may be long
	maxWord   = 2 + 6*len("requestState")
)

// skimmed is what is kept of a message.
type skimmed struct {
	id        []byte
	isRequest bool
	failed    bool    // it has error
	content   content // error or else result; nothing was written to it if there is neither

	// Members of the result, as sent.
	isError, resultType, requestState, taskID, status []byte
	nestedIsError                                     []byte // IsError of its own result
	nestedTaskID                                      []byte // taskId of its task

	code, message []byte // of the error, as sent
}

// Write takes the next piece. It never fails.
func (s *skim) Write(p []byte) (int, error) {
	from := 0 // p[from:] has not been put anywhere yet
	for i := 0; i < len(p) && !s.broken; {
		level := s.depth - s.base
		switch {
		case s.str:
			i = s.skipString(p, i)
			if !s.str && s.inWord {
				s.put(p[from:i])
				from, s.inWord = i, false
			}
			continue
		case s.base > 0 && level >= skimLevels:
			i = s.skipDeep(p, i)
			continue
		}
		c := p[i]
		switch c {
		case ' ', '\t', '\r', '\n':
			if level <= 0 { // around a value, not in it
				s.put(p[from:i])
				from = i + 1
			}
		case '"':
			s.put(p[from:i])
			from = i
			s.str, s.inWord, s.word = true, true, s.word[:0]
		case ':':
			s.put(p[from : i+1])
			from = i + 1
			s.beginValue(level)
		case ',':
			s.put(p[from:i])
			from = i
			s.endValue(level)
		case '{', '[':
			s.open(c)
		case '}', ']':
			s.put(p[from:i])
			from = i
			s.close(c, level)
		default:
			s.broken = s.broken || s.depth == 0
		}
		i++
	}
	s.put(p[from:])
	return len(p), nil
}

// skipString is the offset in p behind the string in which p[i] is, or len(p).
func (s *skim) skipString(p []byte, i int) int {
	quote := -1 // where the next one is, once that was looked for
	for i < len(p) {
		if s.escaped {
			s.escaped = false
			i++
			continue
		}
		// Text in which few bytes are escaped is leapt over, other is walked.
		for end := min(i+16, len(p)); i < end && p[i] != '"' && p[i] != '\\'; i++ {
		}
		if i == len(p) {
			break
		}
		if p[i] != '"' && p[i] != '\\' {
			if quote < i {
				if quote = i + bytes.IndexByte(p[i:], '"'); quote < i {
					quote = len(p)
				}
			}
			if escape := bytes.IndexByte(p[i:quote], '\\'); escape >= 0 {
				i += escape
			} else if i = quote; i == len(p) {
				break
			}
		}
		if p[i] == '"' {
			s.str = false
			return i + 1
		}
		s.escaped = true
		i++
	}
	return i
}

// skipDeep is the offset in p of the next byte that may matter, or len(p).
func (s *skim) skipDeep(p []byte, i int) int {
	for ; i < len(p); i++ {
		switch p[i] {
		case '"':
			s.str = true
			return i + 1
		case '{', '[':
			s.depth++
		case '}', ']':
			if s.depth--; s.depth-s.base < skimLevels {
				return i + 1
			}
		}
	}
	return i
}

// put gives bytes to whatever takes them.
func (s *skim) put(p []byte) {
	if s.inWord {
		s.word = append(s.word, p[:min(len(p), maxWord-len(s.word))]...)
	}
	if s.catch != nil {
		*s.catch = append(*s.catch, p[:min(len(p), maxCaught+1-len(*s.catch))]...)
	}
	if s.content != nil {
		s.content.Write(p)
	}
}

// beginValue is told of the colon behind the name of a member. level 0 is that
// of the members of a message, and what is less is outside.
func (s *skim) beginValue(level int) {
	if s.base == 0 || level < 0 {
		s.broken = s.broken || s.depth == 0
		return
	}
	s.names[level] = memberName(s.word)
	m := &s.message
	switch level {
	case 0:
		switch s.names[0] {
		case "method":
			m.isRequest = true
		case "id":
			s.keep(&m.id, level)
		case "result":
			if !m.failed {
				*m = skimmed{id: m.id, isRequest: m.isRequest}
				s.content = &m.content
			}
		case "error":
			*m = skimmed{id: m.id, isRequest: m.isRequest, failed: true}
			s.content = &m.content
		}
	case 1:
		switch s.names[0] + "." + s.names[1] {
		case "result.isError":
			s.keep(&m.isError, level)
		case "result.resultType":
			s.keep(&m.resultType, level)
		case "result.requestState":
			s.keep(&m.requestState, level)
		case "result.taskId":
			s.keep(&m.taskID, level)
		case "result.status":
			s.keep(&m.status, level)
		case "result.result":
			m.nestedIsError = nil
		case "result.task":
			m.nestedTaskID = nil
		case "error.code":
			s.keep(&m.code, level)
		case "error.message":
			s.keep(&m.message, level)
		}
	case 2:
		switch s.names {
		case [skimLevels]string{"result", "result", "isError"}:
			s.keep(&m.nestedIsError, level)
		case [skimLevels]string{"result", "task", "taskId"}:
			s.keep(&m.nestedTaskID, level)
		}
	}
}

func (s *skim) keep(at *[]byte, level int) {
	*at = (*at)[:0]
	s.catch, s.caught = at, level
}

// memberName is the name that a string spells.
func memberName(word []byte) string {
	if len(word) < 2 || word[len(word)-1] != '"' {
		return "" // longer than any that matters
	}
	if bytes.IndexByte(word, '\\') < 0 {
		return string(word[1 : len(word)-1])
	}
	name, err := jsontext.AppendUnquote(nil, word)
	if err != nil {
		return ""
	}
	return string(name)
}

// endValue is told of the end of a value at this level.
func (s *skim) endValue(level int) {
	if s.base == 0 || level < 0 {
		s.broken = s.broken || s.depth == 0
		return
	}
	s.names[level] = ""
	if s.caught == level {
		s.catch = nil
	}
	if level == 0 {
		s.content = nil
	}
}

// open is told of a bracket before it counts.
func (s *skim) open(c byte) {
	if s.depth == 0 {
		s.broken = s.broken || s.begun
		s.begun = true
	}
	// A message is the whole, or an element of it.
	if c == '{' && s.base == 0 && s.depth < 2 {
		s.base = s.depth + 1
	}
	if s.base > 0 && s.depth < s.base {
		s.message = skimmed{}
	}
	s.depth++
}

// close is told of a bracket before it counts.
func (s *skim) close(c byte, level int) {
	s.endValue(level)
	if s.base > 0 && level == 0 && c == '}' && len(s.found) < maxParts {
		if a, ok := s.message.answer(); ok {
			s.found = append(s.found, a)
		}
		s.message = skimmed{}
	}
	s.depth--
	s.broken = s.broken || s.depth < 0
}

// ResponseReader are the answers in the message, when it is at its end.
func (s *skim) answers() []Response {
	if s.broken || s.str || s.depth != 0 {
		return nil
	}
	return s.found
}

// Response is the answer that the message is, if it is one.
func (m *skimmed) answer() (Response, bool) {
	key := ""
	if len(m.id) <= maxCaught {
		key = IDKey(m.id)
	}
	if m.isRequest || key == "" || m.content.size == 0 {
		return Response{}, false
	}
	a := Response{ID: key, Failed: m.failed, Value: m.content.kept, size: m.content.size, Said: &Said{}}
	if m.content.sum != nil {
		a.Sum, a.raw = FormatSum(m.content.sum.Sum(nil)), true
	}
	text := func(raw []byte) string {
		raw = bytes.TrimSpace(raw)
		if len(raw) == 0 || raw[0] != '"' {
			return ""
		}
		b, _ := jsontext.AppendUnquote(nil, raw)
		return string(b)
	}
	if m.failed {
		a.Said.Code, a.Said.Message = string(bytes.TrimSpace(m.code)), text(m.message)
		return a, true
	}
	isTrue := func(raw []byte) bool { return string(bytes.TrimSpace(raw)) == "true" }
	a.Said.IsError = isTrue(m.isError)
	a.Said.Status = text(m.status)
	a.Said.NestedIsError = isTrue(m.nestedIsError)
	switch text(m.resultType) {
	case "input_required":
		a.Said.Input = true
		if len(m.requestState) <= maxCaught {
			a.Said.State = stateKey(bytes.TrimSpace(m.requestState))
		}
	case "task":
		a.Said.Handle = text(m.taskID)
	}
	if id := text(m.nestedTaskID); id != "" {
		a.Said.Handle = id
	}
	return a, true
}

// content is a result or error: its bytes while they are few, else their hash.
type content struct {
	size int
	kept []byte    // nil if there is a sum
	sum  hash.Hash // nil if they are kept
}

// MaxKept is the longest result that is kept, in bytes, and so the longest
// whose content_hash is that of its canonical form.
const MaxKept = 1 << 20

func (c *content) Write(p []byte) {
	c.size += len(p)
	if c.sum == nil && c.size <= MaxKept {
		c.kept = append(c.kept, p...)
		return
	}
	if c.sum == nil {
		c.sum = sha256.New()
		c.sum.Write(c.kept)
		c.kept = nil
	}
	c.sum.Write(p)
}
