package install

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// A folder of backups holds a folder a change, named by its time (UTC) and the
// client, so that names sort by age:
//
//	20261123T230419.123456789Z-cursor/mcp.json        the file as it was
//	20261123T230419.123456789Z-cursor/manifest.json   what was done; the last to come
const (
	stamp        = "20060102T150405.000000000Z"
	manifestName = "manifest.json"
	maxManifest  = 1 << 20 // bytes; thousands of servers
)

type manifest struct {
	V       int              `json:"v"`
	Time    string           `json:"time"`
	Client  string           `json:"client"`
	Path    string           `json:"path"` // links resolved
	Backup  string           `json:"backup"`
	Wrapped bool             `json:"wrapped"` // or unwrapped
	Servers []manifestServer `json:"servers"`
}

type manifestServer struct {
	Scope string `json:"project,omitempty"`
	Name  string `json:"name"`
}

// keepOld makes the folder of a change with the old file in it.
func keepOld(backups string, m manifest, old []byte, now time.Time) (dir string, err error) {
	if err := durable.MkdirAll(backups, 0o700); err != nil {
		return "", err
	}
	for ; ; now = now.Add(1) { // two changes in one nanosecond, by a coarse clock
		dir = filepath.Join(backups, now.UTC().Format(stamp)+"-"+m.Client)
		if err = os.Mkdir(dir, 0o700); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return "", err
	}
	if err := durable.SyncDir(backups); err != nil {
		return "", err
	}
	return dir, durable.WriteNew(filepath.Join(dir, filepath.Base(m.Path)), old, 0o600)
}

func (m manifest) write(dir string) error {
	m.Backup = filepath.Base(m.Path)
	b, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = durable.WriteNew(filepath.Join(dir, manifestName), append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("the file was changed, but not noted in %s: %w", dir, err)
	}
	return nil
}

// A Past is what the manifests say was done last to each server.
type Past map[string]bool // path and entry to: wrapped

// ReadPast reads the manifests in a folder of backups, which need not be
// there. Those in disorder are named in the error; the rest is good.
func ReadPast(backups string) (Past, error) {
	past := make(Past)
	folders, err := os.ReadDir(backups) // sorted by name, hence by age
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return past, err
	}
	var errs []error
	for _, f := range folders {
		name := filepath.Join(backups, f.Name(), manifestName)
		var m manifest
		b, err := readBounded(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a change that was not carried out
		}
		if err == nil && len(b) > maxManifest {
			err = errors.New("too large")
		}
		if err == nil {
			err = json.Unmarshal(b, &m)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		for _, s := range m.Servers {
			past[pastKey(m.Path, s.Scope, s.Name)] = m.Wrapped
		}
	}
	return past, errors.Join(errs...)
}

func pastKey(path, scope, name string) string { return path + "\x00" + scope + "\x00" + name }

// Lost says whether e was wrapped by us and, without our doing, is no longer.
func (p Past) Lost(c *Config, e *Entry) bool {
	return !e.Wrapped && p[pastKey(c.real, e.Scope, e.Name)]
}
