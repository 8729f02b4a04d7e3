//go:build unix

package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/keys"
)

// Who can read the key and who can rewrite the log: by the files' modes and owners,
// and by those of the directories above them.
func TestDoctorAccess(t *testing.T) {
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name          string
		root          bool
		make          func(t *testing.T, above, home string)
		reads, writes string // "state: part of what it says"
	}{
		{"usual", false, func(*testing.T, string, string) {}, `note: can read the key "default" and sign with it`, "note: can rewrite the log"},
		{"readable, but not to be reached", false, func(t *testing.T, _, h string) {
			must(t, os.Chmod(h+"/keys/default.key", 0o644))
		}, "note: can read the key", "note: can rewrite"},
		{"readable", false, func(t *testing.T, above, h string) {
			for _, dir := range []string{above, h, h + "/keys"} {
				must(t, os.Chmod(dir, 0o711))
			}
			must(t, os.Chmod(h+"/keys/default.key", 0o604))
		}, "repair: its file also by everybody", "note: can rewrite"},
		{"a log for all", false, func(t *testing.T, above, h string) {
			for _, dir := range []string{above, h} {
				must(t, os.Chmod(dir, 0o711))
			}
			must(t, os.Chmod(h+"/audit", 0o733))
		}, "note: ", "repair: also everybody"},
		{"above, a directory for all", false, func(t *testing.T, above, _ string) { must(t, os.Chmod(above, 0o777)) }, "note: ", "repair: also everybody"},
		{"above, one for all that is sticky", false, func(t *testing.T, above, _ string) { must(t, os.Chmod(above, os.ModeSticky|0o777)) }, "note: ", "note: "},
		{"above, another's directory", true, func(t *testing.T, above, _ string) {
			must(t, os.Chmod(above, 0o755))
			must(t, os.Chown(above, 65534, 65534))
		}, "note: ", "repair: also user "},
		{"above, one for another group", true, func(t *testing.T, above, _ string) {
			must(t, os.Chmod(above, 0o775))
			must(t, os.Chown(above, 0, 54321))
		}, "note: ", "repair: also the group 54321"},
		{"another's home", true, func(t *testing.T, _, h string) {
			for _, path := range []string{h, h + "/keys", h + "/keys/default.key", h + "/audit"} {
				must(t, os.Chown(path, 54321, 54321))
			}
		}, "note: every program of user 54321 can read the key", "note: every program of user 54321 can rewrite the log, and so can root"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root && os.Getuid() != 0 {
				t.Skip("only root can give files away")
			}
			// Not t.TempDir alone: that above it is for its owner alone.
			top, err := os.MkdirTemp("", "signet-access-")
			must(t, err)
			t.Cleanup(func() { os.RemoveAll(top) })
			must(t, os.Chmod(top, 0o755))
			above := filepath.Join(top, "above")
			home := filepath.Join(above, "home")
			must(t, os.MkdirAll(filepath.Join(home, "audit"), 0o700))
			_, err = keys.Store{Dir: filepath.Join(home, "keys")}.Generate("default", "", nil)
			must(t, err)
			c.make(t, above, home)
			_, out, _ := run(t, "doctor", "--json", "--home", home)
			for check, want := range map[string]string{"reads": c.reads, "writes": c.writes} {
				state, part, _ := strings.Cut(want, ": ")
				i := slices.IndexFunc(strings.Split(out, "\n"), func(l string) bool { return strings.HasPrefix(l, `{"check":"`+check) })
				if i < 0 {
					t.Fatalf("no %s: %s", check, out)
				}
				var f finding
				must(t, json.Unmarshal([]byte(strings.Split(out, "\n")[i]), &f))
				// Who rewrites the log shows by anchors: what to do is said there, once.
				elsewhere := check == "writes" && state == "note"
				if f.State != state || !strings.Contains(f.Says, part) || (f.Do == "") != elsewhere {
					t.Errorf("%s: %+v, want %q", check, f, want)
				}
			}
		})
	}
}
