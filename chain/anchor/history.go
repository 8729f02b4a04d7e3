package anchor

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// anchored is a checkpoint that others have signed: a line of anchors.jsonl.
type anchored struct {
	Time       time.Time `json:"time"` // by our clock
	Size       int64     `json:"size"`
	Checkpoint string    `json:"checkpoint"`      // with signatures
	Stamp      []byte    `json:"stamp,omitempty"` // RFC 3161 token of the log-signed checkpoint
	// Quorum says that the cosignatures were enough at that time. It is only a hint
	// where to search.
	Quorum bool `json:"quorum,omitempty"`
}

// remember appends a to the history.
func (s *Store) remember(a anchored) error {
	f, err := open(filepath.Join(s.Dir, historyName), os.O_WRONLY|os.O_CREATE|os.O_APPEND|openNoFollow)
	if err != nil {
		return err
	}
	defer f.Close()
	// Begin a new line, in case a crash has left a partial one.
	if _, err := f.Write(append(append([]byte{'\n'}, jsonLine(a)...), '\n')); err != nil {
		return err
	}
	return durable.Sync(f)
}

// maxHistory is how much of the history is read, in bytes: some years of it.
const maxHistory = 1 << 30

// history yields the history, oldest first. Unreadable lines are skipped. Callers
// check what the others say.
func (s *Store) history() iter.Seq2[anchored, error] {
	return func(yield func(anchored, error) bool) {
		f, err := open(filepath.Join(s.Dir, historyName), os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(anchored{}, err)
			return
		}
		defer f.Close()
		r := bufio.NewReaderSize(io.LimitReader(f, maxHistory), 1<<20) // and no line is longer
		for {
			line, err := r.ReadSlice('\n')
			var a anchored
			if json.Unmarshal(line, &a) == nil && a.Size > 0 && !yield(a, nil) {
				return
			}
			if err == io.EOF {
				return
			}
			if err != nil && err != bufio.ErrBufferFull {
				yield(anchored{}, err)
				return
			}
		}
	}
}
