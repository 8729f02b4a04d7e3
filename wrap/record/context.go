package record

import (
	"slices"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/alarm"
	"github.com/signet-wrap/signet-wrap/internal/redact"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// contexts are what calls say of themselves that their receipts do not have: ids, and
// the client. They are collected and recorded in one event for many calls, of which the
// first waits for one second at most. All of this is after a call was forwarded.
type contexts struct {
	session string
	queue   *queue
	delay   time.Duration // contextDelay; shorter in tests

	mu    sync.Mutex // guards all fields below
	calls []event.Context
	bytes int // about how many calls take
}

// Limits of one event, in calls and bytes, and of the wait.
const (
	maxContexts     = 500
	maxContextBytes = 16 << 10
	contextDelay    = time.Second
)

func newContexts(session string, q *queue) *contexts {
	return &contexts{session: session, queue: q, delay: contextDelay}
}

// add takes the context of a call that is in the log. client is nil if the session's
// event names the call's client.
func (x *contexts) add(c *Call, receipt string, client *event.Implementation) {
	if client == nil && c.Span == "" && len(c.ClientIDs) == 0 {
		return
	}
	size := 80 + len(receipt) + len(c.Span)
	if client != nil {
		size += len(client.Name) + len(client.Version)
	}
	for _, id := range c.ClientIDs {
		size += len(id.Name) + len(id.ID)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.calls) > 0 && x.bytes+size > maxContextBytes {
		x.write()
	}
	x.calls, x.bytes = append(x.calls, event.Context{Call: receipt, Client: client, Span: c.Span, IDs: c.ClientIDs}), x.bytes+size
	switch len(x.calls) {
	case 1:
		alarm.After(x.delay, x.flush)
	case maxContexts:
		x.write()
	}
}

// write queues the event with what was collected. Ids that begin like keys of services
// are masked, because a client may put a session's token there. The caller holds mu.
func (x *contexts) write() {
	for i := range x.calls {
		ids := slices.Clone(x.calls[i].IDs) // they are the caller's
		for j := range ids {
			if redact.IsServiceKey(ids[j].ID) {
				ids[j].ID = redact.Mask
			}
		}
		x.calls[i].IDs = ids
	}
	if len(x.calls) > 0 {
		x.queue.add(item{event: event.CallContext{Session: x.session, Calls: x.calls}})
	}
	x.calls, x.bytes = nil, 0
}

// flush queues what was collected.
func (x *contexts) flush() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.write()
}
