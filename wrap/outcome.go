package wrap

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign"
)

// outcomes writes what came of the calls into the log: a receipt of version 2
// for each answer. It works behind the session: an answer has gone to the
// client before it is looked at here, and the disk is waited for by nobody but
// this file's goroutine, until the session ends.
type outcomes struct {
	rec *recorder

	mu     sync.Mutex
	queue  []job
	kept   int // bytes of answers in queue
	lost   int // jobs that found no room
	closed bool
	wake   chan struct{} // has room for one
	idle   chan struct{} // closed when the goroutine has ended
}

// Bounds of what waits for the disk. Answers beyond maxQueued bytes are reduced
// to the hash of their bytes.
const (
	maxJobs = 100_000
	maxQueued = 16 << 20
)

// job is one thing to write: the outcome of a call, or an event.
type job struct {
	call   *asked
	answer answer
	at     time.Time

	kind    string // of an event; else ""
	members []sign.Member

	prepare func() []job // if set, makes the jobs that take this one's place
}

func newOutcomes(rec *recorder) *outcomes {
	o := &outcomes{rec: rec, wake: make(chan struct{}, 1), idle: make(chan struct{})}
	go o.run()
	return o
}

// add queues a job. It does not wait.
func (o *outcomes) add(j job) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(o.queue) >= maxJobs {
		o.lost++
		return
	}
	if o.kept += len(j.answer.value); o.kept > maxQueued {
		o.kept -= len(j.answer.value)
		j.answer = j.answer.reduced()
	}
	o.queue = append(o.queue, j)
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// retryAfter is how long a failed write waits for another try.
const retryAfter = time.Second

func (o *outcomes) run() {
	defer close(o.idle)
	for {
		o.mu.Lock()
		jobs := o.queue[:min(len(o.queue), maxTogether)]
		closed := o.closed
		o.mu.Unlock()
		if len(jobs) > 0 && jobs[0].prepare != nil {
			made := jobs[0].prepare()
			o.mu.Lock()
			o.queue = slices.Concat(made, o.queue[1:])
			o.mu.Unlock()
			continue
		}
		if i := slices.IndexFunc(jobs, func(j job) bool { return j.prepare != nil }); i > 0 {
			jobs = jobs[:i]
		}
		if len(jobs) == 0 {
			if closed {
				return
			}
			<-o.wake
			continue
		}
		if err := o.write(jobs); err != nil {
			o.rec.say("outcomes cannot be recorded: %v", err)
			if closed {
				return
			}
			select {
			case <-o.wake: // the end, or more to write
			case <-time.After(retryAfter):
			}
			continue
		}
		o.mu.Lock()
		for _, j := range jobs {
			o.kept -= len(j.answer.value)
		}
		clear(jobs) // nothing of them is kept by the array behind queue
		o.queue = o.queue[len(jobs):]
		o.mu.Unlock()
	}
}

// write appends the jobs to the log. Their sync may come later: no answer
// waits for it, and a record without its outcome says so.
func (o *outcomes) write(jobs []job) error {
	answers := make([]sign.Answer, len(jobs))
	for i, j := range jobs {
		if j.kind == "" {
			answers[i] = j.outcome(o.rec.opts.HashOnly)
		}
	}
	return o.rec.log.AppendLater(len(jobs), func(i int, now time.Time) ([]byte, error) {
		var receipt *sign.Receipt
		var err error
		if j := jobs[i]; j.kind != "" {
			receipt, err = o.rec.signer.Event(j.kind, now, j.members)
		} else {
			receipt, err = o.rec.signer.Respond(answers[i])
		}
		if err != nil {
			return nil, err
		}
		return receipt.Record, nil
	})
}

