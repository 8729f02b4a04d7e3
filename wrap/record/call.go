package record

import (
	"encoding/json"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Call is one tools/call of the client. sign/FORMAT.md has what the receipt says
// of it. All fields but Tool may be zero.
type Call struct {
	Tool      string          // params.name
	Arguments json.RawMessage // params.arguments as sent; nil: none
	ID        json.RawMessage // id of the JSON-RPC request as sent, a string or a number; nil: no id, and so no recorded outcome
	TraceID   string          // trace-id of W3C Trace Context, 32 hex digits; "": none
	ParentID  string          // id of the receipt that the call carries already; "": none

	// Members of params that give a server the input it asked for, as sent
	// (2026-07-28, basic/patterns/mrtr); nil: none.
	InputResponses, RequestState json.RawMessage

	// What the call says about its session.
	Client   json.RawMessage // clientInfo, an object; nil: not said, so it is the session's
	Protocol string          // protocolVersion, of which the session's first counts; "": not said

	// What the client says about the call. It is in the call_context event.
	Span      string           // parent-id of W3C Trace Context, 16 hex digits; "": none
	ClientIDs []event.ClientID // the client's own ids, of the tool use or the conversation

	// Carried is the receipt that the call carries already, as sent; nil: none.
	// Doubtful says that servers may find another one in it.
	Carried  json.RawMessage
	Doubtful bool

	// Room is the maximum length of the receipt in the request, in bytes. A receipt
	// that would be longer has the hash of the arguments and not the arguments. 0:
	// no limit.
	Room int
}

// bringsInput says whether the call gives the input that the response to an earlier
// call asked for.
func (c *Call) bringsInput() bool { return c.InputResponses != nil || c.RequestState != nil }
