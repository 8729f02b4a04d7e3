package mcpwire

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What servers read with, or might: each reader says which tools/call it would
// run for a line. None of them shares code with the gate.

// ran is a tools/call that a reader would run.
type ran struct {
	args string // JSON text of params.arguments; "" if there is none
}

type reader struct {
	name   string
	decode func(b []byte) []byte // what it does with bytes first
	run    func(b []byte) []ran
}

var readers = []reader{
	{"encoding/json", asIs, readGo},
	{"encoding/json, stream", asIs, readGoStream},
	{"encoding/json/v2, folding", asIs, readGoV2},
	{"first wins", asIs, readTree(tree{}, 0, false)},
	{"last wins", asIs, readTree(tree{}, 0, true)},
	{"first wins, folding", asIs, readTree(tree{}, fold, false)},
	{"last wins, folding", asIs, readTree(tree{}, fold, true)},
	{"first wins, raw names", asIs, readTree(tree{}, rawNames, false)},
	{"last wins, ends at NUL", asIs, readTree(tree{}, endAtNUL, true)},
	{"first wins, ends at NUL", asIs, readTree(tree{}, endAtNUL, false)},
	{"JSON5, first wins", asIs, readTree(tree{lenient: true}, fold, false)},
	{"JSON5, last wins", asIs, readTree(tree{lenient: true}, fold, true)},
	{"JSON5, last wins, ends at NUL", asIs, readTree(tree{lenient: true}, fold|endAtNUL, true)},
	{"bytes left out", func(b []byte) []byte { return bytes.ToValidUTF8(b, nil) }, readTree(tree{lenient: true}, fold, true)},
	{"overlong UTF-8", overlongRead, readTree(tree{lenient: true}, 0, true)},
	{"UTF-16", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte{0}, nil) }, readTree(tree{lenient: true}, 0, true)},
	{"surrogates left out", asIs, readTree(tree{}, noHalves, true)},
	{"revives, first wins, folding", asIs, readTree(tree{}, revives|fold, false)},
	{"revives, last wins", asIs, readTree(tree{}, revives, true)},
	{"revives, last wins, ends at NUL", asIs, readTree(tree{}, revives|endAtNUL, true)},
	{"revives, bytes left out", func(b []byte) []byte { return bytes.ToValidUTF8(b, nil) }, readTree(tree{}, revives|fold, true)},
}

func asIs(b []byte) []byte { return b }

// universal is how Python's text streams cut lines.
func universal(run func([]byte) []ran) func([]byte) []ran {
	return func(b []byte) []ran {
		if !bytes.ContainsAny(b, "\r\n") {
			return nil // then it is like the others
		}
		var all []ran
		for _, l := range bytes.FieldsFunc(b, func(r rune) bool { return r == '\r' || r == '\n' }) {
			all = append(all, run(l)...)
		}
		return all
	}
}

func init() {
	for _, r := range readers {
		readers = append(readers, reader{r.name + ", universal newlines", r.decode, universal(r.run)})
	}
}

func readGoStream(b []byte) (all []ran) {
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return all
		}
		all = append(all, readGo(raw)...)
	}
}

type goMessage struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

type goParams struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
}

func readGo(b []byte) []ran {
	b = bytes.TrimPrefix(b, byteOrderMark)
	var batch []json.RawMessage
	if json.Unmarshal(b, &batch) != nil {
		batch = []json.RawMessage{b}
	}
	var all []ran
	for _, one := range batch {
		var m goMessage
		var p goParams
		if json.Unmarshal(one, &m) != nil || m.Method != "tools/call" || m.Params != nil && json.Unmarshal(m.Params, &p) != nil {
			continue
		}
		all = append(all, ran{string(p.Arguments)})
	}
	return all
}

