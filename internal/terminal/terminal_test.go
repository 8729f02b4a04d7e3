package terminal

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// hidden are characters of each kind that shows nothing, or other than it is.
var hidden = []rune{
	0, '\a', '\b', '\x1b', 0x7f, 0x80, 0x85, 0x9b, 0x9f, // controls
	0xad, 0x34f, 0x600, 0x61c, 0x115f, 0x17b4, 0x180b, 0x180e, 0x200b, 0x200d, 0x200e, 0x200f,
	0x2028, 0x2029, 0x202a, 0x202e, 0x2060, 0x2064, 0x2066, 0x2069, 0x206f, 0x3164,
	0xe000, 0xfe0f, 0xfeff, 0xffa0, 0xfff9, 0xfffd, 0xfffe, 0xffff,
	0x1bca0, 0x1d173, 0xe0001, 0xe0041, 0xe007f, 0xe0100, 0xe01ef, 0xf0000, 0x10ffff,
}

func TestClean(t *testing.T) {
	for _, plain := range []string{"", "plain", `back\slash "quoted"`, "tööl 工具 ➜ 🔧", "a\u00a0b\u3000c", "e\u0301"} {
		if got := Clean(plain); got != plain {
			t.Errorf("%q became %q", plain, got)
		}
	}
	for _, r := range hidden {
		got := Clean("a" + string(r) + "b")
		if strings.ContainsRune(got, r) || strings.IndexFunc(got, Unsafe) >= 0 || !strings.HasPrefix(got, `a\u`) || !strings.HasSuffix(got, "b") {
			t.Errorf("%U became %q", r, got)
		}
	}
	if got := Clean("a\x9bb\n\tc"); got != `a\ufffdb\u000a\u0009c` {
		t.Errorf("%q", got)
	}
	// Whatever Unicode calls a control or a format character is one.
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && !Unsafe(r) {
			t.Errorf("%U is taken for safe", r)
		}
	}
}

// written is what a Writer passes on, given pieces of n bytes.
func written(t *testing.T, text string, n int) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "screen"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := &Writer{file: f}
	for rest := text; rest != ""; rest = rest[min(n, len(rest)):] {
		if _, err := w.Write([]byte(rest[:min(n, len(rest))])); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestWriter(t *testing.T) {
	const own = "\r\x1b[Kreading\n\x1b[31mred\x1b[0m\tcolumn\r\n"
	if got := written(t, own, len(own)); got != own {
		t.Errorf("our own: %q", got)
	}
	if got := written(t, "\x1b[2J\x1b]0;title\a\rover", 100); got != `\u001b[2J\u001b]0;title\u0007\u000dover` {
		t.Errorf("others': %q", got)
	}
	var name strings.Builder
	for _, r := range hidden {
		if r >= ' ' {
			name.WriteString("x" + string(r))
		}
	}
	line, err := json.Marshal(map[string]string{"tool": name.String()})
	if err != nil {
		t.Fatal(err)
	}
	// json.Marshal escapes few of them.
	raw := `{"tool":"` + name.String() + `"}`
	for _, text := range []string{string(line), raw} {
		for _, n := range []int{1, 2, 3, 5, 1000} {
			got := written(t, text+"\n", n)
			var back struct{ Tool string }
			if err := json.Unmarshal([]byte(got), &back); err != nil || back.Tool != name.String() {
				t.Errorf("in pieces of %d: %v, %q", n, err, got)
			}
			for _, r := range got {
				if r != '\n' && Unsafe(r) || !utf8.ValidRune(r) {
					t.Errorf("in pieces of %d: %U is written", n, r)
				}
			}
		}
	}
}

func TestNewWriter(t *testing.T) {
	var b strings.Builder
	if w := NewWriter(&b); w != &b || File(w) != nil {
		t.Error("what is no terminal is taken for one")
	}
}
