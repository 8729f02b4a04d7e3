package wrap

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// hold holds responses of the server until they are whole, to be cosigned, on the
// server's side (Options.Cosign). Only as long as a call waits that carried a receipt,
// and only up to record.MaxCosigned, line end and header not counted: what is longer
// passes as it comes.
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
		case h.tooLong():
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

// tooLong says that what is held is, or begins, a message that is not cosigned.
func (h *hold) tooLong() bool {
	if len(h.held) <= record.MaxCosigned {
		return false
	}
	message := h.held[h.header():]
	if len(message) == len(h.held) { // a line
		message = bytes.TrimSuffix(bytes.TrimSuffix(message, []byte("\n")), []byte("\r"))
	}
	return len(message) > record.MaxCosigned
}

// header is the length of the header of what is held; 0: it is a line.
func (h *hold) header() int {
	header, _, f := mcpwire.ParseHeader(h.held)
	if f != mcpwire.IsFrame || h.ends.NoFrames {
		return 0
	}
	return header
}

// whole passes on a message that was held.
func (h *hold) whole() error {
	long, header := h.tooLong(), h.header()
	message := h.held
	if h.held = nil; long {
		return h.passed(message)
	}
	if header == 0 {
		_, err := h.to.Write(h.rec.Cosign(message))
		return err
	}
	cosigned := h.rec.Cosign(message[header:])
	head := message[:header]
	if len(cosigned) != len(message)-header {
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
