package integration

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// TestPage drives `audit view` in Chromium as a person would: node/page.mjs says how.
// SIGNET_WRAP_PICTURES names a directory for screenshots.
func TestPage(t *testing.T) {
	t.Parallel()
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		noSuchThing(t, []string{"darwin", "windows"}, "this test needs Chromium")
	}
	if runtime.GOOS == "windows" {
		t.Skip("Ctrl-C ends it")
	}
	args := node(t, "page.mjs", binary(t), t.TempDir(), browser)
	if pictures := os.Getenv("SIGNET_WRAP_PICTURES"); pictures != "" {
		args = append(args, pictures)
	}
	cmd := exec.Command(args[0], args[1:]...)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	t.Logf("%s(%v)", out, time.Since(began).Round(time.Second))
	if err != nil {
		t.Fatal(err)
	}
}
