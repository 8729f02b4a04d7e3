package mcpwire

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// byRules is a slow and plain reading of docs/DESIGN.md, "The gate", for the first
// line of a session. It says what judged says, but of the ids in a refused
// line that cannot be read nothing.
func byRules(line string) string {
	// 2. Not readable as JSON: if no decoding of it could hold tools/call, or a
	// method that is no string, it passes; else it is refused, -32700.
	if !speaks(line) && !oddMethodIn(line) {
		// Nor may one stand on several lines.
		whole := ""
		for _, piece := range strings.FieldsFunc(line, func(r rune) bool { return r == '\r' || r == '\n' }) {
			piece = strings.TrimSpace(piece)
			if whole += piece; speaks(whole) || oddMethodIn(whole) {
				return "-32600 …"
			}
			if strings.HasSuffix(piece, "}") || strings.HasSuffix(piece, "]") {
				whole = ""
			}
		}
		return "pass"
	}
	body := strings.TrimRight(line, "\r\n")
	if strings.ContainsAny(body, "\r\n") {
		return "-32600 …"
	}
	if isLong(body) {
		return "-32600 …"
	}
	text := strings.TrimPrefix(body, string(byteOrderMark))
	if !json.Valid([]byte(text)) {
		return "-32700 …"
	}
	root := tree{}.read([]byte(text))[0]
	r := ruling{line: line, skipped: len(body) - len(text)}
	if root.kind != '[' {
		r.message(root)
	} else {
		// 4. An array: each element by rule 3; one refusal refuses the whole
		// line, with a reply to each id in it.
		r.batch = true
		if len(root.elements) > 1000 {
			return "-32600 …"
		}
		for _, e := range root.elements {
			r.message(e)
		}
	}
	return r.String()
}

// ruling is what is known of a line so far.
type ruling struct {
	line    string
	skipped int // Bytes of a byte order mark
	batch   bool
	refused bool
	ids     []string
	calls   []string
	inserts []insert
}

type insert struct {
	at   int
	text string
}

func (r *ruling) String() string {
	switch {
	case r.refused:
		ids := strings.Join(r.ids, ",")
		if ids == "" {
			ids = "null"
		}
		if r.batch {
			ids = "[" + ids + "]"
		}
		return "-32600 " + ids
	case len(r.calls) == 0:
		return "pass"
	}
	out := r.line
	for _, in := range slices.Backward(r.inserts) {
		at := in.at + r.skipped
		out = out[:at] + in.text + out[at:]
	}
	return strings.Join(append(r.calls, out), " ")
}

func (r *ruling) refuse() { r.refused = true }

// Message is rules 3, 5 and 6.
func (r *ruling) message(m *node) {
	if m.kind != '{' {
		if isCall(m) {
			r.refuse()
		}
		return
	}
	// A response may have null for the members that it does not have.
	params := last(exactly(m, "params"))
	response := len(exactly(m, "result"))+len(exactly(m, "error")) > 0 && (params == nil || params.source == "null")
	methods := slices.DeleteFunc(named(m, "method"), func(m nodeMember) bool { return response && m.value.source == "null" })
	if id := named(m, "id"); len(methods) > 0 || slices.ContainsFunc(named(m, "__proto__"), isCallMember) {
		if v := last(id); v != nil && answerable(v) {
			r.ids = append(r.ids, v.source)
		}
	}
	noString := slices.ContainsFunc(methods, func(m nodeMember) bool { return m.value.kind != '"' })
	if !slices.ContainsFunc(methods, isCallMember) && !noString && !slices.ContainsFunc(named(m, "__proto__"), isCallMember) {
		return
	}
	if noString || odd(m, "method", "id", "params", "jsonrpc") || methods[0].value.text != "tools/call" {
		r.refuse()
		return
	}
	params = only(m, "params")
	c := ""
	insertion := insert{}
	switch {
	case params == nil || params.source == "null":
	case params.kind != '{':
		c = "(" + params.source + ")"
	case odd(params, "name", "arguments", "inputResponses", "requestState", "_meta"):
		r.refuse()
		return
	default:
		if name := only(params, "name"); name != nil {
			c = sayable("", name)
		}
		if args := only(params, "arguments"); args != nil {
			c += "(" + args.source + ")"
		}
		switch meta := only(params, "_meta"); {
		case meta == nil:
			insertion = insert{params.end - 1, commaIn(params) + `"_meta":{"_signet":R}`}
		case meta.kind == '{' && len(named(meta, "_signet")) == 0:
			insertion = insert{meta.end - 1, commaIn(meta) + `"_signet":R`}
		}
	}
	c += "#"
	if id := only(m, "id"); id != nil {
		switch {
		case id.kind == '"':
			c += sayable("s:", id)
		case id.kind == 0 && strings.ContainsAny(id.source[:1], "-0123456789"):
			c += sayable("n:", id)
		}
	}
	if params != nil {
		if meta := only(params, "_meta"); meta != nil && meta.kind == '{' {
			c += traced(meta) + carried(meta)
		}
	}
	r.calls = append(r.calls, c)
	if insertion.text != "" {
		r.inserts = append(r.inserts, insertion)
	}
}

