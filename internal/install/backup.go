package install

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// A directory of backups holds a directory a change, named by its time (UTC) and
// the client, so that names sort by age:
//
//	20261123T230419.123456789Z-cursor/mcp.json        the file as it was
//	20261123T230419.123456789Z-cursor/manifest.json   what was done; the last to come
//
// Where a wrapper is only to be forgotten, which a client has undone, there is
// no file beside the manifest. Of each file the newest changes are kept, and those
// that are needed: see prune.
const (
	stamp        = "20060102T150405.000000000Z"
	manifestName = "manifest.json"
)

type manifest struct {
	V       int              `json:"v"`
	Time    string           `json:"time"`
	Client  string           `json:"client"`
	Path    string           `json:"path"`              // links resolved
	Pointer Pointer          `json:"pointer,omitempty"` // of a client that is not in the table
	Backup  string           `json:"backup,omitempty"`
	Wrapped bool             `json:"wrapped"` // or unwrapped
	Servers []manifestServer `json:"servers"`
	Remotes []remoteChange   `json:"remotes,omitempty"` // of servers that were reached by URL
	Hooks   bool             `json:"hooks,omitempty"`   // not servers, but the client's hooks
	Made    bool             `json:"made,omitempty"`    // the file was made for them
}

type manifestServer struct {
	Scope string `json:"project,omitempty"`
	Name  string `json:"name"`
}

// newManifest is that of a change to c's chosen entries.
func newManifest(c *Config, wrapped bool, chosen []*Entry, now time.Time) manifest {
	m := manifest{V: 1, Time: now.UTC().Format(time.RFC3339Nano), Client: c.Client.Name, Path: cmp.Or(c.real, c.Path), Wrapped: wrapped}
	if knownClient(c.Client.Name) == nil {
		m.Pointer = c.Client.Pointers[0]
	}
	for _, e := range chosen {
		m.Servers = append(m.Servers, manifestServer{e.Scope, e.Name})
	}
	return m
}

// newChange makes the directory of a change.
func newChange(backups string, m manifest, now time.Time) (dir string, err error) {
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
	return dir, durable.SyncDir(backups)
}

func (m manifest) write(dir string) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = durable.WriteNew(filepath.Join(dir, manifestName), append(b, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("the file was changed, but not noted in %s: %w", dir, err)
	}
	return nil
}

// A Past is what manifests say was done, last to each server, and to which files.
type Past struct {
	wrapped map[string]bool // path and entry to what was done last
	files   map[string]File // path to the file
	counts  map[string]int  // path to how many of its servers are wrapped, as far as we know
}

// ReadPast reads the manifests in directories of backups, which need not be
// there. Those in disorder are named in the error; the rest is good.
func ReadPast(backups ...string) (Past, error) {
	past := Past{make(map[string]bool), make(map[string]File), make(map[string]int)}
	err := eachManifest(backups, func(_ string, m manifest) { past.add(m) })
	return past, err
}

