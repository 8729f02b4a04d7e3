//go:build unix

package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func keysOfTest() []Key { return testKeys }

// The system's file counts only if root alone can have written it.
func TestReadSystem(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make files of root")
	}
	const nobody = 65534
	for _, c := range []struct {
		name string
		make func(t *testing.T, dir string) // puts config.toml there
		want string                         // what the error says; "" for a file, "none" for none
	}{
		{"good", func(*testing.T, string) {}, ""},
		{"none", func(t *testing.T, d string) { must(t, os.Remove(d+"/config.toml")) }, "none"},
		{"no directory", func(t *testing.T, d string) { must(t, os.RemoveAll(d)) }, "none"},
		{"another's", func(t *testing.T, d string) { must(t, os.Chown(d+"/config.toml", nobody, 0)) }, "belongs to user 65534, not to root"},
		{"another's directory", func(t *testing.T, d string) { must(t, os.Chown(d, nobody, 0)) }, "belongs to user 65534, not to root"},
		{"for the group", func(t *testing.T, d string) { must(t, os.Chmod(d+"/config.toml", 0o664)) }, "others than root can write"},
		{"for all", func(t *testing.T, d string) { must(t, os.Chmod(d+"/config.toml", 0o646)) }, "others than root can write"},
		{"sticky and for all", func(t *testing.T, d string) { must(t, os.Chmod(d+"/config.toml", os.ModeSticky|0o666)) }, "others than root can write"},
		{"a directory for all", func(t *testing.T, d string) { must(t, os.Chmod(d, 0o777)) }, "others than root can write"},
		{"a directory for all, sticky", func(t *testing.T, d string) { must(t, os.Chmod(d, os.ModeSticky|0o777)) }, ""},
		{"a link", func(t *testing.T, d string) {
			must(t, os.Rename(d+"/config.toml", d+"/real"))
			must(t, os.Symlink("real", d+"/config.toml"))
		}, ""},
		{"another's link", func(t *testing.T, d string) {
			must(t, os.Rename(d+"/config.toml", d+"/real"))
			must(t, os.Symlink("real", d+"/config.toml"))
			must(t, os.Lchown(d+"/config.toml", nobody, 0))
		}, "belongs to user 65534"},
		{"a link through another's directory", func(t *testing.T, d string) {
			must(t, os.Mkdir(d+"/theirs", 0o755))
			must(t, os.Rename(d+"/config.toml", d+"/real"))
			must(t, os.Symlink("../real", d+"/theirs/link"))
			must(t, os.Chown(d+"/theirs", nobody, 0))
			must(t, os.Symlink("theirs/link", d+"/config.toml"))
		}, "belongs to user 65534"},
		{"a link to nothing", func(t *testing.T, d string) {
			must(t, os.Remove(d+"/config.toml"))
			must(t, os.Symlink("/not/there", d+"/config.toml"))
		}, "no such file"},
		{"a link to itself", func(t *testing.T, d string) {
			must(t, os.Remove(d+"/config.toml"))
			must(t, os.Symlink("config.toml", d+"/config.toml"))
		}, "too many links"},
		{"a pipe", func(t *testing.T, d string) {
			must(t, os.Remove(d+"/config.toml"))
			must(t, syscall.Mkfifo(d+"/config.toml", 0o600))
		}, "not a regular file"},
		{"a directory", func(t *testing.T, d string) {
			must(t, os.Remove(d+"/config.toml"))
			must(t, os.Mkdir(d+"/config.toml", 0o755))
		}, "not a regular file"},
		{"a device", func(t *testing.T, d string) {
			must(t, os.Remove(d+"/config.toml"))
			must(t, os.Symlink("/dev/zero", d+"/config.toml"))
		}, "/dev/zero"}, // which all can write
		{"a file in place of the directory", func(t *testing.T, d string) {
			must(t, os.RemoveAll(d))
			must(t, os.WriteFile(d, nil, 0o644))
		}, "not a directory"},
		{"too large", func(t *testing.T, d string) { must(t, os.Truncate(d+"/config.toml", 1<<40)) }, "it is longer than"},
		{"bad", func(t *testing.T, d string) { must(t, os.WriteFile(d+"/config.toml", []byte("synk=1"), 0o644)) }, "unknown key synk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "signet-wrap")
			must(t, os.Mkdir(dir, 0o755))
			path := filepath.Join(dir, "config.toml")
			must(t, os.WriteFile(path, []byte("locked = ['sync']\n"), 0o644))
			c.make(t, dir)
			f, err := ReadSystem(path, keysOfTest)
			switch {
			case c.want == "" && (err != nil || f == nil || f.Path != path || len(f.Locked) != 1),
				c.want == "none" && (err != nil || f != nil),
				c.want != "" && c.want != "none" && (err == nil || f != nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path)):
				t.Errorf("%+v, %v; want %q", f, err, c.want)
			}
		})
	}
}

// Without files nothing is made ready to read one: every start of a server looks for
// them.
func TestNoFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	keys := func() []Key { t.Error("the keys were asked for"); return nil }
	if f, err := ReadSystem(path, keys); f != nil || err != nil {
		t.Error(f, err)
	}
	if f, err := ReadHome(path, keys); f != nil || err != nil {
		t.Error(f, err)
	}
}

// A home's file is the user's own, and what keeps others out may be the directory.
func TestReadHome(t *testing.T) {
	for _, c := range []struct {
		name      string
		file, dir os.FileMode
		make      func(t *testing.T, path string)
		want      string
	}{
		{"good", 0o600, 0o755, nil, ""},
		{"none", 0o600, 0o755, func(t *testing.T, p string) { must(t, os.Remove(p)) }, "none"},
		{"with the user's group", 0o664, 0o700, nil, ""},
		{"for a group", 0o664, 0o750, nil, "others can write it (mode 664): chmod 600 "},
		{"for all", 0o646, 0o711, nil, "others can write it"},
		{"a pipe", 0o600, 0o700, func(t *testing.T, p string) {
			must(t, os.Remove(p))
			must(t, syscall.Mkfifo(p, 0o600))
		}, "not a regular file"},
		{"locks", 0o600, 0o700, func(t *testing.T, p string) { must(t, os.WriteFile(p, []byte("locked=['sync']"), 0o600)) }, "only the system's file can lock"},
		{"another's", 0o600, 0o700, func(t *testing.T, p string) {
			if os.Getuid() != 0 {
				t.Skip("only root can give files away")
			}
			must(t, os.Chown(p, 65534, 0))
		}, "it belongs to user 65534"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "home")
			must(t, os.Mkdir(dir, 0o700))
			path := filepath.Join(dir, "config.toml")
			must(t, os.WriteFile(path, []byte("sync = 'off'\n"), 0o600))
			must(t, os.Chmod(path, c.file))
			must(t, os.Chmod(dir, c.dir))
			if c.make != nil {
				c.make(t, path)
			}
			f, err := ReadHome(path, keysOfTest)
			switch {
			case c.want == "" && (err != nil || f == nil || len(f.Values) != 1),
				c.want == "none" && (err != nil || f != nil),
				c.want != "" && c.want != "none" && (err == nil || f != nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%+v, %v; want %q", f, err, c.want)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