var traceparent = regexp.MustCompile(`^(00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}|[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?)$`)

// traced is the trace-id of W3C Trace Context.
func traced(meta *node) string {
	n := last(named(meta, "traceparent"))
	if n == nil || !isText(n) {
		return ""
	}
	m := traceparent.FindStringSubmatch(n.text)
	if m == nil || strings.HasPrefix(n.text, "ff") || strings.HasPrefix(n.text, "00") && m[2] == "" {
		return ""
	}
	id, parent := n.text[3:35], n.text[36:52]
	if strings.Trim(id, "0") == "" || strings.Trim(parent, "0") == "" {
		return ""
	}
	return " trace=" + id
}

// Carried is the id of a receipt that is there already.
func carried(meta *node) string {
	receipt := last(named(meta, "_signet"))
	if receipt == nil || receipt.kind != '{' {
		return ""
	}
	id := ""
	for _, m := range receipt.members {
		if m.name.text == "id" {
			id = ""
			if v := m.value; isText(v) && strings.HasPrefix(v.text, "rec_") && len(v.text) <= 128 {
				id = " carried=" + v.text
			}
		}
	}
	return id
}

func commaIn(n *node) string {
	if len(n.members) > 0 {
		return ","
	}
	return ""
}

// isText says whether n is a string and all of it are characters.
func isText(n *node) bool {
	halves := strings.Contains(n.text, "\ufffd") && !strings.Contains(n.raw, "\ufffd") && !strings.Contains(strings.ToLower(n.raw), `\ufffd`)
	return n.kind == '"' && utf8.ValidString(n.raw) && !halves
}

// sayable is a name or an id as the receipt has it.
func sayable(kind string, n *node) string {
	sum := sha256.Sum256([]byte(n.source))
	switch {
	case !utf8.ValidString(n.source) || len(n.source) > 1024:
		return "hash:sha256:" + hex.EncodeToString(sum[:])
	case kind == "n:":
		return kind + n.source
	case !isText(n), kind == "" && (strings.HasPrefix(n.text, "json:") || strings.HasPrefix(n.text, "hash:")):
		return "json:" + n.source
	}
	return kind + n.text
}

func answerable(n *node) bool {
	return len(n.source) <= 1024 && (isText(n) || n.kind == 0 && strings.ContainsAny(n.source[:1], "-0123456789"))
}

func last(members []nodeMember) *node {
	if len(members) == 0 {
		return nil
	}
	return members[len(members)-1].value
}

func only(n *node, name string) *node {
	if m := named(n, name); len(m) > 0 {
		return m[0].value
	}
	return nil
}

// named are the members of n that some reader takes for name.
func named(n *node, name string) []nodeMember {
	var found []nodeMember
	for _, m := range n.members {
		if slices.ContainsFunc(decodings(m.name.raw), func(s string) bool { return sameName(s, name) }) {
			found = append(found, m)
		}
	}
	return found
}

// sameName is how encoding/json and, told so, encoding/json/v2 compare names.
func sameName(s, name string) bool {
	if strings.EqualFold(s, name) {
		return true
	}
	return name[0] != '_' && strings.EqualFold(noHyphens.Replace(s), name)
}

var noHyphens = strings.NewReplacer("_", "", "-", "")

