package history

import (
	"bytes"
	"context"
	"hash/maphash"
	"strings"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Context is what the log says of who made a call, where, and with what, beside
// the call's receipt: in the events of its session, of the call, and of its key.
// They count if they are believed and signed as the call is. What is not known is
// nil or empty.
type Context struct {
	Client, Server *event.Implementation
	Environment    *event.Environment
	Owner          string // of the key: as the receipt has it, else as the key's last owner event
	Via            string // the way that it came; "" if the session's event does not say
}

// Where is the user and the host of a context, "user@host"; "" if neither is known.
func (c *Context) Where() string {
	switch e := c.Environment; {
	case e == nil || e.User == "" && e.UserID == "" && e.Host == "":
		return ""
	case e.User == "" && e.UserID == "":
		return e.Host
	case e.User == "":
		return strings.TrimSuffix(e.UserID+"@"+e.Host, "@")
	default:
		return strings.TrimSuffix(e.User+"@"+e.Host, "@")
	}
}

// ClientName is the client's name and version as it gave them; "" if it did not.
func (c *Context) ClientName() string {
	if c.Client == nil {
		return ""
	}
	return strings.TrimSpace(c.Client.Name + " " + c.Client.Version)
}

// Bounds of what is remembered: sessions, calls with another client than their
// session's, and keys; and bytes that a short list is read on for them.
const (
	maxContexts  = 300_000
	maxReadOnFor = 128 << 20
)

// contexts are gathered from events. Sessions that say the same share one Context.
type contexts struct {
	hasher
	newestFirst bool                         // what is there already stays
	sessions    map[uint64]*Context          // by signer and session
	same        map[Context]*Context         // by what they say
	values      map[any]any                  // clients, servers and environments, each once
	clients     map[ID]*event.Implementation // of calls
	owners      map[string]string            // by key
}

func newContexts(newestFirst bool) *contexts {
	return &contexts{
		hasher: hasher{maphash.MakeSeed()}, newestFirst: newestFirst,
		sessions: map[uint64]*Context{}, same: map[Context]*Context{}, values: map[any]any{},
		clients: map[ID]*event.Implementation{}, owners: map[string]string{},
	}
}

// saysContext says whether a receipt in canonical form may be an event that a
// Context is made of: there, the members that follow its type are known.
func saysContext(receipt []byte) bool {
	return bytes.HasSuffix(receipt, []byte(`"type":"session","v":1}`)) || bytes.HasSuffix(receipt, []byte(`"type":"call_context","v":1}`)) ||
		bytes.HasSuffix(receipt, []byte(`"}`)) && bytes.Contains(receipt, []byte(`"type":"owner"`))
}

// take takes an event that is believed.
func (c *contexts) take(v *sign.Verified) {
	switch e := v.Event.(type) {
	case event.Session:
		put(c.sessions, c.party(v), c.shared(e), c.newestFirst)
	case event.CallContext:
		for _, call := range e.Calls {
			if id, ok := ParseID(call.Call); ok && call.Client != nil {
				// The id alone could be another's call.
				put(c.clients, c.callKey(id, v), once(c, *call.Client), c.newestFirst)
			}
		}
	case event.Owner:
		if len(v.Signers) > 0 {
			put(c.owners, string(v.Signers[0].Key), strings.Clone(e.Owner), c.newestFirst)
		}
	}
}

// callKey identifies a call of the signer and the session of v.
func (c *contexts) callKey(id ID, v *sign.Verified) ID {
	party := c.party(v)
	for i := range 8 {
		id[i] ^= byte(party >> (8 * i))
	}
	return id
}

// put puts a value into a map of a bounded size.
func put[K comparable, V any](m map[K]V, key K, v V, stays bool) {
	if _, there := m[key]; there && stays {
		return
	}
	if len(m) >= maxContexts {
		for other := range m { // any
			delete(m, other)
			break
		}
	}
	m[key] = v
}

// shared is what a session's event says, in memory that others share.
func (c *contexts) shared(e event.Session) *Context {
	said := Context{Via: e.Via}
	if e.Client != nil {
		said.Client = once(c, *e.Client)
	}
	if e.Server != nil {
		said.Server = once(c, *e.Server)
	}
	if e.Environment != nil {
		said.Environment = once(c, *e.Environment)
	}
	if p, ok := c.same[said]; ok {
		return p
	}
	p := &said
	put(c.same, said, p, false)
	return p
}

func once[T comparable](c *contexts, v T) *T {
	if p, ok := c.values[v]; ok {
		return p.(*T)
	}
	p := &v
	put(c.values, any(v), any(p), false)
	return p
}

// of is the context of a call, or of a response to one.
func (c *contexts) of(v *sign.Verified) (all Context) {
	if s := c.sessions[c.party(v)]; s != nil {
		all = *s
	}
	call := v.ID
	if IsResponse(v) {
		call = v.ParentID
	}
	if id, ok := ParseID(call); ok {
		if client := c.clients[c.callKey(id, v)]; client != nil {
			all.Client = client
		}
	}
	if len(v.Signers) > 0 {
		signer := v.Signers[len(v.Signers)-1]
		if all.Owner = signer.Owner; all.Owner == "" {
			all.Owner = c.owners[string(signer.Key)]
		}
	}
	return all
}

// allContexts gathers the contexts of the whole log.
func (l *lister) allContexts() error {
	l.contexts = newContexts(false)
	look := func(e chain.Entry, bad *chain.LineError) (*Record, bool) { return l.lookAt(e, bad) }
	for r, err := range chain.Read(l.ctx, l.log, chain.ReadOptions{Filter: saysContext, Progress: l.o.Progress}, look) {
		if err != nil {
			return err
		}
		l.contexts.take(r.Says)
		if e, ok := r.Says.Event.(event.Session); ok && l.o.Session != nil {
			l.o.Session(r.Says, e)
		}
	}
	return nil
}

// lookAt is a record that a Context is made of, checked.
func (l *lister) lookAt(e chain.Entry, bad *chain.LineError) (*Record, bool) {
	if bad != nil {
		return nil, false
	}
	r := newRecord(e.Keep())
	if r.Says == nil || !saysContext(r.Receipt) {
		return nil, false
	}
	r.check(&l.verifier)
	return r, r.Believed()
}

// contextsOf gathers the contexts of these rows, which are in the order of the log
// and few. It reads the log backward, to the events of their sessions; a session
// whose event is not near stays unknown. Without rows it gathers what is near the end.
func (l *lister) contextsOf(rows []*Row) error {
	l.contexts = newContexts(true)
	wanted := map[uint64]bool{}
	for _, row := range rows {
		if row.Says != nil && strings.HasPrefix(row.Says.Session, "ses_") {
			wanted[l.contexts.party(row.Says)] = true
		}
	}
	oldest, passed := chain.Position{}, len(rows) == 0
	if !passed {
		oldest = rows[0].Position()
	}
	ctx, stop := context.WithCancel(l.ctx)
	defer stop()
	until := int64(0)
	o := chain.ReadOptions{Backward: true, Progress: func(_, bytes, _ int64) {
		if passed && until == 0 {
			until = bytes + maxReadOnFor
		}
		if until > 0 && bytes > until {
			stop()
		}
	}}
	type found struct {
		r      *Record
		oldest bool
	}
	look := func(e chain.Entry, bad *chain.LineError) (found, bool) {
		f := found{oldest: bad == nil && e.Position() == oldest}
		if bad == nil && (!e.Canonical || saysContext(e.Receipt)) {
			if r, ok := l.lookAt(e, bad); ok {
				f.r = r
			}
		}
		return f, f.oldest || f.r != nil
	}
	for f, err := range chain.Read(ctx, l.log, o, look) {
		switch {
		case err != nil && l.ctx.Err() == nil && ctx.Err() != nil:
			return nil // far enough
		case err != nil:
			return err
		}
		passed = passed || f.oldest
		if f.r != nil {
			l.contexts.take(f.r.Says)
			if _, session := f.r.Says.Event.(event.Session); session {
				delete(wanted, l.contexts.party(f.r.Says))
			}
		}
		if passed && len(wanted) == 0 && len(rows) > 0 {
			return nil
		}
	}
	return nil
}
