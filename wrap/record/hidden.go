package record

import (
	"path"
	"slices"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/redact"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Why the arguments of a call are kept nowhere, as events have it.
const (
	hiddenTool   = "tool"
	hiddenSecret = "secret"
)

// hides says why the arguments of a call are to be kept nowhere; "": they are not.
func (o *Options) hides(c *Call) string {
	switch {
	case len(c.Arguments) == 0:
	case slices.ContainsFunc(o.HashOnlyTools, func(glob string) bool { return matchesTool(glob, c.Tool) }):
		return hiddenTool
	case o.MaskSecrets && redact.InArguments(c.Arguments):
		return hiddenSecret
	}
	return ""
}

// matchesTool is path.Match, but for /, which is a character like others.
func matchesTool(glob, tool string) bool {
	plain := strings.NewReplacer("/", "\x00")
	ok, err := path.Match(plain.Replace(glob), plain.Replace(tool))
	return ok && err == nil
}

// CheckToolPattern says what is wrong with a pattern of [Options].HashOnlyTools.
func CheckToolPattern(glob string) error {
	_, err := path.Match(strings.ReplaceAll(glob, "/", "\x00"), "")
	return err
}

// maxHidden is how many calls one event names: an SSH agent signs 24 KB.
const maxHidden = 300

// hiddenCalls are those whose arguments are kept nowhere, for one event each.
func hiddenCalls(calls []*loggedCall) [][]*loggedCall {
	var hidden []*loggedCall
	for _, c := range calls {
		if c.hidden != "" {
			hidden = append(hidden, c)
		}
	}
	return slices.Collect(slices.Chunk(hidden, maxHidden))
}

// hashOnlyEvent says it of calls that are signed already.
func hashOnlyEvent(session string, calls []*loggedCall) event.HashOnly {
	e := event.HashOnly{Session: session}
	for _, c := range calls {
		e.Calls = append(e.Calls, event.Call{ID: c.receipt, Reason: c.hidden})
	}
	return e
}
