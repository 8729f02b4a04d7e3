package wrap

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/wrap/check"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// pump passes the client's lines on to the server: in order and unchanged, except
// for the receipts. Lines that arrive together, or during a sync, are recorded
// together and share the next sync.
type pump struct {
	ahead  *ahead // below client
	client *mcpwire.LineReader
	server io.WriteCloser
	gate   *mcpwire.Gate
	rec    *record.Recorder
	out    *clientWriter
	say    *speaker

	left atomic.Bool // the client has ended its input
}

func newPump(client *ahead, server io.WriteCloser, rec *record.Recorder, out *clientWriter, say *speaker, o *Options) *pump {
	metaKey := o.MetaKey
	if metaKey == "" {
		metaKey = record.DefaultMetaKey
	}
	gate := mcpwire.NewGate(metaKey)
	if o.Check != nil {
		gate = mcpwire.NewReadingGate(metaKey)
	}
	return &pump{
		ahead: client, client: mcpwire.NewLineReader(client, o.MaxCall), server: server, gate: gate,
		rec: rec, out: out, say: say,
	}
}

// maxTogether is the maximum number of calls recorded in one hold of the log's
// lock, so that other wrappers get their turn.
const maxTogether = 128

// run relays until the client ends its input, then closes the server's stdin. An
// error means that the server no longer reads.
func (p *pump) run() error {
	defer p.server.Close()
	w := bufio.NewWriterSize(p.server, mcpwire.ReadSize)
	var lines []mcpwire.Line
	for {
		var err error
		lines, err = p.client.More(lines[:0])
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
			p.say.sayf("reading from the client: %v", err)
			return nil
		}
	}
}

// forward handles the first of lines and returns how many it took: one, or, if the
// first is a call, all that may be recorded together with it. Lines before a call
// do not wait for its sync.
func (p *pump) forward(w *bufio.Writer, lines []mcpwire.Line) (int, error) {
	v := p.judge(lines[0])
	if len(v.Calls) == 0 {
		return 1, p.pass(w, lines[0], v)
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	group, calls := []mcpwire.Verdict{v}, appendCalls(nil, v)
	for len(group) < len(lines) && len(calls) < maxTogether {
		v := p.judge(lines[len(group)])
		group = append(group, v)
		calls = appendCalls(calls, v)
	}
	receipts, failed := p.rec.Calls(calls)
	var cancelled cancellations
	if p.rec.KeyHeld() {
		cancelled = p.cancelled(lines)
	}
	for i, v := range group {
		var err error
		switch n := len(v.Calls); {
		case n == 0:
			err = p.pass(w, lines[i], v)
		case cancelled.cover(v, i):
			p.refuse(lines[i], v, mcpwire.CodeInternal, "cancelled by the client before it was signed, so not forwarded")
			receipts = receipts[min(n, len(receipts)):]
		case failed != nil:
			p.refuse(lines[i], v, mcpwire.CodeInternal, fmt.Sprintf("not recorded, so not forwarded: %v", failed))
		default:
			if v.Batch {
				p.rec.Sent(lines[i].Bytes) // the other messages in it
			}
			err = mcpwire.Splice(w, lines[i], v.Calls, receipts[:n])
			receipts = receipts[n:]
		}
		if err != nil {
			return 0, err
		}
	}
	return len(group), nil
}

// cancellations are, of requests that the client has cancelled, by their ids as
// [mcpwire.IDKey] has them, the numbers of the last lines that say so.
type cancellations map[string]int

// cancelled are the cancellations in lines, and in what was read ahead of them.
func (p *pump) cancelled(lines []mcpwire.Line) cancellations {
	found := cancellations{}
	for i, l := range lines {
		for _, id := range cancelledIn(l.Bytes) {
			found[id] = i
		}
	}
	for _, id := range p.ahead.cancelled() {
		found[id] = len(lines)
	}
	return found
}

// cover reports whether the client has cancelled a call in line number i: then none of
// the line is forwarded. A cancellation before the call is of another request that had
// the same id.
func (c cancellations) cover(v mcpwire.Verdict, i int) bool {
	return len(c) > 0 && slices.ContainsFunc(v.Calls, func(call mcpwire.Call) bool {
		by, ok := c[mcpwire.IDKey(call.ID)]
		return ok && by >= i
	})
}

func appendCalls(calls []record.Call, v mcpwire.Verdict) []record.Call {
	for i := range v.Calls {
		calls = append(calls, record.Call(v.Calls[i].Fields))
	}
	return calls
}

// judge returns the gate's verdict, and on the server's side that of the check. A
// message that was too long to hold is refused.
func (p *pump) judge(l mcpwire.Line) mcpwire.Verdict {
	v := p.look(l)
	if v.Refusal != nil && p.rec.Checks() {
		v.Refusal.Data = (&check.Refusal{Reason: check.BadMessage}).Data()
	}
	if len(v.Calls) == 0 {
		return v
	}
	calls := appendCalls(nil, v)
	if r := p.rec.Check(calls); r != nil {
		v.Refusal = mcpwire.Refuse(r.Code(), "%v", r).Refusal
		v.Calls, v.Refusal.Data = nil, r.Data()
		return v
	}
	for i := range calls {
		v.Calls[i].Fields = mcpwire.Fields(calls[i])
	}
	return v
}

// look returns the gate's verdict.
func (p *pump) look(l mcpwire.Line) mcpwire.Verdict {
	if l.Header != nil {
		p.rec.Output().Framed()
	}
	if !l.TooLong && l.Header != nil {
		return p.gate.JudgeFrame(l.Header, l.Bytes)
	}
	if !l.TooLong {
		return p.gate.Judge(l.Bytes)
	}
	v := mcpwire.Refuse(mcpwire.CodeInvalid, "a message of %d bytes is longer than --max-call (%d bytes)", l.Length, p.client.Max)
	if l.ID != "" {
		v.IDs = []string{l.ID}
	}
	return v
}

// pass forwards a line without calls, or replies to it if it is refused.
func (p *pump) pass(w *bufio.Writer, l mcpwire.Line, v mcpwire.Verdict) error {
	if v.Refusal != nil {
		p.refuse(l, v, v.Refusal.Code, "refused, not forwarded: "+v.Refusal.Reason)
		return nil
	}
	p.rec.Sent(l.Bytes)
	if _, err := w.Write(l.Header); err != nil {
		return err
	}
	_, err := w.Write(l.Bytes)
	return err
}

// refuse replies to a message that is not forwarded, as a line or a frame like the
// message, and says so on stderr.
func (p *pump) refuse(l mcpwire.Line, v mcpwire.Verdict, code int, message string) {
	reply := mcpwire.ErrorReply(v, code, "signet-wrap: "+message)
	if l.Header != nil {
		reply = append(fmt.Appendf(nil, "Content-Length: %d\r\n\r\n", len(reply)), reply...)
	}
	p.out.reply(reply)
	p.say.say(message)
}
