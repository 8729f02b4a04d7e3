package home

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Passphrase files as they are written on Windows, too.
func TestPassphraseFile(t *testing.T) {
	dir := t.TempDir()
	setUserDir(t, dir)
	for _, c := range []struct{ text, want, err string }{
		{"horse\nmore\n", "horse", ""},
		{"horse", "horse", ""},
		{"Zoë\r\n", "Zoë", ""},
		{"\xef\xbb\xbfZoë\r\n", "Zoë", ""},
		{"\xff\xfeZ\x00o\x00\xeb\x00\r\x00\n\x00", "Zoë", ""},
		{"\xfe\xff\x00Z\x00o\x00\xeb\x00\n\x00x", "Zoë", ""},
		{"Zo\xeb\n", "Zo\xeb", ""}, // Latin-1: the bytes are the passphrase
		{"Z\x00o\x00\xeb\x00", "", "UTF-16"},
		{"\xff\xfe\x00\x00Z\x00\x00\x00", "", "UTF-32"},
		{"\r\nhorse", "", "empty"},
		{"\xef\xbb\xbf", "", "empty"},
		{"\xff\xfe", "", "empty"},
	} {
		if err := os.WriteFile(filepath.Join(dir, "passphrase"), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{filepath.Join(dir, "passphrase"), "~/passphrase"} {
			got, err := Passphrase(path, nil)
			if string(got) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q in %s: %q, %v; want %q, %q", c.text, path, got, err, c.want, c.err)
			}
		}
	}
	if _, err := Passphrase("${HOME}/passphrase", nil); err == nil || !strings.Contains(err.Error(), "variable ${HOME}") {
		t.Error(err)
	}
}
