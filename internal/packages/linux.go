package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2"

// linux makes a .deb and an .rpm for each architecture.
func (r release) linux() error {
	dir, err := os.MkdirTemp("", "signet-wrap-packages-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := r.prepare(dir); err != nil {
		return err
	}
	for _, p := range platforms {
		if p.OS != "linux" {
			continue
		}
		program, err := filepath.Abs(filepath.Join(r.binaries, p.binary()))
		if err != nil {
			return err
		}
		config, err := fill("nfpm.yaml", map[string]any{
			"Version": r.Version, "Arch": p.Arch, "Program": program, "Dir": dir, "Description": description,
			"Time": r.Time.Format("2006-01-02T15:04:05Z"),
		})
		if err != nil {
			return err
		}
		file := filepath.Join(dir, p.Arch+".yaml")
		if err := os.WriteFile(file, config, 0o644); err != nil {
			return err
		}
		for _, kind := range []string{"deb", "rpm"} {
			cmd := exec.Command("go", "run", nfpm, "package", "-f", file, "-p", kind, "-t", r.out)
			cmd.Env = append(os.Environ(), fmt.Sprint("SOURCE_DATE_EPOCH=", r.Time.Unix()))
			cmd.Stderr = os.Stderr
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("nfpm %s: %w", kind, err)
			}
		}
	}
	return nil
}

// prepare writes what goes into the packages and is in no file of the repository.
func (r release) prepare(dir string) error {
	for name, words := range map[string][]string{
		"signet-wrap.1":    {"man"},
		"signet-wrap.bash": {"completion", "bash"},
		"signet-wrap.zsh":  {"completion", "zsh"},
		"signet-wrap.fish": {"completion", "fish"},
	} {
		text, err := help(words...)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	changes, err := fill("changelog.Debian", map[string]string{"Version": debianVersion(r.Version), "Time": r.Time.Format("Mon, 02 Jan 2006 15:04:05 -0700")})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "changelog.Debian"), changes, 0o644); err != nil {
		return err
	}
	for _, name := range []string{"copyright", "lintian-overrides", "preremove.sh"} {
		text, err := files.ReadFile("files/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	for file, as := range map[string]string{
		filepath.Join(dir, "signet-wrap.1"): "signet-wrap.1.gz", filepath.Join(dir, "changelog.Debian"): "changelog.Debian.gz",
		"CHANGELOG.md": "changelog.gz",
	} {
		if err := compress(file, filepath.Join(dir, as)); err != nil {
			return err
		}
	}
	return nil
}

// debianVersion is how nfpm writes the version: what is before a release sorts
// before it.
func debianVersion(v string) string {
	return strings.Replace(v, "-", "~", 1) + "-1"
}

// compress writes file as `gzip -9n` does, to a new one.
func compress(file, to string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	zip.Write(data)
	if err := zip.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, buf.Bytes(), 0o644)
}
