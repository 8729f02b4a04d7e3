package mcpwire

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Response is one JSON-RPC response of the server, or what a notification says
// about a task.
type Response struct {
	At time.Time // when it came

	ID    string // the exact key of its id, as IDKey; "" if it could not be read
	Loose string // what a client may read the id as, as LooseKey

	IDTwice bool // ID is the last of several

	// Unreadable says that the message is not JSON, or is a response only for some
	// clients. At most its id is known.
	Unreadable bool
	// Doubt says how clients may read the response differently; "" if they cannot.
	Doubt string

	Task   string     // of a notification about a task: the task's TaskKey
	Failed bool       // it has error, not result
	Value  []byte     // result, error or params as sent; nil if it is not kept
	Sum    event.Hash // its hash, where Value is nil; zero: it could not be had
	raw    bool       // Sum is not of the canonical form, but of the bytes
	size   int        // of the value, in bytes
	Said   Said       // what it says of itself

	// Inner is the result or error inside a task; nil: none.
	Inner *Response
	// Listing is the tools in a result, if they were asked for; nil: none.
	Listing *Listing

	// Ended is set if Value says that the task ended so, "the task failed" or "the
	// task was cancelled", and is not its result.
	Ended string
}

// Said is what a result or error says about itself.
type Said struct {
	IsError bool
	Input   bool   // 2026-07-28, basic/patterns/mrtr: input_required
	State   string // the StateKey of its requestState
	Handle  string // the TaskKey of the task in place of a result
	Status  string // of a task

	HandleCut bool // Handle is of the beginning of the id only

	Code, Message string // of an error, the code as sent
}

// ContentHash is H(JCS(result)). If that is not available it is the hash of the
// bytes, and reason says so (sign/FORMAT.md, "Version 2").
func (a Response) ContentHash() (sum event.Hash, reason string) {
	a = a.Hashed()
	if a.raw {
		reason = fmt.Sprintf("content_hash is of the %d bytes as sent", a.size)
	}
	return a.Sum, reason
}

// WithValue is the response with another value, of which it says the same.
func (a Response) WithValue(value []byte) Response {
	a.Value, a.size = value, len(value)
	return a
}

// Hashed is the response with its hash in place of its bytes.
func (a Response) Hashed() Response {
	if a.Value == nil {
		return a
	}
	if len(a.Value) > MaxKept {
		return a.Reduced()
	}
	b, err := canon.Canonicalize(a.Value)
	if err != nil {
		return a.Reduced()
	}
	a.Sum, a.Value = event.HashOf(b), nil
	return a
}

// Hashed is a response of which only the hash and the length of the value, as sent, are
// known.
func Hashed(at time.Time, sum event.Hash, size int64) Response {
	return Response{At: at, Sum: sum, raw: true, size: int(size)}
}

// Reduced is a faster Hashed: it hashes the bytes as sent.
func (a Response) Reduced() Response {
	if a.Value != nil {
		a.Sum, a.raw, a.Value = event.HashOf(a.Value), true, nil
	}
	return a
}

// StateKey identifies a requestState, which may be long, and which the client may
// repeat in another spelling. It is "" if there is none.
func StateKey(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	if raw[0] == '"' {
		raw, _ = jsontext.AppendUnquote(nil, raw)
	}
	return event.HashOf(raw).String()
}

// A Listing is what is remembered of a result of tools/list.
type Listing struct {
	Tools []Tool
	// Left is the number of definitions that are not in Tools, because there are
	// too many or they have no name. LeftSum is a hash of them all, in order.
	Left    int
	LeftSum event.Hash

	size int // of the names, in bytes
	kept int // of the definitions
	left hash.Hash
}

// A Tool is a definition in a listing.
type Tool struct {
	Name    string     // as ToolName
	Hash    event.Hash // H(JCS(definition))
	ByBytes bool       // Hash is of the bytes as sent

	// Definition is what Hash is of; nil if it is longer than 256 KiB, or the
	// definitions before it in the listing took maxDefinitions.
	Definition []byte
}

// Bounds of a listing, in definitions and bytes.
const (
	maxListedTools = 50_000
	maxListedNames = 4 << 20
	maxDefinition  = 256 << 10 // a longer one is hashed by its bytes
	maxDefinitions = 8 << 20   // of all that are kept
	maxToolName    = 256       // a longer one is kept as its beginning and its hash
)

