package integration

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestEarly holds package early to its purpose: a server is wrapped before the
// demo's schema compiler is initialised. A verb comes behind it, which shows
// that the test looks at the right thing.
func TestEarly(t *testing.T) {
	const slow = "init github.com/santhosh-tekuri/jsonschema"
	for _, c := range []struct {
		args []string
		want bool
	}{
		{[]string{"--", "go", "version"}, false},
		{[]string{"--sync", "off", "--hash-only", "--", "go", "version"}, false},
		{[]string{"version"}, true},
	} {
		cmd := exec.Command(binary(t), c.args...)
		cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1", "SIGNET_HOME="+t.TempDir())
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(stderr.String(), slow); got != c.want {
			t.Errorf("%q: schema compiler initialised: %v, want %v", c.args, got, c.want)
		}
	}
}
