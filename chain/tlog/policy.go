package tlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	cosign "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// MaxPolicy is the maximum length of a policy, in bytes.
const MaxPolicy = 64 << 10

// A Policy says which log's checkpoints are accepted, and whose cosignatures:
// c2sp.org/tlog-policy with exactly one log, which all readers of that format read
// alike.
type Policy struct {
	Log       note.Verifier // its name is the log's origin
	LogKey    string        // as a vkey
	Witnesses []Witness

	quorum *component // nil: none
}

// A Witness cosigns checkpoints. URL is its address; "" in a policy that is used
// only to verify.
type Witness struct {
	Name     string // in the policy
	Key      string // as a vkey
	URL      string
	Verifier note.Verifier
}

// component is a witness, as an index, or a group of components.
type component struct {
	witness int
	need    int // of members; 0 for a witness
	members []component
}

// met says whether the witnesses that signed are enough for c.
func (c *component) met(signed func(witness int) bool) bool {
	if c.need == 0 {
		return signed(c.witness)
	}
	have := 0
	for i := range c.members {
		if c.members[i].met(signed) {
			have++
		}
	}
	return have >= c.need
}

// since says whether the cosignatures are a quorum, and since when.
func (p *Policy) since(all []Cosignature) (bool, time.Time) {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b Cosignature) int { return a.Time.Compare(b.Time) })
	for i := range sorted {
		if p.Enough(func(name string) bool {
			return slices.ContainsFunc(sorted[:i+1], func(c Cosignature) bool { return c.Witness == name })
		}) {
			return true, sorted[i].Time
		}
	}
	return false, time.Time{}
}

// Enough says whether the witnesses for whose names has is true are a quorum. It is
// always false for a policy without a quorum.
func (p *Policy) Enough(has func(name string) bool) bool {
	return p.quorum != nil && p.quorum.met(func(i int) bool { return has(p.Witnesses[i].Name) })
}

// HasQuorum says whether the policy demands witnesses.
func (p *Policy) HasQuorum() bool { return p.quorum != nil }

// verifiers are the keys that are checked.
func (p *Policy) verifiers() note.Verifiers {
	all := []note.Verifier{p.Log}
	for _, w := range p.Witnesses {
		all = append(all, w.Verifier)
	}
	return note.VerifierList(all...)
}

// NewPolicy returns the text of a policy for the log with the vkey logKey: need of
// the witnesses, which must have keys and URLs, must cosign its checkpoints.
// Without witnesses there is no quorum, and Signed.Quorum is always false. The
// names of the witnesses are those of their keys.
func NewPolicy(logKey string, witnesses []Witness, need int) ([]byte, error) {
	var b, group strings.Builder
	fmt.Fprintf(&b, "log %s\n", logKey)
	for _, w := range witnesses {
		name, _, _ := strings.Cut(w.Key, "+")
		fmt.Fprintf(&b, "witness %s %s %s\n", name, w.Key, w.URL)
		group.WriteString(" " + name)
	}
	if len(witnesses) == 0 {
		b.WriteString("quorum none\n")
	} else {
		fmt.Fprintf(&b, "group %s %d%s\nquorum %[1]s\n", quorumName, need, group.String())
	}
	text := []byte(b.String())
	_, err := ParsePolicy(text)
	return text, err
}

const quorumName = "enough"

// ParsePolicy reads a policy. It refuses what readers of the format understand in
// different ways: several logs, a comment after other text, one key twice.
func ParsePolicy(text []byte) (*Policy, error) {
	if len(text) > MaxPolicy {
		return nil, fmt.Errorf("longer than a policy can be, %d bytes", MaxPolicy)
	}
	r := policyReader{named: map[string]*component{}}
	for i, line := range strings.Split(string(text), "\n") {
		if err := r.line(line); err != nil {
			return nil, fmt.Errorf("the policy's line %d: %w", i+1, err)
		}
	}
	switch {
	case r.p.Log == nil:
		return nil, errors.New("the policy has no log line")
	case !r.ended:
		return nil, errors.New("the policy has no quorum line")
	}
	return &r.p, nil
}

type policyReader struct {
	p     Policy
	named map[string]*component // those in no group yet; nil for those in a group
	ended bool                  // by a quorum line
}

func (r *policyReader) line(line string) error {
	if i := strings.IndexFunc(line, func(c rune) bool { return c < ' ' && c != '\t' || c > '~' }); i >= 0 {
		return fmt.Errorf("a policy cannot have the character %q", line[i])
	}
	fields := strings.Fields(line)
	if len(fields) == 0 || fields[0][0] == '#' {
		return nil
	}
	if strings.Contains(line, "#") {
		return errors.New("a comment must be on a line of its own")
	}
	if r.ended {
		return errors.New("the quorum line must be the last one")
	}
	switch kind, rest := fields[0], fields[1:]; {
	case kind == "log" && (len(rest) == 1 || len(rest) == 2):
		return r.log(rest[0])
	case kind == "witness" && (len(rest) == 2 || len(rest) == 3):
		return r.witness(rest[0], rest[1], append(rest, "")[2])
	case kind == "group" && len(rest) >= 3:
		return r.group(rest[0], rest[1], rest[2:])
	case kind == "quorum" && len(rest) == 1:
		r.ended = true
		if rest[0] == "none" {
			return nil
		}
		var err error
		r.p.quorum, err = r.take(rest[0])
		return err
	}
	// The message does not repeat the line, which may be a private key.
	return errors.New("not log VKEY, witness NAME VKEY URL, group NAME K NAME..., or quorum NAME")
}

