package chain

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// write appends n records, and the events that are due, without a sync. It returns
// where the records are, and what takeBack needs.
func (l *Log) write(n int, build func(int, At) ([]byte, error)) (written []Written, before undo, err error) {
	if n <= 0 {
		return nil, before, nil
	}
	written, before, err = l.writeLocked(n, build)
	l.batch.reset()
	if err != nil {
		l.forget() // so that the next append reads the log's end again
		return nil, before, fmt.Errorf("append to the log: %w", err)
	}
	if l.o.NoSync {
		l.tell()
	} else {
		l.unsynced = true
	}
	return written, before, nil
}

// writeLocked is write with the locks held; it releases them.
func (l *Log) writeLocked(n int, build func(int, At) ([]byte, error)) (written []Written, before undo, err error) {
	defer l.release()
	found, err := l.settle()
	if err != nil {
		return nil, before, err
	}
	if err := l.refresh(found); err != nil {
		return nil, before, err
	}
	l.oweStray()
	l.owePending()
	l.watchClock(found.clock, found.newest)
	now := found.clock.UTC().Truncate(time.Millisecond)
	if now.Before(l.floor) {
		now = l.floor
	}
	written, hash, err := l.compose(n, build, now)
	if err != nil {
		return nil, before, err
	}
	if found.target != found.newest {
		if err := l.begin(found.target); err != nil {
			return nil, before, err
		}
	}
	before = undo{size: l.size, place: l.place, told: len(l.told)}
	if before.beside, err = l.writeBeside(l.batch.beside); err != nil {
		return nil, before, err
	}
	if err := l.batch.write(l.file); err != nil {
		l.takeBackBeside(before.beside)
		if terr := truncate(l.file, before.size); terr != nil {
			err = fmt.Errorf("%w; and what was written could not be removed: %v", err, terr)
		}
		return nil, before, err
	}
	for i := range written {
		w := &written[i]
		w.File, w.Offset, w.End = l.name, w.Offset+before.size, w.End+before.size
	}
	l.size += l.batch.size
	l.place = place{Position{l.name, l.size}, hash}
	l.floor = now
	l.told, l.owed = append(l.told, l.owed...), nil
	return written, before, nil
}

// undo is the log's end before an append, and what that wrote beside it.
type undo struct {
	size   int64 // of the file that was appended to
	place  place
	told   int // number of events
	beside besideEnd
}

// compose fills l.batch with the events that are due and the n records. It returns
// where the records are in the batch, and the hash of the last one.
func (l *Log) compose(n int, build func(int, At) ([]byte, error), now time.Time) (written []Written, hash Hash, err error) {
	hash = l.place.hash
	for _, e := range l.owed {
		receipt, err := e.make(&l.o, At{Time: now, Prev: hash})
		if err != nil {
			return nil, hash, fmt.Errorf("make a %s event: %w", e.event.Type(), err)
		}
		if hash, err = l.add(receipt, hash); err != nil {
			return nil, hash, fmt.Errorf("make a %s event: %w", e.event.Type(), err)
		}
	}
	written = make([]Written, 0, n)
	for i := range n {
		receipt, err := build(i, At{now, hash, &l.batch.beside})
		if err != nil {
			return nil, hash, err
		}
		if receipt == nil {
			continue
		}
		begin := l.batch.size
		if hash, err = l.add(receipt, hash); err != nil {
			return nil, hash, err
		}
		written = append(written, Written{i, Position{Offset: begin}, l.batch.size, hash})
	}
	return written, hash, nil
}

// errNotReceipt is the error if build returns something that would damage the log.
var errNotReceipt = errors.New("a receipt must be a JSON object in canonical form (RFC 8785)")

func (l *Log) add(receipt []byte, prev Hash) (Hash, error) {
	if len(receipt) > maxLine-recordTail-len(recordHead) {
		return prev, fmt.Errorf("a receipt of %d MiB is too long for the log", len(receipt)>>20)
	}
	if len(receipt) == 0 || receipt[0] != '{' || !canon.IsCanonical(receipt) {
		return prev, errNotReceipt
	}
	return l.batch.add(receipt, prev), nil
}

// begin creates the file of a new day and continues there. The records before it
// must be on the disk first: otherwise the new ones might follow none after a
// crash.
func (l *Log) begin(name string) error {
	if l.file != nil && !l.o.NoSync {
		if err := l.syncFile(); err != nil {
			return err
		}
	}
	f, info, err := openRegular(filepath.Join(l.dir, name), os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	l.forget()
	l.file, l.info, l.name, l.size, l.dirNew = f, info, name, 0, true
	return nil
}
