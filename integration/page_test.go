package integration

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
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

// TestPageInFirefox does the most important of it in Firefox: node/page-firefox.mjs.
func TestPageInFirefox(t *testing.T) {
	firefox := firefoxHere(t)
	argv := node(t, "page-firefox.mjs")
	h := newHome(t)
	const hostile = `"name":"<img src=x onerror=ran=1>"`
	sunk(t, h, []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{`+hostile+`,"arguments":{"buy":"butter"}}}`+"\n"+
		`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{`+hostile+`,"arguments":{"buy":"bread"}}}`+"\n"))
	view := exec.Command(binary(t), "audit", "view", "--no-browser")
	view.Env = append(os.Environ(), "SIGNET_HOME="+filepath.Join(h.dir, ".signet"))
	out, err := view.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := view.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		view.Process.Kill()
		view.Wait()
	})
	link, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(argv[0], "--experimental-websocket", argv[1], strings.TrimSpace(link))
	cmd.Env = append(os.Environ(), "BROWSER="+firefox)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
}
