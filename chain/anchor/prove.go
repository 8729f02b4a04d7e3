package anchor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
)

// ErrNotAnchored says that no checkpoint has the record yet.
var ErrNotAnchored = errors.New("the record is not anchored yet")

// Prove returns the proof of the record with this record_hash, with an empty Extra;
// its checkpoint; and the time-stamp token of the checkpoint, nil if there is none.
// It uses the first checkpoint that has the record and a quorum, because that one
// says the most about when the record existed. Without such a checkpoint it uses
// the newest. The error is [ErrNotAnchored], or says that the store's files cannot
// be used.
func (s *Store) Prove(recordHash chain.Hash) (p *tlog.Proof, c *tlog.Signed, stamp []byte, err error) {
	f, err := open(filepath.Join(s.Dir, hashesName), os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNotAnchored
	}
	if err != nil {
		return nil, nil, nil, err
	}
	defer f.Close()
	newest, err := s.Checkpoint()
	if err != nil {
		return nil, nil, nil, err
	}
	if newest == nil {
		return nil, nil, nil, ErrNotAnchored
	}
	index, err := indexOf(f, newest.Size, tlog.Leaf(recordHash))
	if err != nil {
		return nil, nil, nil, err
	}
	if c, stamp, err = s.covering(index, newest); err != nil {
		return nil, nil, nil, err
	}
	hashes := tlog.Hashes{R: f}
	if t, err := hashes.Tree(c.Size); err != nil || t.Root() != c.Root {
		return nil, nil, nil, errors.New("the hashes of the store do not give the root that was signed")
	}
	p = &tlog.Proof{Index: index, Checkpoint: c.Note}
	if p.Hashes, err = hashes.Inclusion(c.Size, index); err != nil {
		return nil, nil, nil, err
	}
	return p, c, stamp, nil
}

// covering finds the checkpoint for a record, and a stamp of it.
func (s *Store) covering(index int64, newest *tlog.Signed) (*tlog.Signed, []byte, error) {
	best, bestStamp := newest, []byte(nil)
	for a, err := range s.history() {
		if err != nil {
			return nil, nil, err
		}
		if a.Size <= index || len(a.Checkpoint) > tlog.MaxCheckpoint {
			continue
		}
		c, err := s.Policy.Open([]byte(a.Checkpoint))
		if err != nil || c.Size != a.Size {
			continue // of another epoch, or edited
		}
		// The line with the stamp may come after that with the cosignatures.
		same := string(c.Log) == string(best.Log)
		switch {
		case !best.Quorum && c.Quorum, !s.Policy.HasQuorum() && bestStamp == nil && a.Stamp != nil:
			best, bestStamp = c, a.Stamp
		case same && a.Stamp != nil:
			bestStamp = a.Stamp
		case best.Quorum && c.Size > best.Size:
			return best, bestStamp, nil
		}
	}
	return best, bestStamp, nil
}

// indexOf finds a leaf among the first size ones.
func indexOf(f *os.File, size int64, leaf tlog.Hash) (int64, error) {
	r := bufio.NewReaderSize(io.NewSectionReader(f, 0, tlog.StoredBytes(size)), 1<<20)
	var h tlog.Hash
	for n := int64(0); n < size; n++ {
		if _, err := io.ReadFull(r, h[:]); err != nil {
			return 0, fmt.Errorf("the hashes of the store: %w", err)
		}
		if h == leaf {
			return n, nil
		}
		// The roots of subtrees that the leaf completed.
		for done := n + 1; done&1 == 0; done >>= 1 {
			if _, err := r.Discard(len(h)); err != nil {
				return 0, fmt.Errorf("the hashes of the store: %w", err)
			}
		}
	}
	return 0, ErrNotAnchored
}
