//go:build unix

package cli

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestManPage has mandoc read the manual page without a warning, and finds there
// what the help texts say.
func TestManPage(t *testing.T) {
	if _, err := exec.LookPath("mandoc"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	var page strings.Builder
	if exit := Main([]string{"signet-wrap", "help", "man"}, System{Stdout: &page, Stderr: os.Stderr, Getenv: os.Getenv}); exit != 0 {
		t.Fatalf("help man: exit %d", exit)
	}
	read := func(args ...string) string {
		run := exec.Command("mandoc", args...)
		run.Stdin = strings.NewReader(page.String())
		out, err := run.CombinedOutput()
		if err != nil {
			t.Fatalf("mandoc %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	read("-T", "lint", "-W", "error,stop")
	text := strings.Join(strings.Fields(stripBold(read("-T", "ascii"))), " ")
	for _, topic := range (&command{}).topics() {
		for _, line := range strings.Split(topic.help, "\n")[1:] {
			if want := strings.Join(strings.Fields(strings.ReplaceAll(line, "…", "...")), " "); !strings.Contains(text, want) {
				t.Errorf("%s: not in the page: %s", topic.path, want)
			}
		}
	}
}

// stripBold takes out what makes letters bold on a terminal of paper.
func stripBold(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if i+1 < len(s) && s[i+1] == '\b' {
			i++
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
