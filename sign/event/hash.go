package event

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// A Hash is a SHA-256 hash: of a record, of arguments, of a response, of a file. As
// text, in JSON too, it is "sha256:" and 64 lower-case hex digits. The zero Hash is
// the hash before the first record of a log. Where a hash may be missing, zero
// means none.
type Hash [sha256.Size]byte

const hashPrefix = "sha256:"

// hashLen is the length of a hash as text, in bytes.
const hashLen = len(hashPrefix) + 2*sha256.Size

// HashOf returns the hash of b.
func HashOf(b []byte) Hash { return sha256.Sum256(b) }

// ParseHash reads a hash as [Hash.String] writes it. Any other text is an error.
func ParseHash(s string) (h Hash, err error) {
	err = h.UnmarshalText([]byte(s))
	return h, err
}

// String returns the text of h.
func (h Hash) String() string {
	var b [hashLen]byte
	h.put(b[:0])
	return string(b[:])
}

// IsZero says whether h is the zero Hash.
func (h Hash) IsZero() bool { return h == Hash{} }

// AppendText implements [encoding.TextAppender]: it appends the text of h. It never
// fails.
func (h Hash) AppendText(b []byte) ([]byte, error) { return h.put(b), nil }

// MarshalText implements [encoding.TextMarshaler]. It never fails.
func (h Hash) MarshalText() ([]byte, error) { return h.put(nil), nil }

func (h Hash) put(b []byte) []byte { return hex.AppendEncode(append(b, hashPrefix...), h[:]) }

var errHash = errors.New(`not "sha256:" and 64 hex digits`)

// UnmarshalText implements [encoding.TextUnmarshaler]: it is ParseHash without an
// allocation.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != hashLen || string(text[:len(hashPrefix)]) != hashPrefix {
		return errHash
	}
	var parsed Hash
	for i := range parsed {
		hi, lo := nibble[text[len(hashPrefix)+2*i]], nibble[text[len(hashPrefix)+2*i+1]]
		if hi|lo > 0xf { // hex.Decode would take upper case too
			return errHash
		}
		parsed[i] = hi<<4 | lo
	}
	*h = parsed
	return nil
}

// nibble is the value of a lower-case hex digit, 0xff for any other byte.
var nibble = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i, c := range []byte("0123456789abcdef") {
		t[c] = byte(i)
	}
	return t
}()
