package chain

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A crash in the middle of a write leaves the beginning of a line at the end of
// the newest file. It must not stay there, for the next record would be glued to
// it, and it must not be lost. So it moves, and each step is such that a crash
// behind it is mended by taking the remaining steps:
//
//  1. copied to <day>.jsonl.torn-<offset>.pending, synced
//  2. cut off the day file, synced
//  3. an event about it written to the log, before the next record, synced
//  4. .pending taken off the copy's name
//
// A crash in or behind 1 leaves the line where it was, and it is copied again,
// under another name. A crash behind 3 leads to a second event about the same
// file. Nothing is ever overwritten.

// setAside does steps 1 and 2 for what stands behind the offset from in l.file,
// which is size bytes long.
func (l *Log) setAside(from, size int64) error {
	pending, err := l.keepTorn(from, size)
	if err != nil {
		return fmt.Errorf("set a torn line of %s aside: %w", l.name, err)
	}
	if err := truncate(l.file, from); err != nil {
		return err
	}
	if err := l.sync(l.file); err != nil {
		return err
	}
	return l.oweTorn(pending)
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

// createUnused makes a file base.pending, or base-2.pending and so on if a name
// is taken, with the suffix or without.
func createUnused(base string) (*os.File, error) {
	for i, path := 2, base; ; i, path = i+1, base+"-"+strconv.Itoa(i) {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			if err != nil {
				return nil, err
			}
			continue
		}
		f, err := os.OpenFile(path+pendingSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// oweTorn reads a pending file and notes that step 3 is to be done for it.
func (l *Log) oweTorn(pending string) error {
	for _, e := range slices.Concat(l.owed, l.told) {
		if e.pending == pending {
			return nil
		}
	}
	length, sum, err := sumFile(filepath.Join(l.dir, pending))
	if err != nil {
		return err
	}
	kept := strings.TrimSuffix(pending, pendingSuffix)
	file, offset, _ := strings.Cut(kept, tornInfix)
	offset, _, _ = strings.Cut(offset, "-")
	at, err := strconv.ParseInt(offset, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not named as a torn line is: %w", pending, err)
	}
	l.owed = append(l.owed, owed{event.TornLine{File: file, Offset: at, Length: length, Hash: sum, Kept: kept}, pending})
	return nil
}

// sumFile returns a file's length in bytes and hash.
func sumFile(path string) (length int64, sum string, err error) {
	f, _, err := openRegular(path, os.O_RDONLY, 0)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	length, err = io.Copy(h, f)
	return length, digest(h.Sum(nil)).String(), err
}
