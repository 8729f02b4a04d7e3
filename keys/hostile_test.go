package keys

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const (
	testSeed = "Pk0B5aduOVgOzZmg2kk9rylpWF7WFNlgo/cxLzZl4m4="
	plainKey = `{"v":1,"algorithm":"ed25519","name":"k","seed":"` + testSeed + `"}`
)

// lightKey is a well-formed encrypted file that is cheap to derive for.
const lightKey = `{"v":1,"algorithm":"ed25519","name":"k","kdf":"argon2id","kdf_params":{"t":1,"m":8,"p":1},` +
	`"salt":"2nmD2xHOEbf29F0iexhu3g==","cipher":"xchacha20poly1305","nonce":"MZ01KMY2JijxyS+nX0a8xiAquWd6VJl0",` +
	`"ciphertext":"eNw4E6bP8R8dd8qPCuisw5moy8nRDItN3LdoBq3b0iuEGwv6h6ZbSLNYUhk1ZS+2"}`

func asking(passphrase string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(passphrase), nil }
}

// Each of these .key files is refused, for its reason and no other, before
// anybody is asked for a passphrase.
func TestHostileKeyFiles(t *testing.T) {
	swap := func(file, old, new string) string {
		if strings.Count(file, old) != 1 {
			t.Fatalf("%q is not in %s just once", old, file)
		}
		return strings.Replace(file, old, new, 1)
	}
	params := func(p string) string { return swap(lightKey, `{"t":1,"m":8,"p":1}`, p) }
	for _, c := range []struct{ what, file, reason string }{
		{"empty", "", "not valid JSON"},
		{"not JSON", "-----BEGIN PRIVATE KEY-----", "not valid JSON"},
		{"truncated", plainKey[:len(plainKey)-1], "not valid JSON"},
		{"truncated inside the seed", plainKey[:70], "not valid JSON"},
		{"seed where a name should be", `{"v":1,"` + testSeed + `"}`, "not valid JSON"},
		{"byte order mark twice", "\ufeff\ufeff" + plainKey, "not valid JSON"},
		{"UTF-16 without a mark", "{\x00}\x00", "UTF-16"},
		{"two objects", plainKey + plainKey, "not valid JSON"},
		{"bad UTF-8", swap(plainKey, `"k"`, "\"k\xff\""), "not valid JSON"},
		{"nested too deep", strings.Repeat("[", 20000) + strings.Repeat("]", 20000), "not valid JSON"},
		{"an array", "[" + plainKey + "]", "not a JSON object"},
		{"null", "null", "not a JSON object"},
		{"duplicate", swap(plainKey, `"v":1`, `"v":1,"v":1`), "twice"},
		{"escaped duplicate", swap(plainKey, `"v":1`, `"v":1,"s\u0065ed":"x"`), "twice"},
		{"duplicate in kdf_params", params(`{"t":1,"m":8,"p":1,"t":1}`), "twice"},
		{"case twin", swap(plainKey, `"v":1`, `"v":1,"Seed":"x"`), `almost like "seed"`},
		{"folding twin", swap(plainKey, `"v":1`, `"v":1,"ſeed":"x"`), `almost like "seed"`},
		{"case twin alone", swap(plainKey, `"seed"`, `"SEED"`), `almost like "seed"`},
		{"case twin in kdf_params", params(`{"t":1,"m":8,"p":1,"M":8}`), `almost like "m"`},
		{"no version", swap(plainKey, `"v":1,`, ""), `"v" is missing`},
		{"version 2", swap(plainKey, `"v":1`, `"v":2`), `"v" is not 1`},
		{"version 1.0", swap(plainKey, `"v":1`, `"v":1.0`), `"v" is not a whole number`},
		{"version as text", swap(plainKey, `"v":1`, `"v":"1"`), `"v" is not a whole number`},
		{"other algorithm", swap(plainKey, "ed25519", "ed448"), `"algorithm" is not "ed25519"`},
		{"other name", swap(plainKey, `"k"`, `"K"`), `"name" does not match the file's name`},
		{"no name", swap(plainKey, `"name":"k",`, ""), `"name" is missing`},
		{"no seed", swap(plainKey, `"seed"`, `"weed"`), `"seed" is missing`},
		{"seed is a number", swap(plainKey, `"`+testSeed+`"`, "7"), `"seed" is not a string`},
		{"seed of 31 bytes", swap(plainKey, testSeed, "Pk0B5aduOVgOzZmg2kk9rylpWF7WFNlgo/cxLzZl4g=="), `"seed" is not 32 bytes`},
		{"seed of 33 bytes", swap(plainKey, testSeed, "Pk0B5aduOVgOzZmg2kk9rylpWF7WFNlgo/cxLzZl4m4A"), `"seed" is not 32 bytes`},
		{"seed with stray bits", swap(plainKey, "m4=", "m5="), `"seed" is not 32 bytes`},
		{"seed with a line break", swap(plainKey, "Pk0B", `Pk0B\n`), `"seed" is not 32 bytes`},
		{"seed without padding", swap(plainKey, "m4=", "m4"), `"seed" is not 32 bytes`},
		{"seed in the URL alphabet", swap(plainKey, "/", "_"), `"seed" is not 32 bytes`},
		{"plain and encrypted", swap(lightKey, `"v":1`, `"v":1,"seed":"`+testSeed+`"`), "both plain and encrypted"},
		{"plain with a cipher", swap(plainKey, `"v":1`, `"v":1,"cipher":"none"`), "both plain and encrypted"},
		{"other kdf", swap(lightKey, "argon2id", "argon2i"), `"kdf" is not "argon2id"`},
		{"other cipher", swap(lightKey, "xchacha20poly1305", "chacha20poly1305"), `"cipher" is not "xchacha20poly1305"`},
		{"no kdf_params", swap(lightKey, `"kdf_params"`, `"kdf_parms"`), `"kdf_params" is missing`},
		{"kdf_params is an array", params(`[1,8,1]`), `"kdf_params": not a JSON object`},
		{"no t", params(`{"m":8,"p":1}`), `"t" is missing`},
		{"unknown parameter", params(`{"t":1,"m":8,"p":1,"v":16}`), "unknown member"},
		{"t is 0", params(`{"t":0,"m":8,"p":1}`), "t times m"},
		{"m is 0", params(`{"t":1,"m":0,"p":1}`), "m is not between"},
		{"p is 0", params(`{"t":1,"m":8,"p":0}`), "p is not between"},
		{"m below 8 p", params(`{"t":1,"m":15,"p":2}`), "m is not between"},
		{"huge t", params(`{"t":4294967295,"m":8,"p":1}`), "t times m"},
		{"huge m", params(`{"t":1,"m":4294967295,"p":1}`), "m is not between"},
		{"m just too large", params(`{"t":1,"m":262145,"p":1}`), "m is not between"},
		{"t times m just too large", params(`{"t":5,"m":262144,"p":1}`), "t times m"},
		{"huge p", params(`{"t":1,"m":262144,"p":17}`), "p is not between"},
		{"p wraps to 1 in a byte", params(`{"t":1,"m":8192,"p":257}`), "p is not between"},
		{"m beyond 32 bits", params(`{"t":1,"m":4294967304,"p":1}`), `"m" is not a whole number`},
		{"m is negative", params(`{"t":1,"m":-8,"p":1}`), `"m" is not a whole number`},
		{"m is a fraction", params(`{"t":1,"m":8.5,"p":1}`), `"m" is not a whole number`},
		{"m with an exponent", params(`{"t":1,"m":8e0,"p":1}`), `"m" is not a whole number`},
		{"short salt", swap(lightKey, "2nmD2xHOEbf29F0iexhu3g==", "2nmD2xHOEbf29F0iexhu"), `"salt" is not 16 bytes`},
		{"short nonce", swap(lightKey, "MZ01", ""), `"nonce" is not 24 bytes`},
		{"short ciphertext", swap(lightKey, "eNw4", ""), `"ciphertext" is not 48 bytes`},
		{"long ciphertext", swap(lightKey, "eNw4", "eNw4eNw4"), `"ciphertext" is not 48 bytes`},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := Store{t.TempDir()}
			path := filepath.Join(s.Dir, "k.key")
			write(t, path, []byte(c.file))
			_, err := s.Load("k", func() ([]byte, error) {
				t.Error("asked for the passphrase of a file that is no good")
				return nil, errors.New("asked")
			})
			var fe *FileError
			if !errors.As(err, &fe) || fe.Path != path || !strings.Contains(fe.Reason, c.reason) {
				t.Fatalf("got %v, want a FileError with %q", err, c.reason)
			}
			if strings.Contains(err.Error(), testSeed[:6]) {
				t.Fatalf("the error shows the seed: %v", err)
			}
			if list, err := s.List(); len(list) != 0 || !errors.As(err, &fe) {
				t.Errorf("list: %v, %v", list, err)
			}
			if _, err := s.Generate("k", "", nil); !errors.Is(err, fs.ErrExist) {
				t.Errorf("generate: %v, want fs.ErrExist", err)
			}
			if got, _ := os.ReadFile(path); string(got) != c.file {
				t.Error("the file was changed")
			}
		})
	}
	// What the cases are bent from is good.
	s := Store{t.TempDir()}
	write(t, s.keyPath("k"), []byte(plainKey))
	if _, err := s.Load("k", nil); err != nil {
		t.Error(err)
	}
	write(t, s.keyPath("k"), []byte(swap(plainKey, `"v":1`, `"comment":{"a":[1]},"v":1`)))
	if _, err := s.Load("k", nil); err != nil {
		t.Errorf("with a member of a later version: %v", err)
	}
	write(t, s.keyPath("k"), []byte(lightKey))
	if _, err := s.Load("k", asking("x")); !errors.Is(err, ErrWrongPassphrase) {
		t.Error(err)
	}
}

func TestHostilePublicFiles(t *testing.T) {
	const pub = `{"v":1,"algorithm":"ed25519","name":"k","pubkey":"WfrrGJGRqrGCN/LYr4Rmkvk42atM1FTJh7fO3JELGVY=","owner":null,"created_at":"2026-05-01T00:00:00+00:00"}`
	if p, err := ParsePublic([]byte(pub)); err != nil || p.Owner != "" {
		t.Fatal(p, err)
	}
	for _, c := range []struct{ old, new, reason string }{
		{pub, "", "not valid JSON"},
		{pub, strings.Repeat(" ", maxFile) + pub, "longer than"},
		{`"v":1`, `"v":1,"PubKey":"x"`, "almost like"},
		{`"v":1`, `"v":3`, `"v" is not 1`},
		{"ed25519", "rsa", `"algorithm"`},
		{`"k"`, `"../k"`, `"name" is not a name`},
		{`"k"`, `""`, `"name" is not a name`},
		{`"k"`, `"` + strings.Repeat("k", 65) + `"`, `"name" is not a name`},
		{"WfrrGJ", "WfrrGJAA", `"pubkey" is not 32 bytes`},
		{"null", "7", `"owner" is not a string`},
		{"2026-05-01T", "2026-05-01 ", `"created_at" is not a time`},
		{"2026-05-01T00:00:00+00:00", "9999-12-31T23:59:59-01:00", `"created_at" is not a time`},
		{"created_at", "created", `"created_at" is missing`},
	} {
		_, err := ParsePublic([]byte(strings.Replace(pub, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s for %s: %v, want %q", c.new, c.old, err, c.reason)
		}
	}
}

// A thing in a key file's place that is no file, or an endless one, is refused
// and never waited for.
func TestNotFiles(t *testing.T) {
	refused := func(t *testing.T, s Store) {
		t.Helper()
		var fe *FileError
		if _, err := s.Load("k", nil); !errors.As(err, &fe) {
			t.Errorf("load: %v, want a FileError", err)
		}
		if _, err := s.Public("k"); !errors.As(err, &fe) {
			t.Errorf("public: %v, want a FileError", err)
		}
		if list, err := s.List(); len(list) != 0 || !errors.As(err, &fe) {
			t.Errorf("list: %v, %v", list, err)
		}
		if _, err := s.Generate("k", "", nil); !errors.Is(err, fs.ErrExist) {
			t.Errorf("generate: %v, want fs.ErrExist", err)
		}
	}
	for _, half := range []string{".key", ".pub"} {
		t.Run("1 GB"+half, func(t *testing.T) {
			s := plainStore(t)
			if err := os.Truncate(filepath.Join(s.Dir, "k"+half), 1<<30); err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			refusedHalf(t, s, half, "too long")
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
				t.Errorf("%d bytes were allocated to refuse it", n)
			}
		})
		t.Run("folder"+half, func(t *testing.T) {
			s := plainStore(t)
			os.Remove(filepath.Join(s.Dir, "k"+half))
			if err := os.Mkdir(filepath.Join(s.Dir, "k"+half), 0o700); err != nil {
				t.Fatal(err)
			}
			refusedHalf(t, s, half, "not a regular file")
		})
	}
	t.Run("link to a folder", func(t *testing.T) {
		s := Store{t.TempDir()}
		symlink(t, t.TempDir(), s.keyPath("k"))
		refused(t, s)
	})
	t.Run("link to the null device", func(t *testing.T) {
		s := Store{t.TempDir()}
		symlink(t, os.DevNull, s.keyPath("k"))
		refused(t, s)
	})
	t.Run("link to nothing", func(t *testing.T) {
		s := Store{t.TempDir()}
		elsewhere := filepath.Join(t.TempDir(), "k.key")
		symlink(t, elsewhere, s.keyPath("k"))
		refused(t, s)
		if _, err := s.Generate("k", "", nil); !errors.Is(err, fs.ErrExist) {
			t.Errorf("generate: %v, want fs.ErrExist", err)
		}
		if exists(elsewhere) {
			t.Error("written through the link")
		}
	})
	t.Run("link to a key", func(t *testing.T) { // as secret mounts have it
		s, real := Store{t.TempDir()}, plainStore(t)
		symlink(t, real.keyPath("k"), s.keyPath("k"))
		symlink(t, real.pubPath("k"), s.pubPath("k"))
		if k, err := s.Load("k", nil); err != nil || len(k.Warnings) != 0 {
			t.Errorf("load: %v, %v", k, err)
		}
	})
}

// refusedHalf checks that the store's one key does not load because of half,
// and that a good .pub is found all the same.
func refusedHalf(t *testing.T, s Store, half, reason string) {
	t.Helper()
	var fe *FileError
	if _, err := s.Load("k", nil); !errors.As(err, &fe) || !strings.HasSuffix(fe.Path, half) || !strings.Contains(fe.Reason, reason) {
		t.Errorf("load: %v, want %q of the %s", err, reason, half)
	}
	list, err := s.List()
	if !errors.As(err, &fe) || (len(list) == 1) != (half == ".key") {
		t.Errorf("list: %v, %v", list, err)
	}
	if _, err := s.Generate("k", "", nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("generate: %v, want fs.ErrExist", err)
	}
}

func symlink(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("links need a privilege on Windows")
		}
		t.Fatal(err)
	}
}

