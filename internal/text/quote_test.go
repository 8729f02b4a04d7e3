//go:build !windows

package text

import (
	"os/exec"
	"testing"
)

// A shell reads back what was quoted.
func TestQuote(t *testing.T) {
	for _, s := range []string{"plain", "/a/b-c_d.e", "", "two words", "it's", "~/x", "$HOME", "a\"b", "*", "ä", "a\nb", `back\slash`} {
		got, err := exec.Command("/bin/sh", "-c", "printf %s "+Quote(s)).Output()
		if err != nil || string(got) != s {
			t.Errorf("%q became %q, %v", s, got, err)
		}
	}
	if got := Quote("/usr/local/bin"); got != "/usr/local/bin" {
		t.Errorf("quoted without need: %s", got)
	}
}
