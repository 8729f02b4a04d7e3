package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// image makes an OCI image of the program and nothing else for each architecture, in
// one archive. It needs buildah, and neither root nor a daemon.
func (r release) image() error {
	storage, err := os.MkdirTemp("", "signet-wrap-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(storage)
	buildah := func(words ...string) (string, error) {
		// Storage of its own and without overlays works in containers, too.
		all := append([]string{"--root", storage, "--runroot", storage + "/run", "--storage-driver", "vfs"}, words...)
		out, err := output("buildah", all...)
		return strings.TrimSpace(string(out)), err
	}
	const list = "signet-wrap"
	if _, err := buildah("manifest", "create", list); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("%w: install buildah, or choose another kind of packages with -only", err)
		}
		return err
	}
	for _, p := range platforms {
		if p.OS != "linux" {
			continue
		}
		container, err := buildah("from", "--os", p.OS, "--arch", p.Arch, "scratch")
		if err != nil {
			return err
		}
		config := []string{"config", "--entrypoint", `["/usr/local/bin/signet-wrap"]`, "--cmd", "[]",
			"--env", "PATH=/usr/local/bin:/usr/bin:/bin"}
		for name, value := range map[string]string{
			"title": "signet-wrap", "description": description, "version": r.Version, "licenses": "MIT OR Apache-2.0",
			"source": "https://github.com/signet-wrap/signet-wrap",
		} {
			config = append(config, "--label", "org.opencontainers.image."+name+"="+value)
		}
		for _, words := range [][]string{
			{"copy", "--chmod", "755", container, filepath.Join(r.binaries, p.binary()), "/usr/local/bin/signet-wrap"},
			{"copy", container, "LICENSE-APACHE", "LICENSE-MIT", "/usr/share/doc/signet-wrap/"},
			append(config, container),
			{"commit", "--manifest", list, "--timestamp", fmt.Sprint(r.Time.Unix()), container},
		} {
			if _, err := buildah(words...); err != nil {
				return err
			}
		}
	}
	to, err := filepath.Abs(filepath.Join(r.out, "signet-wrap-"+r.Version+"-oci.tar"))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	_, err = buildah("manifest", "push", "--all", list, "oci-archive:"+to+":signet-wrap:"+r.Version)
	return err
}
