package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// An erasure that is killed before any system call that changes something leaves no call
// without its arguments of which no event says so. A wrapper goes on recording, and the
// next erasure ends it, without a further event if there is one.
func TestEraseKilled(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		missing(t, "this test needs strace: %v", err)
	}
	pristine := t.TempDir()
	run := func(home, in string, argv ...string) (out []byte, status int) {
		t.Helper()
		cmd := exec.Command(argv[0], argv[1:]...)
		asTracer(cmd)
		cmd.Env, cmd.Stdin = append(os.Environ(), "SIGNET_HOME="+home), strings.NewReader(in)
		out, err := cmd.Output()
		if _, failed := err.(*exec.ExitError); err != nil && !failed {
			t.Fatal(err)
		}
		return out, cmd.ProcessState.ExitCode()
	}
	record := func(home, tool, text string, n int) {
		t.Helper()
		var in strings.Builder
		for i := range n {
			fmt.Fprintf(&in, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":{"text":%q,"n":%d}}}`+"\n", i, tool, text, i)
		}
		if _, status := run(home, in.String(), binary(t), "--params", "apart", "--system-log", "off", "--outcomes", "off", "--", "cat"); status != 0 {
			t.Fatalf("a wrapper ended with %d", status)
		}
	}
	check := func(home string) (kept, gone int64) {
		t.Helper()
		out, status := run(home, "", binary(t), "verify", "--chain", "--json")
		var f struct {
			Arguments struct {
				Kept, Altered, Missing int64
				Erased                 []struct{ Gone int64 }
			}
			Integrity struct{ Verdict string }
		}
		if err := json.Unmarshal(out, &f); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, e := range f.Arguments.Erased {
			gone += e.Gone
		}
		if f.Arguments.Missing != 0 || f.Arguments.Altered != 0 || f.Integrity.Verdict != "unbroken" || (status == 0) != (gone == 0) {
			t.Fatalf("exit status %d: %s", status, out)
		}
		return f.Arguments.Kept, gone
	}
	erase := []string{binary(t), "audit", "erase", "--tool", "erased", "--reason", "a test", "--yes"}
	record(pristine, "erased", "hush", 20)
	record(pristine, "kept", "fine", 5)
	if kept, gone := check(pristine); kept != 25 || gone != 0 {
		t.Fatalf("%d calls with their arguments, %d without", kept, gone)
	}
	killed, after := 0, map[int64]int{}
	for _, call := range []string{"write", "fsync,fdatasync", "?rename,?renameat,renameat2", "?unlink,unlinkat"} {
		for n := 1; n < 100; n++ {
			home := filepath.Join(t.TempDir(), "home")
			if err := os.CopyFS(home, os.DirFS(pristine)); err != nil {
				t.Fatal(err)
			}
			for _, dir := range []string{home, home + "/keys", home + "/audit"} {
				os.Chmod(dir, 0o700)
			}
			_, status := run(home, "", append([]string{strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n)}, erase...)...)
			kept, gone := check(home)
			if kept+gone != 25 {
				t.Fatalf("killed at %s %d: %d kept, %d gone", call, n, kept, gone)
			}
			after[gone]++
			record(home, "kept", "fine", 1)
			if _, status := run(home, "", erase...); status != 0 {
				t.Fatalf("after a kill at %s %d the next one ends with %d", call, n, status)
			}
			if kept, gone := check(home); kept != 6 || gone != 20 {
				t.Fatalf("killed at %s %d, and then: %d kept, %d gone", call, n, kept, gone)
			}
			files, _ := filepath.Glob(home + "/audit/*")
			for _, name := range files {
				if b, err := os.ReadFile(name); err != nil || bytes.Contains(b, []byte("hush")) || strings.HasSuffix(name, ".new") {
					t.Errorf("killed at %s %d: %s: %v, or it still has what was erased", call, n, name, err)
				}
			}
			if status == 0 {
				break
			}
			killed++
		}
	}
	t.Logf("killed %d times; so often so many were gone: %v", killed, after)
	if killed < 5 || len(after) < 2 {
		t.Errorf("killed %d times: too few to say much", killed)
	}
}
