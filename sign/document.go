package sign

import "github.com/signet-wrap/signet-wrap/internal/canon"

// A document is a receipt or event in canonical form, with the values of all
// members that have a meaning in some version of the format; nil: absent.
type document struct {
	b []byte

	v, typ, id, sig, nonce                  []byte
	action, signer, exp, ts, paramsRaw      []byte
	response, server, tsRequest, tsResponse []byte
	agentReceipt, authorization             []byte
}

func parse(object []byte) document {
	d := document{b: object}
	for cur := canon.Members(object); cur.Next(); {
		var field *[]byte
		switch string(cur.Name) {
		case "action":
			field = &d.action
		case "agent_receipt":
			field = &d.agentReceipt
		case "authorization":
			field = &d.authorization
		case "exp":
			field = &d.exp
		case "id":
			field = &d.id
		case "nonce":
			field = &d.nonce
		case "params_raw":
			field = &d.paramsRaw
		case "response":
			field = &d.response
		case "server":
			field = &d.server
		case "sig":
			field = &d.sig
		case "signer":
			field = &d.signer
		case "ts":
			field = &d.ts
		case "ts_request":
			field = &d.tsRequest
		case "ts_response":
			field = &d.tsResponse
		case "type":
			field = &d.typ
		case "v":
			field = &d.v
		default:
			continue
		}
		*field = cur.Value
	}
	return d
}

// cut returns the document without the named members, which is what was signed. The
// result is canonical, as the document is.
func (d *document) cut(names ...string) []byte {
	// Of all members that are cut only params_raw can be large: megabytes.
	b := append(make([]byte, 0, len(d.b)-len(d.paramsRaw)), '{')
next:
	for cur := canon.Members(d.b); cur.Next(); {
		for _, name := range names {
			if string(cur.Name) == name {
				continue next
			}
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, cur.Member()...)
	}
	return append(b, '}')
}
