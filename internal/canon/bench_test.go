package canon

import (
	"bytes"
	"testing"
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
