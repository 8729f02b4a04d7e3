package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

// Options are the options of [Store.Anchor]. Log must be set.
type Options struct {
	Log string // directory of the log
	// Own says that the log is the user's own. Then Anchor waits for its writers,
	// by the log's lock. Without Own it takes no lock, and reads only what was
	// there both times that it looked.
	Own bool
	Due bool // only ask whom it is time to ask again
	// Offline only makes the checkpoint: nobody is asked.
	Offline bool
}

// Result is the result of [Store.Anchor].
type Result struct {
	Skipped    bool         // nothing was due; all else is zero
	Size       int64        // of the tree
	Added      int64        // new leaves
	Checkpoint *tlog.Signed // nil: the log has no records yet
	Witnesses  []Said       // in the policy's order
	TSA        *Said        // nil: not asked
	Finding    *Finding     // nil: the log continues what was anchored
}

// Said is the result of asking a witness or time-stamp authority.
type Said struct {
	Name   string
	Status Status
	Err    error // why Status is not Signed
}

// Established says that the log continues what was anchored, and that its newest
// checkpoint has all signatures that it should have.
func (r *Result) Established(p *tlog.Policy) bool {
	return r.Finding == nil && r.Checkpoint != nil && (!p.HasQuorum() || r.Checkpoint.Quorum) && (r.TSA == nil || r.TSA.Status == Signed)
}

// Anchor brings the store up to the end of the log and sends the checkpoint to the
// witnesses. It does so even if there are no new records, because only this shows
// that a log was replaced together with the store. The error says that anchoring
// failed: [ErrBusy] if another process is anchoring, else a file that cannot be
// read or written. A witness that cannot be reached is not an error. What was found
// about the log is in the Result.
func (s *Store) Anchor(ctx context.Context, o Options) (*Result, error) {
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	st := s.State()
	now := time.Now().UTC()
	if o.Due && now.Before(st.Next) && st.Next.Sub(now) <= lastDelay*time.Second {
		return &Result{Skipped: true}, nil
	}
	key, err := s.signer()
	if err != nil {
		return nil, err
	}
	r := &run{ctx: ctx, s: s, o: o, st: st, now: now}
	defer r.close()
	st.Tried = now
	if err := r.extend(); err != nil {
		return nil, err
	}
	if r.finding == nil && r.tree.Size() > 0 {
		if err := r.sign(key); err != nil {
			return nil, err
		}
		if o.Offline {
			return r.result(), r.s.saveState(r.st)
		}
		if r.ask(ctx); r.longer > r.tree.Size() {
			// A witness has seen more. Records may have come meanwhile, by a
			// process that anchors the same log from another store.
			finding, checkpoint := r.finding, r.checkpoint
			if err := r.extend(); err != nil {
				return nil, err
			}
			switch {
			case r.finding != nil:
			case r.tree.Size() == checkpoint.Size: // it is as it was
				r.finding, r.checkpoint = finding, checkpoint
			default:
				if err := r.sign(key); err != nil {
					return nil, err
				}
				r.ask(ctx)
			}
		}
		if err := r.keep(ctx); err != nil {
			return nil, err
		}
	}
	err = r.finish()
	return r.result(), err
}

// run is one call of Anchor.
type run struct {
	ctx context.Context
	s   *Store
	o   Options
	st  *State
	now time.Time

	log    *logDir
	hashes *os.File
	tree   *tlog.Tree
	old    int64 // size of the tree before

	checkpoint *tlog.Signed
	said       []Said
	tsa        *Said
	longer     int64 // the largest size that a witness has seen
	forked     []string
	larger     []string // witnesses that have seen more records than there are
	finding    *Finding
}

func (r *run) close() {
	if r.log != nil {
		r.log.close()
	}
	if r.hashes != nil {
		r.hashes.Close()
	}
}

// looks is how often the log is read before it is called another one, or before its
// new records are signed: a writer removes records that it could not sync.
const looks = 3

// extend appends the leaves of new records, if the log continues after the last
// one.
func (r *run) extend() error {
	last, size := r.st.Last, r.st.Size
	for look := 1; ; look++ {
		if err := r.extendOnce(); err != nil {
			return err
		}
		there := true
		if r.finding == nil && r.tree.Size() > 0 {
			var err error
			if there, err = r.still(); err != nil {
				return err
			}
		}
		switch {
		case r.finding == nil && there:
			return nil
		case look < looks:
			r.st.Last, r.st.Size = last, size
			time.Sleep(secondLook)
		case r.finding != nil:
			return nil
		default:
			return errors.New("the newest records of the log come and go: its disk may be full or failing")
		}
	}
}

// still says whether the last record that was read is still there.
func (r *run) still() (bool, error) {
	log, err := r.look()
	if err != nil {
		return false, err
	}
	defer log.close()
	return log.holds(r.st.Last)
}

func (r *run) look() (*logDir, error) {
	testOnlyLook()
	return openLog(r.ctx, r.o.Log, r.o.Own)
}

// testOnlyLook is called before each reading of the log.
var testOnlyLook = func() {}

