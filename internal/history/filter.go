package history

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Filter says which records are asked for. The zero value is all.
type Filter struct {
	Since, Until time.Time // of the request; zero: open
	Tool         string    // part of the tool's name
	Signer       string    // the name of one who signed, or "ed25519:" and its key in base64
	Session      string    // the session's beginning, with "ses_" or without
	Target       string    // part of the server's name
	Client       string    // part of the client's name and version
	Where        string    // part of "user@host"
	Owner        string    // part of the owner of the key
	Failed, Open bool      // calls that failed, calls whose outcome is not known
}

// every says whether each record is asked for, whatever came of it.
func (f *Filter) every() bool {
	return f.Since.IsZero() && f.Until.IsZero() && f.Tool == "" && f.Signer == "" && f.Session == "" && f.Target == "" && !f.ofContext()
}

// ofContext says whether the filter looks at what is in no receipt of a call, but in
// events: see [Context]. The owner may be in either.
func (f *Filter) ofContext() bool { return f.Client != "" || f.Where != "" || f.Owner != "" }

// about says whether a record is asked for, whatever came of it. A response that
// agrees with its call is asked for if the call is, and only then: what the
// filter looks at is the same in both.
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
		(f.Tool == "" || v.Type == "" && strings.Contains(v.Tool, f.Tool)) &&
		(f.Target == "" || strings.Contains(targetOf(v), f.Target)) &&
		(f.Signer == "" || slices.ContainsFunc(v.Signers, signed)) &&
		(f.Session == "" || f.inSession(v.Session))
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
	}
	return v.Target
}

func (f *Filter) inSession(session string) bool {
	return session != "" && strings.HasPrefix(strings.TrimPrefix(session, "ses_"), strings.TrimPrefix(f.Session, "ses_"))
}

// ended says whether what came of a row is asked for.
func (f *Filter) ended(r *Row) bool {
	return !f.Failed && !f.Open || f.Failed && r.Failed() || f.Open && r.Open()
}
