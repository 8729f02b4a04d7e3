package chain

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// newSuffix follows the name of a file beside the log in that of the one that is to
// replace it.
const newSuffix = ".new"

// EraseBeside removes lines from the file beside a day file of the log in dir: those
// of the receipts for which erase is true, and what is no line. The file is replaced
// as a whole, on the disk, or not at all. It holds the lock of the log meanwhile, which
// takes some three seconds for each GiB. It returns how many lines with an id were removed.
func EraseBeside(dir, day string, erase func(id [16]byte) bool) (removed int64, err error) {
	lock := fileLock{path: filepath.Join(dir, lockName)}
	if _, err := lock.acquire(lockPatience); err != nil {
		return 0, err
	}
	defer lock.close()
	if !lock.named() {
		return 0, fmt.Errorf("%s was removed meanwhile", lock.path)
	}
	path := filepath.Join(dir, BesideFile(day))
	temp := path + newSuffix
	// An erasure that was killed can have left one.
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	from, st, err := openRegular(path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	defer from.Close()
	to, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	removed, err = copyBeside(to, from, st.Size(), erase)
	if err == nil {
		err = durable.Sync(to)
	}
	err = errors.Join(err, to.Close(), from.Close())
	if err == nil {
		err = replaceFile(temp, path)
	}
	if err != nil {
		os.Remove(temp)
		return 0, err
	}
	return removed, durable.SyncDir(dir)
}

// copyBeside copies the lines that stay.
func copyBeside(to io.Writer, from io.ReaderAt, size int64, erase func(id [16]byte) bool) (removed int64, err error) {
	all := blocks{f: from, size: size}
	for buf := make([]byte, blockSize); ; {
		block, _, err := all.next(buf)
		if _, long := errors.AsType[*tooLong](err); long {
			continue
		}
		if err == io.EOF {
			return removed, nil
		}
		if err != nil {
			return removed, err
		}
		kept := block[:0]
		for line := range bytes.Lines(block) {
			body, ended := bytes.CutSuffix(line, []byte{'\n'})
			id, ok := besideID(body)
			switch {
			case !ok || !ended:
			case erase(id):
				removed++
			default:
				kept = append(kept, line...)
			}
		}
		if err := writeAll(to, kept); err != nil {
			return removed, err
		}
	}
}

// replaceFile renames a file over another. On Windows that fails as long as somebody
// has the other one open: a writer for the time of a sync, a reader for longer.
func replaceFile(from, to string) (err error) {
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if err = os.Rename(from, to); err == nil || time.Now().After(deadline) || !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
}
