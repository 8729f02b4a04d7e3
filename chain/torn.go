package chain

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A crash in the middle of a write leaves the beginning of a line at the end of the
// newest file. It must not stay there, because the next record would be joined to
// it, and it must not be lost. So it is moved. After a crash in any step, the
// remaining steps repair the log:
//
//   1. copy it to <day>.jsonl.torn-<offset>.pending, and sync
//   2. truncate the day file, and sync
//   3. write an event about it, before the next record, and sync
//   4. remove .pending from the name of the copy
//
// After a crash in or after step 1 the line is still in its place, and is copied
// again, under another name. After a crash in or after step 3 there is a second
// event about the same file. Nothing is ever overwritten.

// quarantine does steps 1 and 2 for the bytes after the offset from in l.file,
// which has size bytes.
func (l *Log) quarantine(from, size int64) error {
	pending, err := l.keepTorn(from, size)
	if err != nil {
		return fmt.Errorf("quarantine a torn line of %s: %w", l.name, err)
	}
	if err := truncate(l.file, from); err != nil {
		return err
	}
	if err := l.sync(l.file); err != nil {
		return err
	}
	left := int64(maxTorn)
	return l.oweTorn(pending, &left)
}

// keepTorn copies the bytes to a new file and returns its name.
func (l *Log) keepTorn(from, size int64) (pending string, err error) {
	to, err := createUnused(filepath.Join(l.dir, l.name+tornInfix+strconv.FormatInt(from, 10)))
	if err != nil {
		return "", err
	}
	defer func() {
		to.Close()
		if err != nil {
			os.Remove(to.Name()) // ours, and not the only copy yet
		}
	}()
	if _, err := io.Copy(to, io.NewSectionReader(l.file, from, size-from)); err != nil {
		return "", err
	}
	if err := l.sync(to); err != nil {
		return "", err
	}
	return filepath.Base(to.Name()), durable.SyncDir(l.dir)
}

// createUnused creates a file base.pending, or base-N.pending if that name is used,
// with the suffix or without.
func createUnused(base string) (*os.File, error) {
	for {
		path, err := unused(base)
		if err != nil {
			return nil, err
		}
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// unused returns the name base.pending, or base-N.pending if there is such a file,
// with the suffix or without. N counts from 2, and becomes random if many names are
// used: an attacker may have created them.
func unused(base string) (string, error) {
	path := base
	for i := 2; ; i++ {
		_, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			_, err = os.Lstat(path + pendingSuffix)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return path + pendingSuffix, nil
		}
		if err != nil {
			return "", err
		}
		n := uint64(i)
		if i > 20 {
			n = rand.Uint64N(1 << 50)
		}
		path = base + "-" + strconv.FormatUint(n, 10)
	}
}

// Limits for pending files in one append, so that neither their number nor their
// size delays a call: how many get an event, and how long one may be to be hashed,
// in bytes. A crash leaves no longer line.
const (
	maxPending = 16
	maxTorn    = maxLine
)

// owePending adds the events of step 3 for pending files, within the limits. Files
// with names of another form, and unreadable ones, are ignored.
func (l *Log) owePending() {
	left := int64(maxTorn)
	for n := 0; n < maxPending && left > 0 && len(l.seen.pending) > 0; {
		pending := l.seen.pending[0]
		l.seen.pending = l.seen.pending[1:]
		if _, _, ok := parseTorn(pending); !ok {
			l.warn("%s is ignored: its name is not that of a quarantined record", pending)
			continue
		}
		n++
		// If it is gone, another writer has written the event.
		if err := l.oweTorn(pending, &left); err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.warn("%s is ignored: %v", pending, err)
		}
	}
}

// parseTorn reads <day>.jsonl.torn-<offset>, with or without -<number> and
// .pending.
func parseTorn(name string) (file string, offset int64, ok bool) {
	file, rest, ok := strings.Cut(strings.TrimSuffix(name, pendingSuffix), tornInfix)
	at, number, numbered := strings.Cut(rest, "-")
	offset, err := strconv.ParseInt(at, 10, 64)
	if numbered && err == nil {
		_, err = strconv.ParseUint(number, 10, 63)
	}
	return file, offset, ok && err == nil && offset >= 0
}

// oweTorn adds the event for one file. left is how many bytes may be read.
func (l *Log) oweTorn(pending string, left *int64) error {
	same := func(o owed) bool { return o.pending == pending }
	if slices.ContainsFunc(l.owed, same) || slices.ContainsFunc(l.told, same) {
		return nil
	}
	file, at, _ := parseTorn(pending)
	length, sum, err := sumFile(filepath.Join(l.dir, pending), maxTorn)
	tooFar := errors.Is(err, errTooFar)
	if err != nil && !tooFar {
		return err
	}
	if _, err := os.Lstat(filepath.Join(l.dir, strings.TrimSuffix(pending, pendingSuffix))); err == nil {
		// A quarantined line has this name without .pending. It must not be replaced.
		to, err := unused(filepath.Join(l.dir, file+tornInfix+strconv.FormatInt(at, 10)))
		if err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(l.dir, pending), to); err != nil {
			return err
		}
		pending = filepath.Base(to)
	}
	kept := strings.TrimSuffix(pending, pendingSuffix)
	if tooFar {
		l.owed = append(l.owed, owed{event.LogDamaged{File: kept, Expected: l.place.hash,
			Reason: fmt.Sprintf("a file of %d bytes beside the log is too long for a quarantined record", length)}, pending})
		return nil
	}
	*left -= length
	l.owed = append(l.owed, owed{event.TornLine{File: file, Offset: at, Length: length, Hash: sum, Kept: kept}, pending})
	return nil
}

// warn gives the message to Options.Warn, once.
func (l *Log) warn(format string, a ...any) {
	if !l.warned && l.o.Warn != nil {
		l.o.Warn(fmt.Sprintf(format, a...))
	}
	l.warned = true
}

// sumFile returns a file's length in bytes and hash. The error is errTooFar if it
// is longer than most.
func sumFile(path string, most int64) (length int64, sum Hash, err error) {
	f, st, err := openRegular(path, os.O_RDONLY, 0)
	if err != nil {
		return 0, sum, err
	}
	defer f.Close()
	if st.Size() > most {
		return st.Size(), sum, errTooFar
	}
	h := sha256.New()
	length, err = io.Copy(h, io.LimitReader(f, most))
	h.Sum(sum[:0])
	return length, sum, err
}
