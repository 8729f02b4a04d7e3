package durable

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A file that is mounted by itself, as containers have them, is written in place.
func TestOverwriteMounted(t *testing.T) {
	if os.Getenv("DURABLE_TEST_MOUNTED") == "" {
		inMountNamespace(t, "TestOverwriteMounted")
		return
	}
	dir := t.TempDir()
	path, there := filepath.Join(dir, "a.json"), filepath.Join(t.TempDir(), "there.json")
	for _, name := range []string{path, there} {
		if err := os.WriteFile(name, []byte("old"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("mount", "--bind", there, path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := Replace(path, []byte("old"), []byte("newer")); err == nil {
		t.Error("a mounted file was renamed over")
	}
	if _, inPlace, err := ReplaceOrOverwrite(path, []byte("old"), []byte("newer")); err != nil || !inPlace {
		t.Fatal(inPlace, err)
	}
	want(t, there, "newer", 0o640)
	wantNames(t, dir, "a.json")

	// its directory read-only, too
	if out, err := exec.Command("mount", "--bind", dir, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command("mount", "--bind", there, path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command("mount", "-o", "remount,bind,ro", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, inPlace, err := ReplaceOrOverwrite(path, []byte("newer"), []byte("newest")); err != nil || !inPlace {
		t.Fatal(inPlace, err)
	}
	want(t, there, "newest", 0o640)
	for range 2 {
		exec.Command("umount", path).Run()
	}
	exec.Command("umount", dir).Run()
	exec.Command("umount", path).Run()
}

// inMountNamespace runs the test again where it may mount.
func inMountNamespace(t *testing.T, name string) {
	t.Helper()
	child := exec.Command("unshare", "--mount", "--map-root-user", os.Args[0], "-test.run=^"+name+"$", "-test.count=1")
	child.Env = append(os.Environ(), "DURABLE_TEST_MOUNTED=yes")
	if probe := exec.Command("unshare", "--mount", "--map-root-user", "mount", "--bind", "/tmp", "/tmp"); probe.Run() != nil {
		if os.Getenv("CI") == "true" && os.Geteuid() == 0 {
			t.Fatal("there is no mount namespace to be had")
		}
		t.Skip("there is no mount namespace to be had")
	}
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
