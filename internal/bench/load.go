package main

import (
	"bytes"
	"fmt"
	"strings"
)

// tool is the one tool of all servers here.
const tool = "write_file"

// A load is what a way is measured with: messages of one size, and how many.
type load struct {
	name   string // "10 KB"
	size   int    // of a message, in bytes
	rounds int    // in each, every way has its turns
	block  int    // turns in a round,
	warm   int    // of which the first ones do not count: they warm what other ways cooled
	bursts int    // how often
	burst  int    // messages in a burst
	starts int    // how often a way is started, to see how long that takes

	text   string // in each message
	calls  messages
	others messages // that are no calls
}

// loads are those of a full run: some minutes.
func loads() []*load {
	return []*load{
		{name: "200 B", size: 200, rounds: 50, block: 50, warm: 10, bursts: 7, burst: 2000, starts: 20},
		{name: "10 KB", size: 10_000, rounds: 40, block: 30, warm: 5, bursts: 5, burst: 500, starts: 10},
		{name: "100 KB", size: 100_000, rounds: 30, block: 15, warm: 3, bursts: 3, burst: 100, starts: 5},
		{name: "1 MB", size: 1_000_000, rounds: 20, block: 6, warm: 1, bursts: 3, burst: 20, starts: 5},
		{name: "10 MB", size: 10_000_000, rounds: 10, block: 3, warm: 1, bursts: 3, burst: 4, starts: 3},
	}
}

// briefLoads are enough to see that everything works: some seconds.
func briefLoads() []*load {
	all := loads()
	for i, l := range all {
		l.rounds, l.block, l.warm, l.bursts, l.starts = 1, []int{20, 10, 5, 3, 1}[i], 0, 1, 1
		l.burst = []int{100, 50, 10, 3, 1}[i]
	}
	return all
}

// fill makes the load's messages.
func (l *load) fill() {
	if l.text != "" {
		return
	}
	// As of a source file: a line feed and a pair of quotes every 60 bytes.
	const passage = `\tif err != nil { return fmt.Errorf(\"wrapping %s\", name) }\n`
	const room = len(callHead) + len(messageTail) + len("1000000") - len("%07d")
	n := max(l.size-room, 1)
	l.text = strings.Repeat(passage, n/len(passage)) + strings.Repeat("x", n%len(passage))
	l.calls = newMessages(callHead, l.text, max(l.burst, l.block))
	l.others = newMessages(otherHead, l.text, max(l.burst, l.block))
}

// Both heads are of one length, so that both kinds of message are.
const (
	idHead      = `{"jsonrpc":"2.0","id":`
	callHead    = idHead + `%07d,"method":"tools/call","params":{"name":"` + tool + `","arguments":{"path":"notes/23.md","text":"`
	otherHead   = idHead + `%07d,"method":"notes/save","params":{"kind":"` + tool + `","notesbook":{"path":"notes/23.md","text":"`
	messageTail = `"}}}` + "\n"
)

// messages are lines that differ in their ids alone, one after the other in
// all, so that many can be written at once.
type messages struct {
	all  []byte
	each [][]byte
}

// firstID is the first of the ids, all of which have seven digits.
const firstID = 1_000_000

func newMessages(head, text string, n int) messages {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, head, firstID+i)
		b.WriteString(text + messageTail)
	}
	m := messages{all: b.Bytes()}
	size := b.Len() / n
	for i := range n {
		m.each = append(m.each, m.all[i*size:(i+1)*size])
	}
	return m
}

// first are the first n of them.
func (m messages) first(n int) []byte { return m.all[:n*len(m.each[0])] }

// numbered is the first of them with the n-th id. It is valid until the next
// call.
func (m messages) numbered(n int64) []byte {
	line := m.each[0]
	copy(line[len(idHead):], fmt.Sprint(firstID+n%(9*firstID)))
	return line
}
