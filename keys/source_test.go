package keys

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func absolute(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) }

func given(p string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(p), nil }
}

func protectable(t *testing.T) Store {
	t.Helper()
	s := Store{filepath.Join(t.TempDir(), "keys")}
	if _, err := s.Generate("bot", "o", nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSourceRoundTrip(t *testing.T) {
	for _, src := range []*Source{
		{Kind: Keychain, Entry: "bot-1"},
		{Kind: PassphraseFile, File: absolute(t, "a b\"\\ü")},
		{Kind: PassphraseCommand, Command: []string{absolute(t, "pass"), "", "show\n", "<é>"}},
	} {
		got, reason := parseSource(formatSource("bot", src), "bot")
		if reason != "" || !reflect.DeepEqual(got, src) {
			t.Errorf("%+v came back as %+v: %s", src, got, reason)
		}
	}
}

// One good file of each kind, and what makes it bad: no reason is another's.
func TestHostileSource(t *testing.T) {
	good := strings.ReplaceAll(`{"v":1,"name":"bot","source":"passphrase-command","command":["ABS","x"]}`, "ABS", filepath.ToSlash(absolute(t, "c")))
	if _, reason := parseSource([]byte(good), "bot"); reason != "" {
		t.Fatal(reason)
	}
	for _, c := range []struct{ from, to, reason string }{
		{good, "", "not valid JSON"},
		{good, "correct horse", "not valid JSON"},
		{good, "[]", "not a JSON object"},
		{`"v":1`, `"v":2`, `"v" is not 1`},
		{`"v":1`, `"v":1,"v":1`, "twice"},
		{`"v":1`, `"v":1,"Source":"keychain"`, "spelled almost like"},
		{`"v":1`, `"v":1,"passphrase":"x"`, "unknown member"},
		{`"v":1`, `"v":1,"file":"/etc/passwd"`, "member of another source"},
		{`"bot"`, `"bob"`, "does not match"},
		{`"passphrase-command"`, `"vault"`, "is not known"},
		{`"passphrase-command"`, `"keychain"`, `"entry" is not`},
		{`"passphrase-command"`, `"passphrase-file"`, `"file" is not an absolute path`},
		{`"passphrase-command"`, `7`, "not a string"},
		{`,"x"]`, `,7]`, "has an element that is not a string"},
		{`"x"`, `"\u0000"`, "NUL"},
		{`,"x"]`, strings.Repeat(`,"x"`, maxArguments) + "]", "not an absolute path and up to"},
	} {
		_, reason := parseSource([]byte(strings.Replace(good, c.from, c.to, 1)), "bot")
		if !strings.Contains(reason, c.reason) || reason == "" {
			t.Errorf("%s: %q, want %q", c.to, reason, c.reason)
		}
		if strings.Contains(reason, "horse") {
			t.Errorf("quotes the file: %q", reason)
		}
	}
	for _, command := range []string{`[]`, `["relative"]`, `"/bin/sh"`, `{}`} {
		if _, reason := parseSource([]byte(`{"v":1,"name":"bot","source":"passphrase-command","command":`+command+`}`), "bot"); reason == "" {
			t.Errorf("took the command %s", command)
		}
	}
}

func TestSourceFile(t *testing.T) {
	s := protectable(t)
	if _, err := s.Source("bot"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
	path := s.sourcePath("bot")
	good := formatSource("bot", &Source{Kind: Keychain, Entry: "e"})
	bad := func(what, reason string) {
		t.Helper()
		_, err := s.Source("bot")
		if f := (*FileError)(nil); !errors.As(err, &f) || !strings.Contains(f.Reason+": "+f.Do, reason) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.WriteFile(path, bytes.Repeat([]byte(" "), maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	bad("huge", "too long")
	os.WriteFile(path, good, 0o600)
	if _, err := s.Source("bot"); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for _, mode := range []fs.FileMode{0o620, 0o602} {
		os.Chmod(path, mode)
		bad("lax", "chmod 600")
	}
	os.Chmod(path, 0o600)
	os.Chmod(s.Dir, 0o770)
	bad("lax folder", "chmod 700")
}

func TestProtectAndBack(t *testing.T) {
	s := protectable(t)
	before, err := s.Load("bot", nil)
	if err != nil {
		t.Fatal(err)
	}
	src := &Source{Kind: PassphraseFile, File: absolute(t, "f")}
	if err := s.Protect("bot", src, []byte("one"), nil); err != nil {
		t.Fatal(err)
	}
	same := func(pass func() ([]byte, error)) {
		t.Helper()
		k, err := s.Load("bot", pass)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(k.Public(), before.Public()) || len(k.Warnings) > 0 {
			t.Errorf("another key, or %q", k.Warnings)
		}
	}
	same(given("one"))
	if _, err := s.Load("bot", given("two")); !errors.Is(err, ErrWrongPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	if got, err := s.Source("bot"); err != nil || !reflect.DeepEqual(got, src) {
		t.Errorf("source %+v, %v", got, err)
	}
	if st, err := os.Stat(s.sourcePath("bot")); err != nil || runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}

	// The same passphrase from elsewhere: the key file stays, nobody is asked.
	private, _ := s.Paths("bot")
	sealed, _ := os.ReadFile(private)
	if err := s.Protect("bot", &Source{Kind: Keychain, Entry: "e"}, []byte("one"), nil); err != nil {
		t.Fatal(err)
	}
	if now, _ := os.ReadFile(private); !bytes.Equal(now, sealed) {
		t.Error("the key was encrypted again without need")
	}

	// Another passphrase: only with the old one, else nothing changes.
	if err := s.Protect("bot", src, []byte("two"), given("wrong")); !errors.Is(err, ErrWrongPassphrase) {
		t.Errorf("with a wrong old passphrase: %v", err)
	}
	if got, err := s.Source("bot"); err != nil || got.Kind != Keychain {
		t.Errorf("the source changed: %+v, %v", got, err)
	}
	same(given("one"))
	if err := s.Protect("bot", src, []byte("two"), given("one")); err != nil {
		t.Fatal(err)
	}
	same(given("two"))

	if err := s.Unprotect("bot", given("wrong")); !errors.Is(err, ErrWrongPassphrase) {
		t.Errorf("unprotected with a wrong passphrase: %v", err)
	}
	same(given("two"))
	if err := s.Unprotect("bot", given("two")); err != nil {
		t.Fatal(err)
	}
	same(nil)
	if _, err := s.Source("bot"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the source is still there: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir, ".*.tmp-*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// protectAndBack takes the key bot through all that can be done to it: plain,
// "one", "two", plain.
func protectAndBack(s Store) error {
	return errors.Join(
		s.Protect("bot", &Source{Kind: Keychain, Entry: "one"}, []byte("one"), nil),
		s.Protect("bot", &Source{Kind: Keychain, Entry: "two"}, []byte("two"), given("one")),
		s.Unprotect("bot", given("two")))
}

// What cannot be replaced is as it was, with the source that it had.
func TestProtectUndone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a symbolic link wants a privilege there")
	}
	s := protectable(t)
	private, _ := s.Paths("bot")
	elsewhere := absolute(t, "bot.key")
	if err := os.Rename(private, elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, private); err != nil { // which Replace refuses
		t.Fatal(err)
	}
	if err := s.Protect("bot", &Source{Kind: Keychain, Entry: "e"}, []byte("one"), nil); err == nil {
		t.Fatal("replaced a symbolic link")
	}
	if _, err := s.Source("bot"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a source was left: %v", err)
	}
	if _, err := s.Load("bot", nil); err != nil {
		t.Error(err)
	}
}

func TestProtectRefuses(t *testing.T) {
	s := protectable(t)
	src := &Source{Kind: Keychain, Entry: "e"}
	if err := s.Protect("nobody", src, []byte("x"), nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("no key: %v", err)
	}
	if err := s.Protect("bot", src, nil, nil); err == nil {
		t.Error("took an empty passphrase")
	}
	if err := s.Protect("bot", &Source{Kind: Keychain}, []byte("x"), nil); err == nil {
		t.Error("wrote a source that cannot be read")
	}
	if runtime.GOOS != "windows" {
		private, _ := s.Paths("bot")
		os.Chmod(private, 0o644)
		if err := s.Protect("bot", src, []byte("x"), nil); s.Advice("bot", err) != "chmod 600 it" {
			t.Errorf("a key that others read: %v", err)
		}
	}
	// A source whose key went is not the next one's.
	os.WriteFile(s.sourcePath("next"), formatSource("next", src), 0o600)
	if _, err := s.Generate("next", "", []byte("x")); s.Advice("next", err) != "delete this file first" {
		t.Errorf("made beside a source: %v", err)
	}
}
