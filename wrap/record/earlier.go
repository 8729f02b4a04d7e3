package record

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Limits of the search for an earlier listing: records, bytes, checked signatures,
// and events signed by our own key. Only the last limit is low, because anybody can
// write records that count toward the others.
var (
	maxLookBack      = 50_000
	maxLookBackBytes = 64 << 20
	maxChecked       = 20_000
	maxOwnListings   = 2_000
)

// loggedTools are the tools of a target according to the log.
type loggedTools struct {
	tools map[string]event.Hash // by name; nil: no listing was found
	left  left
	ended string // the limit that ended the search; "": it was complete
}

// lastTools searches the log backward for the last listing of the tools of target.
// Only events that key has signed count.
func lastTools(audit, target string, key ed25519.PublicKey) (found loggedTools) {
	log, err := chain.TakeSnapshot(audit)
	if err != nil {
		found.ended = "the log could not be read"
		return found
	}
	signer := []byte(base64.StdEncoding.EncodeToString(key))
	records, size, checked, own := 0, 0, 0, 0
	for e, err := range log.Records(context.Background(), chain.ReadOptions{Backward: true, Workers: 1}) {
		records, size = records+1, size+len(e.Raw)
		var line *chain.LineError
		switch {
		case err != nil && !errors.As(err, &line):
			found.ended = "the log could not be read"
		case records > maxLookBack:
			found.ended = fmt.Sprintf("after %d records", maxLookBack)
		case size > maxLookBackBytes:
			found.ended = fmt.Sprintf("after %d bytes", maxLookBackBytes)
		case checked == maxChecked:
			found.ended = fmt.Sprintf("after %d signatures", maxChecked)
		case own == maxOwnListings:
			found.ended = fmt.Sprintf("after %d listings of this key", maxOwnListings)
		}
		if found.ended != "" {
			return found
		}
		// Canonical JSON has only this spelling of both.
		if !e.Canonical || !bytes.Contains(e.Receipt, []byte(`"type":"tools"`)) || !bytes.Contains(e.Receipt, signer) {
			continue
		}
		checked++
		v, err := sign.Verify(e.Receipt, sign.Keys(key))
		if err != nil || !v.Follows(e.PrevHash) { // a copy of an older event
			continue
		}
		listed, ok := v.Event.(event.Tools)
		if !ok {
			continue
		}
		own++
		if listed.Target != target {
			continue
		}
		if found.tools == nil {
			found = loggedTools{tools: map[string]event.Hash{}, left: left{int(listed.Left), listed.LeftHash}}
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
