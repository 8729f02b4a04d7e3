package bundle

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
)

// Kind says which records of the log a bundle has.
type Kind string

const (
	Log       Kind = "log"       // all
	Range     Kind = "range"     // all from one record to another
	Selection Kind = "selection" // some, each with a proof of its place
)

// Type is the first member of a manifest: the format and its version.
const Type = typePrefix + "1"

const typePrefix = "signet-wrap bundle "

// A Manifest says what is in a bundle. Nothing in it is believed for itself: what it
// says of the records is compared with them, and the rest is the word of who signed the
// bundle.
type Manifest struct {
	Type    string `json:"type"`
	Kind    Kind   `json:"kind"`
	Program string `json:"program"`         // name and version of what made it
	Asked   string `json:"asked,omitempty"` // which records were asked for, in the words of who did

	// The whole log, as it was when the bundle was made.
	Log  chain.Hash `json:"log"`  // of its first record: which log it is
	Size int64      `json:"size"` // its records
	Root Root       `json:"root"` // of the tree over them (package tlog)
	Head chain.Hash `json:"head"` // of its newest record

	// The records in the bundle.
	Records int64      `json:"records"`
	First   int64      `json:"first"`             // the place of the first one in the log, from 0 on
	Last    int64      `json:"last"`              // and of the last one
	Follows chain.Hash `json:"follows,omitzero"`  // of a range: the record before it
	Damaged int64      `json:"damaged,omitempty"` // lines of a log or range that are no records
}

// Root is the root of a tree, base64 in JSON, as in checkpoints.
type Root tlog.Hash

// MarshalText implements encoding.TextMarshaler.
func (r Root) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, r[:]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Root) UnmarshalText(b []byte) error {
	raw, err := base64.StdEncoding.Strict().DecodeString(string(b))
	if err != nil || len(raw) != len(r) {
		return errors.New("not the 32 bytes of a root in base64")
	}
	copy(r[:], raw)
	return nil
}

// maxManifest is the maximum length of a manifest, in bytes.
const maxManifest = 64 << 10

func (m *Manifest) format() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	return append(b, '\n'), err
}

// parseManifest reads a manifest, in the one spelling that there is of it.
func parseManifest(b []byte) (m Manifest, err error) {
	var of struct{ Type string }
	if json.Unmarshal(b, &of) == nil && of.Type != Type && strings.HasPrefix(of.Type, typePrefix) {
		return m, fmt.Errorf("it is a %.40q, %w: this program reads %q", of.Type, ErrVersion, Type)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err = d.Decode(&m); err == nil && m.Type != Type {
		return m, fmt.Errorf("the manifest is not of the type %q", Type)
	}
	var again []byte
	if err == nil {
		again, err = m.format()
	}
	switch {
	case err != nil:
		return m, fmt.Errorf("the manifest: %w", err)
	case !bytes.Equal(again, b):
		return m, errors.New("the manifest is not spelled as manifests are")
	case m.Kind != Log && m.Kind != Range && m.Kind != Selection:
		return m, fmt.Errorf("the manifest names no kind that is known: %.40q", m.Kind)
	case m.Size < 1 || m.Records < 1 || m.Records > m.Size || m.First < 0 || m.Last < m.First || m.Last >= m.Size || m.Damaged < 0,
		m.Kind == Log && (m.First != 0 || m.Records != m.Size),
		m.Kind != Selection && m.Last-m.First != m.Records-1,
		m.Kind == Selection && (m.Last-m.First < m.Records-1 || m.Damaged != 0),
		m.Kind != Range && m.Follows != chain.Hash{},
		m.Kind == Range && (m.First == 0) != (m.Follows == chain.Hash{}):
		return m, errors.New("the numbers in the manifest cannot be of one log")
	}
	return m, nil
}
