package keys

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// Whatever is wrong with one half of a key is said, with the file and what to do.
func TestHalfKeys(t *testing.T) {
	for _, c := range []struct {
		what   string
		spoil  func(t *testing.T, s Store)
		file   string // which is named
		reason string
		advice string
	}{
		{"only .pub", func(t *testing.T, s Store) { os.Remove(s.keyPath("k")) },
			"k.key", "it is missing", "generate --name k-2 --unencrypted"},
		{"only .pub, and the next name taken", func(t *testing.T, s Store) {
			os.Remove(s.keyPath("k"))
			write(t, s.pubPath("k-2"), nil)
		}, "k.key", "it is missing", "generate --name k-3 --unencrypted"},
		{"a directory for .key", func(t *testing.T, s Store) { os.Remove(s.keyPath("k")); os.Mkdir(s.keyPath("k"), 0o700) },
			"k.key", "not a regular file", "move it away"},
		{"a directory for .pub", func(t *testing.T, s Store) { os.Remove(s.pubPath("k")); os.Mkdir(s.pubPath("k"), 0o700) },
			"k.pub", "not a regular file", "generate --name k"},
		{"the .key of another name", func(t *testing.T, s Store) {
			write(t, s.keyPath("k"), []byte(strings.Replace(plainKey, `"k"`, `"j"`, 1)))
		}, "k.key", `"name" does not match the file's name`, "generate --name k-2"},
		{"the .key of another key", func(t *testing.T, s Store) { write(t, s.keyPath("k"), []byte(plainKey)) },
			"k.pub", "not the public key of k.key", "generate --name k "},
		{"an empty .key", func(t *testing.T, s Store) { write(t, s.keyPath("k"), nil) },
			"k.key", "not valid JSON", "restore it from a backup"},
		{"an empty .pub", func(t *testing.T, s Store) { write(t, s.pubPath("k"), nil) },
			"k.pub", "not valid JSON", "create it again"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := plainStore(t)
			c.spoil(t, s)
			_, err := s.Load("k", nil)
			bad := (*FileError)(nil)
			if !errors.As(err, &bad) || !strings.HasSuffix(bad.Path, c.file) || !strings.Contains(bad.Reason, c.reason) {
				t.Fatalf("load: %v", err)
			}
			if a := s.Advice("k", err); !strings.Contains(a, c.advice) {
				t.Errorf("advice: %s", a)
			}
		})
	}
	t.Run("a link to nothing", func(t *testing.T) {
		s := Store{t.TempDir()}
		if err := os.Symlink("nowhere", s.keyPath("k")); err != nil {
			if runtime.GOOS != "windows" { // there it takes a privilege
				t.Fatal(err)
			}
			t.Skip(err)
		}
		_, err := s.Load("k", nil)
		if a := s.Advice("k", err); !strings.Contains(a, "move the link away") {
			t.Errorf("advice: %s", a) // "generate" would refuse to make it
		}
	})
	denied := func(op string) error { return &fs.PathError{Op: op, Path: "x", Err: fs.ErrPermission} }
	missing := &fs.PathError{Op: "mkdir", Path: "/proc/x", Err: fs.ErrNotExist}
	if a := (Store{t.TempDir()}).Advice("k", missing); !strings.Contains(a, "--home") || strings.Contains(a, "passphrase") {
		t.Errorf("a directory that cannot be made: %q", a)
	}
	if a := (Store{t.TempDir()}).Advice("k", denied("mkdir")); strings.Contains(a, "chmod") {
		t.Errorf("advice for a directory that cannot be made: %s", a)
	}
	if s := (Store{t.TempDir()}); runtime.GOOS != "windows" {
		if err := os.WriteFile(s.keyPath("k"), nil, 0); err != nil {
			t.Fatal(err)
		}
		unreadable := &fs.PathError{Op: "open", Path: s.keyPath("k"), Err: fs.ErrPermission}
		if a := s.Advice("k", unreadable); !strings.Contains(a, "chmod 600 "+s.keyPath("k")) {
			t.Errorf("advice for a file that cannot be read: %s", a)
		}
		if err := os.Chmod(s.Dir, 0o500); err != nil {
			t.Fatal(err)
		}
		unreadable.Path = s.keyPath("other") // not there: its directory forbids it
		if a := s.Advice("k", unreadable); !strings.Contains(a, "chmod 700 "+s.Dir) {
			t.Errorf("advice for a directory that cannot be written to: %s", a)
		}
	}
	if a := (Store{t.TempDir()}).Advice("k", fs.ErrClosed); a != "" {
		t.Errorf("advice without a reason: %s", a)
	}
}

// Files that a Windows program has saved are read as they are, and a source too.
func TestWindowsText(t *testing.T) {
	s := plainStore(t)
	want, err := s.Load("k", nil)
	if err != nil {
		t.Fatal(err)
	}
	src := &Source{Kind: PassphraseFile, File: s.pubPath("k")}
	write(t, s.sourcePath("k"), formatSource("k", src))
	for name, encode := range map[string]func(string) string{
		"CR LF":           func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"byte order mark": func(s string) string { return "\ufeff" + s },
		"UTF-16": func(s string) string {
			b := []byte("\xff\xfe")
			for _, u := range utf16.Encode([]rune(s)) {
				b = append(b, byte(u), byte(u>>8))
			}
			return string(b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			windows := Store{t.TempDir()}
			for _, half := range []func(Store, string) string{Store.keyPath, Store.pubPath, Store.sourcePath} {
				b, err := os.ReadFile(half(s, "k"))
				if err != nil {
					t.Fatal(err)
				}
				write(t, half(windows, "k"), []byte(encode(string(b))))
				os.Chmod(half(windows, "k"), 0o600)
			}
			k, err := windows.Load("k", nil)
			if err != nil || len(k.Warnings) != 0 || string(publicOf(k.private().Seed())) != string(publicOf(want.private().Seed())) {
				t.Errorf("load: %v, %v", k, err)
			}
			if got, err := windows.Source("k"); err != nil || got.File != src.File {
				t.Errorf("source: %v, %v", got, err)
			}
		})
	}
}

// Somebody holds the lock for ever. What is there is loaded all the same; what
// would have to be made is refused.
func TestHeldLock(t *testing.T) {
	before := lockPatience
	lockPatience = 50 * time.Millisecond
	defer func() { lockPatience = before }()
	s := plainStore(t)
	unlock, err := s.lock(time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if _, err := s.Load("k", nil); err != nil {
		t.Errorf("load: %v", err)
	}
	for what, try := range map[string]func() error{
		"generate": func() error { _, err := s.Generate("j", "", nil); return err },
		"protect": func() error {
			return s.Protect("k", &Source{Kind: Keychain, Entry: "e"}, []byte("p"), nil)
		},
		"unprotect": func() error { return s.Unprotect("k", nil) },
	} {
		err := try()
		if bad := (*FileError)(nil); !errors.As(err, &bad) || !strings.HasSuffix(bad.Path, ".lock") || bad.Do == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	os.Remove(s.pubPath("k"))
	if k, err := s.Load("k", nil); err != nil || len(k.Warnings) != 1 {
		t.Errorf("load without its public half: %v, %v", k, err)
	}
}

// What is no lock file is not waited for either.
func TestOddLock(t *testing.T) {
	s := Store{t.TempDir()}
	if err := os.Mkdir(s.Dir+"/.lock", 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Generate("k", "", nil); err == nil || !strings.Contains(err.Error(), ".lock") {
		t.Errorf("a directory: %v", err)
	}
}
