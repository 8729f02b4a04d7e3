package record

import (
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
)

// outcomeOf says how the call ended, according to its response.
func outcomeOf(a mcpwire.Response, codeOnly bool) sign.Outcome {
	o := statusOf(a, codeOnly)
	o.Reason = join(o.Reason, a.Doubt)
	return o
}

func statusOf(a mcpwire.Response, codeOnly bool) sign.Outcome {
	switch s := a.Said; {
	case a.Failed:
		return sign.Outcome{Status: "failed", Reason: "JSON-RPC error", Error: errorText(s, codeOnly)}
	case a.Ended != "":
		return sign.Outcome{Status: "failed", Reason: a.Ended}
	case s.Input:
		return sign.Outcome{Status: "requires_approval", Reason: "input_required"}
	case s.IsError:
		return sign.Outcome{Status: "failed", Reason: "isError"}
	}
	return sign.Outcome{Status: "executed"}
}

// maxErrorText is the maximum length of a server's error text in a receipt, in
// bytes. content_hash covers all of the error.
const maxErrorText = 200

// errorText is the code of a JSON-RPC error and the beginning of its message. With
// codeOnly it is the code alone.
func errorText(s mcpwire.Said, codeOnly bool) string {
	text := s.Code
	if s.Message != "" && !codeOnly {
		text = strings.TrimPrefix(s.Code+": "+s.Message, ": ")
	}
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "..."
	}
	return text
}
