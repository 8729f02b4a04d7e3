package verify

import (
	"hash/maphash"

	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/sign"
)

// copies finds receipts that are in the log twice. A copy of one that is bound to its place
// is displaced, and of a response package history tells; any other would pass for
// a second call, for which no key is needed.
//
// It holds the hashes of ids, 8 bytes each, with a seed that nobody knows.
type copies struct {
	all  bool // bound ones too, and responses: there are no places
	seed maphash.Seed
	seen map[uint64]struct{}
	full bool // there were more than maxCopies
}

// maxCopies bounds memory: some 150 MB.
const maxCopies = 8_000_000

// in is what they are copies in.
func (c *copies) in() string {
	if c.all {
		return "file"
	}
	return "log"
}

// again says whether the receipt has been there before.
func (c *copies) again(v *sign.Verified) bool {
	if !c.all && (v.Bound() || history.IsResponse(v)) {
		return false
	}
	if c.seen == nil {
		c.seed, c.seen = maphash.MakeSeed(), map[uint64]struct{}{}
	}
	hash := maphash.String(c.seed, v.ID)
	if _, copied := c.seen[hash]; copied {
		return true
	}
	if c.full = len(c.seen) >= maxCopies; !c.full {
		c.seen[hash] = struct{}{}
	}
	return false
}
