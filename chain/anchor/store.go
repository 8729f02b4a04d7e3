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

// A Store is a directory with all that anchoring a log needs.
type Store struct {
	Dir    string
	Policy *tlog.Policy
	Config Config

	policy []byte // as in the file
	roots  []byte // roots of the time-stamp authority, PEM; nil: none
}

// Config is what a store has beside its policy.
type Config struct {
	Proxy string `json:"proxy,omitempty"` // for http and https; "": from the environment
	CA    string `json:"ca,omitempty"`    // a file with more roots for https
	TSA   string `json:"tsa,omitempty"`   // URL of a time-stamp authority
	Plain bool   `json:"plain,omitempty"` // allows http, not only https, to other hosts than this one
	Home  string `json:"home,omitempty"`  // the home directory whose log it is, if the store is elsewhere
}

// Settings are the settings of [Create] and [Store.Reconfigure].
type Settings struct {
	Origin    string // the name of the log, such as "example.com/log"
	Witnesses []tlog.Witness
	Quorum    int    // how many of them must cosign
	TSARoots  []byte // roots of Config.TSA, certificates in PEM form
	Config    Config
}

// PolicyFile returns the path of the policy in dir, the file that makes a directory
// a store.
func PolicyFile(dir string) string { return filepath.Join(dir, policyName) }

// ErrNoStore says that a directory has no store.
var ErrNoStore = errors.New("there is no anchor store")

// Create creates a store in the directory dir, and the log's key. The error wraps
// [fs.ErrExist] if dir has a store, or says what is wrong with the settings.
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
	// The policy is last: it makes the store complete.
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
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by a Create that was killed
			return nil, err
		}
		if err := durable.WriteNew(path, f.data, f.perm); err != nil {
			return nil, err
		}
	}
	s.share()
	return s, nil
}

// Reconfigure changes the witnesses, the quorum, the authority and the Config of a
// store, and returns the changed store. The key, origin and tree stay; o.Origin is
// ignored.
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

// checkOrigin says whether origin can be the name of a log:
// c2sp.org/tlog-checkpoint demands a URL without a scheme, and the name of the key
// must be the same.
func checkOrigin(origin string) error {
	if origin == "" || len(origin) > 200 || strings.ContainsAny(origin, "+#") || strings.ContainsFunc(origin, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%.200q cannot be the name of a log: at most 200 letters, digits and the like, as in example.com/my-log", origin)
	}
	return nil
}

// Open opens the store in the directory dir. The error wraps [ErrNoStore] if there
// is none.
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

// check makes a store from the contents of its files.
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

// PolicyHash returns the hash of the policy file, which identifies the policy in
// the log's events.
func (s *Store) PolicyHash() chain.Hash { return sha256.Sum256(s.policy) }

// Texts returns the policy as it is in its file, and the roots of the time-stamp
// authority, nil if there is none.
func (s *Store) Texts() (policy, roots []byte) { return s.policy, s.roots }

// PolicyHash returns the hash of the policy of the store in a directory. It reads
// only the policy.
func PolicyHash(dir string) (chain.Hash, error) {
	b, err := readFile(PolicyFile(dir), tlog.MaxPolicy)
	if err != nil {
		return chain.Hash{}, err
	}
	return sha256.Sum256(b), nil
}

// lock makes this process the only one that anchors.
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
	s.sweep()
	return func() {
		s.share()
		durable.Unlock(f) // closing may not be enough: a child process may have inherited f
		f.Close()
	}, nil
}

// files are those of a store that whoever verifies the log may read: all but its key.
var files = []string{vkeyName, policyName, hashesName, checkpointName, historyName, stateName, configName, rootsName, lockName}

// share lets the log's owner read the store, whatever the umask of whose store it is.
func (s *Store) share() {
	modes := map[string]fs.FileMode{".": 0o755}
	for _, name := range files {
		modes[name] = 0o644
	}
	for name, mode := range modes {
		path := filepath.Join(s.Dir, name)
		if st, err := os.Lstat(path); err == nil && st.Mode()&fs.ModeSymlink == 0 && st.Mode().Perm() != mode {
			os.Chmod(path, mode) // what is not ours stays as it is
		}
	}
}

// sweep removes what processes that were killed have left half written.
func (s *Store) sweep() {
	for _, name := range files {
		left, _ := filepath.Glob(filepath.Join(s.Dir, "."+name+".tmp-*")) // a good pattern
		for _, path := range left {
			os.Remove(path)
		}
	}
}

// ErrBusy says that another process is anchoring with this store.
var ErrBusy = errors.New("another process is anchoring")

// maxWritten is the longest file that write replaces, in bytes.
const maxWritten = 1 << 20

// write replaces a file, or creates it, and syncs.
func (s *Store) write(name string, data []byte) error {
	path := filepath.Join(s.Dir, name)
	old, err := readFile(path, maxWritten)
	if errors.Is(err, fs.ErrNotExist) {
		return durable.WriteNew(path, data, 0o644)
	}
	if err != nil || bytes.Equal(old, data) {
		return err
	}
	_, err = durable.Replace(path, old, data)
	return err
}

// signer returns the log's key.
func (s *Store) signer() (note.Signer, error) {
	path := filepath.Join(s.Dir, keyName)
	b, err := readFile(path, 4<<10)
	if err != nil {
		return nil, err
	}
	key, err := note.NewSigner(strings.TrimSpace(string(b)))
	if err != nil || key.Name() != s.Policy.Log.Name() || key.KeyHash() != s.Policy.Log.KeyHash() {
		return nil, fmt.Errorf("%s is not the key of the log %s", path, s.Policy.Log.Name()) // the message does not repeat the file, which may be a private key
	}
	return key, nil
}

// Checkpoint returns the newest checkpoint; nil if there is none yet. The error
// says that the file cannot be read, or has no valid checkpoint of the log.
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

// open opens a file, which has to be a regular one: nothing else is waited for.
func open(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|openNonBlock, 0o644)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return f, nil
}

// readFile reads a regular file of at most max bytes.
func readFile(path string, max int64) ([]byte, error) {
	f, err := open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(b)) > max {
		err = fmt.Errorf("%s is longer than %d bytes", path, max)
	}
	return b, err
}

// jsonLine is v as JSON. All its callers give it types that have a form in JSON.
func jsonLine(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