func (r *policyReader) log(vkey string) (err error) {
	if r.p.Log != nil {
		return errors.New("a second log line: only one is allowed")
	}
	if r.p.Log, err = note.NewVerifier(vkey); err == nil {
		err = strictKey(vkey, algEd25519)
	}
	if err != nil {
		return fmt.Errorf("the log's key: %w", err)
	}
	r.p.LogKey = vkey
	return nil
}

func (r *policyReader) witness(name, vkey, address string) error {
	w := Witness{Name: name, Key: vkey, URL: address}
	err := strictKey(vkey, algCosignature)
	if err == nil {
		w.Verifier, err = cosign.NewVerifierForCosignatureV1(vkey)
	}
	if err != nil {
		return fmt.Errorf("the key of witness %.100q: %w", name, err)
	}
	if address != "" {
		if u, err := url.Parse(address); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return fmt.Errorf("the address of witness %.100q is not a URL such as https://witness.example.com/prefix", name)
		}
	}
	for _, other := range r.p.Witnesses {
		if other.Verifier.Name() == w.Verifier.Name() && other.Verifier.KeyHash() == w.Verifier.KeyHash() {
			return fmt.Errorf("witness %.100q has the key of witness %.100q", name, other.Name)
		}
	}
	r.p.Witnesses = append(r.p.Witnesses, w)
	return r.name(name, &component{witness: len(r.p.Witnesses) - 1})
}

func (r *policyReader) group(name, need string, members []string) error {
	g := &component{}
	for _, m := range members {
		c, err := r.take(m)
		if err != nil {
			return err
		}
		g.members = append(g.members, *c)
	}
	n, err := strconv.ParseUint(need, 10, 8)
	switch {
	case need == "any":
		n = 1
	case need == "all":
		n = uint64(len(members))
	case err != nil || n < 1 || n > uint64(len(members)) || need != strconv.FormatUint(n, 10):
		return fmt.Errorf("a group of %d members cannot need %.20q of them", len(members), need)
	}
	g.need = int(n)
	return r.name(name, g)
}

// name makes a component known by a name.
func (r *policyReader) name(name string, c *component) error {
	if slices.Contains([]string{"log", "witness", "group", "quorum", "any", "all", "none"}, name) {
		return fmt.Errorf("%q is not a valid name", name)
	}
	if _, taken := r.named[name]; taken {
		return fmt.Errorf("a second witness or group with the name %.100q", name)
	}
	r.named[name] = c
	return nil
}

// take is the component of that name, which must not be part of two.
func (r *policyReader) take(name string) (*component, error) {
	c, ok := r.named[name]
	switch {
	case !ok:
		return nil, fmt.Errorf("no witness or group before this line has the name %.100q", name)
	case c == nil:
		return nil, fmt.Errorf("%.100q is already in a group", name)
	}
	r.named[name] = nil
	return c, nil
}

// Types of keys: c2sp.org/signed-note.
const (
	algEd25519     = 1
	algCosignature = 4
)

// strictKey says whether a vkey has this type, and the canonical spelling.
func strictKey(vkey string, alg byte) error {
	fields := strings.Split(vkey, "+") // and base64 may have more of them
	if len(fields) < 3 {
		return errors.New("not a key of the form NAME+HASH+BASE64")
	}
	name, hash, b64 := fields[0], fields[1], strings.Join(fields[2:], "+")
	key, err := base64.StdEncoding.Strict().DecodeString(b64)
	switch {
	case err != nil || len(key) != 33:
		return errors.New("not an Ed25519 key of the form NAME+HASH+BASE64")
	case key[0] != alg && alg == algCosignature:
		return fmt.Errorf("its type is %d; a witness's is %d", key[0], alg)
	case key[0] != alg:
		return fmt.Errorf("its type is %d, not %d", key[0], alg)
	case len(name) > 200:
		return errors.New("its name is longer than 200 bytes")
	case hash != keyHash(name, key):
		return errors.New("its hash does not match its name and key")
	}
	return nil
}

// keyHash is the hash in a vkey: c2sp.org/signed-note, "Signatures".
func keyHash(name string, key []byte) string {
	sum := sha256.Sum256(bytes.Join([][]byte{[]byte(name), key}, []byte("\n")))
	return fmt.Sprintf("%x", sum[:4])
}

// Need returns how many witnesses must cosign by a policy that [NewPolicy] made; 0
// without a quorum.
func (p *Policy) Need() int {
	if p.quorum == nil {
		return 0
	}
	return max(p.quorum.need, 1)
}
