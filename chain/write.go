package chain

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// write appends n records and what is owed to the log, without syncing them. It
// returns what takeBack needs.
func (l *Log) write(n int, build func(int, At) ([]byte, error)) (before undo, err error) {
	if n <= 0 {
		return before, nil
	}
	before, err = l.writeLocked(n, build)
	l.batch.reset()
	if err != nil {
		l.forget() // so that the next append looks for itself
		return before, fmt.Errorf("append to the log: %w", err)
	}
	if l.o.NoSync {
		l.tell()
	} else {
		l.unsynced = true
	}
	return before, nil
}

// writeLocked is write with the locks held.
func (l *Log) writeLocked(n int, build func(int, At) ([]byte, error)) (before undo, err error) {
	defer l.release()
	found, err := l.settle()
	if err != nil {
		return before, err
	}
	if err := l.refresh(found); err != nil {
		return before, err
	}
	l.owePending()
	l.watchClock(found.clock, found.newest)
	now := found.clock.UTC().Truncate(time.Millisecond)
	if now.Before(l.floor) {
		now = l.floor
	}
	hash, err := l.compose(n, build, now)
	if err != nil {
		return before, err
	}
	if found.target != found.newest {
		if err := l.begin(found.target); err != nil {
			return before, err
		}
	}
	before = undo{l.size, l.place, len(l.told)}
	if err := l.batch.write(l.file); err != nil {
		if terr := truncate(l.file, before.size); terr != nil {
			err = fmt.Errorf("%w; and what was written could not be taken back: %v", err, terr)
		}
		return before, err
	}
	l.size += l.batch.size
	l.place = place{l.name, l.size, hash}
	l.floor = now
	l.told, l.owed = append(l.told, l.owed...), nil
	return before, nil
}

// undo is the log's end before an append.
type undo struct {
	size  int64 // of the file that was appended to
	place place
	told  int // number of events
}

// compose fills l.batch with the owed events and the n records, and returns the
// last one's hash.
func (l *Log) compose(n int, build func(int, At) ([]byte, error), now time.Time) (hash Hash, err error) {
	hash = l.place.hash
	for _, e := range l.owed {
		receipt, err := e.make(&l.o, At{now, hash})
		if err != nil {
			return hash, fmt.Errorf("make a %s event: %w", e.event.Type(), err)
		}
		if hash, err = l.add(receipt, hash); err != nil {
			return hash, err
		}
	}
	for i := range n {
		receipt, err := build(i, At{now, hash})
		if err != nil {
			return hash, err
		}
		if receipt == nil {
			continue
		}
		if hash, err = l.add(receipt, hash); err != nil {
			return hash, err
		}
	}
	return hash, nil
}

// errNotReceipt is for a build that returns what would break the log's lines.
var errNotReceipt = errors.New("a receipt must be a canonical JSON object on one line")

func (l *Log) add(receipt []byte, prev Hash) (Hash, error) {
	if len(receipt) < 2 || receipt[0] != '{' || receipt[len(receipt)-1] != '}' || bytes.IndexByte(receipt, '\n') >= 0 {
		return prev, errNotReceipt
	}
	if len(receipt) > maxLine-recordTail-len(recordHead) {
		return prev, fmt.Errorf("a receipt of %d MiB is too long for the log", len(receipt)>>20)
	}
	return l.batch.add(receipt, prev), nil
}

// begin makes the file of a new day and goes on there. The records before it
// must be on the disk first: after a crash, the new ones would not follow them.
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
