package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The commands of docs/AUDITORS.md do what the page says, in its order. (The programs in
// it are run by chain/bundle.)
func TestAuditorsCommands(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"ssh-keygen", "unzip", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, "%v", err)
		}
	}
	b, err := os.ReadFile("../docs/AUDITORS.md")
	if err != nil {
		t.Fatal(err)
	}
	page := strings.Join(strings.Fields(string(b)), " ")
	h := quietHome(t)
	h.signet(t, 0, nil, "identity", "generate", "--name", "default", "--unencrypted")
	h.sign(t, 3)
	dir := t.TempDir()
	h.signet(t, 0, nil, "audit", "report", "--output", filepath.Join(dir, "report.zip"))
	key, err := os.ReadFile(filepath.Join(h.dir, ".signet", "keys", "default.pub"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "ada.pub"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, "YOURKEY")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	env := append(scrubbed(newHome(t).dir), "PATH="+filepath.Dir(binary(t))+":"+os.Getenv("PATH"))
	for _, c := range []struct{ in, command, says string }{
		{"", "signet-wrap identity trust add --principal ada@example.com ada.pub --trust mine", "ada@example.com"},
		{"", "signet-wrap verify report.zip --trust mine", "valid by itself: "},
		{"", "unzip report.zip SHA256SUMS", "inflating: SHA256SUMS"},
		{"", "ssh-keygen -Y sign -n signet-wrap -f YOURKEY SHA256SUMS", "Signing file SHA256SUMS"},
		{"", "unzip report.zip -d unzipped", "inflating: unzipped/manifest.json"},
		{"unzipped", "sha256sum --strict -c SHA256SUMS", "manifest.json: OK"},
		{"unzipped", "ssh-keygen -Y verify -f ../mine -I ada@example.com -n signet-wrap -s SHA256SUMS.sig < SHA256SUMS", "Good "},
	} {
		if !strings.Contains(page, c.command) {
			t.Errorf("docs/AUDITORS.md has no %q", c.command)
		}
		cmd := exec.Command("sh", "-c", c.command)
		cmd.Dir, cmd.Env = filepath.Join(dir, c.in), env
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), c.says) {
			t.Errorf("%s: %v: %s", c.command, err, out)
		}
	}
}