// plainStore has one good plain key, "k", of owner "o".
func plainStore(t *testing.T) Store {
	t.Helper()
	s := Store{t.TempDir()}
	if _, err := s.Generate("k", "o", nil); err != nil {
		t.Fatal(err)
	}
	return s
}

// Whatever byte of a key's two files is changed, loading fails or gives the
// same key, and no change of the .key goes unnoticed but in its white space.
func TestMangled(t *testing.T) {
	seed, pass := make([]byte, 32), []byte("p")
	for i := range seed {
		seed[i] = byte(i)
	}
	pub := FormatPublic(&Public{Name: "k", Owner: "o", Key: publicOf(seed)})
	for what, key := range map[string][]byte{
		"plain":     formatSecret("k", seed),
		"encrypted": seal("k", seed, pass, kdfParams{t: 1, m: 8, p: 1}),
	} {
		t.Run(what, func(t *testing.T) {
			s := Store{t.TempDir()}
			load := func(key, pub []byte) bool {
				write(t, s.keyPath("k"), key)
				write(t, s.pubPath("k"), pub)
				k, err := s.Load("k", func() ([]byte, error) { return pass, nil })
				if err == nil && !bytes.Equal(k.private().Seed(), seed) {
					t.Fatalf("loads as another key:\n%s\n%s", key, pub)
				}
				return err == nil
			}
			if !load(key, pub) {
				t.Fatal("does not load unchanged")
			}
			for _, bit := range []byte{0x01, 0x02, 0x04, 0x20, 0x80} {
				for i := range key {
					if load(flip(key, i, bit), pub) && !isSpace(key[i]) {
						t.Errorf("byte %d of the .key, %q, was changed unnoticed", i, key[i])
					}
				}
				for i := range pub {
					load(key, flip(pub, i, bit)) // owner and time are free to change
				}
			}
		})
	}
}

