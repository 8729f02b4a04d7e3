package chain

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// A day file may be compressed: <day>.jsonl.gz, in the format of gzip (RFC 1952). Its
// records, their places and all offsets are those of the file before it was compressed,
// and its name in entries and reports is <day>.jsonl. If both are there, a program was
// killed while it compressed the day: then <day>.jsonl is read, and the other is not.
//
// Forward it is expanded as it is read. Backward the whole of it is first: in memory,
// or if it has more than maxInMemory bytes in a temporary file that has no name.
const packedSuffix = ".gz" // after a day file's name

// maxInMemory is how much of a compressed day is held in memory, in bytes. Tests set
// another.
var maxInMemory int64 = 64 << 20

// unknownSize is the size of a compressed day until its end was read.
const unknownSize = math.MaxInt64 / 2

// packedLimit is how many bytes a compressed file of so many may expand to. A day of
// signed records is three to ten times as long as compressed; a file of a megabyte that
// was made for it a thousand times.
func packedLimit(size int64) int64 { return packedLeast + 100*min(size, 1<<50) }

// packedLeast is what each may. Tests set another.
var packedLeast int64 = 1 << 30

// An unpacker expands a compressed file from its beginning. Where it cannot be expanded
// any further it ends, and bad says why.
type unpacker struct {
	fs.File
	ctx  context.Context
	z    *gzip.Reader
	max  int64
	done int64 // bytes so far
	bad  error
}

func newUnpacker(ctx context.Context, f fs.File, size int64) (*unpacker, error) {
	u := &unpacker{File: f, ctx: ctx, max: packedLimit(size)}
	var err error
	u.z, err = gzip.NewReader(bufio.NewReaderSize(f, 64<<10))
	if err == io.EOF {
		err = io.ErrUnexpectedEOF // an empty file
	}
	return u, u.fail(err)
}

// fail notes what is wrong with the file's bytes, and returns an error that is not of
// them.
func (u *unpacker) fail(err error) error {
	if errors.As(err, new(*fs.PathError)) {
		return err
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("it ends too early")
	case errors.Is(err, gzip.ErrHeader):
		err = errors.New("what comes here is not gzip")
	case errors.Is(err, gzip.ErrChecksum):
		err = errors.New("what was compressed has another checksum")
	}
	u.bad = err
	return nil
}

