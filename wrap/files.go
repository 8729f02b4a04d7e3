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
	files   []event.File // hashed so far
	current string       // the file that is being read; "": none
}

// Limits: the number of files, and their lengths in bytes. An argument may be a
// database as well as a script, so its limit is lower.
const (
	maxFiles     = 8
	maxArgument  = 64 << 20
	maxExecuting = 1 << 30
)

// hashFiles hashes the files that the command runs: the executable that is found
// for it, and the arguments that are files, such as the script of an interpreter.
// It follows links. Arguments that are masked as secrets are left out, because the
// hash of a short secret gives it away.
//
// When ctx is done, hashFiles returns what it has. If a disk hangs, a goroutine
// that waits for it remains.
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

// hash hashes the file that was begun, if it is one.
func (c *commandFiles) hash(ctx context.Context, path string, most int64) {
	f, ok := hashFile(ctx, path, most)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current = ""; ok {
		c.files = append(c.files, f)
	}
}

// soFar returns what is known now.
func (c *commandFiles) soFar() []event.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	files := append([]event.File(nil), c.files...)
	if c.current != "" {
		files = append(files, event.File{Path: c.current, Reason: "not hashed in time, nor the files after it"})
	}
	return files
}

// hashFile hashes a file of at most most bytes. ok is false if there is no file, or
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
	// Opening a device may have effects, so the kind of file is checked first.
	st, err := os.Stat(path)
	switch {
	case err != nil || st.IsDir():
		return h, false
	case !st.Mode().IsRegular():
		return unhashed("not a regular file")
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
		return unhashed("not a regular file")
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
