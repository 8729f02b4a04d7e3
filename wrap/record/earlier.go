package record

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// What is read to find an earlier listing is bounded: records, bytes, and events
// whose signature is checked.
const (
	maxLookBack      = 50_000
	maxLookBackBytes = 64 << 20
	maxLookedAt      = 2_000
)

// loggedTools is what the log says of the tools of a target.
type loggedTools struct {
	tools map[string]event.Hash // by name; nil: nothing was found
	left  left
}

// lastTools is what the log last says of the tools of target. Only events that key
// has signed count.
func lastTools(audit, target string, key ed25519.PublicKey) (found loggedTools) {
	log, err := chain.TakeSnapshot(audit)
	if err != nil {
		return found
	}
	records, size, looked := 0, 0, 0
	for e, err := range log.Records(context.Background(), chain.ReadOptions{Backward: true, Workers: 1}) {
		records, size = records+1, size+len(e.Raw)
		var line *chain.LineError
		if err != nil && !errors.As(err, &line) || records > maxLookBack || size > maxLookBackBytes || looked > maxLookedAt {
			return found
		}
		// In canonical form, as we write it, or spelled with escapes.
		if !bytes.Contains(e.Receipt, []byte(`"tools"`)) && !bytes.Contains(e.Receipt, []byte(`\u`)) {
			continue
		}
		looked++
		v, err := sign.Verify(e.Receipt, sign.Keys(key))
		if err != nil {
			continue
		}
		listed, ok := v.Event.(event.Tools)
		if !ok || listed.Target != target {
			continue
		}
		if found.tools == nil {
			found = loggedTools{map[string]event.Hash{}, left{int(listed.Left), listed.LeftHash}}
		}
		for name, hash := range listed.Tools {
			if _, newer := found.tools[name]; !newer && len(found.tools) < maxKnown {
				found.tools[name] = hash
			}
		}
		if !listed.Adds {
			return found
		}
	}
	return found
}