func flip(b []byte, i int, bit byte) []byte {
	b = bytes.Clone(b)
	b[i] ^= bit
	return b
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' }

// Each member under the cipher's protection, changed to another value that is
// well-formed, makes decryption fail.
func TestAssociatedData(t *testing.T) {
	cheap := defaultKDF
	defaultKDF = writtenKDF
	defer func() { defaultKDF = cheap }()
	s := Store{t.TempDir()}
	if _, err := s.Generate("k", "", []byte("pass")); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(s.keyPath("k"))
	if err != nil {
		t.Fatal(err)
	}
	if k, err := s.Load("k", asking("pass")); err != nil || len(k.Warnings) > 0 {
		t.Fatal(k, err)
	}
	for _, c := range []struct{ name, old, new string }{
		{"renamed", `"name": "k"`, `"name": "renamed"`},
		{"k", `"t": 3`, `"t": 1`},
		{"k", `"m": 65536`, `"m": 8`},
		{"k", `"p": 1`, `"p": 2`},
	} {
		bent := strings.Replace(string(good), c.old, c.new, 1)
		if bent == string(good) {
			t.Fatalf("no %s in %s", c.old, good)
		}
		d := Store{t.TempDir()}
		write(t, d.keyPath(c.name), []byte(bent))
		if _, err := d.Load(c.name, asking("pass")); !errors.Is(err, ErrWrongPassphrase) {
			t.Errorf("%s: %v, want ErrWrongPassphrase", c.new, err)
		}
	}
	// The derivation too: same key, other associated data.
	sec, reason := parseSecret(good, "k")
	if reason != "" {
		t.Fatal(reason)
	}
	sec.name = "j"
	if _, err := sec.open([]byte("pass")); !errors.Is(err, ErrWrongPassphrase) {
		t.Errorf("under another name: %v", err)
	}
}
