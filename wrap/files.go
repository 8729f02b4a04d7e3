package wrap

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/signet-wrap/signet-wrap/internal/proc"
	"github.com/signet-wrap/signet-wrap/internal/redact"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// commandFiles are the files that the server's command runs, and their hashes.
type commandFiles struct {
	mu      sync.Mutex   // guards all below
	files   []event.File // so far
	current string       // what is being read; "": nothing
}

// Bounds of what is hashed: files, and bytes of one that is only an argument,
// which may be a database as well as a script.
const (
	maxFiles     = 8
	maxArgument  = 64 << 20
	maxExecuting = 1 << 30
)

// hashFiles hashes what the command runs, as it is now: the executable as
// it is looked up, and the arguments that are files, such as the script where the
// executable is an interpreter. Links are followed. What is masked as a secret
// is left out, for the hash of a short one would tell it.
//
// When ctx is done it returns what it has, also where a disk hangs: then a goroutine
// stays that waits for it.
func hashFiles(ctx context.Context, command []string) []event.File {
	var c commandFiles
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.hashAll(ctx, command)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	return c.soFar()
}

func (c *commandFiles) hashAll(ctx context.Context, command []string) {
	shown := redact.Command(command)
	c.begin(command[0])
	path, err := proc.LookPath(command[0])
	if err != nil {
		path = ""
	}
	c.hash(ctx, path, maxExecuting)
	for i, a := range command[1:] {
		if shown[i+1] == a && strings.ContainsAny(a, `/\.`) && c.count() < maxFiles {
			c.begin(a)
			c.hash(ctx, a, maxArgument)
		}
	}
}

func (c *commandFiles) begin(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = path
}

func (c *commandFiles) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.files)
}

// hash hashes what was begun, if it is a file.
func (c *commandFiles) hash(ctx context.Context, path string, most int64) {
	f, ok := hashFile(ctx, path, most)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current = ""; ok {
		c.files = append(c.files, f)
	}
}

// soFar is what is known by now.
func (c *commandFiles) soFar() []event.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	files := append([]event.File(nil), c.files...)
	if c.current != "" {
		files = append(files, event.File{Path: c.current, Reason: "not hashed in time, nor what follows it"})
	}
	return files
}

// hashFile hashes a file of at most most bytes. It is false if there is none, or
// it is a directory.
func hashFile(ctx context.Context, path string, most int64) (h event.File, ok bool) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return h, false
	}
	if path, err = filepath.Abs(path); err != nil {
		return h, false
	}
	unhashed := func(reason string) (event.File, bool) { return event.File{Path: path, Reason: reason}, true }
	// Not to be opened before it is known to be a file: opening a device may do
	// something.
	st, err := os.Stat(path)
	switch {
	case err != nil || st.IsDir():
		return h, false
	case !st.Mode().IsRegular():
		return unhashed("no regular file")
	case st.Size() > most:
		return unhashed(fmt.Sprintf("longer than %d bytes", most))
	}
	f, err := os.OpenFile(path, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return unhashed("cannot be opened")
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil || !before.Mode().IsRegular() {
		return unhashed("no regular file")
	}
	sum, size := sha256.New(), int64(0)
	for buf := make([]byte, 1<<20); err == nil && size <= before.Size(); {
		if ctx.Err() != nil {
			return unhashed("not hashed in time")
		}
		var n int
		n, err = f.Read(buf)
		sum.Write(buf[:n])
		size += int64(n)
	}
	after, statErr := f.Stat()
	switch {
	case err != nil && err != io.EOF:
		return unhashed("cannot be read")
	case statErr != nil, size != before.Size(), after.Size() != before.Size(), !after.ModTime().Equal(before.ModTime()):
		return unhashed("it changed while it was read")
	}
	return event.File{Path: path, SHA256: event.Hash(sum.Sum(nil))}, true
}
