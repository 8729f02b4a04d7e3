package sign

import (
	"bytes"
	"encoding/base64"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

func (d *document) readAction(v *Verified, check verify) error {
	if !canon.IsObject(d.action) {
		return invalid("it has no action")
	}
	var params []byte
	required := 0
	for cur := canon.Members(d.action); cur.Next(); {
		var s *string
		switch string(cur.Name) {
		case "params":
			params = cur.Value
			continue
		case "params_hash":
			var ok bool
			if v.ParamsHash, ok = readHash(cur.Value); !ok {
				return invalid("params_hash is not \"sha256:\" and 64 hex digits")
			}
			required++
			continue
		case "target":
			s = &v.Target
			required++
		case "tool":
			s = &v.Tool
			required++
		case "transport":
			s = &v.Transport
			required++
		case "call_id":
			s = &v.CallID
		case "parent_receipt_id":
			s = &v.ParentID
		case "response_hash":
			v.InputHash, _ = readHash(cur.Value) // other writers may have another value
			s = new(string)
		case "session":
			s = &v.Session
		case "trace_id":
			s = &v.TraceID
		default:
			continue
		}
		var ok bool
		if *s, ok = canon.Text(cur.Value); !ok {
			return invalid("action.%s is not a string", cur.Name)
		}
	}
	if required != 4 || params == nil {
		return invalid("its action lacks one of tool, params, params_hash, target, transport")
	}
	return d.readParams(v, params, check)
}

func (d *document) readParams(v *Verified, params []byte, check verify) error {
	null := string(params) == "null"
	switch {
	case d.paramsRaw != nil && !null:
		return invalid("it has both params and params_raw")
	case d.paramsRaw != nil:
		raw, ok := canon.PlainText(d.paramsRaw)
		if !ok {
			return invalid("params_raw is not base64")
		}
		v.Apart, v.paramsRaw = true, raw
		if check == nil {
			return nil
		}
		hash, ok := hashBase64(raw)
		v.Exact = hash == v.ParamsHash
		switch {
		case !ok:
			return invalid("params_raw is not base64")
		case !v.Exact && !v.isHashOfCanonical():
			return invalid("params_hash is not the hash of params_raw")
		}
	case !null:
		v.Params = params
		if check != nil && event.HashOf(params) != v.ParamsHash {
			return invalid("params_hash is not the hash of params")
		}
	default:
		v.HashOnly = v.ParamsHash != emptyHash && v.ParamsHash != nullHash
	}
	return nil
}

// isHashOfCanonical says whether params_hash is the hash of the canonical form of
// what params_raw has. Arguments longer than maxParams are never signed so.
func (v *Verified) isHashOfCanonical() bool {
	if base64.StdEncoding.DecodedLen(len(v.paramsRaw)) > maxParams+2 {
		return false
	}
	raw := v.Arguments()
	if len(raw) > maxParams {
		return false
	}
	canonical, err := canon.Canonicalize(raw)
	return err == nil && event.HashOf(canonical) == v.ParamsHash
}

// These values of params_hash, with params null, mean that nothing was left out: a
// call without arguments, and a call with the argument null.
var (
	emptyHash = event.HashOf([]byte("{}"))
	nullHash  = event.HashOf([]byte("null"))
)

func (d *document) readResponse(v *Verified) error {
	if err := readTime(&v.Responded, d.tsResponse, "ts_response"); err != nil {
		return err
	}
	if v.Responded.Before(v.Time) {
		// Not invalid: in version 3 the times are of two clocks, and in version
		// 2 the clock may have been set back. FORMAT.md, "Version 3".
		v.Doubts = append(v.Doubts, "the response is dated before the request")
	}
	if !canon.IsObject(d.response) {
		return invalid("it has no response")
	}
	hashed := false
	for cur := canon.Members(d.response); cur.Next(); {
		switch string(cur.Name) {
		case "content_hash":
			v.ResponseHash, hashed = readHash(cur.Value)
		case "outcome":
			if err := v.Outcome.read(cur.Value); err != nil {
				return err
			}
		}
	}
	if !hashed {
		return invalid("response.content_hash is not \"sha256:\" and 64 hex digits")
	}
	return nil
}

func (o *Outcome) read(value []byte) error {
	if !canon.IsObject(value) {
		return invalid("response.outcome is not an object")
	}
	for cur := canon.Members(value); cur.Next(); {
		var s *string
		switch string(cur.Name) {
		case "error":
			s = &o.Error
		case "reason":
			s = &o.Reason
		case "status":
			s = &o.Status
		default:
			continue
		}
		var ok bool
		if *s, ok = canon.Text(cur.Value); !ok {
			return invalid("response.outcome.%s is not a string", cur.Name)
		}
	}
	switch o.Status {
	case "verified", "rejected", "requires_approval", "executed", "failed":
		return nil
	}
	return invalid("response.outcome.status has an unknown value")
}

func (d *document) readExpiry(v *Verified) error {
	if d.exp == nil {
		return nil
	}
	return readTime(&v.Expires, d.exp, "exp")
}

func readTime(t *time.Time, value []byte, name string) error {
	s, ok := canon.PlainText(value)
	// UnmarshalText is strict, except that it takes a comma for the point.
	if !ok || bytes.IndexByte(s, ',') >= 0 || t.UnmarshalText(s) != nil {
		return invalid("%s is not an RFC 3339 time", name)
	}
	return nil
}
