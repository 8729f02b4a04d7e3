package canon

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
)

// typical is a receipt of 600 bytes, more or less.
var typical = []byte(`{"action":{"call_id":"n:7","params":{"depth":2,"path":"/home/alice/project","pattern":"**/*.go"},"params_hash":"sha256:b878192252cbdf656d2fc739f4d763f8eb1c6195cace74737e13a4bf0d1d05af","session":"ses_0123456789abcdef0123456789abcdef","target":"mcp://files","tool":"search_files","transport":"stdio"},"id":"rec_028061859775c413b4c2b91c27479df7","nonce":"rnd_962c79dd800074f73dd80ec20e6e9a7d","sig":"ed25519:XsE/HcDPuGv5TOgxoL/GGbLgb83R/a3vfOCaQI7EijkfgZZvlmAor31wRKy3AlEPWOuezFPO0iV5uV+c+yBwCg==","signer":{"name":"agent","owner":"alice","pubkey":"ed25519:lqBaqlSP9ecIWBpEHlJFJyBL994+kLcJy0Pq8Sc3Eic="},"ts":"2026-11-23T09:21:25.423Z","v":1}`)

func BenchmarkIsCanonical(b *testing.B) {
	b.SetBytes(int64(len(typical)))
	b.ReportAllocs()
	for b.Loop() {
		if !IsCanonical(typical) {
			b.Fatal("not canonical")
		}
	}
}

func BenchmarkIsCanonicalLongString(b *testing.B) {
	long := []byte(`{"a":"` + string(bytes.Repeat([]byte("abcdefgh"), 1<<17)) + `"}`)
	b.SetBytes(int64(len(long)))
	for b.Loop() {
		if !IsCanonical(long) {
			b.Fatal("not canonical")
		}
	}
}

func BenchmarkCanonicalize(b *testing.B) {
	spaced := append([]byte(" "), typical...)
	b.SetBytes(int64(len(spaced)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Canonicalize(spaced); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRewrite: what clients send, of some sizes, by our own hands and by jcs.
func BenchmarkRewrite(b *testing.B) {
	text := map[string]string{
		"order":   `\tif err != nil {\n\t\treturn fmt.Errorf(\"%q\", err)\n\t}\n`,    // JSON.stringify
		"escapes": `\tif n \u003c 3 \u0026\u0026 ok {\n\t\tgr\u00fc\u00dfe()\n\t}\n`, // json.dumps, encoding/json
	}
	for name, unit := range text {
		for _, n := range []int{100, 1_000, 10_000, 100_000, 1_000_000} {
			raw := []byte(`{"path": "/home/alice/x.go", "content": "` + strings.Repeat(unit, n/len(unit)) + `", "dryRun": false}`)
			for by, f := range map[string]func([]byte) ([]byte, error){"own": Canonicalize, "jcs": jcs.Transform} {
				b.Run(fmt.Sprintf("%s/%d/%s", name, n, by), func(b *testing.B) {
					b.SetBytes(int64(len(raw)))
					b.ReportAllocs()
					for b.Loop() {
						if _, err := f(raw); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	spaced := append([]byte(" "), typical...)
	b.SetBytes(int64(len(spaced)))
	b.ReportAllocs()
	for b.Loop() {
		if err := check(spaced); err != nil {
			b.Fatal(err)
		}
	}
}
