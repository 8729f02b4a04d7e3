package keys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestRotate: the name stays, the key is another, protected in the same way, and the
// old one is known as before.
func TestRotate(t *testing.T) {
	for _, passphrase := range [][]byte{nil, []byte("horse")} {
		s := Store{filepath.Join(t.TempDir(), "keys")}
		first, err := s.Generate("k", "me", passphrase)
		if err != nil {
			t.Fatal(err)
		}
		ask := func() ([]byte, error) { return passphrase, nil }
		old, second, err := s.Rotate("k", nil, ask)
		if err != nil || !first.Key.Equal(old.Public()) || second.Key.Equal(first.Key) || second.Encrypted != (passphrase != nil) {
			t.Fatal(old, second, err)
		}
		now, err := s.Load("k", ask)
		if err != nil || !second.Key.Equal(now.Public()) || now.Owner != "me" || len(now.Warnings) > 0 {
			t.Errorf("%v, %v", now, err)
		}
		if p, err := s.Public("k"); err != nil || !p.Key.Equal(second.Key) || p.Encrypted != (passphrase != nil) {
			t.Errorf("%+v, %v", p, err)
		}
		third, err := s.AddHeld("other", "", publicOf(make([]byte, 32)), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Rotate("other", nil, nil); !errors.Is(err, ErrHeld) {
			t.Errorf("of an agent's key, with none named: %v", err)
		}
		if _, _, err := s.Rotate("k", &HeldKey{third.Key, ""}, ask); err != nil {
			t.Errorf("to an agent's key: %v", err)
		}
		if _, _, err := s.Rotate("k", &HeldKey{third.Key, ""}, ask); err == nil {
			t.Error("to the same key: no error")
		}
		if _, err := s.Retire("k"); err != nil {
			t.Error(err)
		}
		if _, err := s.Load("k", ask); !errors.Is(err, ErrNoKey) {
			t.Errorf("retired: %v", err)
		}
		if _, err := s.Retire("k"); !errors.Is(err, ErrNoKey) {
			t.Errorf("retired again: %v", err)
		}
		retired, err := s.Retired()
		if err != nil || len(retired) != 3 {
			t.Errorf("retired: %v, %v", retired, err)
		}
		if known, err := s.Known(); err != nil || len(known) != 4 {
			t.Errorf("known: %v, %v", known, err)
		}
		if _, err := s.Generate("k", "", nil); err != nil { // the name is free
			t.Error(err)
		}
	}
}

// TestRetiredFiles: what is there under another name, or is none, is no key.
func TestRetiredFiles(t *testing.T) {
	s := Store{filepath.Join(t.TempDir(), "keys")}
	if list, err := s.Retired(); len(list) > 0 || err != nil {
		t.Error(list, err)
	}
	p, err := s.Generate("k", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Retire("k"); err != nil {
		t.Fatal(err)
	}
	good := s.RetiredPath("k", p.Key)
	b, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"k.pub", "x.0123456789abcdef.pub", "broken.pub"} {
		write(t, filepath.Join(filepath.Dir(good), name), b)
	}
	write(t, filepath.Join(filepath.Dir(good), "broken.pub"), []byte("{"))
	list, err := s.Retired()
	if len(list) != 1 || err == nil {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := os.Stat(s.keyPath("k")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the private half: %v", err)
	}
}
