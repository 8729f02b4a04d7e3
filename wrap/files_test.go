package wrap

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

func TestHashFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) event.File {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		path, err := filepath.EvalSymlinks(path)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(text))
		return event.File{Path: path, SHA256: sum}
	}
	name := "node"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	exe, script, other := file(name, "the interpreter"), file("index.js", "the script"), file("other.js", "more")
	secret := file("secret.txt", "1234")
	large := file("large.db", "")
	if err := os.Truncate(large.Path, maxArgument+1); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Chdir(dir)
	many, all := []string{name}, []event.File{exe}
	for i := range 20 {
		f := file(strconv.Itoa(i)+".js", strconv.Itoa(i))
		many = append(many, f.Path)
		if len(all) < maxFiles {
			all = append(all, f)
		}
	}
	hashed := func(command ...string) []event.File {
		return hashFiles(t.Context(), command)
	}
	for _, c := range []struct {
		command []string
		want    []event.File
	}{
		{[]string{name, script.Path}, []event.File{exe, script}},
		{[]string{exe.Path, "./index.js", "8080"}, []event.File{exe, script}},
		{[]string{name, "--require", other.Path, "--x", script.Path}, []event.File{exe, other, script}},
		{[]string{name, "--token-file", secret.Path, script.Path}, []event.File{exe, script}},
		{[]string{name, dir, "missing.js", "", ".", large.Path}, []event.File{exe, {Path: large.Path, Reason: "longer than 67108864 bytes"}}},
		{[]string{name, "-" + script.Path}, []event.File{exe}},
		{[]string{"missing", script.Path}, []event.File{script}},
		{many, all},
	} {
		if got := hashed(c.command...); !slices.Equal(got, c.want) {
			t.Errorf("%q\n got %v\nwant %v", c.command, got, c.want)
		}
	}
	link := filepath.Join(dir, "link.js")
	if err := os.Symlink(script.Path, link); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("links take a privilege on Windows")
		}
		t.Fatal(err)
	}
	if got, want := hashed(name, link), []event.File{exe, script}; !slices.Equal(got, want) {
		t.Errorf("through a link: %v, want %v", got, want)
	}
}

// TestFilesInTime: what is not hashed when the time is over is said, and not waited
// for.
func TestFilesInTime(t *testing.T) {
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	files := hashFiles(ctx, []string{path})
	for _, f := range files { // it may not even have begun
		if !f.SHA256.IsZero() || f.Reason == "" {
			t.Errorf("%+v", f)
		}
	}
}

// TestFilesThatChange: files that change while they are read are not hashed.
func TestFilesThatChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "grows")
	if err := os.WriteFile(path, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				f.Write([]byte("more"))
			}
		}
	}()
	h, ok := hashFile(t.Context(), path, 1<<30)
	close(stop)
	<-stopped
	if !ok || !h.SHA256.IsZero() || h.Reason != "it changed while it was read" {
		t.Errorf("%+v, %v", h, ok)
	}
}