// finish waits until all is written, but not for ever: a disk that hangs must
// not keep the client waiting. It says how much was lost.
func (o *outcomes) finish(patience time.Duration) {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
	select {
	case <-o.idle:
	case <-time.After(patience):
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if lost := o.lost + len(o.queue); lost > 0 {
		o.rec.say("%d outcomes are not in the log", lost)
	}
}

// outcome is what the answer says of the call.
func (j job) outcome(hashOnly bool) sign.Answer {
	a := sign.Answer{
		Action:     j.call.action,
		ParamsHash: j.call.paramsHash,
		RequestID:  j.call.receipt,
		Requested:  j.call.at,
		Responded:  j.at,
	}
	var raw string
	a.ContentHash, raw = j.answer.contentHash()
	a.Outcome = j.answer.outcome(hashOnly)
	if raw != "" {
		if a.Outcome.Reason != "" {
			a.Outcome.Reason += "; "
		}
		a.Outcome.Reason += raw
	}
	return a
}

// contentHash is H(JCS(result)), or, where that cannot be had, the hash of the
// bytes, which raw then says (sign/FORMAT.md, "Version 2").
func (a answer) contentHash() (sum, raw string) {
	if a.value == nil {
		return a.rawSum, fmt.Sprintf("content_hash is of the %d bytes as sent", a.size)
	}
	b, err := canon.Canonicalize(a.value)
	if err != nil {
		return canon.Hash(a.value), fmt.Sprintf("content_hash is of the %d bytes as sent", a.size)
	}
	return canon.Hash(b), ""
}

// reduced is the answer without its bytes. What they say of the outcome stays.
func (a answer) reduced() answer {
	a.isTrue = a.says().isError
	a.rawSum, a.value = canon.Hash(a.value), nil
	return a
}

// said is what a result says of itself.
type said struct {
	isError bool
	input   bool   // 2026-07-28, basic/patterns/mrtr: input_required
	state   string // requestState as sent, of a wish for input
	handle  string // 2025-11-25, basic/utilities/tasks: the id of the task that stands for the result
	status  string // of the task that was asked for
	nested  *value // the result or error inside the answer to tasks/get
	failed  bool   // nested is an error
}

// says reads the result. Of one that was too large only isError is known.
func (a answer) says() said {
	if a.value == nil {
		return said{isError: a.isTrue}
	}
	root, err := parse(a.value, 0)
	if err != nil || root.kind != '{' {
		return said{}
	}
	s := said{}
	for _, m := range root.members {
		switch m.name {
		case "isError":
			s.isError = m.value.kind == 't'
		case "resultType":
			text, _ := m.value.text(a.value)
			s.input = text == "input_required"
			if id, ok := root.member("taskId"); ok && text == "task" {
				s.handle, _ = id.text(a.value)
			}
		case "requestState":
			s.state = string(m.value.raw(a.value))
		case "status":
			s.status, _ = m.value.text(a.value)
		case "task":
			if t, err := parse(m.value.raw(a.value), 0); err == nil && t.kind == '{' {
				if id, ok := t.member("taskId"); ok {
					s.handle, _ = id.text(m.value.raw(a.value))
				}
			}
		case "result", "error":
			v := m.value
			s.nested, s.failed = &v, m.name == "error"
		}
	}
	return s
}

// outcome is how the call ended, as the answer tells it.
func (a answer) outcome(hashOnly bool) sign.Outcome {
	if a.failed {
		return sign.Outcome{Status: "failed", Reason: "JSON-RPC error", Error: a.errorText(hashOnly)}
	}
	switch s := a.says(); {
	case a.cancelled:
		return sign.Outcome{Status: "failed", Reason: "the task was cancelled"}
	case s.input:
		return sign.Outcome{Status: "requires_approval", Reason: "input_required"}
	case s.isError:
		return sign.Outcome{Status: "failed", Reason: "isError"}
	}
	return sign.Outcome{Status: "executed"}
}

// maxErrorText bounds how much of a server's error message is repeated, in
// bytes: content_hash stands for all of it.
const maxErrorText = 200

// errorText is the code of a JSON-RPC error and, unless content is to stay out
// of the log, the beginning of its message.
func (a answer) errorText(hashOnly bool) string {
	root, err := parse(a.value, 0)
	if err != nil || root.kind != '{' {
		return ""
	}
	var text string
	if code, ok := root.member("code"); ok && code.kind == '0' {
		text = string(code.raw(a.value))
	}
	if message, ok := root.member("message"); ok && !hashOnly {
		m, _ := message.text(a.value)
		if len(m) > maxErrorText {
			m = strings.ToValidUTF8(m[:maxErrorText], "") + "..."
		}
		text += ": " + m
	}
	return text
}

func formatSum(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }
