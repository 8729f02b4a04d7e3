package record

import (
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
)

// outcomeOf is how the call ended, as the response tells it.
func outcomeOf(a mcpwire.Response, hashOnly bool) sign.Outcome {
	o := statusOf(a, hashOnly)
	o.Reason = join(o.Reason, a.Doubt)
	return o
}

func statusOf(a mcpwire.Response, hashOnly bool) sign.Outcome {
	switch s := a.Said; {
	case a.Failed:
		return sign.Outcome{Status: "failed", Reason: "JSON-RPC error", Error: errorText(s, hashOnly)}
	case a.Ended != "":
		return sign.Outcome{Status: "failed", Reason: a.Ended}
	case s.Input:
		return sign.Outcome{Status: "requires_approval", Reason: "input_required"}
	case s.IsError:
		return sign.Outcome{Status: "failed", Reason: "isError"}
	}
	return sign.Outcome{Status: "executed"}
}

// maxErrorText bounds how much of a server's error is repeated, in bytes:
// content_hash stands for all of it.
const maxErrorText = 200

// errorText is the code of a JSON-RPC error and, unless content is to stay out
// of the log, the beginning of its message.
func errorText(s mcpwire.Said, hashOnly bool) string {
	text := s.Code
	if s.Message != "" && !hashOnly {
		text = strings.TrimPrefix(s.Code+": "+s.Message, ": ")
	}
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "..."
	}
	return text
}