// eachManifest calls do with the manifests in directories of backups, the oldest
// first, and the directory of each.
func eachManifest(backups []string, do func(dir string, m manifest)) error {
	var changes []string
	var errs []error
	for _, dir := range backups {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		for _, e := range entries {
			changes = append(changes, filepath.Join(dir, e.Name()))
		}
	}
	slices.SortStableFunc(changes, func(a, b string) int { // by name, hence by age
		return strings.Compare(filepath.Base(a), filepath.Base(b))
	})
	for _, dir := range changes {
		var m manifest
		name := filepath.Join(dir, manifestName)
		b, err := readBounded(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a change that was not carried out
		}
		if err == nil && len(b) > MaxSize {
			err = errors.New("too large")
		}
		if err == nil {
			err = json.Unmarshal(b, &m)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		do(dir, m)
	}
	return errors.Join(errs...)
}

// maxBackups bounds how many old states of one file are kept, beside those that
// are needed.
const maxBackups = 10

// prune deletes the oldest changes of the file path in backups but for the newest
// maxBackups, and for what is needed: the newest change of each server that is
// wrapped, by which uninstall finds it and status knows that it is lost, and the
// file as it was before the first of these servers was wrapped.
func prune(backups, path string) error {
	type change struct {
		dir string
		m   manifest
	}
	var changes []change
	err := eachManifest([]string{backups}, func(dir string, m manifest) {
		if m.Path == path {
			changes = append(changes, change{dir, m})
		}
	})
	if err != nil || len(changes) <= maxBackups {
		return nil // ReadPast reports what is damaged
	}
	newest := make(map[manifestServer]int)
	wrapped := make(map[manifestServer]bool)
	first, count := 0, 0 // the change that wrapped the first, of those that are wrapped now
	for i, c := range changes {
		for _, s := range c.m.Servers {
			if c.m.Wrapped && !wrapped[s] {
				if count++; count == 1 {
					first = i
				}
			} else if !c.m.Wrapped && wrapped[s] {
				count--
			}
			newest[s], wrapped[s] = i, c.m.Wrapped
		}
	}
	stays := make(map[manifestServer]bool) // an older change that is kept has it as wrapped
	var errs []error
	for i, c := range changes[:len(changes)-maxBackups] {
		needed := count > 0 && i == first
		for _, s := range c.m.Servers {
			// Were an unwrapping forgotten before a wrapping, the server would be lost.
			needed = needed || newest[s] == i && wrapped[s] || !c.m.Wrapped && stays[s]
		}
		if !needed {
			errs = append(errs, os.RemoveAll(c.dir))
			continue
		}
		for _, s := range c.m.Servers {
			stays[s] = c.m.Wrapped
		}
	}
	return errors.Join(errs...)
}

func (p *Past) add(m manifest) {
	for _, s := range m.Servers {
		key := pastKey(m.Path, s.Scope, s.Name)
		switch before := p.wrapped[key]; {
		case m.Wrapped && !before:
			p.counts[m.Path]++
		case !m.Wrapped && before:
			p.counts[m.Path]--
		}
		p.wrapped[key] = m.Wrapped
	}
	if c := knownClient(m.Client); c != nil {
		p.files[m.Path] = File{Client: c, Path: m.Path}
	} else if f, err := ByName(m.Path, m.Pointer); err == nil && len(m.Pointer) > 0 {
		p.files[m.Path] = f
	}
}

func pastKey(path, scope, name string) string { return path + "\x00" + scope + "\x00" + name }

// Lost says whether e was wrapped by us and, without our doing, is no longer. One
// that lost only its "--" still runs signet-wrap, and cannot start.
func (p Past) Lost(c *Config, e *Entry) bool {
	return !e.Wrapped && !e.NoDashes && p.wrapped[pastKey(c.real, e.Scope, e.Name)]
}

// Of are the servers of c that were wrapped by us, as far as we know, each with its
// name and scope alone: for a file that cannot be read.
func (p Past) Of(c *Config) (entries []*Entry) {
	for key, wrapped := range p.wrapped {
		if parts := strings.SplitN(key, "\x00", 3); wrapped && parts[0] == cmp.Or(c.real, c.Path) {
			entries = append(entries, &Entry{Scope: parts[1], Name: parts[2]})
		}
	}
	slices.SortFunc(entries, func(a, b *Entry) int {
		return cmp.Or(strings.Compare(a.Scope, b.Scope), strings.Compare(a.Name, b.Name))
	})
	return entries
}

// Files are those that are still there and in which, as far as we know, servers
// are wrapped. What was wrapped in a project's directory, or in a file that was
// named, is found by nothing else.
func (p Past) Files() []File {
	var files []File
	for path, f := range p.files {
		if _, err := os.Stat(path); err == nil && p.counts[path] > 0 {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files
}

// Is says whether f leads to the file of c.
func (f File) Is(c *Config) bool {
	real, err := filepath.EvalSymlinks(f.Path)
	return err == nil && real == c.real
}

// Forget notes that the entries of c are not to be wrapped any more: those that a
// client has undone count as lost no longer.
func (c *Config) Forget(backups string, lost []*Entry, now time.Time) error {
	m := newManifest(c, false, lost, now)
	dir, err := newChange(backups, m, now)
	if err != nil {
		return err
	}
	if err := m.write(dir); err != nil {
		return err
	}
	return prune(backups, m.Path)
}
