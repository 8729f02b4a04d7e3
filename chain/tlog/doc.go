// Package tlog treats a log as a transparency log, so that witnesses who never see
// a record can attest that the log only grows.
//
// The leaf of a record is its record_hash, 32 bytes, in the order in which
// verification reads the records. The tree over the leaves is that of RFC 6962. A
// [Checkpoint] (c2sp.org/tlog-checkpoint) has the origin, size and root of a tree.
// The log signs it with a key of its own, and witnesses cosign it
// (c2sp.org/tlog-cosignature). A [Policy] (c2sp.org/tlog-policy) says whose
// signatures are needed. A [Proof] (c2sp.org/tlog-proof) proves to a third party
// that one record is in such a tree.
//
//	var t tlog.Tree
//	var stored []byte // or a file, which is only appended to
//	for _, hash := range recordHashes {
//		stored = t.Append(stored, tlog.Leaf(hash))
//	}
//	c := tlog.Checkpoint{Origin: "example.com/log", Size: t.Size(), Root: t.Root()}
//	signed, err := c.Sign(key) // a note.Signer
//	hashes, err := tlog.Hashes{R: bytes.NewReader(stored)}.Inclusion(t.Size(), n)
//	proof := tlog.Proof{Index: n, Hashes: hashes, Checkpoint: signed}
//
// With the policy, the proof and the record, anybody can check it:
//
//	signed, err := policy.Open(proof.Checkpoint)
//	err = proof.Check(signed.Checkpoint, recordHash)
//
// GenerateKey of golang.org/x/mod/sumdb/note makes the log's key and its vkey, the
// public half that is in the policy. The name of the key is the log's origin. The
// vkey of a witness comes from its operator.
//
// The stored hashes have the layout of [golang.org/x/mod/sumdb/tlog]: see [Hashes].
// The package opens no files and no connections, and builds for GOOS=js and wasip1.
//
// Parsing is strict: writing what was parsed gives the same bytes. So a checkpoint,
// policy or proof has only one spelling.
package tlog
