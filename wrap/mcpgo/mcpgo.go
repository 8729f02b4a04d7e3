// Package mcpgo signs the tool calls of clients that are written with
// github.com/mark3labs/mcp-go, and writes them to the log, in the process of the
// client:
//
//	recorder, err := home.Open("default", record.Options{Target: "mcp://files"})
//	c := client.NewClient(mcpgo.Sign(transport, recorder))
//	defer c.Close()
//
// It does for any transport what the program signet-wrap does for a command: each
// tools/call is recorded, and synced, before it leaves; the receipt goes with it in
// params._meta; its outcome is recorded. A call that cannot be recorded is not sent,
// and CallTool returns why.
//
// # What is recorded is what is sent
//
// In a process there is no line of a client that could be left as it is. [Sign]
// encodes a request once, as encoding/json does, records the arguments in that text,
// and gives the same text to the transport. mcp-go's transports encode it again, which
// changes nothing in it. The outcome is of the bytes that the transport got.
//
// # What mcp-go asks of a transport
//
// What Sign returns has the methods of transport.BidirectionalInterface,
// transport.HTTPConnection and client.GetStderr if the transport has them, and only
// then: the client acts by them. Connection-lost handlers and transports that need the
// older protocol are passed on. A program that needs the transport itself keeps it, or
// calls [Unwrap]; client.GetEndpoint is only for transports that are not signed.
package mcpgo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// Sign returns a transport that records all calls which go through t. The recorder is
// for this transport alone. Closing the transport closes t, and then the recorder.
func Sign(t transport.Interface, r *record.Recorder) transport.Interface {
	r.Describe("mcp-go", nameOf(t))
	s := &signed{t, r}
	b, isBidirectional := t.(transport.BidirectionalInterface)
	h, isHTTP := t.(transport.HTTPConnection)
	e, hasStderr := t.(stderrer)
	asks, speaks, complains := bidirectional{b}, versioned{h}, errorOutput{e}
	switch {
	case isBidirectional && isHTTP && hasStderr:
		return &struct {
			*signed
			bidirectional
			versioned
			errorOutput
		}{s, asks, speaks, complains}
	case isBidirectional && isHTTP:
		return &struct {
			*signed
			bidirectional
			versioned
		}{s, asks, speaks}
	case isBidirectional && hasStderr:
		return &struct {
			*signed
			bidirectional
			errorOutput
		}{s, asks, complains}
	case isHTTP && hasStderr:
		return &struct {
			*signed
			versioned
			errorOutput
		}{s, speaks, complains}
	case isBidirectional:
		return &struct {
			*signed
			bidirectional
		}{s, asks}
	case isHTTP:
		return &struct {
			*signed
			versioned
		}{s, speaks}
	case hasStderr:
		return &struct {
			*signed
			errorOutput
		}{s, complains}
	}
	return s
}

// Unwrap returns the transport that was given to [Sign], or t if it is none of Sign.
func Unwrap(t transport.Interface) transport.Interface {
	if s, ok := t.(interface{ unwrap() transport.Interface }); ok {
		return s.unwrap()
	}
	return t
}

// nameOf is what receipts say about a transport.
func nameOf(t transport.Interface) string {
	switch t.(type) {
	case *transport.Stdio, *transport.CommandTransport:
		return "stdio"
	case *transport.InProcessTransport:
		return "in-process"
	case *transport.StreamableHTTP:
		return "http"
	case *transport.SSE:
		return "sse"
	}
	return "other"
}

// signed is a transport that records calls.
type signed struct {
	inner    transport.Interface
	recorder *record.Recorder
}

func (s *signed) unwrap() transport.Interface { return s.inner }

func (s *signed) Start(ctx context.Context) error { return s.inner.Start(ctx) }

// SendRequest records a call before it sends it, and the outcome before the client
// gets it.
func (s *signed) SendRequest(ctx context.Context, request transport.JSONRPCRequest) (*transport.JSONRPCResponse, error) {
	id, err := s.recordRequest(ctx, &request)
	if err != nil {
		return nil, err
	}
	response, err := s.inner.SendRequest(ctx, request)
	if err != nil {
		s.lost(ctx, request.Method, id)
		return nil, err
	}
	s.recordResponse(id, response)
	return response, nil
}

