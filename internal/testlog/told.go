package testlog

import (
	"encoding/json"
	"runtime"
	"slices"
	"strings"

	"github.com/signet-wrap/signet-wrap/sign"
)

// A Told call is what a log says of a call.
type Told struct {
	Tool   string
	Params json.RawMessage
	// Ends has the status of each outcome, and the reason of each event that the call
	// has no response. A whole log has one.
	Ends []string
}

// Calls returns the calls in a log, in order.
func Calls(audit string) (calls []*Told, err error) {
	byID := map[string]*Told{}
	end := func(id, how string) {
		if c := byID[id]; c != nil {
			c.Ends = append(c.Ends, how)
		}
	}
	for e, err := range Records(audit) {
		if err != nil {
			return nil, err
		}
		v, err := sign.Verify(slices.Clone(e.Receipt), sign.AnyKey)
		if err != nil {
			return nil, err
		}
		switch {
		case v.Type == "unanswered":
			var u struct {
				Calls []struct{ Call, Reason string }
			}
			if err := json.Unmarshal(e.Receipt, &u); err != nil {
				return nil, err
			}
			for _, c := range u.Calls {
				end(c.Call, c.Reason)
			}
		case v.Type != "":
		case v.Version == 1:
			c := &Told{Tool: v.Tool, Params: v.Params}
			byID[v.ID], calls = c, append(calls, c)
		default:
			end(v.ParentID, v.Outcome.Status)
		}
	}
	return calls, nil
}

// Goroutines returns the stacks, by the names of the goroutines, of those that run code
// of this module or were started by it. Code of tests does not count, nor does the one
// goroutine of package alarm, which a process keeps.
func Goroutines() map[string]string {
	b := make([]byte, 1<<20)
	for {
		n := runtime.Stack(b, true)
		if n < len(b) {
			b = b[:n]
			break
		}
		b = make([]byte, 2*len(b))
	}
	ours := map[string]string{}
	for stack := range strings.SplitSeq(string(b), "\n\n") {
		for line := range strings.Lines(stack) {
			name := strings.TrimPrefix(line, "created by ")
			path, of := strings.CutPrefix(name, "github.com/signet-wrap/signet-wrap/")
			if !of || strings.Contains(path, "_test.") || strings.HasPrefix(path, "internal/testlog.") {
				continue
			}
			if strings.HasPrefix(path, "internal/alarm.") {
				break
			}
			name, _, _ = strings.Cut(stack, " [")
			ours[name] = stack
			break
		}
	}
	return ours
}
