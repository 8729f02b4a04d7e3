package wrap

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// toolbox is the tools as the server last listed them to the client, each by
// the hash of its definition. A definition that changes after the client has
// read it is how a server turns a tool into another; so what was listed is put
// into the log before the calls that follow it, and a change shows as an event
// of its own. All of it is guarded by the observer's lock.
type toolbox struct {
	listing map[string]string // name to H(JCS(definition)), as last listed
	told    map[string]string // as last put into the log
	fresh   bool              // listing has not been compared with told
}

// maxTools bounds the tools of one server that are remembered.
const maxTools = 10_000

// listed takes a result of tools/list. Further pages add to the first.
func (t *toolbox) listed(result []byte) {
	root, err := mcpwire.Parse(result, 0)
	if err != nil {
		return
	}
	list, ok := root.Member("tools")
	if !ok {
		return
	}
	raw := list.Raw(result)
	tools, err := mcpwire.Parse(raw, 0)
	if err != nil {
		return
	}
	if t.listing == nil {
		t.listing = map[string]string{}
	}
	for _, tool := range tools.Elements {
		name, ok := tool.Member("name")
		if !ok || len(t.listing) >= maxTools {
			continue
		}
		definition, err := canon.Canonicalize(tool.Raw(raw))
		if err != nil {
			definition = tool.Raw(raw)
		}
		t.listing[mcpwire.WellFormed(raw, name)] = canon.Hash(definition)
	}
	t.fresh = true
}

// changed is the job that puts the listing into the log, if there was one since
// the last time and it is not what the log has already.
func (t *toolbox) changed(rec *recorder) (job, bool) {
	if !t.fresh {
		return job{}, false
	}
	t.fresh = false
	before, now := t.told, maps.Clone(t.listing)
	t.told = now
	return job{prepare: func() []job {
		earlier := before
		if earlier == nil {
			earlier = lastListing(rec.opts.Audit, rec.opts.Target)
		}
		return listingJobs(rec, earlier, now)
	}}, true
}

func listingJobs(rec *recorder, earlier, now map[string]string) []job {
	if maps.Equal(earlier, now) {
		return nil
	}
	jobs := []job{{event: event.Tools{Session: rec.session, Target: rec.opts.Target, Tools: now}}}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if was, ok := earlier[name]; ok && was != now[name] {
			jobs = append(jobs, job{event: event.ToolDrift{
				Session: rec.session, Target: rec.opts.Target, Tool: name, Was: was, Now: now[name]}})
		}
	}
	return jobs
}

// What is read to find an earlier listing is bounded, in records and bytes.
const (
	maxLookBack      = 50_000
	maxLookBackBytes = 64 << 20
)

// lastListing is what the log last says of the tools of target, nil if it has
// nothing to say. Events that cannot be verified do not count.
func lastListing(audit, target string) map[string]string {
	records, size := 0, 0
	for e, err := range chain.Backward(audit, time.Time{}) {
		records, size = records+1, size+len(e.Raw)
		var line *chain.LineError
		if err != nil && !errors.As(err, &line) || records > maxLookBack || size > maxLookBackBytes {
			return nil
		}
		if e.Canonical && !bytes.Contains(e.Receipt, []byte(`"type":"tools"`)) {
			continue
		}
		if v, err := sign.Verify(e.Receipt); err == nil {
			if listed, ok := v.Event.(event.Tools); ok && listed.Target == target {
				return listed.Tools
			}
		}
	}
	return nil
}
