package keys

import (
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"runtime/debug"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// FORMAT.md, "The private half".

const (
	kdfName    = "argon2id"
	cipherName = "xchacha20poly1305"
	saltSize   = 16
)

// kdfParams are the parameters of Argon2id: passes, memory in KiB, lanes.
type kdfParams struct{ t, m, p uint32 }

// defaultKDF is what the reference writes: about 0.15 s and 64 MiB.
var defaultKDF = kdfParams{t: 3, m: 64 << 10, p: 1}

// FORMAT.md, "Bounds": a file may need four times the memory and five times the
// work of ours, so that opening a hostile file takes a second and does not stop the
// machine.
const (
	maxMemory = 256 << 10 // KiB
	maxWork   = 1 << 20   // KiB times passes
	maxLanes  = 16
)

// bad says what is wrong with k; "" if nothing is.
func (k kdfParams) bad() string {
	switch {
	case k.p < 1 || k.p > maxLanes:
		return `"kdf_params": p is not between 1 and 16`
	case k.m < 8*k.p || k.m > maxMemory: // RFC 9106, section 3.1
		return `"kdf_params": m is not between 8 times p and 262144 (256 MiB)`
	case k.t < 1 || uint64(k.t)*uint64(k.m) > maxWork:
		return `"kdf_params": t times m is not between 1 and 1048576`
	}
	return ""
}

// secret is a parsed and valid .key file.
type secret struct {
	name string
	seed []byte // of a plain key; else nil

	kdf                     kdfParams
	salt, nonce, ciphertext []byte // of an encrypted key

	held *held // of a key that an agent holds, which has nothing secret
}

func (s *secret) encrypted() bool { return s.ciphertext != nil }

// public is the public half, without owner and time. It is nil for an encrypted
// key.
func (s *secret) public() *Public {
	switch {
	case s.held != nil:
		return &Public{Name: s.name, Key: s.held.key, Private: true, Agent: SSHAgent}
	case s.encrypted():
		return nil
	}
	return &Public{Name: s.name, Key: publicOf(s.seed), Private: true}
}

// parseSecret reads the .key file of name. reason says what is wrong; "" if nothing
// is.
func parseSecret(b []byte, name string) (s *secret, reason string) {
	o := parseObject(b, "v", "algorithm", "name", "seed", "kdf", "kdf_params", "salt", "cipher", "nonce", "ciphertext", "agent", "pubkey", "socket")
	s = &secret{name: name}
	o.header()
	if o.str("name") != name {
		o.fail(`"name" does not match the file's name`)
	}
	if o.has("agent") {
		s.held = parseHeld(o)
		return s, o.reason
	}
	if !o.has("kdf") && !o.has("cipher") && !o.has("ciphertext") {
		s.seed = o.bytes("seed", ed25519.SeedSize)
		return s, o.reason
	}
	if o.has("seed") {
		o.fail("both plain and encrypted")
	}
	o.is("kdf", kdfName)
	o.is("cipher", cipherName)
	k := o.object("kdf_params", "t", "m", "p")
	s.kdf = kdfParams{t: k.uint("t"), m: k.uint("m"), p: k.uint("p")}
	if k.reason != "" {
		o.fail(`"kdf_params": ` + k.reason)
	}
	if bad := s.kdf.bad(); bad != "" {
		o.fail(bad)
	}
	s.salt = o.bytes("salt", saltSize)
	s.nonce = o.bytes("nonce", chacha20poly1305.NonceSizeX)
	s.ciphertext = o.bytes("ciphertext", ed25519.SeedSize+chacha20poly1305.Overhead)
	return s, o.reason
}

// formatSecret returns the plain .key file of seed.
func formatSecret(name string, seed []byte) []byte {
	return indent(fmt.Sprintf(`{"v":1,"algorithm":"ed25519","name":%q,"seed":%q}`, name, b64(seed)))
}

// seal returns the encrypted .key file of seed.
func seal(name string, seed, passphrase []byte, kdf kdfParams) []byte {
	s := &secret{name: name, kdf: kdf, salt: make([]byte, saltSize), nonce: make([]byte, chacha20poly1305.NonceSizeX)}
	rand.Read(s.salt) // never fails: it ends the program instead
	rand.Read(s.nonce)
	s.ciphertext = s.aead(passphrase).Seal(nil, s.nonce, seed, s.aad())
	return indent(fmt.Sprintf(`{"v":1,"algorithm":"ed25519","name":%q,"kdf":%q,"kdf_params":{"t":%d,"m":%d,"p":%d},"salt":%q,"cipher":%q,"nonce":%q,"ciphertext":%q}`,
		name, kdfName, s.kdf.t, s.kdf.m, s.kdf.p, b64(s.salt), cipherName, b64(s.nonce), b64(s.ciphertext)))
}

// open decrypts the seed.
func (s *secret) open(passphrase []byte) ([]byte, error) {
	seed, err := s.aead(passphrase).Open(nil, s.nonce, s.ciphertext, s.aad())
	if err != nil {
		return nil, ErrWrongPassphrase
	}
	return seed, nil
}

// aead derives the key, with the memory and time in s.kdf.
func (s *secret) aead(passphrase []byte) cipher.AEAD {
	key := argon2.IDKey(passphrase, s.salt, s.kdf.t, s.kdf.m, uint8(s.kdf.p), chacha20poly1305.KeySize)
	// Return the 64 MiB: a wrapper runs for days with a few MB.
	debug.FreeOSMemory()
	a, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic(err) // the key has KeySize bytes
	}
	return a
}

// aad is the associated data of the cipher: JCS of v, algorithm, name, kdf,
// kdf_params and cipher. None of its strings needs an escape.
func (s *secret) aad() []byte {
	return fmt.Appendf(nil, `{"algorithm":"ed25519","cipher":%q,"kdf":%q,"kdf_params":{"m":%d,"p":%d,"t":%d},"name":%q,"v":1}`,
		cipherName, kdfName, s.kdf.m, s.kdf.p, s.kdf.t, s.name)
}

// header checks the first members of all kinds of file.
func (o *object) header() {
	if o.uint("v") != 1 {
		o.fail(`"v" is not 1, the only version known`)
	}
	o.is("algorithm", "ed25519")
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// indent formats the JSON text s in lines, for people.
func indent[T string | []byte](s T) []byte {
	v := jsontext.Value(s)
	if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
		panic(err) // s is made by this package
	}
	return append(v, '\n')
}
