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
	Checkpoint string `json:"checkpoint"` // log-signed, to ask with; as it was when the kit was made
	TSARoots   string `json:"tsa_roots,omitempty"`
}

const kitType = "signet-wrap anchor kit 1"

// MaxKit bounds a kit, in bytes.
const MaxKit = 2 << 20

// Kit makes the kit of a store, which must have a checkpoint: the JSON of what a
// verifier needs to ask the witnesses of a log without anything of its home. It is
// to be kept where the log's owner cannot change it. [ParseKit] reads it.
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

// ParseKit reads a kit. What it returns can only be read and asked.
func ParseKit(b []byte) (*Store, *tlog.Signed, error) {
	var k kit
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil || k.Type != kitType {
		return nil, nil, errors.New("not a kit, as anchor enroll writes it")
	}
	var roots []byte
	if k.TSARoots != "" {
		roots = []byte(k.TSARoots)
	}
	// That the addresses were allowed was said when the store was made.
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

// RandomOrigin names a log without saying whose it is.
func RandomOrigin() string {
	b := make([]byte, 16)
	rand.Read(b)
	return "signet-wrap/" + hex.EncodeToString(b)
}
