package sign

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"slices"
	"strconv"
	"testing"
)

// Arguments of 200 bytes, in the spelling of a client.
var smallArguments = []byte(`{"path": "/home/alice/project/internal/wrap", "pattern": "**/*_test.go", "excludePatterns": ["node_modules", ".git", "dist"], "maxResults": 250, "caseSensitive": false, "context": {"before": 2.5e0}}`)

func benchmarkSign(b *testing.B, arguments []byte, room int) {
	s := testSigner(b)
	action := Action{Tool: "search_files", Arguments: arguments, Target: "mcp://files", Session: "ses_0123456789abcdef0123456789abcdef", CallID: "n:7", Room: room}
	b.SetBytes(int64(len(arguments)))
	b.ReportAllocs()
	for b.Loop() {
		d, err := s.Prepare(action)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Sign(testTime); err != nil {
			b.Fatal(err)
		}
	}
}

func longString(n int) []byte {
	return append(append([]byte(`{"content":"`), bytes.Repeat([]byte("0123456789abcdef"), n/16)...), `"}`...)
}

func BenchmarkSignSmall(b *testing.B) { benchmarkSign(b, smallArguments, 0) }
func BenchmarkSignSmallCanonical(b *testing.B) {
	benchmarkSign(b, []byte(`{"context":{"before":2.5},"excludePatterns":["node_modules",".git","dist"],"path":"/home/alice/project/internal/wrap"}`), 0)
}
func BenchmarkSign100kB(b *testing.B)     { benchmarkSign(b, longString(100_000), 0) }
func BenchmarkSignExact(b *testing.B)     { benchmarkSign(b, []byte(`{"id":9007199254740993}`), 0) }
func BenchmarkSignExact10MB(b *testing.B) { benchmarkSign(b, longString(10_000_000), 0) }

// BenchmarkSignSizes: arguments as clients send them, their members not in order,
// with the room that the wrapper gives and without a bound. In the signed message
// is all of them or nothing.
func BenchmarkSignSizes(b *testing.B) {
	text := []byte(`\tif err != nil {\n\t\treturn fmt.Errorf(\"%q\", err)\n\t}\n`)
	for _, n := range []int{100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000} {
		content := bytes.Repeat(text, n/len(text)+1)
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			arguments := slices.Concat([]byte(`{"path":"/srv/notes.txt","content":"`), content, []byte(`"}`))
			b.Run("travels", func(b *testing.B) { benchmarkSign(b, arguments, max(48<<10-len(arguments), 1)) })
			b.Run("unbounded", func(b *testing.B) { benchmarkSign(b, arguments, 0) })
		})
	}
}

// BenchmarkEd25519 is what the others cannot go below.
func BenchmarkEd25519(b *testing.B) {
	key, message := key(7), make([]byte, 600)
	sig, _ := key.Sign(rand.Reader, message, crypto.Hash(0))
	b.Run("Sign", func(b *testing.B) {
		for b.Loop() {
			if _, err := key.Sign(rand.Reader, message, crypto.Hash(0)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Verify", func(b *testing.B) {
		public := key.Public().(ed25519.PublicKey)
		for b.Loop() {
			if !ed25519.Verify(public, message, sig) {
				b.Fatal("not verified")
			}
		}
	})
}

func benchmarkVerify(b *testing.B, receipt []byte, f func([]byte) (*Verified, error)) {
	b.SetBytes(int64(len(receipt)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f(receipt); err != nil {
			b.Fatal(err)
		}
	}
}

func typicalAction() Action {
	return Action{Tool: "search_files", Arguments: []byte(`{"path":"/home/alice/project","pattern":"**/*_test.go"}`), Target: "mcp://files", Session: "ses_0123456789abcdef0123456789abcdef", CallID: "n:7"}
}

func anyone(verify func([]byte, Known) (*Verified, error)) func([]byte) (*Verified, error) {
	return func(receipt []byte) (*Verified, error) { return verify(receipt, AnyKey) }
}

func BenchmarkVerify(b *testing.B) {
	benchmarkVerify(b, makeReceipt(b, typicalAction()).JSON, anyone(Verify))
}
func BenchmarkVerifier(b *testing.B) {
	benchmarkVerify(b, makeReceipt(b, typicalAction()).JSON, anyone(practised().Verify))
}
func BenchmarkRead(b *testing.B) {
	benchmarkVerify(b, makeReceipt(b, typicalAction()).JSON, ReadUnverified)
}
func BenchmarkVerifyRewritten(b *testing.B) {
	benchmarkVerify(b, append(makeReceipt(b, typicalAction()).JSON, ' '), anyone(Verify))
}
func BenchmarkVerifyExact10MB(b *testing.B) {
	benchmarkVerify(b, makeReceipt(b, Action{Tool: "write", Arguments: longString(10_000_000)}).Record, anyone(Verify))
}
