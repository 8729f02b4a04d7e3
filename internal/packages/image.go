package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io/fs"
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
	// buildah's archive has the time of now in it.
	layout := filepath.Join(storage, "layout")
	if _, err := buildah("manifest", "push", "--all", list, "oci:"+layout+":"+r.Version); err != nil {
		return err
	}
	return r.archive(layout, filepath.Join(r.out, "signet-wrap-"+r.Version+"-oci.tar"))
}

// archive writes the files in dir to a tar file.
func (r release) archive(dir, to string) error {
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	w := tar.NewWriter(file)
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data)), ModTime: r.Time}); err != nil {
			return err
		}
		_, err = w.Write(data)
		return err
	})
	return errors.Join(err, w.Close(), file.Close())
}
