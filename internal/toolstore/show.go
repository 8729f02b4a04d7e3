package toolstore

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Definition is the definition that has a hash, or why it cannot be shown: "not listed"
// (there is no hash), "altered", "not kept" or "not readable".
func (s *Store) Definition(hash event.Hash) (definition []byte, why string) {
	if hash.IsZero() {
		return nil, "not listed"
	}
	switch b, err := s.Get(hash); {
	case err == nil:
		return b, ""
	case errors.Is(err, ErrAltered):
		return nil, "altered"
	case errors.Is(err, fs.ErrNotExist):
		return nil, "not kept"
	default:
		return nil, "not readable"
	}
}

// Lines are a definition in lines for people, as indented JSON, and broken where a text
// has a line end: descriptions are long.
func Lines(definition []byte) []string {
	indented := jsontext.Value(slices.Clone(definition))
	if indented.Indent(jsontext.WithIndent("  ")) != nil {
		return []string{string(definition)}
	}
	var lines []string
	for line := range strings.SplitSeq(string(indented), "\n") {
		margin := line[:len(line)-len(strings.TrimLeft(line, " "))]
		start := 0
		for i := 0; i+1 < len(line); i++ {
			if line[i] != '\\' {
				continue
			}
			if i++; line[i] == 'n' && i+1 < len(line)-1 {
				lines = append(lines, line[start:i+1])
				line, start, i = margin+"  "+line[i+1:], 0, len(margin)+1
			}
		}
		lines = append(lines, line[start:])
	}
	return lines
}
