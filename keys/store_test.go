package keys

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var _ crypto.Signer = (*Key)(nil)

func TestGenerateAndLoad(t *testing.T) {
	for what, pass := range map[string][]byte{"plain": nil, "encrypted": []byte("pass phrase €")} {
		t.Run(what, func(t *testing.T) {
			home := filepath.Join(t.TempDir(), "home")
			s := Store{filepath.Join(home, "keys")}
			p, err := s.Generate("bot-1", `"Ada" <a@example.org>`, pass)
			if err != nil {
				t.Fatal(err)
			}
			if runtime.GOOS != "windows" {
				for path, want := range map[string]fs.FileMode{
					home: 0o700, s.Dir: 0o700, s.keyPath("bot-1"): 0o600, s.pubPath("bot-1"): 0o644,
				} {
					if st, err := os.Stat(path); err != nil || st.Mode().Perm() != want {
						t.Errorf("%s: mode %v, %v, want %v", path, st.Mode(), err, want)
					}
				}
			}
			k, err := s.Load("bot-1", func() ([]byte, error) { return pass, nil })
			if err != nil {
				t.Fatal(err)
			}
			if k.Name != "bot-1" || k.Owner != p.Owner || len(k.Warnings) != 0 {
				t.Errorf("loaded %q of %q, warnings %q", k.Name, k.Owner, k.Warnings)
			}
			msg := []byte("message")
			sig, err := k.Sign(nil, msg, crypto.Hash(0))
			if err != nil || !ed25519.Verify(p.Key, msg, sig) {
				t.Errorf("signature does not verify, %v", err)
			}
			if _, err := k.Sign(nil, msg, crypto.SHA256); err == nil {
				t.Error("signed a hash as if it were a message")
			}
			read, err := s.Public("bot-1")
			if err != nil || !read.Key.Equal(k.Public()) || !read.Private || read.Encrypted != (pass != nil) {
				t.Errorf("public half %+v, %v", read, err)
			}
			if d := read.Created.Sub(p.Created).Abs(); d > time.Millisecond {
				t.Errorf("created %v, read back %v", p.Created, read.Created)
			}
			if _, err := s.Generate("bot-1", "", pass); !errors.Is(err, fs.ErrExist) {
				t.Errorf("made twice: %v", err)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	s := Store{filepath.Join(t.TempDir(), "keys")}
	if _, err := s.Load("k", nil); !errors.Is(err, ErrNoKey) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no store: %v", err)
	}
	if list, err := s.List(); len(list) != 0 || err != nil {
		t.Errorf("no store: %v, %v", list, err)
	}
	if exists(s.Dir) {
		t.Error("reading made the folder")
	}
	for _, name := range []string{"", ".", "..", "a/b", "../k", `a\b`, "k.key", "naïve", "a b", "k\x00", strings.Repeat("k", 65)} {
		_, lerr := s.Load(name, nil)
		_, perr := s.Public(name)
		_, gerr := s.Generate(name, "", nil)
		for _, err := range []error{lerr, perr, gerr} {
			if err == nil || !strings.Contains(err.Error(), "cannot be the name of a key") {
				t.Errorf("name %q: %v", name, err)
			}
		}
	}
	if _, err := s.Generate("k", "", []byte{}); err == nil {
		t.Error("encrypted with an empty passphrase")
	}
	if exists(s.Dir) {
		t.Error("a refused generate made the folder")
	}
	if _, err := s.Generate("k", "", []byte("p")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load("k", nil); !errors.Is(err, ErrPassphraseNeeded) {
		t.Errorf("nobody to ask: %v", err)
	}
	if _, err := s.Load("k", asking("q")); !errors.Is(err, ErrWrongPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	no := errors.New("no")
	if _, err := s.Load("k", func() ([]byte, error) { return nil, no }); !errors.Is(err, no) {
		t.Errorf("asking failed: %v", err)
	}
}

func TestPublicHalf(t *testing.T) {
	t.Run("of another", func(t *testing.T) {
		for _, pass := range [][]byte{nil, []byte("p")} {
			s, other := Store{t.TempDir()}, plainStore(t)
			if _, err := s.Generate("k", "", pass); err != nil {
				t.Fatal(err)
			}
			b, _ := os.ReadFile(other.pubPath("k"))
			write(t, s.pubPath("k"), b)
			var fe *FileError
			if _, err := s.Load("k", asking("p")); !errors.As(err, &fe) || !strings.Contains(fe.Reason, "not the public key of k.key") {
				t.Errorf("load: %v", err)
			}
			// Without the passphrase it cannot be told.
			if _, err := s.Public("k"); errors.As(err, &fe) != (pass == nil) {
				t.Errorf("public: %v", err)
			}
		}
	})
	t.Run("missing, plain", func(t *testing.T) {
		s := plainStore(t)
		os.Remove(s.pubPath("k"))
		k, err := s.Load("k", nil)
		if err != nil || len(k.Warnings) != 1 || !strings.Contains(k.Warnings[0], "is missing") {
			t.Fatalf("load: %v, %v", k, err)
		}
		if p, err := s.Public("k"); err != nil || !p.Key.Equal(k.Public()) {
			t.Errorf("public: %v, %v", p, err)
		}
		if _, err := s.Generate("k", "", []byte("p")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("made good as an encrypted key: %v", err)
		}
		p, err := s.Generate("k", "again", nil)
		if err != nil || !p.Key.Equal(k.Public()) {
			t.Fatalf("made good: %v, %v", p, err)
		}
		if k, err := s.Load("k", nil); err != nil || len(k.Warnings) != 0 || k.Owner != "again" {
			t.Errorf("afterwards: %v, %v", k, err)
		}
	})
	t.Run("missing, encrypted", func(t *testing.T) {
		s := Store{t.TempDir()}
		made, err := s.Generate("k", "", []byte("p"))
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(s.pubPath("k"))
		var fe *FileError
		if _, err := s.Public("k"); !errors.As(err, &fe) || !strings.Contains(fe.Reason, "missing") {
			t.Errorf("public: %v", err)
		}
		for _, pass := range [][]byte{nil, []byte("wrong")} {
			if _, err := s.Generate("k", "", pass); !errors.Is(err, fs.ErrExist) {
				t.Errorf("made good with %q: %v", pass, err)
			}
		}
		if p, err := s.Generate("k", "", []byte("p")); err != nil || !p.Key.Equal(made.Key) {
			t.Errorf("made good: %v, %v", p, err)
		}
	})
	t.Run("alone", func(t *testing.T) {
		s := plainStore(t)
		os.Remove(s.keyPath("k"))
		if p, err := s.Public("k"); err != nil || p.Private {
			t.Errorf("public: %+v, %v", p, err)
		}
		if list, err := s.List(); len(list) != 1 || err != nil {
			t.Errorf("list: %v, %v", list, err)
		}
		var fe *FileError
		if _, err := s.Load("k", nil); !errors.As(err, &fe) || fe.Path != s.keyPath("k") || !strings.Contains(s.Advice("k", err), "--name k-2 --unencrypted") {
			t.Errorf("load: %v", err)
		}
		if _, err := s.Generate("k", "", nil); !errors.Is(err, fs.ErrExist) {
			t.Errorf("generate: %v", err)
		}
		if _, err := s.Restore("k", "", nil); !errors.Is(err, ErrNoKey) {
			t.Errorf("restore: %v", err)
		}
	})
	t.Run("renamed", func(t *testing.T) {
		s := plainStore(t)
		os.Rename(s.pubPath("k"), s.pubPath("j"))
		var fe *FileError
		if _, err := s.Public("j"); !errors.As(err, &fe) || !strings.Contains(fe.Reason, "does not match") {
			t.Errorf("public: %v", err)
		}
	})
}

func TestList(t *testing.T) {
	s := Store{t.TempDir()}
	for name, pass := range map[string][]byte{"zoe": nil, "ann": []byte("p"), "ann-2": nil, "Bob": nil} {
		if _, err := s.Generate(name, "", pass); err != nil {
			t.Fatal(err)
		}
	}
	write(t, s.pubPath("broken"), []byte("{"))
	for _, other := range []string{"notes.txt", ".hidden.pub", ".ann.key.tmp-1", "two.dots.pub", ".pub"} {
		write(t, filepath.Join(s.Dir, other), []byte("x"))
	}
	list, err := s.List()
	var got []string
	for _, p := range list {
		got = append(got, fmt.Sprint(p.Name, p.Encrypted))
	}
	if want := []string{"Bobfalse", "anntrue", "ann-2false", "zoefalse"}; !slices.Equal(got, want) {
		t.Errorf("list %q, want %q", got, want)
	}
	if err == nil || strings.Count(err.Error(), "\n") != 0 || !strings.Contains(err.Error(), "broken.pub") {
		t.Errorf("error %v, want one for broken.pub", err)
	}
}

func TestLaxPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no permission bits on Windows")
	}
	s := plainStore(t)
	for _, c := range []struct {
		path string
		mode fs.FileMode
		want string
	}{
		{s.keyPath("k"), 0o600, ""},
		{s.keyPath("k"), 0o400, ""},
		{s.keyPath("k"), 0o640, "mode 0640"},
		{s.keyPath("k"), 0o604, "mode 0604"},
		{s.keyPath("k"), 0o602, "mode 0602"},
		{s.pubPath("k"), 0o666, ""},
		{s.Dir, 0o755, ""},
		{s.Dir, 0o777, "others can change"},
	} {
		if err := os.Chmod(c.path, c.mode); err != nil {
			t.Fatal(err)
		}
		k, err := s.Load("k", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(k.Warnings, "\n"); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s with mode %o: warnings %q, want %q", c.path, c.mode, got, c.want)
		}
		os.Chmod(s.keyPath("k"), 0o600)
		os.Chmod(s.Dir, 0o700)
	}
}

// No way of printing a key, or a thing that holds one, shows a part of its seed.
func TestSeedIsNeverPrinted(t *testing.T) {
	s := plainStore(t)
	k, err := s.Load("k", nil)
	if err != nil {
		t.Fatal(err)
	}
	seed := k.private().Seed()
	dec := strings.Trim(fmt.Sprint(seed[:4]), "[]")
	shapes := []string{
		string(seed[:4]), b64(seed)[:6], hex.EncodeToString(seed[:4]), strings.ToUpper(hex.EncodeToString(seed[:4])),
		dec, strings.ReplaceAll(dec, " ", ","), strings.ReplaceAll(dec, " ", ", "),
		strings.Trim(fmt.Sprintf("%#v", seed[:4]), "[]byte{}"), fmt.Sprintf("% x", seed[:4]), fmt.Sprintf("%#x", seed[:4])[2:],
	}
	// The shapes are those that would be printed.
	for _, verb := range []string{"%v", "%x", "%X", "%#v", "% x", "%s"} {
		if text := fmt.Sprintf(verb, []byte(k.private())); !shows(text, shapes) {
			t.Fatalf("%s of a bare key is not recognised", verb)
		}
	}
	type exported struct{ K Key }
	type hidden struct{ k Key }
	type pointer struct{ k *Key }
	for what, x := range map[string]any{
		"pointer": k, "value": *k, "slice": []Key{*k}, "pointers": []*Key{k}, "map": map[string]Key{"k": *k},
		"exported": exported{*k}, "hidden": hidden{*k}, "hidden pointer": &hidden{*k}, "pointer in a struct": pointer{k},
		"interface": []any{*k}, "signer": crypto.Signer(k),
	} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d", "%T", "%p", "%c", "%U"} {
			fmt.Fprintf(&out, verb+"\n", x)
		}
		js, err := json.Marshal(x)
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		out.Write(js)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "k", x)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "k", x)
		fmt.Fprintln(&out, fmt.Errorf("with %v: %w", x, fs.ErrExist))
		if shows(out.String(), shapes) {
			t.Errorf("%s shows the seed:\n%s", what, out.String())
		}
	}
	if got := fmt.Sprintf("%#v", k); got != "keys.Key(k)" {
		t.Errorf("printed as %s", got)
	}
}