// callMethod is the method of calls.
const callMethod = string(mcp.MethodToolsCall)

// recordRequest records the call in a request, if it is one, and puts the params that
// were recorded, and the receipt, into it. It returns the id as sent.
func (s *signed) recordRequest(ctx context.Context, request *transport.JSONRPCRequest) (json.RawMessage, error) {
	id, err := json.Marshal(request.ID)
	if err != nil {
		return nil, fmt.Errorf("encoding the request's id: %w", err)
	}
	message, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encoding the request: %w", err)
	}
	if message, err = s.recorder.RequestContext(ctx, message); err != nil {
		return nil, err
	}
	if request.Method != callMethod {
		return id, nil
	}
	var sent struct {
		Params json.RawMessage `json:"params"`
	}
	if err := json.Unmarshal(message, &sent); err != nil {
		return nil, err
	}
	if sent.Params != nil {
		request.Params = sent.Params
	}
	return id, nil
}

// recordResponse records the outcome in a response. It has the id of the request to
// which mcp-go has matched it.
func (s *signed) recordResponse(id json.RawMessage, response *transport.JSONRPCResponse) {
	name, value := `,"result":`, response.Result
	if response.Error != nil {
		name, value = `,"error":`, nil
		if text, err := json.Marshal(response.Error); err == nil {
			value = text
		}
	}
	message := make([]byte, 0, len(value)+len(id)+40)
	message = append(append(message, `{"jsonrpc":"2.0","id":`...), id...)
	if len(value) > 0 {
		message = append(append(message, name...), value...)
	}
	s.recorder.Response(append(message, '}'))
}

// lost records that a call gets no response.
func (s *signed) lost(ctx context.Context, method string, id json.RawMessage) {
	switch {
	case method != callMethod:
	case ctx.Err() != nil:
		s.recorder.NoResponse(id, "cancelled by the client")
	default:
		s.recorder.NoResponse(id, "the transport failed")
	}
}

func (s *signed) SendNotification(ctx context.Context, n mcp.JSONRPCNotification) error {
	message, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("encoding the notification: %w", err)
	}
	// It may say that a call is cancelled, and must be no call itself.
	if sent, err := s.recorder.RequestContext(ctx, message); err != nil {
		return err
	} else if len(sent) != len(message) {
		return errors.New("a tools/call is a request, not a notification")
	}
	return s.inner.SendNotification(ctx, n)
}

func (s *signed) SetNotificationHandler(handler func(mcp.JSONRPCNotification)) {
	s.inner.SetNotificationHandler(func(n mcp.JSONRPCNotification) {
		if message, err := json.Marshal(n); err == nil { // it may say that a task has ended
			s.recorder.Response(message)
		}
		handler(n)
	})
}

// Close closes the transport, and then the recorder.
func (s *signed) Close() error {
	return errors.Join(s.inner.Close(), s.recorder.Close())
}

func (s *signed) GetSessionId() string { return s.inner.GetSessionId() }

// SetConnectionLostHandler is what client.OnConnectionLost looks for.
func (s *signed) SetConnectionLostHandler(handler func(error)) {
	if t, ok := s.inner.(interface{ SetConnectionLostHandler(func(error)) }); ok {
		t.SetConnectionLostHandler(handler)
	}
}

// RequiresLegacyProtocol is what client.Initialize looks for.
func (s *signed) RequiresLegacyProtocol() bool {
	t, ok := s.inner.(interface{ RequiresLegacyProtocol() bool })
	return ok && t.RequiresLegacyProtocol()
}

// What only some transports have: requests of the server, versions of the protocol in
// HTTP headers, and the server's stderr.
type (
	bidirectional struct {
		t transport.BidirectionalInterface
	}
	versioned   struct{ t transport.HTTPConnection }
	errorOutput struct{ t stderrer }
	stderrer    interface{ Stderr() io.Reader }
)

func (b bidirectional) SetRequestHandler(h transport.RequestHandler) { b.t.SetRequestHandler(h) }
func (v versioned) SetProtocolVersion(version string)                { v.t.SetProtocolVersion(version) }
func (e errorOutput) Stderr() io.Reader                              { return e.t.Stderr() }
