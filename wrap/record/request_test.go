package record

import (
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/signet-wrap/signet-wrap/sign"
)

// TestRequest: what must not be sent is an error, and leaves nothing in the log.
func TestRequest(t *testing.T) {
	noKey := errors.New("the key is encrypted")
	locked := func(o *Options) { o.Signer = func() (*sign.Signer, error) { return nil, noKey } }
	call := toolCall("1", "t")
	for _, c := range []struct {
		name, message string
		change        func(*Options)
		code          int // of a refusal
		err           error
		same          bool // the message is as it was
		calls         int  // in the log
	}{
		{name: "a call", message: call, calls: 1},
		{name: "a batch", message: "[" + call + "," + toolCall("2", "u") + `,{"id":3,"method":"ping"}]`, calls: 2},
		{name: "no receipt in it", message: call, change: func(o *Options) { o.MetaKey = NoMetaKey }, same: true, calls: 1},
		{name: "no call", message: `{"id":1,"method":"ping"}`, same: true},
		{name: "another spelling", message: `{"id":1,"Method":"tools/call"}`, code: -32600},
		{name: "no JSON", message: `{"method":"tools/call"`, code: -32700},
		{name: "no key", message: call, change: locked, err: noKey},
		{name: "no key, and fail open", message: call, change: func(o *Options) { locked(o); o.FailOpen = true }, same: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, func(o *Options) {
				if c.change != nil {
					c.change(o)
				}
			})
			got, err := s.rec.Request([]byte(c.message))
			var refused *RefusedError
			if errors.As(err, &refused) != (c.code != 0) || refused != nil && refused.Code != c.code || c.err != nil && !errors.Is(err, c.err) || (err != nil) != (c.code != 0 || c.err != nil) {
				t.Errorf("the error is %v", err)
			}
			if err == nil && (string(got) == c.message) != c.same {
				t.Errorf("to be sent: %s", got)
			}
			if err := s.rec.Close(); err != nil && c.change == nil {
				t.Error(err)
			}
			if st := s.read(); len(st.calls) != c.calls {
				t.Errorf("%d calls in the log, want %d", len(st.calls), c.calls)
			}
			if _, err := s.rec.Request([]byte(call)); !errors.Is(err, errClosed) {
				t.Errorf("after Close the error is %v", err)
			}
		})
	}
}

// TestManyAtOnce: messages of many goroutines, as an SDK sends them, each with
// its response.
func TestManyAtOnce(t *testing.T) {
	const routines, each = 8, 25
	s := newScene(t)
	var all sync.WaitGroup
	for i := range routines {
		all.Go(func() {
			for j := range each {
				id := strconv.Itoa(i*each + j)
				if _, err := s.rec.Request([]byte(toolCall(id, "t"))); err != nil {
					t.Error(err)
				}
				s.rec.Response([]byte("{\n\"id\": " + id + ", \"result\": {}\n}"))
			}
		})
	}
	all.Wait()
	s.written()
	st := s.end()
	if len(st.calls) != routines*each || len(st.outcomes) != routines*each {
		t.Errorf("%d calls and %d outcomes", len(st.calls), len(st.outcomes))
	}
}
