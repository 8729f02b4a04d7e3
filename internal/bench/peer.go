package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A peer is another wrapper, as named by a line of BENCH_PEER:
//
//	name=command argument… {server}
//
// Words are split at spaces. Inside '…' and "…" a space is a space; no other
// character means anything but itself, so the paths of Windows need no care.
// {server} as a word of its own means the words of the echo server's
// command line; as a part of a word, for that line as sh reads it:
//
//	mine=/opt/mine/proxy --log off -- {server}
//	other=other --command "{server} 2>/dev/null"
type peer struct {
	name  string
	words []string
}

const serverWord = "{server}"

// parsePeers reads the lines of BENCH_PEER. Empty ones do not count.
func parsePeers(text string) ([]peer, error) {
	var all []peer
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, command, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return nil, fmt.Errorf("peer %q: want name=command … %s", line, serverWord)
		}
		words, err := split(command)
		if err != nil {
			return nil, fmt.Errorf("peer %q: %w", name, err)
		}
		if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, serverWord) }) {
			return nil, fmt.Errorf("peer %q: its command line has no %s", name, serverWord)
		}
		all = append(all, peer{name, words})
	}
	return all, nil
}

// argv is the peer's command line before a server.
func (p peer) argv(server []string) []string {
	var argv []string
	for _, w := range p.words {
		if w == serverWord {
			argv = append(argv, server...)
		} else {
			argv = append(argv, strings.ReplaceAll(w, serverWord, quoted(server)))
		}
	}
	return argv
}

// split splits a line into words.
func split(line string) (words []string, err error) {
	var word strings.Builder
	inWord, quote := false, rune(0)
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
