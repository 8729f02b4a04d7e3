// Package anchor has others remember how far a log goes, who are out of the
// reach of whoever can rewrite it: witnesses, which cosign checkpoints of the log
// as a transparency log (package tlog) and refuse any that does not go on from
// what they have seen, and time-stamp authorities (RFC 3161).
//
// What it takes is in a directory, the [Store], which need not be in the reach
// of the log's owner either:
//
//	log.key        the log's key, 0600; a key of its own, not that of receipts
//	log.vkey       its public half, named after the log: its origin
//	policy         c2sp.org/tlog-policy: the log, witnesses with URLs, quorum
//	hashes         of the tree, only ever appended to (package tlog)
//	checkpoint     the newest one, with the cosignatures that it has
//	anchors.jsonl  each checkpoint that was cosigned or stamped
//	state.json     where the last leaf's record is; when whom to ask again
//	config         proxy, CA file, time-stamp authority
//	tsa.pem        the roots of the time-stamp authority
//	lock           of the one process that anchors
//	epoch-N/       what was there before an [Store.NewEpoch]
//
// [Store.Anchor] brings a store up to the log's end. It only reads the log. It
// goes on from the last leaf, whose record must still be where it was, and never
// computes an old leaf again. Its order is one in which it can be killed at any
// instruction: day files and hashes are synced, then the checkpoint is signed,
// then it is written, and only then is it shown to anybody.
//
//	store, err := anchor.Create(dir, anchor.Settings{Origin: anchor.RandomOrigin(), Witnesses: witnesses, Quorum: 2})
//	result, err := store.Anchor(ctx, anchor.Options{Log: audit, Own: true})
//	if result.Finding != nil {
//		// the log is not the one that was anchored
//	}
//
// The package writes nothing into the log. That a log is anchored, what was found
// and that an epoch has ended, the caller appends as events, so that a log without
// its store tells of it: AnchorPolicy, AnchorFinding and NewEpoch of package event.
package anchor