// odd says whether n has a member of one of the names twice or not spelled
// letter by letter, or one that is named "__proto__".
func odd(n *node, names ...string) bool {
	for _, name := range names {
		if m := named(n, name); len(m) > 1 || len(m) == 1 && m[0].name.raw != name {
			return true
		}
	}
	return len(named(n, "__proto__")) > 0
}

func isCallMember(m nodeMember) bool { return isCall(m.value) }

// isCall says whether some server takes n, as a method, for tools/call.
func isCall(n *node) bool {
	if n.kind == '"' {
		return slices.Contains(decodings(n.raw), "tools/call")
	}
	return speaks(n.source) || oddMethodIn(n.source)
}

// exactly are the members of n with that name, escapes resolved.
func exactly(n *node, name string) (found []nodeMember) {
	for _, m := range n.members {
		if m.name.text == name {
			found = append(found, m)
		}
	}
	return found
}

var (
	methodPlain = regexp.MustCompile(`"[-_]*(?i:m[-_]*e[-_]*t[-_]*h[-_]*o[-_]*d)[-_]*"` + noStringFollows)
	aString     = regexp.MustCompile(`(?s)"((?:[^"\\]|\\.)*)"`)
	anyLetter   = regexp.MustCompile(`\\[uUxXtTlLoOsS/cCaAmMeEhHdD\x0f]`)
	notString   = regexp.MustCompile(`^` + noStringFollows)
)

const noStringFollows = `[ \t\r\n]*:[ \t\r\n]*[^ \t\r\n"}\],:]`

// oddMethodIn says whether a name that reads as "method" is followed by a value
// that is no string: wherever it is, but if escapes may spell letters only
// where strings stand.
func oddMethodIn(s string) bool {
	s = strings.ReplaceAll(s, "\x00", "")
	for _, d := range []string{s, strings.ReplaceAll(string(overlongRead([]byte(s))), "\x00", "")} {
		d = strings.ToValidUTF8(d, "")
		if !spelledLetter(d) {
			if methodPlain.MatchString(d) {
				return true
			}
			continue
		}
		for _, at := range aString.FindAllStringSubmatchIndex(d, -1) {
			if notString.MatchString(d[at[1]:]) && slices.ContainsFunc(decodings(d[at[2]:at[3]]), func(s string) bool { return sameName(s, "method") }) {
				return true
			}
		}
	}
	return false
}

// spelledLetter says whether a backslash, itself not escaped, is before a
// letter of the words.
func spelledLetter(s string) bool {
	return anyLetter.MatchString(strings.ReplaceAll(s, `\\`, "  "))
}

// speaks says whether some decoding of s holds tools/call: with NULs left out,
// what is no character left out or long UTF-8 read, and escapes resolved.
func speaks(s string) bool {
	withoutNUL := func(s string) string { return strings.ReplaceAll(s, "\x00", "") }
	s = withoutNUL(s)
	for _, d := range []string{s, withoutNUL(string(overlongRead([]byte(s))))} {
		if d = unescapeMost(strings.ToValidUTF8(d, "")); strings.Contains(withoutNUL(d), "tools/call") {
			return true
		}
	}
	return false
}

// decodings are what readers make of the string that is spelled s in JSON:
// without NULs, or what is before one.
func decodings(s string) []string {
	s = unescapeMost(strings.ToValidUTF8(s, ""))
	all := []string{strings.ReplaceAll(s, "\x00", "")}
	for i := range len(s) {
		if s[i] == 0 {
			all = append(all, strings.ReplaceAll(s[:i], "\x00", ""))
		}
	}
	return all
}

// unescapeMost resolves escapes and takes all other backslashes away. Half of
// a surrogate pair is left out.
func unescapeMost(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return escapes.ReplaceAllStringFunc(s, func(e string) string {
		if len(e) == len(`\ud83d\ude00`) {
			return "" // two halves
		}
		if len(e) > 3 && strings.ContainsAny(e[1:2], "uUx") {
			if v, err := strconv.ParseUint(strings.Trim(e[2:], "{}"), 16, 32); err == nil {
				if v > unicode.MaxRune || v >= 0xd800 && v < 0xe000 {
					return ""
				}
				return string(rune(v))
			}
		}
		return e[1:]
	})
}

// isLong says whether s has a character in more bytes than it takes.
func isLong(s string) bool {
	return strings.ToValidUTF8(s, "") != strings.ToValidUTF8(string(overlongRead([]byte(s))), "")
}