func (l *Listing) add(name []byte, definition *buffer) {
	t := Tool{Name: ToolName(name)}
	b, err := canon.Canonicalize(definition.kept)
	if definition.sum == nil && err == nil {
		t.Hash = event.HashOf(b)
	} else {
		t.Hash, t.ByBytes = definition.hash(), true
		b = definition.kept
	}
	if t.Name == "" || len(l.Tools) == maxListedTools || l.size+len(t.Name) > maxListedNames {
		if l.left == nil {
			l.left = sha256.New()
		}
		l.left.Write([]byte(t.Hash.String()))
		l.Left++
		l.left.Sum(l.LeftSum[:0])
		return
	}
	l.size += len(t.Name)
	if definition.sum == nil && l.kept+len(b) <= maxDefinitions {
		t.Definition = bytes.Clone(b) // the buffer takes the next one
		l.kept += len(b)
	}
	l.Tools = append(l.Tools, t)
}

// ToolName is the string raw as a tool's name. If that is not a string of
// characters, it is the JSON text. A long name is shortened and followed by its
// hash. It is "" if there is none.
func ToolName(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	return shortened(WellFormed(raw, Value{Kind: byte(jsontext.Value(raw).Kind()), end: len(raw)}))
}

// TaskKey identifies a task by its id: the id, or for a long one its beginning and
// its hash.
func TaskKey(id string) string { return shortened(id) }

func shortened(name string) string {
	if len(name) <= maxToolName {
		return name
	}
	head := bytes.ToValidUTF8([]byte(name[:maxToolName/2]), nil)
	return string(head) + "... " + event.HashOf([]byte(name)).String()
}

// buffer takes a value as it streams. It keeps the bytes up to a limit, after that
// their hash or, if that is not wanted, the first of them.
type buffer struct {
	size int
	max  int
	only bool // the bytes are wanted, and no hash
	kept []byte
	sum  hash.Hash // nil if all is kept
}

func (c *buffer) Write(p []byte) (int, error) {
	c.size += len(p)
	switch {
	case c.size <= c.max:
		if c.size > cap(c.kept) && c.size > c.max/4 && len(c.kept) > 0 {
			c.kept = slices.Grow(c.kept, c.max-len(c.kept)) // not step by step
		}
		c.kept = append(c.kept, p...)
	case c.only:
		if room := c.max - len(c.kept); room > 0 {
			c.kept = append(c.kept, p[:min(room, len(p))]...)
		}
	default:
		c.reduce()
		c.sum.Write(p)
	}
	return len(p), nil
}

// reduce replaces the kept bytes by their hash.
func (c *buffer) reduce() {
	if c.sum == nil {
		c.sum = sha256.New()
		c.sum.Write(c.kept)
		c.kept = nil
	}
}

// bytes is the whole value; nil if it was too long.
func (c *buffer) bytes() []byte {
	if c.size > c.max {
		return nil
	}
	return c.kept
}

func (c *buffer) hash() event.Hash {
	if c.sum == nil {
		return event.HashOf(c.kept)
	}
	return event.Hash(c.sum.Sum(nil))
}

// reset empties the buffer. Small memory is reused: nobody else may hold it.
func (c *buffer) reset() {
	kept := c.kept
	if *c = (buffer{}); cap(kept) <= 4<<10 {
		c.kept = kept[:0]
	}
}

// text is the string in the buffer; "" if it is not a string, or was too long.
func (c *buffer) text() string {
	raw := c.bytes()
	if len(raw) == 0 || raw[0] != '"' {
		return ""
	}
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1 : len(raw)-1])
	}
	b, _ := jsontext.AppendUnquote(nil, raw)
	return string(b)
}

// beginning is text, or the part of it that was kept.
func (c *buffer) beginning() string {
	if c.size <= c.max {
		return c.text()
	}
	raw := c.kept
	if i := bytes.LastIndexByte(raw, '\\'); i >= 0 && i > len(raw)-7 {
		raw = raw[:i] // half an escape, perhaps
	}
	whole := buffer{size: len(raw) + 1, max: c.max + 1, kept: append(bytes.Clone(raw), '"')}
	return whole.text()
}

// content is a Response with the value in c.
func (c *buffer) content() Response {
	r := Response{size: c.size}
	if c.sum != nil {
		r.Sum, r.raw = c.hash(), true
	} else {
		r.Value = c.kept
	}
	return r
}
