package history

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A View is a row as one object for programs: what `audit --json` prints. Members
// that are not known, or do not apply, are left out. docs/AUDIT.md describes them.
type View struct {
	Kind      string  `json:"kind"` // KindCall, KindEvent, KindResponse or KindUnreadable
	ID        string  `json:"id,omitempty"`
	Time      string  `json:"time,omitempty"` // of the request or the event, in UTC
	Tool      string  `json:"tool,omitempty"`
	Target    string  `json:"target,omitempty"`
	Via       string  `json:"via,omitempty"` // wrap, check, sdk or hook
	Transport string  `json:"transport,omitempty"`
	Outcome   Outcome `json:"outcome,omitempty"`
	Reason    string  `json:"reason,omitempty"`      // of the outcome, as its receipt or an event gives it
	Error     string  `json:"error,omitempty"`       // likewise
	Took      *int64  `json:"duration_ms,omitempty"` // from request to response

	// At most one of the first two is there. Both are missing if the call has no
	// arguments, and if only their hash was recorded.
	Arguments      json.RawMessage `json:"arguments,omitempty"`        // as the log has them
	ArgumentsBytes []byte          `json:"arguments_base64,omitempty"` // of those that are no JSON text in UTF-8
	ArgumentsSize  *int            `json:"arguments_size,omitempty"`   // in bytes
	ArgumentsHash  string          `json:"arguments_hash,omitempty"`
	HashOnly       bool            `json:"hash_only,omitempty"`

	Session string `json:"session,omitempty"`
	CallID  string `json:"call_id,omitempty"`
	TraceID string `json:"trace_id,omitempty"`
	Parent  string `json:"parent_receipt_id,omitempty"`

	Signer *ViewSigner   `json:"signer,omitempty"`
	Client *ViewProgram  `json:"client,omitempty"`
	Server *ViewProgram  `json:"server,omitempty"`
	Where  *ViewWhere    `json:"where,omitempty"`
	Answer *ViewResponse `json:"response,omitempty"`

	Type string                     `json:"type,omitempty"` // of an event
	Says map[string]json.RawMessage `json:"says,omitempty"` // its members

	Problem string    `json:"problem,omitempty"` // why a record does not count as what it says
	Log     ViewPlace `json:"log"`
}

// Kinds of views. A response is one of its own only if it counts for no call.
const (
	KindCall       = "call"
	KindEvent      = "event"
	KindResponse   = "response"
	KindUnreadable = "unreadable"
)

// A ViewSigner is who signed: the key, and what its holder claims.
type ViewSigner struct {
	Name  string `json:"name"`
	Owner string `json:"owner,omitempty"`
	Key   string `json:"key"`
	Known *bool  `json:"known,omitempty"` // whether the key is one of the home; nil: nothing is known of any
}

// A ViewProgram is a client or a server, as it named itself.
type ViewProgram struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// A ViewWhere is where the wrapper ran, and as whom.
type ViewWhere struct {
	User      string `json:"user,omitempty"`
	UserID    string `json:"user_id,omitempty"`
	Host      string `json:"host,omitempty"`
	Directory string `json:"directory,omitempty"`
}

// A ViewResponse is the response that counts.
type ViewResponse struct {
	ID          string    `json:"id"`
	Time        string    `json:"time,omitempty"`
	ContentHash string    `json:"content_hash,omitempty"`
	Log         ViewPlace `json:"log"`
}

// A ViewPlace is where a record is in the log.
type ViewPlace struct {
	File       string `json:"file"`
	Offset     int64  `json:"offset"`
	RecordHash string `json:"record_hash"`
}

// View is the row as one object.
func (r *Row) View() *View {
	x := &View{Kind: KindUnreadable, Outcome: r.Outcome(), Log: placeOf(r.Record)}
	if r.Err != nil {
		x.Problem = cutReason(r.Err.Error())
	}
	v := r.Says
	if v == nil {
		return x
	}
	x.ID, x.Time, x.Session, x.Type = v.ID, timeText(v.Time), v.Session, v.Type
	x.Tool, x.Target, x.Via, x.Transport, x.CallID, x.TraceID, x.Parent = v.Tool, targetOf(v), r.Context.Via, v.Transport, v.CallID, v.TraceID, v.ParentID
	if n := len(v.Signers); n > 0 && r.Believed() { // else it is nobody's word
		s := v.Signers[n-1]
		x.Signer = &ViewSigner{Name: s.Name, Owner: r.Context.Owner, Key: "ed25519:" + base64.StdEncoding.EncodeToString(s.Key)}
		if x.Signer.Owner == "" {
			x.Signer.Owner = s.Owner
		}
	}
	x.Client, x.Server = program(r.Context.Client), program(r.Context.Server)
	if e := r.Context.Environment; e != nil {
		x.Where = &ViewWhere{e.User, e.UserID, e.Host, e.Directory}
	}
	switch {
	case v.Type != "":
		x.Kind = KindEvent
		x.says(v.Event)
	case IsResponse(v):
		x.Kind = KindResponse
		x.responded(v)
	default:
		x.Kind = KindCall
		x.arguments(v)
	}
	switch {
	case r.Response != nil:
		x.responded(r.Response.Says)
		if r.Response != r.Record {
			s := r.Response.Says
			x.Answer = &ViewResponse{ID: s.ID, Time: timeText(s.Responded), ContentHash: hashText(s.ResponseHash), Log: placeOf(r.Response)}
		}
	case r.Unanswered != "":
		x.Reason = r.Unanswered
	}
	if took, ok := r.Took(); ok {
		ms := took.Milliseconds()
		x.Took = &ms
	}
	return x
}

func (x *View) responded(v *sign.Verified) {
	x.Reason, x.Error = v.Outcome.Reason, v.Outcome.Error
}

func (x *View) arguments(v *sign.Verified) {
	x.ArgumentsHash, x.HashOnly = hashText(v.ParamsHash), v.HashOnly
	arguments := v.Arguments()
	if arguments == nil {
		return
	}
	n := len(arguments)
	x.ArgumentsSize = &n
	if utf8.Valid(arguments) && json.Valid(arguments) {
		x.Arguments = arguments
	} else {
		x.ArgumentsBytes = arguments
	}
}

// says takes the members of an event, but for its session.
func (x *View) says(e event.Event) {
	if e == nil {
		return
	}
	for _, m := range e.Members() {
		if m.Name != "session" && json.Valid(m.Value) {
			if x.Says == nil {
				x.Says = map[string]json.RawMessage{}
			}
			x.Says[m.Name] = m.Value
		}
	}
}

// AppendJSON appends the view as one line of JSON, without its newline.
func (x *View) AppendJSON(b []byte) ([]byte, error) {
	buf := bytes.NewBuffer(b)
	e := json.NewEncoder(buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(x); err != nil {
		return b, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}

func program(i *event.Implementation) *ViewProgram {
	if i == nil {
		return nil
	}
	return &ViewProgram{i.Name, i.Version}
}

func placeOf(r *Record) ViewPlace {
	return ViewPlace{r.File, r.Offset, r.RecordHash.String()}
}

// hashText is the hash as it is written, "" for none.
func hashText(h sign.Hash) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}

// timeText is a time as receipts have it, "" for none.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(event.TimeForm)
}
