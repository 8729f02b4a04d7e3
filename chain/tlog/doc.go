// Package tlog views a log as a transparency log, so that witnesses who never
// see a record can attest that it only grows.
//
// The leaf of a record is its record_hash, the 32 bytes themselves, in the order
// in which verification reads the records; the tree over them is that of RFC
// 6962. A [Checkpoint] (c2sp.org/tlog-checkpoint) names a tree by origin, size
// and root. The log signs it with a key of its own, and witnesses cosign it
// (c2sp.org/tlog-cosignature); a [Policy] (c2sp.org/tlog-policy) says whose
// signatures make it count. A [Proof] (c2sp.org/tlog-proof) shows a stranger
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
// Who has the policy, the proof and the record checks it so:
//
//	signed, err := policy.Open(proof.Checkpoint)
//	err = proof.Check(signed.Checkpoint, recordHash)
//
// The log's key and its vkey, which the policy names it by, are made with
// GenerateKey of golang.org/x/mod/sumdb/note; its name is the log's origin. The
// vkey of a witness comes from who runs it.
//
// What the tree needs later is kept as [golang.org/x/mod/sumdb/tlog] lays it
// out: see [Hashes]. The package reads no files and asks nobody; it builds for
// js and wasip1.
//
// It reads strictly: what it has read, written again, is the same bytes. So no
// checkpoint, policy or proof has two spellings.
package tlog