func shows(text string, shapes []string) bool {
	return slices.ContainsFunc(shapes, func(s string) bool { return strings.Contains(text, s) })
}

// Two files of one seed and passphrase have nothing random in common.
func TestSaltAndNonceAreFresh(t *testing.T) {
	seal := func() *secret {
		s, reason := parseSecret(seal("k", make([]byte, 32), []byte("p"), kdfParams{t: 1, m: 8, p: 1}), "k")
		if reason != "" {
			t.Fatal(reason)
		}
		return s
	}
	a, b := seal(), seal()
	if bytes.Equal(a.salt, b.salt) || bytes.Equal(a.nonce, b.nonce) {
		t.Errorf("salts %x and %x, nonces %x and %x", a.salt, b.salt, a.nonce, b.nonce)
	}
}

// TestCreated: what Generate returns is what the .pub says.
func TestCreated(t *testing.T) {
	s := Store{t.TempDir()}
	made, err := s.Generate("k", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	read, err := s.Public("k")
	if err != nil || !read.Created.Equal(made.Created) {
		t.Errorf("Public: created %v, %v; Generate said %v", read.Created, err, made.Created)
	}
}

// TestSignWithoutOptions: nil means crypto.Hash(0), and another hash is an error.
func TestSignWithoutOptions(t *testing.T) {
	s := Store{t.TempDir()}
	if _, err := s.Generate("k", "", nil); err != nil {
		t.Fatal(err)
	}
	key, err := s.Load("k", nil)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := key.Sign(nil, []byte("x"), nil)
	if err != nil || !ed25519.Verify(key.Public().(ed25519.PublicKey), []byte("x"), sig) {
		t.Errorf("Sign without options: %v", err)
	}
	if _, err := key.Sign(nil, []byte("x"), crypto.SHA256); err == nil {
		t.Error("Sign of a SHA-256: no error")
	}
}
