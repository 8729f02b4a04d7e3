package history

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Filter says which records are asked for. The zero value is all. Texts that are
// part of another are so in any case of their letters.
type Filter struct {
	Since, Until time.Time // of the request; zero: open
	Tool         string    // part of the tool's name
	Signer       string    // the name of one who signed, or "ed25519:" and its key in base64
	Session      string    // the session's beginning, with "ses_" or without
	Target       string    // part of the server's name
	Client       string    // part of the client's name and version
	Where        string    // part of "user@host"
	Owner        string    // part of the owner of the key
	Via          string    // part of the way that the call came
	Grep         string    // calls with it in their arguments: in the JSON, or in one of its texts
	Outcomes     []Outcome // calls that ended so; none: whatever came of them
}

// every says whether each record is asked for, whatever came of it.
func (f *Filter) every() bool {
	g := *f
	g.Outcomes = nil
	return reflect.ValueOf(g).IsZero()
}

// Any says whether the filter leaves anything out.
func (f *Filter) Any() bool { return !f.every() || len(f.Outcomes) > 0 }

// OnlyTimes says whether it does so by times alone: what passes is one part of the log.
func (f *Filter) OnlyTimes() bool {
	g := *f
	g.Since, g.Until = time.Time{}, time.Time{}
	return f.Any() && !g.Any()
}

// ofContext says whether the filter looks at what is in no receipt of a call, but in
// events: see [Context]. The owner may be in either.
func (f *Filter) ofContext() bool {
	return f.Client != "" || f.Where != "" || f.Owner != "" || f.Via != ""
}

// about says whether a record is asked for, whatever came of it. A response that
// agrees with its call is asked for if the call is, and only then: what the
// filter looks at is the same in both, but for the arguments, which only the call
// has: see [Filter.orphans].
func (f *Filter) about(r *Record) bool {
	v := r.Says
	if v == nil {
		return f.every()
	}
	signed := func(s sign.Party) bool {
		return s.Name == f.Signer || "ed25519:"+base64.StdEncoding.EncodeToString(s.Key) == f.Signer
	}
	return (f.Since.IsZero() || !v.Time.Before(f.Since)) &&
		(f.Until.IsZero() || !v.Time.After(f.Until)) &&
		(f.Tool == "" || v.Type == "" && within(v.Tool, lower(f.Tool))) &&
		within(targetOf(v), lower(f.Target)) &&
		(f.Signer == "" || slices.ContainsFunc(v.Signers, signed)) &&
		(f.Session == "" || f.inSession(v.Session)) &&
		(f.Grep == "" || IsResponse(v) || v.Type == "" && ArgumentsHave(v.Arguments(), f.Grep))
}

// ArgumentsHave says whether a text is in arguments, in any case of its letters: in
// their JSON as the log has it, or in one of its names and texts, as these read
// without escapes.
func ArgumentsHave(arguments []byte, text string) bool {
	part := lower(text)
	if within(string(arguments), part) {
		return true
	}
	if !bytes.ContainsRune(arguments, '\\') { // texts are as they are written
		return false
	}
	d := json.NewDecoder(bytes.NewReader(arguments))
	for {
		t, err := d.Token()
		if err != nil {
			return false
		}
		if s, ok := t.(string); ok && within(s, part) {
			return true
		}
	}
}

// targetOf is the target of a call, a response or an event.
func targetOf(v *sign.Verified) string {
	switch e := v.Event.(type) {
	case event.Session:
		return e.Target
	case event.Tools:
		return e.Target
	case event.ToolDrift:
		return e.Target
	case event.CallRefused:
		return e.Target
	}
	return v.Target
}

func (f *Filter) inSession(session string) bool {
	return session != "" && strings.HasPrefix(strings.TrimPrefix(session, "ses_"), strings.TrimPrefix(f.Session, "ses_"))
}

// orphans says whether a response can be asked for whose call is not.
func (f *Filter) orphans() bool { return f.Grep == "" }

// strange says whether a record is a response that is not to be believed, and so has
// no call, where such are not asked for.
func (f *Filter) strange(r *Record) bool {
	return !f.orphans() && !r.Believed() && r.Says != nil && IsResponse(r.Says)
}

// ended says whether what came of a row is asked for.
func (f *Filter) ended(r *Row) bool {
	return len(f.Outcomes) == 0 || slices.Contains(f.Outcomes, r.Outcome())
}
