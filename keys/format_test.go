package keys

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// The examples of FORMAT.md are what it says they are.
func TestFormatExamples(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(?:json)?\n(.*?)```").FindAllSubmatch(doc, -1)
	if len(blocks) != 7 {
		t.Fatalf("%d examples, want 7", len(blocks))
	}
	if sec, reason := parseSecret(blocks[4][1], "bot"); runtime.GOOS == "windows" { // where its path is not absolute
	} else if reason != "" || sec.held == nil {
		t.Errorf("the key that an agent holds: %s", reason)
	} else if got := formatHeld("bot", sec.held); !bytes.Equal(got, blocks[4][1]) {
		t.Errorf("we write a key that an agent holds as\n%s", got)
	}
	for line := range bytes.Lines(blocks[5][1]) {
		if _, reason := parseSource(line, "bot"); reason != "" && runtime.GOOS != "windows" { // where its paths are not absolute
			t.Errorf("%s: %s", line, reason)
		}
	}
	pub, plain, encrypted, aad := blocks[0][1], blocks[1][1], blocks[2][1], bytes.TrimSpace(blocks[3][1])

	p, err := ParsePublic(pub)
	if err != nil {
		t.Fatal(err)
	}
	if got := FormatPublic(p); !bytes.Equal(got, pub) {
		t.Errorf("we write the public half as\n%s", got)
	}
	s := Store{t.TempDir()}
	for name, b := range map[string][]byte{"light-params.pub": pub, "light-params.key": encrypted, "plain.key": plain} {
		write(t, filepath.Join(s.Dir, name), b)
	}
	if _, err := s.Load("light-params", func() ([]byte, error) { return []byte("x"), nil }); err != nil {
		t.Error(err)
	}
	k, err := s.Load("plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := formatSecret("plain", k.private().Seed()); !bytes.Equal(got, plain) {
		t.Errorf("we write the plain private half as\n%s", got)
	}
	sec, reason := parseSecret(encrypted, "light-params")
	if reason != "" {
		t.Fatal(reason)
	}
	if got := sec.aad(); !bytes.Equal(got, aad) {
		t.Errorf("associated data is %s", got)
	}
	// The same by way of the canonicaliser.
	var m = parseObject(encrypted).member
	long := fmt.Sprintf(`{"v":%s,"algorithm":%s,"name":%s,"kdf":%s,"kdf_params":%s,"cipher":%s}`,
		m["v"], m["algorithm"], m["name"], m["kdf"], m["kdf_params"], m["cipher"])
	if got, err := canon.Canonicalize([]byte(long)); err != nil || !bytes.Equal(got, aad) {
		t.Errorf("canonical associated data is %s, %v", got, err)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