func readGoV2(b []byte) []ran {
	options := []jsonv2.Options{jsonv2.MatchCaseInsensitiveNames(true), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	var batch []jsontext.Value
	if jsonv2.Unmarshal(b, &batch, options...) != nil {
		batch = []jsontext.Value{b}
	}
	var all []ran
	for _, one := range batch {
		var m struct {
			Method string
			Params jsontext.Value
		}
		var p struct{ Arguments jsontext.Value }
		if jsonv2.Unmarshal(one, &m, options...) != nil || m.Method != "tools/call" || m.Params != nil && jsonv2.Unmarshal(m.Params, &p, options...) != nil {
			continue
		}
		all = append(all, ran{string(p.Arguments)})
	}
	return all
}

// How a reader compares names.
const (
	fold = 1 << iota
	rawNames
	endAtNUL
	noHalves // of surrogate pairs
	revives  // makes "tools/call" of any method that is no string
)

// readTree is a server over a tree of all that a line holds.
func readTree(t tree, how int, lastWins bool) func([]byte) []ran {
	text := func(n *node) string {
		s := n.text
		if how&rawNames != 0 {
			s = n.raw
		}
		if how&noHalves != 0 {
			s = strings.ReplaceAll(s, "\ufffd", "")
		}
		if how&endAtNUL != 0 {
			s, _, _ = strings.Cut(s, "\x00")
		}
		return s
	}
	get := func(n *node, name string) *node {
		var found *node
		if n == nil {
			return nil
		}
		for _, m := range n.members {
			s := text(m.name)
			if s != name && (how&fold == 0 || !strings.EqualFold(s, name)) {
				continue
			}
			if found == nil || lastWins {
				found = m.value
			}
		}
		return found
	}
	return func(b []byte) []ran {
		var all []ran
		for _, root := range t.read(b) {
			messages := []*node{root}
			if root.kind == '[' {
				messages = root.elements
			}
			for _, m := range messages {
				if m.kind != '{' {
					continue
				}
				method := get(m, "method")
				if method == nil {
					continue
				}
				if revived := how&revives != 0 && method.kind != '"' && method.source != "null"; !revived && (method.kind != '"' || text(method) != "tools/call") {
					continue
				}
				params := get(m, "params")
				if params != nil && params.kind != '{' && params.source != "null" {
					continue
				}
				var r ran
				if args := get(params, "arguments"); args != nil {
					r.args = args.source
				}
				all = append(all, r)
			}
		}
		return all
	}
}

// node is a value as it was read.
type node struct {
	kind     byte   // { [ " or 0 for a word: number, true, NaN
	source   string // its bytes
	raw      string // of a string: between the quotes
	text     string // of a string: with escapes resolved
	start    int
	end      int
	members  []nodeMember
	elements []*node
}

type nodeMember struct{ name, value *node }

// tree reads values. If lenient it reads what nearly any reader takes: single
// quotes, bare words, comments, trailing and missing commas, control
// characters, ends that are missing.
type tree struct {
	lenient bool
	b       []byte
	i       int
	depth   int
}

func (t tree) read(b []byte) []*node {
	t.b = b
	var all []*node
	if !t.lenient {
		t.b = bytes.TrimPrefix(b, byteOrderMark)
		if !json.Valid(t.b) {
			return nil
		}
	}
	for {
		t.space()
		if t.i == len(t.b) {
			return all
		}
		at := t.i
		if n := t.value(); n != nil {
			all = append(all, n)
		}
		if t.i == at {
			t.i++ // junk
		}
	}
}

func (t *tree) space() {
	for t.i < len(t.b) {
		rest := t.b[t.i:]
		end := 0
		switch c := rest[0]; {
		case c <= ' ':
			end = 1
		case bytes.HasPrefix(rest, byteOrderMark):
			end = 3
		case t.lenient && bytes.HasPrefix(rest, []byte("/*")):
			if end = bytes.Index(rest, []byte("*/")) + 2; end < 4 {
				end = len(rest)
			}
		case t.lenient && (bytes.HasPrefix(rest, []byte("//")) || c == '#'):
			if end = bytes.IndexAny(rest, "\r\n"); end < 0 {
				end = len(rest)
			}
		default:
			return
		}
		t.i += end
	}
}

// Value reads one, nil if there is none.
func (t *tree) value() *node {
	t.space()
	if t.i == len(t.b) || t.depth > 20_000 {
		return nil
	}
	t.depth++
	defer func() { t.depth-- }()
	n := &node{start: t.i}
	switch c := t.b[t.i]; {
	case c == '{' || c == '[':
		n.kind = c
		t.i++
		t.inside(n)
	case c == '"' || c == '\'' && t.lenient:
		n.kind = '"'
		t.i++
		for t.i < len(t.b) && t.b[t.i] != c {
			if t.b[t.i] == '\\' {
				t.i++
			}
			t.i++
		}
		t.i = min(t.i, len(t.b))
		n.raw = string(t.b[n.start+1 : t.i])
		n.text = unescape(n.raw)
		t.i = min(t.i+1, len(t.b))
	default:
		for t.i < len(t.b) && !bytes.ContainsRune([]byte("{}[]:,\"' \t\r\n/#"), rune(t.b[t.i])) {
			t.i++
		}
		if t.i == n.start {
			return nil
		}
		n.raw = string(t.b[n.start:t.i])
		n.text = n.raw
	}
	n.end = t.i
	n.source = string(t.b[n.start:n.end])
	return n
}

func (t *tree) inside(n *node) {
	for {
		t.space()
		if t.i == len(t.b) {
			return
		}
		switch t.b[t.i] {
		case '}', ']':
			t.i++
			return
		case ',', ':':
			t.i++
			continue
		}
		at := t.i
		v := t.value()
		if v == nil {
			t.i = max(t.i, at+1)
			continue
		}
		if n.kind == '[' {
			n.elements = append(n.elements, v)
			continue
		}
		t.space()
		if t.i < len(t.b) && t.b[t.i] == ':' {
			t.i++
		}
		if w := t.value(); w != nil {
			n.members = append(n.members, nodeMember{v, w})
		}
	}
}

var escapes = regexp.MustCompile(`(?s)\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]{1,6}\}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)`)

// unescape resolves the escapes of JSON, JSON5 and YAML.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return escapes.ReplaceAllStringFunc(s, func(e string) string {
		if len(e) == len(`\ud83d\ude00`) {
			high, _ := strconv.ParseUint(e[2:6], 16, 16)
			low, _ := strconv.ParseUint(e[8:], 16, 16)
			return string(utf16.DecodeRune(rune(high), rune(low)))
		}
		if len(e) > 3 {
			if v, err := strconv.ParseUint(strings.Trim(e[2:], "{}"), 16, 32); err == nil {
				return string(rune(v))
			}
		}
		if i := strings.IndexByte("bfnrt", e[1]); i >= 0 {
			return "\b\f\n\r\t"[i : i+1]
		}
		return e[1:]
	})
}

// overlongRead is UTF-8 read without looking whether it is the shortest form.
func overlongRead(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		n, v := 1, rune(0)
		for _, form := range []struct {
			mask, lead byte
			size       int
		}{{0xe0, 0xc0, 2}, {0xf0, 0xe0, 3}, {0xf8, 0xf0, 4}, {0xfc, 0xf8, 5}, {0xfe, 0xfc, 6}} {
			if b[0]&form.mask == form.lead && len(b) >= form.size {
				n, v = form.size, rune(b[0]&^form.mask)
			}
		}
		for _, c := range b[1:n] {
			if c&0xc0 != 0x80 {
				n = 1
				break
			}
			v = v<<6 | rune(c&0x3f)
		}
		if n == 1 || v < 0 || v > utf8.MaxRune || v >= 0xd800 && v < 0xe000 {
			out, b = append(out, b[0]), b[1:]
			continue
		}
		out, b = utf8.AppendRune(out, v), b[n:]
	}
	return out
}