func (r *run) extendOnce() (err error) {
	r.close()
	r.finding = nil
	if r.log, err = r.look(); err != nil {
		return err
	}
	if r.hashes, err = open(filepath.Join(r.s.Dir, hashesName), os.O_RDWR|os.O_CREATE|openNoFollow); err != nil {
		return err
	}
	if r.checkpoint, err = r.s.Checkpoint(); err != nil {
		return err
	}
	r.tree = &tlog.Tree{}
	if c := r.checkpoint; c != nil {
		r.old = c.Size
		hashes := tlog.Hashes{R: r.hashes}
		if r.tree, err = hashes.Tree(c.Size); err != nil || r.tree.Root() != c.Root {
			r.find(Fork, -1, "the hashes of the store do not give the root that was signed")
			return nil
		}
		if err := r.catchUp(hashes); err != nil || r.finding != nil {
			return err
		}
	} else {
		r.st.Last, r.st.Size = RecordEnd{}, 0
	}
	return r.append()
}

// catchUp checks that the last anchored record is in its place. If the state does
// not say where, it searches: after a crash the state may be older than the
// checkpoint, or missing.
func (r *run) catchUp(hashes tlog.Hashes) error {
	size := r.checkpoint.Size
	if r.st.Size < 0 || r.st.Size > size {
		r.st.Last, r.st.Size = RecordEnd{}, 0
	}
	if r.st.Size > 0 {
		leaf, err := hashes.Leaf(r.st.Size - 1)
		if err != nil {
			return err
		}
		if tlog.Leaf(r.st.Last.Hash) != leaf { // a state of another tree
			r.st.Last, r.st.Size = RecordEnd{}, 0
		}
	}
	if r.st.Size > 0 {
		there, err := r.log.holds(r.st.Last)
		if err != nil {
			return err
		}
		if !there {
			r.missing(r.st.Last)
			return nil
		}
	}
	for p, err := range r.log.records(r.st.Last, noDone) {
		if err != nil {
			return err
		}
		if r.st.Size == size {
			break
		}
		leaf, err := hashes.Leaf(r.st.Size)
		if err != nil {
			return err
		}
		if tlog.Leaf(p.Hash) != leaf {
			r.find(Fork, r.st.Size, fmt.Sprintf("record %d is not the one that was anchored", r.st.Size))
			return nil
		}
		r.st.Last, r.st.Size = p, r.st.Size+1
	}
	if r.st.Size < size {
		r.find(Rollback, r.st.Size, "the log ends after "+text.Count(r.st.Size, "record"))
	}
	return nil
}

func noDone(*os.File) error { return nil }

// missing finds out what the log is if its last anchored record is gone.
func (r *run) missing(last RecordEnd) {
	for p, err := range r.log.records(RecordEnd{File: last.File}, noDone) {
		if err == nil && (p.File > last.File || p.End >= last.End) {
			r.find(Fork, -1, fmt.Sprintf("the record at %s, byte %d, is not the one that was anchored", last.File, last.End))
			return
		}
	}
	r.find(Rollback, -1, fmt.Sprintf("the log ends before %s, byte %d", last.File, last.End))
}

// find sets the finding that the log contradicts our own checkpoint.
func (r *run) find(kind Kind, now int64, detail string) {
	r.finding = &Finding{
		Kind: kind, Origin: r.checkpoint.Origin, Size: r.checkpoint.Size, Root: r.checkpoint.Root.String(),
		Now: now, By: []string{"store"}, Proven: true, Time: r.now, Detail: detail,
	}
}

// flushAt is how many bytes of hashes are written at once.
const flushAt = 1 << 20

