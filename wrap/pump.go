package wrap

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// pump carries the client's lines to the server: in order, each as it came,
// but for the receipts. Lines that arrive together, or while a sync runs, are
// recorded together and share the next sync.
type pump struct {
	client *lineReader
	server *os.File
	gate   *gate
	rec    *recorder
	out    *outlet
	say    func(format string, a ...any)

	left atomic.Bool // the client has ended its input

	recording sync.Mutex // held while receipts are written
	finished  bool       // guarded by recording
}

// maxTogether bounds the calls recorded under one hold of the log's lock, so
// that other wrappers get their turn.
const maxTogether = 128

// run relays until the client's end of input, then closes the server's stdin.
// The error is the server's refusal to read.
func (p *pump) run() error {
	defer p.server.Close()
	w := bufio.NewWriterSize(p.server, readSize)
	var lines []line
	for {
		var err error
		lines, err = p.client.more(lines[:0])
		for rest := lines; len(rest) > 0; {
			n, err := p.forward(w, rest)
			if err != nil {
				return err
			}
			rest = rest[n:]
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if err == io.EOF {
			p.left.Store(true)
			return nil
		}
		if err != nil {
			p.say("reading from the client: %v", err)
			return nil
		}
	}
}

// forward handles the first of lines and says how many it took: one, or, from
// a call on, all that may be recorded together with it. What stands before a
// call does not wait for its disk.
func (p *pump) forward(w *bufio.Writer, lines []line) (int, error) {
	v := p.judge(lines[0])
	if len(v.calls) == 0 {
		return 1, p.pass(w, lines[0], v)
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	group, calls := []verdict{v}, v.calls
	for len(group) < len(lines) && len(calls) < maxTogether {
		v := p.judge(lines[len(group)])
		group = append(group, v)
		calls = append(calls, v.calls...)
	}
	receipts, failed := p.record(calls)
	for i, v := range group {
		var err error
		switch n := len(v.calls); {
		case n == 0:
			err = p.pass(w, lines[i], v)
		case failed != nil:
			p.refuse(lines[i], v, codeInternal, fmt.Sprintf("not recorded, so not forwarded: %v", failed))
		default:
			if v.batch {
				p.rec.observer.sent(lines[i].bytes) // what else is in it
			}
			err = splice(w, lines[i], v.calls, receipts[:n])
			receipts = receipts[n:]
		}
		if err != nil {
			return 0, err
		}
	}
	return len(group), nil
}

// judge is the gate's verdict, also for a message that was too long to hold.
func (p *pump) judge(l line) verdict {
	if !l.tooLong && l.header != nil {
		return p.gate.judgeFrame(l.header, l.bytes)
	}
	if !l.tooLong {
		return p.gate.judge(l.bytes)
	}
	v := refuse(codeInvalid, "a message of %d bytes is longer than --max-call (%d bytes)", l.length, p.client.max)
	if l.id != "" {
		v.ids = []string{l.id}
	}
	return v
}

// pass forwards a line without calls, unless it is refused.
func (p *pump) pass(w *bufio.Writer, l line, v verdict) error {
	if v.refusal != nil {
		p.refuse(l, v, v.refusal.code, "refused, not forwarded: "+v.refusal.reason)
		return nil
	}
	p.rec.observer.sent(l.bytes)
	if _, err := w.Write(l.header); err != nil {
		return err
	}
	_, err := w.Write(l.bytes)
	return err
}

// record is the recorder's, unless the session is over.
func (p *pump) record(calls []call) ([][]byte, error) {
	p.recording.Lock()
	defer p.recording.Unlock()
	if p.finished {
		return nil, errStopped
	}
	return p.rec.record(calls)
}

// finish waits for the records under way and lets no more begin.
func (p *pump) finish() {
	p.recording.Lock()
	defer p.recording.Unlock()
	p.finished = true
}

// refuse answers a message that is not forwarded, in its own framing, and
// says so on stderr.
func (p *pump) refuse(l line, v verdict, code int, message string) {
	reply := errorReply(v, code, "signet-wrap: "+message)
	if l.header != nil {
		reply = append(fmt.Appendf(nil, "Content-Length: %d\r\n\r\n", len(reply)), reply...)
	}
	p.out.reply(reply)
	p.say("%s", message)
}
