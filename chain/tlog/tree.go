package tlog

import (
	"fmt"
	"io"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Hash is a SHA-256 hash in the tree: a leaf, an inner node or a root.
type Hash = tlog.Hash

// Leaf returns the leaf hash of a record: SHA-256(0x00 || record_hash), RFC 6962,
// section 2.1.
func Leaf(recordHash event.Hash) Hash { return tlog.RecordHash(recordHash[:]) }

// A Tree grows by one leaf at a time and has its root. It keeps only the roots of
// its complete subtrees, one for each bit of its size. The zero Tree is empty.
type Tree struct {
	size int64
	edge [63]Hash // by level; used if size has the bit
}

// Size returns the number of leaves.
func (t *Tree) Size() int64 { return t.size }

// Append adds a leaf. It appends to stored the hashes that [Hashes] reads, 32 bytes
// each: the leaf, and the root of each subtree that it completes.
func (t *Tree) Append(stored []byte, leaf Hash) []byte {
	stored = append(stored, leaf[:]...)
	level, h := 0, leaf
	for ; t.size>>level&1 == 1; level++ {
		h = tlog.NodeHash(t.edge[level], h)
		stored = append(stored, h[:]...)
	}
	t.edge[level] = h
	t.size++
	return stored
}

// Root returns the root of the tree; for an empty tree it is the hash of no bytes.
func (t *Tree) Root() Hash {
	if t.size == 0 {
		root, _ := tlog.TreeHash(0, nil)
		return root
	}
	level := bits.TrailingZeros64(uint64(t.size))
	root := t.edge[level]
	for level++; t.size>>level > 0; level++ {
		if t.size>>level&1 == 1 {
			root = tlog.NodeHash(t.edge[level], root)
		}
	}
	return root
}

// Hashes are all that [Tree.Append] has stored, in order, such as in a file.
type Hashes struct{ R io.ReaderAt }

// StoredBytes returns the length of the stored hashes of a tree with size leaves,
// in bytes.
func StoredBytes(size int64) int64 { return tlog.StoredHashCount(size) * tlog.HashSize }

// ReadHashes implements HashReader of golang.org/x/mod/sumdb/tlog. The error is
// that of R.
func (h Hashes) ReadHashes(indexes []int64) ([]Hash, error) {
	all := make([]Hash, len(indexes))
	for i, index := range indexes {
		if n, err := h.R.ReadAt(all[i][:], index*tlog.HashSize); n < tlog.HashSize {
			return nil, fmt.Errorf("read hash %d: %w", index, err)
		}
	}
	return all, nil
}

// Tree returns the tree of the first size leaves. The error is that of R.
func (h Hashes) Tree(size int64) (*Tree, error) {
	t := &Tree{size: size}
	var levels []int
	var indexes []int64
	for level := range t.edge {
		if size>>level&1 == 1 {
			levels = append(levels, level)
			// The subtree ends at size without its lower bits.
			indexes = append(indexes, tlog.StoredHashIndex(level, size>>level-1))
		}
	}
	all, err := h.ReadHashes(indexes)
	for i, hash := range all {
		t.edge[levels[i]] = hash
	}
	return t, err
}

// Leaf returns the n-th leaf, from 0. The error is that of R.
func (h Hashes) Leaf(n int64) (Hash, error) {
	all, err := h.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
	if err != nil {
		return Hash{}, err
	}
	return all[0], nil
}

// Consistency returns the proof that the tree of the first old leaves is the
// beginning of the tree of the first size leaves: RFC 6962, section 2.1.2. It is
// empty if old is 0 or size.
func (h Hashes) Consistency(size, old int64) ([]Hash, error) {
	if old == 0 {
		return nil, nil
	}
	return tlog.ProveTree(size, old, h)
}

// Inclusion returns the proof that leaf n, from 0, is in the tree of the first size
// leaves: RFC 6962, section 2.1.1.
func (h Hashes) Inclusion(size, n int64) ([]Hash, error) {
	return tlog.ProveRecord(size, n, h)
}

// CheckConsistency says whether the proof shows that the tree of size leaves with this
// root begins with the tree of old leaves.
func CheckConsistency(proof []Hash, size int64, root Hash, old int64, oldRoot Hash) bool {
	switch {
	case old < 0 || old > size:
		return false
	case old == 0:
		return oldRoot == (&Tree{}).Root() && len(proof) == 0
	}
	return tlog.CheckTree(proof, size, root, old, oldRoot) == nil
}
