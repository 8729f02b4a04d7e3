package record

import (
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/internal/toolstore"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// definitions keeps the definitions of tools as the server listed them, by their
// hashes. Until the first call they are in memory: before it, nothing is written.
// No call waits for them.
type definitions struct {
	store *toolstore.Store // nil: they are not kept
	say   func(format string, a ...any)

	mu      sync.Mutex // guards all below
	seen    map[event.Hash]struct{}
	waiting [][]byte
	bytes   int  // of waiting
	begun   bool // there was a call
	writing bool // a goroutine takes what waits
	failed  bool // something could not be kept, and this was said
	done    sync.WaitGroup
}

// Bounds of what is in memory, in hashes and bytes.
const (
	maxSeen    = 50_000
	maxWaiting = 8 << 20
)

func newDefinitions(o *Options) *definitions {
	d := &definitions{say: o.say}
	if o.Tools != "" {
		d.store = toolstore.New(o.Tools)
	}
	return d
}

// listed takes the definitions in a listing that were not listed before.
func (d *definitions) listed(l *mcpwire.Listing) {
	if d.store == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen == nil || len(d.seen) > maxSeen {
		d.seen = map[event.Hash]struct{}{}
	}
	for _, tool := range l.Tools {
		if _, ok := d.seen[tool.Hash]; ok || tool.Definition == nil || d.bytes+len(tool.Definition) > maxWaiting {
			continue
		}
		d.seen[tool.Hash] = struct{}{}
		d.waiting = append(d.waiting, tool.Definition)
		d.bytes += len(tool.Definition)
	}
	d.write()
}

// begin is called at the first call.
func (d *definitions) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begun = true
	d.write()
}

// write has what waits written. The caller holds mu.
func (d *definitions) write() {
	if d.store == nil || !d.begun || d.writing || d.failed || len(d.waiting) == 0 {
		return
	}
	d.writing = true
	d.done.Go(func() {
		for {
			d.mu.Lock()
			all := d.waiting
			d.waiting, d.bytes = nil, 0
			if d.writing = len(all) > 0; !d.writing {
				d.mu.Unlock()
				return
			}
			d.mu.Unlock()
			for _, definition := range all {
				if err := d.store.Keep(definition); err != nil {
					d.fail(err)
					return
				}
			}
		}
	})
}

func (d *definitions) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writing, d.failed, d.waiting, d.bytes = false, true, nil, 0
	d.say("definitions of tools are not kept, their hashes are: %v", err)
}

// finish waits until all is written, but not longer than patience.
func (d *definitions) finish(patience time.Duration) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.done.Wait()
	}()
	select {
	case <-done:
	case <-time.After(patience):
	}
}
