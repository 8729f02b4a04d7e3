package hook

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// maxDocument is MaxDocument, but in tests. A value of more than half of that is not kept
// of a document that is longer.
var maxDocument = MaxDocument

// A long is the reading of a document that is longer than MaxDocument. A tool's result may
// be of any size, and only its hash is recorded. So values that are too long are hashed
// as they come, and something short is in their place.
type long struct {
	text []byte                   // of the document, with what is in the place of values
	left map[string]record.Result // values that were too long, by the JSON text in their place

	depth int
	value *bufio.Writer // into sum: the member's value, while it comes; nil: none does
	sum   hash.Hash
	start int   // of the value, in text
	size  int64 // of the value
	cut   bool  // the value is too long
	// object: the value is one. What is in its place is one, too.
	object bool
}

var errLong = errors.New("it is too long")

// readLong reads a document to its end. What is not JSON is found when text is read.
func readLong(in io.Reader) (*long, error) {
	l := &long{left: make(map[string]record.Result)}
	r := bufio.NewReaderSize(in, 1<<20)
	inText, escaped, begun := false, false, false // begun: a value is expected
	for {
		b, err := r.ReadByte()
		if err == io.EOF {
			return l, nil
		}
		if err != nil {
			return nil, err
		}
		blank := b == ' ' || b == '\t' || b == '\r' || b == '\n'
		if begun && !blank && l.value == nil {
			begun, l.sum, l.start, l.size, l.cut = false, sha256.New(), len(l.text), 0, false
			l.object = b == '{'
			l.value = bufio.NewWriterSize(l.sum, 64<<10)
		}
		ends := false // the value, after this byte
		switch {
		case escaped:
			escaped = false
		case inText && b == '\\':
			escaped = true
		case inText:
			if b == '"' {
				inText, ends = false, l.depth == 1
			}
		case b == '"':
			inText = true
		case b == '{' || b == '[':
			l.depth++
		case b == '}' || b == ']':
			if l.depth--; l.depth == 0 {
				l.end() // of a number
			}
			ends = l.depth == 1
		case l.depth == 1 && b == ',':
			l.end() // likewise
		case l.depth == 1 && b == ':':
			begun = true
		}
		if l.value != nil {
			l.value.WriteByte(b)
			l.size++
			if l.cut = l.cut || l.size > int64(maxDocument/2); l.cut {
				l.text = l.text[:l.start]
			}
		}
		if !l.cut {
			l.text = append(l.text, b)
		}
		if len(l.text) > maxDocument {
			return nil, errLong
		}
		if ends {
			l.end()
		}
	}
}

// end ends the member's value, if there is one.
func (l *long) end() {
	if l.value != nil && l.cut {
		l.value.Flush()                          // into a hash, which takes all
		place := []byte(`"` + rand.Text() + `"`) // nobody can have written that
		if l.object {
			place = fmt.Appendf(nil, "{%s:0}", place)
		}
		l.left[string(place)] = record.Result{Hash: sign.Hash(l.sum.Sum(nil)), Size: l.size}
		l.text = append(l.text[:l.start], place...)
	}
	l.value, l.cut = nil, false
}

// read is the document, with the hash of its result if that was too long.
func (l *long) read(c *Client) (*Document, error) {
	d, err := c.Read(l.text)
	if err != nil {
		return nil, err
	}
	if _, long := l.left[string(d.Arguments)]; long || d.When == Before {
		return nil, errLong
	}
	if left, ok := l.left[string(bytes.TrimSpace(d.Result.Value))]; ok {
		d.Result = left
	}
	return d, nil
}
