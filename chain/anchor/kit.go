package anchor

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/signet-wrap/signet-wrap/chain/tlog"
)

type kit struct {
	Type       string `json:"type"` // kitType
	LogKey     string `json:"vkey"`
	Policy     string `json:"policy"`
	Checkpoint string `json:"checkpoint"` // log-signed, to ask the witnesses with; of the time when the kit was made
	TSARoots   string `json:"tsa_roots,omitempty"`
}

const kitType = "signet-wrap anchor kit 1"

// MaxKit is the maximum length of a kit, in bytes.
const MaxKit = 2 << 20

// Kit returns the kit of a store, as JSON: all that a verifier needs to ask the
// log's witnesses without the store. Keep it where the log's owner cannot change
// it. [ParseKit] reads it. It is an error if the store has no checkpoint yet.
func (s *Store) Kit() ([]byte, error) {
	c, err := s.Checkpoint()
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, errors.New("there is no checkpoint yet")
	}
	k := kit{kitType, s.Policy.LogKey, string(s.policy), string(c.Note), string(s.roots)}
	b, err := json.MarshalIndent(k, "", "  ")
	return append(b, '\n'), err
}

// ParseKit reads a kit. It returns a store with no directory, which can only be
// asked ([Store.Ask]), and the checkpoint to ask with. The error says that b is not
// a valid kit.
func ParseKit(b []byte) (*Store, *tlog.Signed, error) {
	var k kit
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil || k.Type != kitType || d.More() {
		return nil, nil, errors.New(`not a kit as "anchor enroll" writes it`)
	}
	var roots []byte
	if k.TSARoots != "" {
		roots = []byte(k.TSARoots)
	}
	// The addresses were allowed when the store was created.
	s, err := check("", []byte(k.Policy), Config{Plain: true}, roots)
	if err == nil && s.Policy.LogKey != k.LogKey {
		err = errors.New("its policy is of another log")
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the kit: %w", err)
	}
	c, err := s.Policy.Open([]byte(k.Checkpoint))
	if err != nil {
		return nil, nil, fmt.Errorf("the kit: %w", err)
	}
	return s, c, nil
}

// RandomOrigin returns a name for a log that does not say whose it is:
// "signet-wrap/" and 32 hex digits.
func RandomOrigin() string {
	b := make([]byte, 16)
	rand.Read(b)
	return "signet-wrap/" + hex.EncodeToString(b)
}
