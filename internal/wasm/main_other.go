//go:build !js

package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// main, where this is no browser, builds the program for browsers into a directory, with
// what the Go distribution has for starting it: `go run ./internal/wasm DIRECTORY`.
func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/wasm DIRECTORY")
		os.Exit(2)
	}
	if err := build(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "wasm:", err)
		os.Exit(1)
	}
}

// build makes the same bytes on any machine with the same Go.
func build(dir string) error {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	support, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return fmt.Errorf("the Go distribution lacks what starts WebAssembly: %w", err)
	}
	plain := filepath.Join(dir, "verify.wasm")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	defer os.Remove(plain)
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", plain, "github.com/signet-wrap/signet-wrap/internal/wasm")
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build: %w", err)
	}
	program, err := os.ReadFile(plain)
	if err != nil {
		return err
	}
	var small bytes.Buffer
	w, err := gzip.NewWriterLevel(&small, gzip.BestCompression)
	if err != nil {
		return err
	}
	_, err = w.Write(program)
	return errors.Join(err, w.Close(),
		os.WriteFile(plain+".gz", small.Bytes(), 0o644),
		os.WriteFile(filepath.Join(dir, "wasm_exec.js"), support, 0o644))
}
