package anchor

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/chain/tlog"
)

// A Claim is a checkpoint in the store's history.
type Claim struct {
	*tlog.Signed
	Stamped time.Time // time of its stamp by an authority under the roots; zero: none
	Token   []byte    // the stamp; nil without it
}

// Claims returns the newest checkpoint of the store, the newest one with a quorum
// and the newest one with a stamp, and the same for each ended epoch. policy and
// roots, if not nil, are used in place of the store's own.
func (s *Store) Claims(policy *tlog.Policy, roots []byte) ([]Claim, error) {
	if policy == nil {
		policy = s.Policy
	}
	if roots == nil {
		roots = s.roots
	}
	all, err := claimsOf(s, policy, roots)
	if err != nil {
		return nil, err
	}
	for _, dir := range s.epochs() {
		old, err := openEpoch(dir)
		if err != nil {
			return nil, err
		}
		older, err := claimsOf(old, old.Policy, roots)
		if err != nil {
			return nil, err
		}
		all = append(all, older...)
	}
	return all, nil
}

// Refusals are what witnesses said against the log when it was anchored last, and when it
// was in each ended epoch. What the store itself has against the log is in [Store.Claims].
func (s *Store) Refusals() (all []Finding) {
	add := func(dir string) {
		if f := (&Store{Dir: dir}).State().Finding; f != nil && !slices.Contains(f.By, "store") {
			all = append(all, *f)
		}
	}
	add(s.Dir)
	for _, dir := range s.epochs() {
		add(dir)
	}
	return all
}

// openEpoch opens the files of an ended epoch.
func openEpoch(dir string) (*Store, error) {
	b, err := readFile(filepath.Join(dir, policyName), tlog.MaxPolicy)
	if err != nil {
		return nil, err
	}
	return check(dir, b, Config{Plain: true}, nil)
}

func claimsOf(s *Store, policy *tlog.Policy, roots []byte) ([]Claim, error) {
	var all []Claim
	b, err := readFile(filepath.Join(s.Dir, checkpointName), tlog.MaxCheckpoint)
	if err == nil {
		newest, err := policy.Open(b)
		if err != nil {
			return nil, err
		}
		all = append(all, Claim{Signed: newest})
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// The newest valid one of each kind. The last lines are enough to find one.
	var cosigned, stamped []anchored
	before := s.State().Size > 0
	for a, err := range s.history() {
		if err != nil {
			return nil, err
		}
		before = true
		if len(a.Checkpoint) > tlog.MaxCheckpoint {
			continue
		}
		if a.Quorum {
			cosigned = lastOf(append(cosigned, a))
		}
		if a.Stamp != nil {
			stamped = lastOf(append(stamped, a))
		}
	}
	for _, a := range slices.Backward(cosigned) {
		if c, err := policy.Open([]byte(a.Checkpoint)); err == nil && c.Quorum {
			all = append(all, Claim{Signed: c})
			break
		}
	}
	for _, a := range slices.Backward(stamped) {
		c, err := policy.Open([]byte(a.Checkpoint))
		if err != nil {
			continue
		}
		if at, err := CheckStamp(a.Stamp, c.Log, roots); err == nil {
			all = append(all, Claim{Signed: c, Stamped: at, Token: a.Stamp})
			break
		}
	}
	if before && len(all) == 0 {
		return nil, errors.New("it has anchored the log before, and its checkpoint is gone")
	}
	return all, nil
}

// lastOf limits memory and time.
func lastOf(all []anchored) []anchored {
	const most = 100
	if len(all) < 2*most {
		return all
	}
	return append([]anchored{}, all[len(all)-most:]...)
}

// Asked is a witness's response to the question how far the log went.
type Asked struct {
	Name string
	Size int64 // number of records that it has cosigned
	Fork bool  // it has cosigned another log than that of the checkpoint
	Err  error // why it did not say
}

// Ask asks the witnesses how far the log went, by sending them a checkpoint that
// the log has signed: their responses have the size that they have cosigned. cp may
// be an old checkpoint. The error says that the store's config cannot be used;
// errors of witnesses are in Asked.
func (s *Store) Ask(ctx context.Context, cp *tlog.Signed) ([]Asked, error) {
	c, err := s.client()
	if err != nil {
		return nil, err
	}
	all := make([]Asked, len(s.Policy.Witnesses))
	var asked sync.WaitGroup
	for i, w := range s.Policy.Witnesses {
		asked.Go(func() { all[i] = c.askSize(ctx, w, cp) })
	}
	asked.Wait()
	return all, nil
}

func (c *client) askSize(ctx context.Context, w tlog.Witness, cp *tlog.Signed) Asked {
	a := Asked{Name: w.Name}
	if w.URL == "" {
		a.Err = errors.New("the policy has no URL of it")
		return a
	}
	r, err := c.post(ctx, addCheckpointURL(w), addCheckpointType, addCheckpointBody(cp.Size, nil, cp.Log))
	if err != nil {
		a.Err = err
		return a
	}
	size, isSize := r.size()
	switch {
	case isSize:
		a.Size = size
	case r.status == 200: // it has seen the same checkpoint, or none before
		_, a.Err = cosignature(w, cp, r.body)
		a.Size = cp.Size
	case r.status == 422:
		a.Fork, a.Size = true, cp.Size
	default:
		a.Err = &statusError{r.status, r.said()}
	}
	return a
}
