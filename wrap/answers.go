package wrap

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// answers reads the server's output beside the relay: it is given what has
// gone to the client already, and finds the answers in it. Small messages are
// kept until they are whole; of large ones only what skim keeps.
//
// It is used by the goroutine that relays.
type answers struct {
	wanted func() bool  // whether anybody waits for an answer; asked at the start of a message
	found  func(answer) // is given each answer, in order

	ends  boundary
	taken bool   // the message is being read
	small []byte // it, while it is small
	large *skim  // it, once it is not
}

// maxSmall is the longest message that is kept to be read whole, in bytes, and
// so the longest result whose content_hash is that of its canonical form.
const maxSmall = 1 << 20

// answer is one JSON-RPC response of the server.
type answer struct {
	id     string // as idKey
	failed bool   // it has error, not result
	value  []byte // result or error as sent; nil if it was too large to keep
	rawSum string // "sha256:" and hex of the bytes of value, where value is nil
	size   int    // of value, in bytes
	isTrue bool   // of a result whose value is not kept: isError is true

	cancelled bool // value tells that the task was cancelled
}

// feed takes what the server wrote, in pieces as they came.
func (a *answers) feed(p []byte) {
	for len(p) > 0 {
		if !a.ends.mid {
			a.taken = a.wanted()
		}
		inBody := a.ends.body > 0
		n := a.ends.next(p)
		switch {
		case !inBody && (a.ends.header || a.ends.body > 0):
			a.small = a.small[:0] // that was a header
		case a.taken:
			a.take(p[:n])
		}
		if !a.ends.mid && a.taken {
			a.finish()
		}
		p = p[n:]
	}
}

func (a *answers) take(p []byte) {
	if a.large == nil && len(a.small)+len(p) > maxSmall {
		a.large = newSkim()
		a.large.Write(a.small)
	}
	if a.large != nil {
		a.large.Write(p)
		return
	}
	a.small = append(a.small, p...)
}

func (a *answers) finish() {
	if a.large != nil {
		if f, ok := a.large.answer(); ok {
			a.found(f)
		}
		a.large, a.small = nil, nil
		return
	}
	for _, f := range readAnswers(a.small) {
		a.found(f)
	}
	a.small = a.small[:0]
	if cap(a.small) > readSize {
		a.small = nil
	}
}

// readAnswers is the answers in a message: none if it is a request or a
// notification, several if it is a batch.
func readAnswers(message []byte) []answer {
	// Most messages to a client that waits are answers, but a log line with
	// a megabyte of notifications should cost little.
	if !bytes.Contains(message, []byte(`"id"`)) {
		return nil
	}
	root, err := parse(message, 0)
	if err != nil {
		return nil
	}
	messages := root.elements
	if root.kind == '{' {
		messages = []value{root}
	}
	var found []answer
	for _, m := range messages {
		id, hasID := m.member("id")
		if _, isRequest := m.member("method"); isRequest || !hasID {
			continue
		}
		key := idKey(id.raw(message))
		if key == "" {
			continue // a null id belongs to no call
		}
		content, failed := m.member("error")
		if !failed {
			var ok bool
			if content, ok = m.member("result"); !ok {
				continue
			}
		}
		raw := content.raw(message)
		found = append(found, answer{id: key, failed: failed, value: slices.Clone(raw), size: len(raw)})
	}
	return found
}

// idKey is an id with its type, so that 1 is not "1", but 1 is 1.0: a server
// may write a number in another way. "" is what can be no id.
func idKey(raw []byte) string {
	v := jsontext.Value(raw)
	switch v.Kind() {
	case '"':
		s, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return "r:" + string(raw)
		}
		return "s:" + string(s)
	case '0':
		if bytes.ContainsAny(raw, ".eE") {
			if f, err := strconv.ParseFloat(string(raw), 64); err == nil {
				return "n:" + strconv.FormatFloat(f, 'f', -1, 64)
			}
		}
		return "n:" + string(raw)
	}
	return ""
}

