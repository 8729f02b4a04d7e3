// Package anchor makes others remember how far a log goes: parties that cannot be
// reached by those who could rewrite the log. They are witnesses, which cosign
// checkpoints of the log as a transparency log (package tlog) and refuse any that
// does not continue what they have seen, and time-stamp authorities (RFC 3161).
//
// All state is in a directory, the [Store]. It can also be where the log's owner
// cannot change it:
//
//	log.key        the log's key, mode 0600; its own key, not that of receipts
//	log.vkey       its public half; its name is the log's origin
//	policy         c2sp.org/tlog-policy: the log, witnesses with URLs, quorum
//	hashes         hashes of the tree, append-only (package tlog)
//	checkpoint     the newest checkpoint, with its cosignatures
//	anchors.jsonl  each checkpoint that was cosigned or stamped
//	state.json     where the record of the last leaf is; whom to ask again, and when
//	config         proxy, CA file, time-stamp authority
//	tsa.pem        the roots of the time-stamp authority
//	lock           lock of the one process that anchors
//	epoch-N/       what was there before [Store.NewEpoch]
//
// [Store.Anchor] brings a store up to the end of the log. It only reads the log. It
// continues after the last leaf, whose record must still be in its place, and never
// computes an old leaf again. It may be killed at any time: day files and hashes
// are synced first, then the checkpoint is signed, then it is written, and only
// then is it sent to anybody.
//
//	store, err := anchor.Create(dir, anchor.Settings{Origin: anchor.RandomOrigin(), Witnesses: witnesses, Quorum: 2})
//	result, err := store.Anchor(ctx, anchor.Options{Log: audit, Own: true})
//	if result.Finding != nil {
//		// the log is not the one that was anchored
//	}
//
// The package writes nothing to the log. The caller appends events, so that a log
// without its store also has this information: AnchorPolicy when anchoring begins,
// AnchorFinding for what was found, NewEpoch when an epoch has ended (package
// event).
package anchor
