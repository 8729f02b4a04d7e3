package chain

import (
	"context"
	"errors"
	"iter"
	"time"
)

type Options struct {
	NoSync bool
	Now    func() time.Time
	Event  func(kind string, now time.Time, members []Member) ([]byte, error)
}

type Member struct {
	Name  string
	Value []byte
}

type Log struct{}

func New(dir string, o Options) *Log { return &Log{} }

func (l *Log) Append(n int, build func(i int, now time.Time) ([]byte, error)) error {
	return errors.New("not yet")
}

func (l *Log) Close() error { return nil }

type Entry struct {
	File       string
	Line       int
	Offset     int64
	Receipt    []byte
	PrevHash   string
	RecordHash string
	Raw        []byte
}

func Scan(dir string) iter.Seq2[Entry, error] { return func(func(Entry, error) bool) {} }

func Backward(dir string, since time.Time) iter.Seq2[Entry, error] {
	return func(func(Entry, error) bool) {}
}

type VerifyOptions struct {
	Check    func(receipt []byte) (result any, bad error)
	Visit    func(e Entry, result any)
	Progress func(records, bytes, total int64)
	Workers  int
}

type Report struct{}

func Verify(ctx context.Context, dir string, o VerifyOptions) (*Report, error) {
	return nil, errors.New("not yet")
}