func (u *unpacker) Read(p []byte) (n int, err error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	if u.bad != nil {
		return 0, io.EOF
	}
	n, err = u.z.Read(p)
	if u.done += int64(n); u.done > u.max {
		n = max(0, n-int(u.done-u.max))
		u.bad = fmt.Errorf("it expands to more than %d MiB, which no day of that size does", u.max>>20)
		return n, io.EOF
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	if err = u.fail(err); err == nil {
		err = io.EOF
	}
	return n, err
}

// damage says why f ended where it did, if it is of a compressed file that could not be
// expanded to its end.
func damage(f readerAt) error {
	switch f := f.(type) {
	case *sequential:
		if u, ok := f.f.(*unpacker); ok && u.bad != nil {
			return u.bad
		}
		return f.bad
	case unpacked:
		return f.bad
	}
	return nil
}

// unpacked is a compressed file that was expanded to its end.
type unpacked struct {
	readerAt
	bad error
}

// expand expands all of a compressed file, so that it can be read at any offset, and
// closes it.
func (u *unpacker) expand() (r readerAt, size int64, err error) {
	defer u.Close()
	var b bytes.Buffer
	size, err = io.CopyN(&b, u, maxInMemory)
	if err == io.EOF {
		return unpacked{whole{bytes.NewReader(b.Bytes())}, u.bad}, size, nil
	}
	if err != nil {
		return nil, 0, err
	}
	tmp, err := os.CreateTemp("", "signet-wrap-*")
	if err != nil {
		return nil, 0, fmt.Errorf("expand a compressed day: %w", err)
	}
	t := unnamed{tmp, os.Remove(tmp.Name()) != nil}
	if _, err = tmp.Write(b.Bytes()); err == nil {
		var more int64
		more, err = io.Copy(tmp, u)
		size += more
	}
	if err != nil {
		t.Close()
		return nil, 0, fmt.Errorf("expand a compressed day: %w", err)
	}
	return unpacked{t, u.bad}, size, nil
}

// unnamed is a temporary file that goes when it is closed.
type unnamed struct {
	*os.File
	named bool // still: Windows takes no name from an open file
}

func (u unnamed) Close() error {
	err := u.File.Close()
	if u.named {
		os.Remove(u.Name())
	}
	return err
}

// packedSize is how many bytes a compressed file says that it expands to. It is for
// progress only: it counts to 4 GiB, and of the last part.
func packedSize(f fs.File, size int64) int64 {
	var last [4]byte
	if r, ok := f.(io.ReaderAt); ok && size >= 18 {
		if n, _ := r.ReadAt(last[:], size-4); n == 4 {
			return int64(last[0]) | int64(last[1])<<8 | int64(last[2])<<16 | int64(last[3])<<24
		}
	}
	return size
}

// A Day is a day file that is open for reading, from its beginning.
type Day struct {
	in     io.Reader
	file   fs.File
	packed *unpacker
}

// OpenDay opens a regular day file of a log in fsys, compressed or not, by its name
// without .gz. Of a compressed one the bytes before it was compressed are read.
func OpenDay(ctx context.Context, fsys fs.FS, name string) (*Day, error) {
	f, size, packed, err := openDay(fsys, name, false)
	if err != nil {
		return nil, err
	}
	d := &Day{in: f, file: f}
	if packed {
		if d.packed, err = newUnpacker(ctx, f, size); err != nil {
			f.Close()
			return nil, err
		}
		d.in = d.packed
	}
	return d, nil
}

// Read reads the day's bytes. If a compressed file cannot be expanded to its end, the
// error says so.
func (d *Day) Read(p []byte) (int, error) {
	n, err := d.in.Read(p)
	if err == io.EOF && d.packed != nil && d.packed.bad != nil {
		err = damaged(d.packed.bad)
	}
	return n, err
}

// Compressed says whether the file is.
func (d *Day) Compressed() bool { return d.packed != nil }

// Close closes the file.
func (d *Day) Close() error { return d.file.Close() }

func damaged(why error) error { return fmt.Errorf("the compressed file is damaged here: %w", why) }

// openDay opens a day file, or that of the compressed day: first that of which it is
// known that it was there. Which one is there may have changed since.
func openDay(fsys fs.FS, name string, packedFirst bool) (f fs.File, size int64, packed bool, err error) {
	names := [2]string{name, name + packedSuffix}
	first := 0
	if packedFirst {
		first = 1
	}
	f, size, err = openFile(fsys, names[first])
	packed = packedFirst
	if errors.Is(err, fs.ErrNotExist) {
		if other, n, oerr := openFile(fsys, names[1-first]); oerr == nil {
			return other, n, !packed, nil
		}
	}
	return f, size, packed, err
}

// openFile opens a regular file and returns its size.
func openFile(fsys fs.FS, name string) (fs.File, int64, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = notRegular(name, st.Mode())
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, st.Size(), nil
}

// openDayAt opens a day file of the directory dir to be read at any offset.
func openDayAt(dir, name string) (readerAt, int64, error) {
	f, size, packed, err := openDay(dirFS(dir), name, false)
	if err != nil {
		return nil, 0, err
	}
	if !packed {
		return f.(*os.File), size, nil
	}
	u, err := newUnpacker(context.Background(), f, size)
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return u.expand()
}

// restore makes a compressed day one that can be appended to. Its compressed file stays,
// and is not read any more.
func restore(path string) error {
	f, st, err := openRegular(path+packedSuffix, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	u, err := newUnpacker(context.Background(), f, st.Size())
	if err != nil {
		return err
	}
	return durable.WriteNewFrom(path, 0o600, func(w io.Writer) error {
		if _, err := io.Copy(w, u); err != nil {
			return err
		}
		if u.bad != nil {
			return damaged(u.bad)
		}
		return nil
	})
}

// OpenCompressed opens a compressed day file by its path.
func OpenCompressed(path string) (io.ReadCloser, error) {
	f, st, err := openRegular(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	u, err := newUnpacker(context.Background(), f, st.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Day{in: u, file: f, packed: u}, nil
}
