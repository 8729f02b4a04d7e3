package home

import (
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// setUserDir puts dir into the environment as the user's own directory.
func setUserDir(t *testing.T, dir string) {
	t.Helper()
	name := "HOME"
	if runtime.GOOS == "windows" {
		name = "USERPROFILE"
	}
	t.Setenv(name, dir)
}

func TestExpand(t *testing.T) {
	mine := t.TempDir()
	setUserDir(t, mine)
	for _, c := range []struct{ path, want, err string }{
		{"~", mine, ""},
		{"~/", mine, ""},
		{"~/a/b", filepath.Join(mine, "a", "b"), ""},
		{"/a/~/b", "/a/~/b", ""},
		{"a~", "a~", ""},
		{"100%", "100%", ""},
		{"a%20b%20c", "a%20b%20c", ""},
		{"$5 and $", "$5 and $", ""},
		{`\\server\c$\x`, `\\server\c$\x`, ""},
		{"~root/x", "", "another user's home"},
		{"~backup", "", "another user's home"},
		{"${HOME}/x", "", "variable ${HOME}, "},
		{"${workspaceFolder", "", "variable ${workspaceFolder, "},
		{"${", "", "variable ${, "},
		{"$HOME", "", "variable $HOME, "},
		{"/a/$x_1/b", "", "variable $x_1, "},
		{"~/$USER", "", "variable $USER, "},
		{"$env:HOME/x", "", "variable $env, "},
		{"$(pwd)/x", "", "variable $(pwd), "},
		{`%USERPROFILE%\x`, "", "variable %USERPROFILE%, "},
		{"/a/%HOME%", "", "variable %HOME%, "},
	} {
		got, err := Expand(c.path)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v; want %q, %q", c.path, got, err, c.want, c.err)
		}
	}
}

func TestFind(t *testing.T) {
	mine := t.TempDir()
	setUserDir(t, mine)
	for _, c := range []struct{ flag, env, want, err string }{
		{"", "", filepath.Join(mine, ".signet"), ""},
		{"", "~/env", filepath.Join(mine, "env"), ""},
		{"~/flag", "${NOT_LOOKED_AT}", filepath.Join(mine, "flag"), ""},
		{"", "${HOME}/x", "", "SIGNET_HOME: "},
		{"$HOME/x", "", "", "--home: "},
	} {
		got, err := Find(c.flag, func(string) string { return c.env })
		if string(got) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.HasPrefix(err.Error(), c.err) {
			t.Errorf("%q, %q: %q, %v; want %q, %q", c.flag, c.env, got, err, c.want, c.err)
		}
	}
}

// Where the environment has no directory, or none that can be one, the user
// database is asked.
func TestUserDir(t *testing.T) {
	listed := t.TempDir()
	before := currentUser
	defer func() { currentUser = before }()
	for _, useless := range []string{"", "~", "${HOME}", "relative"} {
		setUserDir(t, useless)
		currentUser = func() (*user.User, error) { return &user.User{HomeDir: listed}, nil }
		if dir, err := UserDir(); err != nil || dir != listed {
			t.Errorf("%q in the environment: %q, %v", useless, dir, err)
		}
		currentUser = func() (*user.User, error) { return &user.User{Username: "nobody"}, nil }
		if dir, err := UserDir(); err == nil {
			t.Errorf("a user without a directory: %q", dir)
		}
		currentUser = func() (*user.User, error) { return nil, user.UnknownUserIdError(4711) }
		if dir, err := UserDir(); err == nil {
			t.Errorf("an unknown user: %q", dir)
		}
		if dir, err := Find("", func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), "--home DIR") {
			t.Errorf("an unknown user: %q, %v", dir, err)
		}
		if dir, err := Find("~/x", func(string) string { return "" }); err == nil {
			t.Errorf("an unknown user's ~/x: %q", dir)
		}
	}
}