// skim reads one large message as it streams: it hashes the bytes of result or
// error, and keeps the id. It does not check what it reads; a message that is
// not JSON gives no answer, or one that nobody waits for.
type skim struct {
	depth   int
	base    int // the depth at which the message's members stand; 0: not known yet
	str     bool
	escaped bool
	word    []byte // the start of the last string

	key   string // of the member whose value is being read at depth base
	inner string // at depth base+1
	id    []byte
	bool  []byte // the value of isError in result
	batch bool   // more than one message: no answer is made of it

	content  string // "result" or "error", once one was hashed
	hashing  bool
	started  bool // of the value that is hashed
	sum      hash.Hash
	size     int
	trailing []byte // white space that may stand behind the value
	method   bool
}

func newSkim() *skim { return &skim{sum: sha256.New()} }

// maxWord is how much of a string is kept to tell a member's name, in bytes.
const maxWord = 32

var _ io.Writer = (*skim)(nil)

// Write takes the next piece. It never fails.
func (s *skim) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if s.str && !s.escaped {
			// Large messages are large strings: go to what may end one.
			i := bytes.IndexAny(p[:min(len(p), 4096)], `"\`)
			if i < 0 {
				i = min(len(p), 4096)
			}
			if i > 0 {
				s.keep(p[:i])
				s.put(p[:i])
				p = p[i:]
				continue
			}
		}
		s.next(p[0])
		p = p[1:]
	}
	return n, nil
}

func (s *skim) keep(p []byte) {
	s.word = append(s.word, p[:min(len(p), maxWord-len(s.word))]...)
	if s.depth == s.base && s.key == "id" {
		s.id = append(s.id, p[:min(len(p), maxEchoedID-len(s.id))]...)
	}
}

// put adds bytes to the hash, if they are of the value that is hashed.
func (s *skim) put(p []byte) {
	if s.hashing {
		s.size += len(p)
		s.sum.Write(p)
	}
}

func (s *skim) next(c byte) {
	if s.str {
		s.keep([]byte{c})
		s.put([]byte{c})
		switch {
		case s.escaped:
			s.escaped = false
		case c == '\\':
			s.escaped = true
		case c == '"':
			s.str = false
		}
		return
	}
	if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
		if s.hashing && s.size > 0 {
			s.trailing = append(s.trailing, c)
		}
		return
	}
	atBase := s.depth == s.base && s.base > 0
	if atBase && (c == ',' || c == '}') || s.depth < s.base {
		s.endValue()
	} else if s.hashing {
		s.put(s.trailing)
		s.trailing = s.trailing[:0]
	}
	if s.hashing {
		s.put([]byte{c})
	}
	if atBase && s.key == "id" && c != ',' && c != '}' {
		s.id = append(s.id, c)
	}
	if s.depth == s.base+1 && s.key == "result" && s.inner == "isError" && c != ',' && c != '}' {
		s.bool = append(s.bool, c)
	}
	switch c {
	case '"':
		s.str, s.word = true, s.word[:0]
	case ':':
		name := strings.TrimSuffix(string(s.word), `"`)
		switch s.depth {
		case s.base:
			s.beginValue(name)
		case s.base + 1:
			s.inner = name
		}
	case '{', '[':
		if s.base == 0 && (c == '{' || s.depth > 0) {
			s.base = s.depth + 1
		}
		s.depth++
		s.inner = ""
	case '}', ']':
		s.depth--
		s.inner = ""
	case ',':
		if s.depth < s.base && s.base > 0 {
			s.batch = true
		}
		s.inner = ""
	}
}

func (s *skim) beginValue(name string) {
	s.key, s.inner = name, ""
	switch name {
	case "method":
		s.method = true
	case "result", "error":
		s.content, s.hashing = name, true
		s.sum.Reset()
		s.size = 0
		s.trailing = s.trailing[:0]
	case "id":
		s.id = s.id[:0]
	}
}

func (s *skim) endValue() {
	s.hashing = false
	s.key = ""
}

// answer is the answer that was read, if it was one.
func (s *skim) answer() (answer, bool) {
	key := idKey(s.id)
	if s.method || s.batch || key == "" || s.content == "" || s.depth != 0 || s.str {
		return answer{}, false
	}
	return answer{
		id:     key,
		failed: s.content == "error",
		rawSum: formatSum(s.sum.Sum(nil)),
		size:   s.size,
		isTrue: string(s.bool) == "true",
	}, true
}
