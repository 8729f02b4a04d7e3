package sign

import (
	"crypto/sha256"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Hash is a SHA-256 hash: see [event.Hash].
type Hash = event.Hash

// appendHash appends the text of h.
func appendHash(b []byte, h Hash) []byte {
	b, _ = h.AppendText(b) // never fails
	return b
}

// readHash reads a hash from a JSON string.
func readHash(value []byte) (h Hash, ok bool) {
	text, ok := canon.PlainText(value)
	return h, ok && h.UnmarshalText(text) == nil
}

// hashBase64 returns the hash of the bytes that b64 encodes. It decodes a piece at
// a time, because params_raw may have megabytes.
func hashBase64(b64 []byte) (hash Hash, ok bool) {
	const piece = 4096 // a multiple of 4
	var buf [piece / 4 * 3]byte
	h := sha256.New()
	for len(b64) > 0 {
		n := min(piece, len(b64))
		decoded, err := base64Strict.Decode(buf[:], b64[:n])
		if err != nil || n < len(b64) && decoded < len(buf) { // padding in the middle
			return hash, false
		}
		h.Write(buf[:decoded])
		b64 = b64[n:]
	}
	h.Sum(hash[:0])
	return hash, true
}
