package export

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/envelope"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// carried is what travels of a record. Attributes are only of what is believed: of any
// other record they are its place and what is wrong with it.
func carried(r *history.Record, bad *chain.LineError) envelope.Record {
	x := envelope.Record{Line: r.Raw, Size: len(r.Raw), Kind: "unreadable", Severity: envelope.Error}
	add := func(key, text string) {
		if text != "" {
			x.Attributes = append(x.Attributes, envelope.Attribute{Key: key, Text: text})
		}
	}
	add("signet.file", r.File)
	x.Attributes = append(x.Attributes, envelope.Attribute{Key: "signet.offset", Number: r.Offset})
	if bad != nil {
		add("signet.problem", clip(bad.Reason))
		return x
	}
	x.Hash, x.Prev = r.RecordHash.String(), r.PrevHash.String()
	v := r.Says
	if !r.Believed() {
		if errors.Is(r.Err, sign.ErrUnsigned) { // as another program writes them
			x.Kind, x.Severity = "unsigned", envelope.Warn
		}
		add("signet.problem", clip(r.Err.Error()))
		return x
	}
	x.Time = v.Time
	if !v.Responded.IsZero() {
		x.Time = v.Responded
	}
	add("signet.id", v.ID)
	add("signet.session", v.Session)
	add("signet.target", v.Target)
	add("signet.parent_receipt_id", v.ParentID)
	if n := len(v.Signers); n > 0 {
		s := v.Signers[n-1]
		add("signet.signer.name", s.Name)
		add("signet.signer.owner", s.Owner)
		add("signet.signer.key", "ed25519:"+base64.StdEncoding.EncodeToString(s.Key))
	}
	if isHex(v.TraceID, 32) {
		x.TraceID = v.TraceID
	}
	if v.Type != "" {
		x.Kind, x.Severity = v.Type, severityOf(v.Event)
		return x
	}
	x.Kind, x.Severity = "call", envelope.Info
	add("mcp.method.name", "tools/call")
	add("gen_ai.operation.name", "execute_tool")
	add("gen_ai.tool.name", v.Tool)
	add("jsonrpc.request.id", requestID(v.CallID))
	add("network.transport", transport(v.Transport))
	if history.IsResponse(v) {
		x.Kind = "response"
	}
	if o := v.Outcome; o.Status != "" {
		add("signet.outcome", o.Status)
		add("signet.reason", clip(o.Reason))
		if o.Status == "failed" || o.Status == "rejected" {
			x.Severity = envelope.Warn
			add("error.type", errorType(o))
		}
	}
	return x
}

// severityOf is how much an event matters.
func severityOf(e event.Event) envelope.Severity {
	switch e.(type) {
	case event.Gap, event.TornLine, event.LogDamaged, event.AnchorFinding, event.BadCosignature, event.KeyRevoked:
		return envelope.Error
	case event.Unanswered, event.ToolDrift, event.CallRefused, event.NoReceipt, event.ExtraResponse, event.ClockStep, event.Unanchored, event.NewEpoch:
		return envelope.Warn
	}
	return envelope.Info
}

// requestID is the id of a request as the conventions have it: receipts have it with its
// type before it.
func requestID(id string) string {
	for _, kind := range []string{"n:", "s:"} {
		if rest, ok := strings.CutPrefix(id, kind); ok {
			return clip(rest)
		}
	}
	return clip(id)
}

func transport(of string) string {
	switch of {
	case "stdio":
		return "pipe"
	case "http", "https", "sse", "streamable-http":
		return "tcp"
	}
	return ""
}

// errorType is a word of few values, as the conventions want: "tool_error" is theirs.
func errorType(o sign.Outcome) string {
	switch {
	case strings.HasPrefix(o.Reason, "isError"):
		return "tool_error"
	case strings.HasPrefix(o.Reason, "JSON-RPC error"):
		if code, _, _ := strings.Cut(o.Error, ":"); code != "" {
			if _, err := strconv.Atoi(strings.TrimSpace(code)); err == nil {
				return strings.TrimSpace(code)
			}
		}
		return "jsonrpc_error"
	case o.Status == "rejected":
		return "rejected"
	}
	return "_OTHER"
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == "" && strings.Trim(s, "0") != ""
}

// clip bounds an attribute: what a record says may be of any length.
func clip(s string) string {
	const most = 1000
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// contexts are what only events say of calls: the version of the protocol of a session,
// and the span in which a call was made. They come after the calls.
type contexts struct {
	protocols map[string]string
	spans     map[history.ID][8]byte
}

// maxContexts bounds each of both. What finds no room is not said.
const maxContexts = 1 << 20

func newContexts() *contexts {
	return &contexts{map[string]string{}, map[history.ID][8]byte{}}
}

func (c *contexts) see(r *history.Record) {
	if !r.Believed() {
		return
	}
	v := r.Says
	switch e := v.Event.(type) {
	case event.Session:
		if e.Protocol != "" && len(c.protocols) < maxContexts/8 {
			c.protocols[e.Session] = clip(e.Protocol)
		}
	case event.CallContext:
		for _, call := range e.Calls {
			id, ok := history.ParseID(call.Call)
			if !ok || !isHex(call.Span, 16) || len(c.spans) >= maxContexts {
				continue
			}
			n, _ := strconv.ParseUint(call.Span, 16, 64)
			var span [8]byte
			for i := range span {
				span[i] = byte(n >> (56 - 8*i))
			}
			c.spans[id] = span
		}
	}
}

// add says of a record what is known.
func (c *contexts) add(x *envelope.Record, v *sign.Verified) {
	if v == nil || c == nil {
		return
	}
	session, call := v.Session, v.ID
	if e, ok := v.Event.(event.Session); ok {
		session = e.Session
	}
	if history.IsResponse(v) {
		call = v.ParentID
	}
	if p := c.protocols[session]; p != "" && (v.Type == "" || v.Type == "session") {
		x.Attributes = append(x.Attributes, envelope.Attribute{Key: "mcp.protocol.version", Text: p})
	}
	if x.TraceID == "" || v.Type != "" {
		return
	}
	if id, ok := history.ParseID(call); ok {
		if span, ok := c.spans[id]; ok {
			const hex = "0123456789abcdef"
			var text [16]byte
			for i, b := range span {
				text[2*i], text[2*i+1] = hex[b>>4], hex[b&15]
			}
			x.SpanID = string(text[:])
		}
	}
}

// isContext says of the bytes of a receipt whether it may be one of the events that
// contexts are of.
func isContext(receipt []byte) bool {
	return bytes.Contains(receipt, []byte(`"type":"session"`)) || bytes.Contains(receipt, []byte(`"type":"call_context"`))
}
