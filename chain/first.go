package chain

import (
	"bufio"
	"context"
	"errors"
	"io"
)

// maxFirst is how many lines are read to find the first record of a log.
const maxFirst = 1000

// First returns the hash of the first record of the log in the directory dir. It
// identifies the log: a new log has another one. If its day was archived, the ends of
// that day have it. The error says that the log has no
// record among its first 1,000 lines, or cannot be read.
func First(dir string) (Hash, error) {
	found, err := list(dirFS(dir))
	if err != nil {
		return Hash{}, err
	}
	if len(found.ends) > 0 && (len(found.days) == 0 || found.ends[0] < found.days[0]) {
		if hash, err := firstEnd(dir, found.ends[0]); err == nil {
			return hash, nil
		}
	}
	lines := 0
	for _, name := range found.days {
		hash, err := firstOf(dir, name, &lines)
		if !hash.IsZero() || err != nil {
			return hash, err
		}
	}
	return Hash{}, errors.New("the log has no readable record")
}

// firstEnd returns the hash of the first record of a day that was archived.
func firstEnd(dir, day string) (hash Hash, err error) {
	f, _, err := openFile(dirFS(dir), EndsFile(day))
	if err != nil {
		return hash, err
	}
	defer f.Close()
	err = ReadEnds(f, day, func(e RecordEnd) error {
		hash = e.Hash
		return io.EOF
	})
	if err == io.EOF {
		err = nil
	}
	return hash, err
}

// firstOf returns the hash of the first record in a day file; zero if there is
// none.
func firstOf(dir, name string, lines *int) (Hash, error) {
	f, err := OpenDay(context.Background(), dirFS(dir), name)
	if err != nil {
		return Hash{}, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(io.LimitReader(f, maxLine), 64<<10)
	for off := int64(0); *lines < maxFirst; *lines++ {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return Hash{}, nil
		}
		if err != nil {
			return Hash{}, err
		}
		if r, err := parseRecord(trimMark(line[:len(line)-1], off)); err == nil && r.refused == nil {
			return r.hash, nil
		}
		off += int64(len(line))
	}
	return Hash{}, nil
}
