package sign

import (
	"crypto/sha256"
	"encoding/hex"
)

// hashBase64 returns H of what b64 encodes, a piece at a time, so as not to hold
// the megabytes that params_raw may have.
func hashBase64(b64 []byte) (hash string, ok bool) {
	const piece = 4096 // a multiple of 4
	var buf [piece / 4 * 3]byte
	h := sha256.New()
	for len(b64) > 0 {
		n := min(piece, len(b64))
		decoded, err := base64Strict.Decode(buf[:], b64[:n])
		if err != nil || n < len(b64) && decoded < len(buf) { // padding in the middle
			return "", false
		}
		h.Write(buf[:decoded])
		b64 = b64[n:]
	}
	return hashPrefix + hex.EncodeToString(h.Sum(nil)), true
}

const hashPrefix = "sha256:"

func isHash(s string) bool {
	if len(s) != len(hashPrefix)+2*sha256.Size || s[:len(hashPrefix)] != hashPrefix {
		return false
	}
	for _, c := range []byte(s[len(hashPrefix):]) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