// append adds the leaves of new records to the hashes, and syncs both.
func (r *run) append() error {
	at := tlog.StoredBytes(r.tree.Size())
	if err := r.hashes.Truncate(at); err != nil { // remove what was never signed
		return err
	}
	var buf []byte
	flush := func() error {
		n, err := r.hashes.WriteAt(buf, at)
		at, buf = at+int64(n), buf[:0]
		return err
	}
	for p, err := range r.log.records(r.st.Last, syncRead) {
		if err != nil {
			return err
		}
		buf = r.tree.Append(buf, tlog.Leaf(p.Hash))
		r.st.Last, r.st.Size = p, r.tree.Size()
		if len(buf) >= flushAt {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if r.tree.Size() > r.old { // a day file's name may be new, too
		if err := durable.SyncDir(r.o.Log); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return durable.Sync(r.hashes)
}

// syncRead syncs a day file, because a power failure must not remove what is
// signed. Where a file that is open for reading cannot be synced, as on Windows,
// the syncs of its writers must be enough.
func syncRead(f *os.File) error {
	if err := durable.Sync(f); err != nil && !errors.Is(err, os.ErrPermission) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// sign makes the checkpoint of the tree and writes it, before anybody gets it.
func (r *run) sign(key noteSigner) error {
	if c := r.checkpoint; c == nil || c.Size != r.tree.Size() {
		msg, err := tlog.Checkpoint{Origin: r.s.Policy.Log.Name(), Size: r.tree.Size(), Root: r.tree.Root()}.Sign(key)
		if err != nil {
			return err
		}
		if r.checkpoint, err = r.s.Policy.Open(msg); err != nil {
			return err
		}
		if err := r.s.write(checkpointName, msg); err != nil {
			return err
		}
	}
	return r.s.saveState(r.st)
}

// ask sends the checkpoint to all witnesses at once.
func (r *run) ask(ctx context.Context) {
	c, err := r.s.client()
	if err != nil {
		return // Open has checked that it works
	}
	type reply struct {
		cosignature string
		status      Status
		seen        int64 // records that the witness has seen, if more than there are
		fork        bool
		err         error
	}
	replies := make([]reply, len(r.s.Policy.Witnesses))
	var asked sync.WaitGroup
	for i, w := range r.s.Policy.Witnesses {
		peer := r.st.peer(w.Name)
		if r.o.Due && r.now.Before(peer.Next) && peer.Next.Sub(r.now) <= lastDelay*time.Second {
			replies[i] = reply{status: peer.Status, err: errors.New(peer.Error)}
			if peer.Status == Conflicts {
				replies[i].status = Later // only the witness itself can say Conflicts
			}
			continue
		}
		known := peer.Size
		asked.Go(func() {
			a := &replies[i]
			a.cosignature, a.err = c.addCheckpoint(ctx, w, r.checkpoint, tlog.Hashes{R: r.hashes}, known)
			a.status = statusOf(a.err, known > 0)
			var longer *longerError
			var fork *forkError
			switch {
			case errors.As(a.err, &longer):
				a.seen = longer.size
			case errors.As(a.err, &fork):
				a.fork = true
			}
		})
	}
	asked.Wait()
	r.said, r.longer, r.forked, r.larger = nil, 0, nil, nil
	note := r.checkpoint.Note
	for i, w := range r.s.Policy.Witnesses {
		a, peer := replies[i], r.st.peer(w.Name)
		if a.err == nil {
			peer.Size = r.checkpoint.Size
			if !slices.ContainsFunc(r.checkpoint.Cosignatures, func(c tlog.Cosignature) bool { return c.Witness == w.Name }) {
				note, _ = tlog.WithSignature(note, a.cosignature)
			}
		}
		if a.fork {
			r.forked = append(r.forked, w.Name)
		}
		if a.seen > 0 {
			r.larger = append(r.larger, w.Name)
			r.longer = max(r.longer, a.seen)
		}
		if a.status != "" {
			peer.tried(r.now, a.status, a.err)
		}
		r.said = append(r.said, Said{w.Name, a.status, a.err})
	}
	if with, err := r.s.Policy.Open(note); err == nil { // each was checked
		r.checkpoint = with
	}
	r.judge()
}

// judge sets the finding according to the witnesses.
func (r *run) judge() {
	r.finding = nil
	f := Finding{Origin: r.checkpoint.Origin, Now: r.checkpoint.Size, Time: r.now}
	switch {
	case len(r.forked) > 0:
		f.Kind, f.Size, f.By = Fork, r.checkpoint.Size, append(r.forked, r.larger...)
		f.Now, f.Detail = -1, "the log that was cosigned before is not the beginning of this one"
	case len(r.larger) > 0:
		f.Kind, f.Size, f.By = Rollback, r.longer, r.larger
		f.Detail = fmt.Sprintf("cosigned: %s; in the log: %d", text.Count(r.longer, "record"), r.checkpoint.Size)
	default:
		return
	}
	f.Proven = r.s.Policy.Enough(func(name string) bool { return slices.Contains(f.By, name) })
	r.finding = &f
}

// keep writes what the witnesses and the authority have signed.
func (r *run) keep(ctx context.Context) error {
	before, err := r.s.Checkpoint()
	if err != nil {
		return err
	}
	if err := r.s.write(checkpointName, r.checkpoint.Note); err != nil {
		return err
	}
	a := anchored{Time: r.now, Size: r.checkpoint.Size, Checkpoint: string(r.checkpoint.Note), Quorum: r.checkpoint.Quorum}
	if a.Stamp, err = r.stamp(ctx); err != nil {
		return err
	}
	if a.Stamp == nil && bytes.Equal(before.Note, r.checkpoint.Note) {
		return nil
	}
	return r.s.remember(a)
}

// finish writes the state.
func (r *run) finish() error {
	if f, was := r.finding, r.st.Finding; f != nil && was != nil && f.Origin == was.Origin && f.Size == was.Size && f.Proven == was.Proven {
		r.finding = was // a truncated log soon has other records in place of the removed ones
	}
	r.st.Finding = r.finding
	r.st.Next = time.Time{}
	if r.result().Established(r.s.Policy) {
		r.st.Done = r.now
	}
	for _, w := range r.s.Policy.Witnesses {
		if next := r.st.peer(w.Name).Next; r.st.Next.IsZero() || !next.IsZero() && next.Before(r.st.Next) {
			r.st.Next = next
		}
	}
	return r.s.saveState(r.st)
}

func (r *run) result() *Result {
	return &Result{
		Size: r.tree.Size(), Added: max(0, r.tree.Size()-r.old), Checkpoint: r.checkpoint,
		Witnesses: r.said, TSA: r.tsa, Finding: r.finding,
	}
}
