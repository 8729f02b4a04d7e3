package wrap

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
)

// ahead reads from the client, and while a call waits for somebody who holds the key,
// such as an SSH agent that asks a person, ahead of the pump: the client may have
// cancelled the call meanwhile.
type ahead struct {
	r io.Reader

	mu      sync.Mutex    // guards all below
	read    []byte        // ahead, and not yet returned by Read
	err     error         // after it
	wanted  bool          // to go on
	reading chan struct{} // closed when nothing reads ahead any more; nil: nothing does
}

// maxAhead is how much is read ahead, in bytes.
const maxAhead = 1 << 20

// Read returns what was read ahead, and then what comes. It must not be called at the
// same time as start.
func (a *ahead) Read(p []byte) (int, error) {
	a.mu.Lock()
	a.wanted = false
	if reading := a.reading; reading != nil && len(a.read) == 0 {
		a.mu.Unlock()
		<-reading
		a.mu.Lock()
	}
	n := copy(p, a.read)
	a.read = a.read[n:]
	err := a.err
	a.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	if err != nil {
		return 0, err
	}
	return a.r.Read(p)
}

// start begins to read ahead, until the next Read.
func (a *ahead) start() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wanted = true; a.reading != nil || a.err != nil || len(a.read) >= maxAhead {
		return
	}
	done := make(chan struct{})
	a.reading = done
	go func() {
		defer close(done)
		b := make([]byte, 32<<10)
		for {
			n, err := a.r.Read(b)
			a.mu.Lock()
			a.read, a.err = append(a.read, b[:n]...), err
			over := err != nil || !a.wanted || len(a.read) >= maxAhead
			if over {
				a.reading = nil
			}
			a.mu.Unlock()
			if over {
				return
			}
		}
	}()
}

// cancelled are the ids of requests that the client has cancelled in what was read
// ahead, as [mcpwire.IDKey] has them.
func (a *ahead) cancelled() (ids []string) {
	a.mu.Lock()
	read := bytes.Clone(a.read)
	a.mu.Unlock()
	if !bytes.Contains(read, []byte(cancelledMethod)) {
		return nil
	}
	in := mcpwire.NewLineReader(bytes.NewReader(read), maxAhead)
	for {
		lines, err := in.More(nil)
		for _, l := range lines {
			ids = append(ids, cancelledIn(l.Bytes)...)
		}
		if err != nil {
			return ids
		}
	}
}

const cancelledMethod = "notifications/cancelled"

// cancelledIn are the ids of requests that a message or batch of the client cancels.
func cancelledIn(line []byte) (ids []string) {
	if !bytes.Contains(line, []byte(cancelledMethod)) {
		return nil
	}
	var messages []json.RawMessage
	if json.Unmarshal(line, &messages) != nil {
		messages = []json.RawMessage{line} // no batch
	}
	for _, message := range messages {
		var m struct {
			Method string `json:"method"`
			Params struct {
				ID json.RawMessage `json:"requestId"`
			} `json:"params"`
		}
		if json.Unmarshal(message, &m) == nil && m.Method == cancelledMethod && m.Params.ID != nil {
			ids = append(ids, mcpwire.IDKey(m.Params.ID))
		}
	}
	return ids
}
