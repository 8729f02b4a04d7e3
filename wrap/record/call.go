package record

import (
	"encoding/json"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
)

// A Call is one tools/call of the client. What the receipt states of it is in
// sign/FORMAT.md; all but Tool may be zero.
type Call struct {
	Tool      string          // params.name
	Arguments json.RawMessage // params.arguments as sent; nil: there are none
	ID        json.RawMessage // id of the JSON-RPC request as sent, a string or a number; nil: there is none, and no outcome is recorded
	TraceID   string          // trace-id of W3C Trace Context
	ParentID  string          // id of the receipt that the call carries already

	// What brings a server the input that it asked for (2026-07-28,
	// basic/patterns/mrtr), as sent; nil: there is none.
	InputResponses, RequestState json.RawMessage

	// What the call says of its session; the first call counts.
	Client   json.RawMessage // clientInfo
	Protocol string          // protocolVersion

	// Room is how long its receipt may be where it travels, in bytes. If it would
	// be longer with the arguments in it, it has their hash in their place.
	// 0: there is no bound.
	Room int
}

// CallOf is the call c of a message, for package wrap: its type is internal.
func CallOf(c *mcpwire.Call) Call {
	return Call{
		Tool: c.Tool, Arguments: c.Arguments, ID: c.ID, TraceID: c.TraceID, ParentID: c.Carried,
		InputResponses: c.Input, RequestState: c.State, Client: c.Client, Protocol: c.Protocol, Room: c.Room,
	}
}

// bringsInput says whether the call follows one whose response was a request
// for input.
func (c *Call) bringsInput() bool { return c.InputResponses != nil || c.RequestState != nil }
