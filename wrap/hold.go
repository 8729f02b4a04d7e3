package wrap

import (
	"fmt"
	"sync"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// hold holds responses of the server until they are whole, to be cosigned, on the
// server's side (Options.Cosign). Only as long as a call waits that carried a receipt,
// and only up to record.MaxCosigned: what is longer passes as it comes.
type hold struct {
	rec    *record.Recorder
	to     *clientWriter
	framed func() bool
	passed func(p []byte) error // passes on what is not held

	mu      sync.Mutex // guards all below
	ends    mcpwire.Boundary
	holding bool
	held    []byte // of the message, while it is held
}

// take takes what the server wrote. The error says that the client does not read.
func (h *hold) take(p []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	from := 0 // in p, of what is to be passed on
	for i := 0; i < len(p); {
		if !h.ends.Mid {
			h.holding = h.rec.Cosigns()
			h.ends.NoFrames = !h.framed()
		}
		n := h.ends.Next(p[i:])
		if !h.holding {
			i += n
			continue
		}
		if from < i {
			if err := h.passed(p[from:i]); err != nil {
				return err
			}
		}
		h.held = append(h.held, p[i:i+n]...)
		i += n
		from = i
		switch {
		case !h.ends.Mid:
			if err := h.whole(); err != nil {
				return err
			}
		case len(h.held) > record.MaxCosigned:
			h.holding = false
			if err := h.release(); err != nil {
				return err
			}
		}
	}
	if from == len(p) {
		return nil
	}
	return h.passed(p[from:])
}

// whole passes on a message that was held.
func (h *hold) whole() error {
	message := h.held
	if h.held = nil; len(message) > record.MaxCosigned {
		return h.passed(message)
	}
	header, body, f := mcpwire.ParseHeader(message)
	if f != mcpwire.IsFrame || h.ends.NoFrames {
		_, err := h.to.Write(h.rec.Cosign(message))
		return err
	}
	cosigned := h.rec.Cosign(message[header:])
	head := message[:header]
	if len(cosigned) != body {
		head = fmt.Appendf(nil, "Content-Length: %d\r\n\r\n", len(cosigned))
	}
	_, err := h.to.Write(append(append([]byte{}, head...), cosigned...))
	return err
}

// end passes on what is held, as it is, when no more is to be expected.
func (h *hold) end() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.release()
}

// release is end for a caller that holds mu.
func (h *hold) release() error {
	rest := h.held
	if h.held = nil; len(rest) == 0 {
		return nil
	}
	return h.passed(rest)
}
