package anchor

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/durable"
)

// Names of the files of a store.
const (
	keyName        = "log.key"
	vkeyName       = "log.vkey"
	policyName     = "policy"
	hashesName     = "hashes"
	checkpointName = "checkpoint"
	historyName    = "anchors.jsonl"
	stateName      = "state.json"
	configName     = "config"
	rootsName      = "tsa.pem"
	lockName       = "lock"
)

// A Store is a directory with what anchoring a log takes.
type Store struct {
	Dir    string
	Policy *tlog.Policy
	Config Config

	policy []byte // as it stands in the file
	roots  []byte // PEM of the time-stamp authority's; nil: there is none
}

// Config is what a store knows beside its policy.
type Config struct {
	Proxy string `json:"proxy,omitempty"` // for http and https; "": as the environment has it
	CA    string `json:"ca,omitempty"`    // a file with more roots for https
	TSA   string `json:"tsa,omitempty"`   // URL of a time-stamp authority
	Plain bool   `json:"plain,omitempty"` // http, not only https, to other hosts than this one
}

// Settings are those of [Create].
type Settings struct {
	Origin    string // names the log
	Witnesses []tlog.Witness
	Quorum    int // how many of them must cosign
	TSARoots  []byte
	Config    Config
}

// PolicyFile is the file without which a directory is no store.
func PolicyFile(dir string) string { return filepath.Join(dir, policyName) }

// ErrNoStore is for a directory that is none.
var ErrNoStore = errors.New("there is no anchor store")

// Create makes a store in the directory dir, which must hold none. It makes the
// log's key.
func Create(dir string, o Settings) (*Store, error) {
	if err := checkOrigin(o.Origin); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(filepath.Join(dir, policyName)); err == nil {
		return nil, fmt.Errorf("%s: %w", dir, fs.ErrExist)
	}
	skey, vkey, err := note.GenerateKey(nil, o.Origin)
	if err != nil {
		return nil, err
	}
	policy, err := tlog.NewPolicy(vkey, o.Witnesses, o.Quorum)
	if err != nil {
		return nil, err
	}
	s, err := check(dir, policy, o.Config, o.TSARoots)
	if err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	// The policy comes last: with it the store is there.
	for _, f := range []struct {
		name string
		data []byte
		perm fs.FileMode
	}{
		{keyName, []byte(skey + "\n"), 0o600},
		{vkeyName, []byte(vkey + "\n"), 0o644},
		{rootsName, o.TSARoots, 0o644},
		{configName, jsonLine(o.Config), 0o644},
		{policyName, policy, 0o644},
	} {
		path := filepath.Join(dir, f.name)
		if f.data == nil {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a Create that was killed
			return nil, err
		}
		if err := durable.WriteNew(path, f.data, f.perm); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Reconfigure changes witnesses, quorum, authority and the rest of a store; its
// key, origin and tree stay.
func (s *Store) Reconfigure(o Settings) (*Store, error) {
	policy, err := tlog.NewPolicy(s.Policy.LogKey, o.Witnesses, o.Quorum)
	if err != nil {
		return nil, err
	}
	n, err := check(s.Dir, policy, o.Config, o.TSARoots)
	if err != nil {
		return nil, err
	}
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if o.TSARoots != nil {
		if err := s.write(rootsName, o.TSARoots); err != nil {
			return nil, err
		}
	}
	if err := s.write(configName, jsonLine(o.Config)); err != nil {
		return nil, err
	}
	return n, s.write(policyName, policy)
}

// checkOrigin says whether a log can be called that: c2sp.org/tlog-checkpoint
// wants a URL without a scheme, and the key's name must be it.
func checkOrigin(origin string) error {
	if origin == "" || len(origin) > 200 || strings.ContainsAny(origin, "+#") || strings.ContainsFunc(origin, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%q cannot name a log: letters, digits and the like, as in example.com/my-log, 200 at most", origin)
	}
	return nil
}

// Open reads the store in the directory dir. It wraps [ErrNoStore] if there is
// none.
func Open(dir string) (*Store, error) {
	policy, err := readFile(filepath.Join(dir, policyName), tlog.MaxPolicy)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrNoStore, dir)
	}
	if err != nil {
		return nil, err
	}
	var c Config
	b, err := readFile(filepath.Join(dir, configName), 64<<10)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return nil, fmt.Errorf("the store's config: %w", err)
	}
	roots, err := readFile(filepath.Join(dir, rootsName), 1<<20)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return check(dir, policy, c, roots)
}

// check puts a store together from what stands in its files.
func check(dir string, policy []byte, c Config, roots []byte) (*Store, error) {
	p, err := tlog.ParsePolicy(policy)
	if err != nil {
		return nil, err
	}
	s := &Store{Dir: dir, Policy: p, Config: c, policy: policy, roots: roots}
	if _, err := s.client(); err != nil {
		return nil, err
	}
	for _, w := range p.Witnesses {
		if w.URL == "" {
			return nil, fmt.Errorf("the witness %s has no URL", w.Name)
		}
		if err := s.checkURL(w.URL); err != nil {
			return nil, err
		}
	}
	if c.TSA != "" {
		if err := s.checkURL(c.TSA); err != nil {
			return nil, err
		}
		if _, err := parseRoots(roots); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// PolicyHash names the policy in the log's events.
func (s *Store) PolicyHash() chain.Hash { return sha256.Sum256(s.policy) }

// lock makes this process the one that anchors.
func (s *Store) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.Dir, lockName), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	got, err := durable.TryLock(f)
	if err == nil && !got {
		err = ErrBusy
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() {
		durable.Unlock(f) // a process that is just being started may have f, too
		f.Close()
	}, nil
}

// ErrBusy is for a store that another process is at.
var ErrBusy = errors.New("another process is anchoring")

// write puts a file on the disk in the place of the one that is there.
func (s *Store) write(name string, data []byte) error {
	path := filepath.Join(s.Dir, name)
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return durable.WriteNew(path, data, 0o644)
	}
	if err != nil || bytes.Equal(old, data) {
		return err
	}
	_, err = durable.Replace(path, old, data)
	return err
}

// signer is the log's key.
func (s *Store) signer() (note.Signer, error) {
	path := filepath.Join(s.Dir, keyName)
	b, err := readFile(path, 4<<10)
	if err != nil {
		return nil, err
	}
	key, err := note.NewSigner(strings.TrimSpace(string(b)))
	if err != nil || key.Name() != s.Policy.Log.Name() || key.KeyHash() != s.Policy.Log.KeyHash() {
		return nil, fmt.Errorf("%s is not the key of the log %s", path, s.Policy.Log.Name()) // and no word of what it is
	}
	return key, nil
}

// Checkpoint is the newest checkpoint; nil if there is none yet.
func (s *Store) Checkpoint() (*tlog.Signed, error) {
	b, err := readFile(filepath.Join(s.Dir, checkpointName), tlog.MaxCheckpoint)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c, err := s.Policy.Open(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(s.Dir, checkpointName), err)
	}
	return c, nil
}

// readFile reads a regular file of at most max bytes.
func readFile(path string, max int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openNonBlock, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(b)) > max {
		err = fmt.Errorf("%s is longer than %d bytes", path, max)
	}
	return b, err
}

// jsonLine is v as JSON. What is given to it always has a form.
func jsonLine(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
