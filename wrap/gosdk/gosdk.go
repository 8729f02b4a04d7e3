// Package gosdk signs the tool calls of clients that are written with the official Go
// SDK, github.com/modelcontextprotocol/go-sdk, and writes them to the log, in the
// process of the client:
//
//	recorder, err := home.Open("default", record.Options{Target: "mcp://files"})
//	defer recorder.Close() // after the session
//	session, err := client.Connect(ctx, gosdk.Sign(transport, recorder), nil)
//
// It does for any transport what the program signet-wrap does for a command: each
// tools/call is recorded, and synced, before it leaves; the receipt goes with it in
// params._meta; its outcome is recorded. A call that cannot be recorded is not sent:
// CallTool returns why, and the session goes on.
//
// # What is wrapped
//
// Two places are wrapped. A middleware of the client would see neither the id nor the
// bytes of a request. Nor would it see all calls: the SDK repeats a call with the input
// that the server asked for, in a middleware of its own below all others.
//
//   - The connection of a transport: each message is seen as the SDK writes it, and its
//     params are what is recorded.
//   - For mcp.StreamableClientTransport, its HTTP client: a connection of this
//     transport does not work when it is wrapped, because the SDK calls a method of it
//     that is not exported to set the negotiated version. So the bytes of the body are
//     what is recorded. A request that is sent again, after authorization or a redirection,
//     has the receipt that it had.
//
// A transport of your own that connects by mcp.StreamableClientTransport is an error of
// Connect: sign the inner one.
//
// The package is a module of its own, so that the SDK is a dependency only of those who
// use it.
package gosdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// Sign returns a transport that records all calls of the client which go through t. The
// recorder is for this transport alone, and is closed when the connection is.
func Sign(t mcp.Transport, r *record.Recorder) mcp.Transport {
	s, ok := t.(*mcp.StreamableClientTransport)
	if !ok {
		r.Describe("go-sdk", nameOf(t))
		return &transport{t, r}
	}
	r.Describe("go-sdk", "http")
	signed, client := *s, http.Client{}
	if s.HTTPClient != nil {
		client = *s.HTTPClient
	}
	trip := &roundTripper{inner: client.Transport, recorder: r}
	if trip.inner == nil {
		trip.inner = http.DefaultTransport
	}
	client.Transport = trip
	signed.HTTPClient = &client
	return &signed
}

// nameOf is what receipts say about a transport.
func nameOf(t mcp.Transport) string {
	switch t := t.(type) {
	case *mcp.CommandTransport, *mcp.StdioTransport, *mcp.IOTransport:
		return "stdio"
	case *mcp.InMemoryTransport:
		return "in-process"
	case *mcp.SSEClientTransport:
		return "sse"
	case *mcp.LoggingTransport:
		return nameOf(t.Transport)
	}
	return "other"
}

// transport is any transport but StreamableClientTransport.
type transport struct {
	inner    mcp.Transport
	recorder *record.Recorder
}

func (t *transport) Connect(ctx context.Context) (mcp.Connection, error) {
	c, err := t.inner.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if fmt.Sprintf("%T", c) == "*mcp.streamableClientConn" {
		return nil, errors.Join(errors.New("gosdk.Sign was given a transport around a mcp.StreamableClientTransport: give it the inner one"), c.Close())
	}
	return &connection{Connection: c, recorder: t.recorder}, nil
}

// connection is a connection that records calls.
type connection struct {
	mcp.Connection
	recorder *record.Recorder
}

// rejected is the error of the SDK's own transports, which package jsonrpc does not
// export, for a message that was not sent while the connection is whole. It is equal by
// its code.
var rejected = &jsonrpc.Error{Code: -32005, Message: "not sent"}

// Write records a call before it sends it.
func (c *connection) Write(ctx context.Context, m jsonrpc.Message) error {
	request, ok := m.(*jsonrpc.Request)
	if !ok {
		return c.Connection.Write(ctx, m) // to a request of the server
	}
	message, err := jsonrpc.EncodeMessage(m)
	if err != nil {
		return err
	}
	sent, err := c.recorder.RequestContext(ctx, message)
	if err != nil {
		return fmt.Errorf("%w: %w", rejected, err)
	}
	isCall := request.Method == callMethod
	if isCall {
		var with struct {
			Params json.RawMessage `json:"params"`
		}
		if err := json.Unmarshal(sent, &with); err != nil {
			return fmt.Errorf("%w: %w", rejected, err)
		}
		signed := *request
		signed.Params = with.Params
		m = &signed
	}
	if err = c.Connection.Write(ctx, m); err != nil && isCall {
		lost(ctx, c.recorder, message)
	}
	return err
}

// callMethod is the method of calls.
const callMethod = "tools/call"

// lost records that the call in a message gets no response.
func lost(ctx context.Context, r *record.Recorder, message []byte) {
	var call struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	if json.Unmarshal(message, &call) != nil || call.Method != callMethod {
		return
	}
	reason := "the transport failed"
	if ctx.Err() != nil {
		reason = "cancelled by the client"
	}
	r.NoResponse(call.ID, reason)
}

// Read records an outcome before the client gets it.
func (c *connection) Read(ctx context.Context) (jsonrpc.Message, error) {
	m, err := c.Connection.Read(ctx)
	if err != nil {
		return m, err
	}
	if response, ok := m.(*jsonrpc.Response); ok && response.Error == nil {
		// Not encoded again: the result is of the bytes that came.
		if id, err := json.Marshal(response.ID.Raw()); err == nil {
			message := append(append([]byte(`{"jsonrpc":"2.0","id":`), id...), `,"result":`...)
			c.recorder.Response(append(append(message, response.Result...), '}'))
		}
	} else if message, err := jsonrpc.EncodeMessage(m); err == nil {
		c.recorder.Response(message)
	}
	return m, nil
}
