package record

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"os/user"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/signet-wrap/signet-wrap/internal/redact"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// maxDirectory is the maximum length of a working directory in the log, in bytes.
const maxDirectory = 1000

// environment is who runs this program, and where. Names may come from a service of
// the network, and the file of the program is hashed: when ctx is done, what is not
// known by then stays empty.
func environment(ctx context.Context) *event.Environment {
	e := &event.Environment{Version: "(unknown)"}
	if info, ok := debug.ReadBuildInfo(); ok {
		e.Version = shorten(info.Main.Version)
	}
	if host, err := os.Hostname(); err == nil {
		e.Host = shorten(host)
	}
	if dir, err := os.Getwd(); err == nil {
		e.Directory = shortenTo(redact.Argument(dir), maxDirectory)
	}
	if uid := os.Getuid(); uid >= 0 { // there is none on Windows
		e.UserID = strconv.Itoa(uid)
	}
	names := make(chan *user.User, 1)
	go func() {
		u, err := user.Current()
		if err != nil {
			u = nil
		}
		names <- u
	}()
	e.Program = hashSelf(ctx)
	select {
	case u := <-names:
		if u != nil {
			e.User, e.UserID = shorten(u.Username), shorten(u.Uid)
		}
	case <-ctx.Done():
	}
	return e
}

// hashSelf is the hash of this program's file, zero if it cannot be had before ctx
// is done. On Linux it is the file that runs, also where another has its name now.
func hashSelf(ctx context.Context) event.Hash {
	path, err := os.Executable()
	if runtime.GOOS == "linux" {
		path, err = "/proc/self/exe", nil
	}
	if err != nil {
		return event.Hash{}
	}
	f, err := os.Open(path)
	if err != nil {
		return event.Hash{}
	}
	defer f.Close()
	sum := sha256.New()
	for buf := make([]byte, 256<<10); ; {
		n, err := f.Read(buf)
		sum.Write(buf[:n])
		switch {
		case err == io.EOF:
			return event.Hash(sum.Sum(nil))
		case err != nil, ctx.Err() != nil:
			return event.Hash{}
		}
	}
}
