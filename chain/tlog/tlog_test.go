package tlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	cosign "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// leafData is the record_hash of the n-th record of the tests' log.
func leafData(n int64) [32]byte { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))) }

// grown is a tree of size leaves and what is stored of it.
func grown(size int64) (*Tree, []byte) {
	var t Tree
	var stored []byte
	for n := range size {
		stored = t.Append(stored, Leaf(leafData(n)))
	}
	return &t, stored
}

// The tree, what is stored of it and its proofs are those of x/mod, at every
// size up to some, and it goes on from what is stored.
func TestTree(t *testing.T) {
	const most = 300
	var tree Tree
	var stored []byte
	roots := []Hash{tree.Root()}
	for n := range int64(most) {
		h := Hashes{bytes.NewReader(stored)}
		want, err := tlog.StoredHashes(n, func() []byte { d := leafData(n); return d[:] }(), h)
		if err != nil {
			t.Fatal(err)
		}
		before := len(stored)
		stored = tree.Append(stored, Leaf(leafData(n)))
		var got []byte
		for _, w := range want {
			got = append(got, w[:]...)
		}
		if !bytes.Equal(stored[before:], got) || int64(len(stored)) != StoredBytes(n+1) {
			t.Fatalf("size %d: stored is not as x/mod has it", n+1)
		}
		root, err := tlog.TreeHash(n+1, Hashes{bytes.NewReader(stored)})
		if err != nil || root != tree.Root() {
			t.Fatalf("size %d: root %v, want %v, %v", n+1, tree.Root(), root, err)
		}
		roots = append(roots, root)
		again, err := Hashes{bytes.NewReader(stored)}.Tree(n + 1)
		if err != nil || *again != tree && (again.Root() != root || again.Size() != n+1) {
			t.Fatalf("size %d: it does not go on from what is stored, %v", n+1, err)
		}
	}
	h := Hashes{bytes.NewReader(stored)}
	for range 2000 {
		size := 1 + rand.Int64N(most)
		old, n := rand.Int64N(size+1), rand.Int64N(size)
		proof, err := h.Consistency(size, old)
		if err == nil && old > 0 {
			err = tlog.CheckTree(proof, size, roots[size], old, roots[old])
		}
		if err != nil {
			t.Fatalf("from %d to %d: %v", old, size, err)
		}
		in, err := h.Inclusion(size, n)
		p := Proof{Index: n, Hashes: in}
		if err == nil {
			err = p.Check(Checkpoint{Size: size, Root: roots[size]}, leafData(n))
		}
		if err != nil {
			t.Fatalf("%d in %d: %v", n, size, err)
		}
		if p.Check(Checkpoint{Size: size, Root: roots[size]}, leafData(n+1)) == nil {
			t.Fatalf("%d in %d: another leaf passes", n, size)
		}
	}
	if _, err := h.Tree(2 * most); err == nil {
		t.Error("a tree that is not stored")
	}
}

// party is who signs in the tests.
type party struct {
	note.Signer
	vkey string
}

func logKey(t testing.TB, origin string) party {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.NewChaCha8(sha256.Sum256([]byte(origin))), origin)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return party{s, vkey}
}

func witnessKey(t testing.TB, name string) party {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.NewChaCha8(sha256.Sum256([]byte(name))), name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := cosign.NewSignerForCosignatureV1(skey)
	if err == nil {
		vkey, err = cosign.VKeyToCosignatureV1(vkey)
	}
	if err != nil {
		t.Fatal(err)
	}
	return party{s, vkey}
}

// policyOf asks for all of the witnesses.
func policyOf(t testing.TB, log party, witnesses ...party) *Policy {
	t.Helper()
	var all []Witness
	for i, w := range witnesses {
		all = append(all, Witness{Key: w.vkey, URL: fmt.Sprintf("https://w%d.example.com/", i)})
	}
	text, err := NewPolicy(log.vkey, all, len(all))
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func signed(t testing.TB, c Checkpoint, all ...party) []byte {
	t.Helper()
	var signers []note.Signer
	for _, s := range all {
		signers = append(signers, s)
	}
	msg, err := note.Sign(&note.Note{Text: c.String()}, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

func TestOpen(t *testing.T) {
	tree, _ := grown(7)
	c := Checkpoint{"example.com/log", 7, tree.Root()}
	log, w1, w2, other := logKey(t, c.Origin), witnessKey(t, "w1"), witnessKey(t, "w2"), witnessKey(t, "other")
	two := policyOf(t, log, w1, w2)
	for _, d := range []struct {
		name   string
		msg    []byte
		signed int // witnesses; -1: it is refused
		quorum bool
	}{
		{"by both", signed(t, c, log, w1, w2), 2, true},
		{"in another order", signed(t, c, w2, log, w1), 2, true},
		{"by one", signed(t, c, log, w1), 1, false},
		{"by none", signed(t, c, log), 0, false},
		{"by a stranger too", signed(t, c, log, w1, other), 1, false},
		{"not by the log", signed(t, c, w1, w2), -1, false},
		{"by another log", signed(t, c, logKey(t, "example.com/other"), w1, w2), -1, false},
		{"of another origin", signed(t, Checkpoint{"example.com/other", 7, tree.Root()}, log, w1, w2), -1, false},
		{"not a note", []byte(c.String()), -1, false},
		{"too long", bytes.Repeat([]byte("— a b\n"), 20_000), -1, false},
		{"nothing", nil, -1, false},
	} {
		s, err := two.Open(d.msg)
		switch {
		case d.signed < 0 && err == nil:
			t.Errorf("%s: taken", d.name)
		case d.signed < 0:
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %q is not one line", d.name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", d.name, err)
		case s.Checkpoint != c || len(s.Cosignatures) != d.signed || s.Quorum != d.quorum || s.Quorum == s.Since.IsZero():
			t.Errorf("%s: %+v", d.name, s)
		case !bytes.Equal(s.Log, signed(t, c, log)):
			t.Errorf("%s: the log's own is %s", d.name, s.Log)
		}
	}
	if s, err := policyOf(t, log).Open(signed(t, c, log)); err != nil || s.Quorum {
		t.Errorf("a quorum where none is asked for: %+v, %v", s, err)
	}
}

// A checkpoint has one spelling.
func TestParseCheckpoint(t *testing.T) {
	tree, _ := grown(7)
	good := Checkpoint{"example.com/log", 7, tree.Root()}
	if c, err := ParseCheckpoint(good.String()); err != nil || c != good {
		t.Fatalf("%+v, %v", c, err)
	}
	lines := strings.SplitAfter(good.String(), "\n")
	for name, text := range map[string]string{
		"zeros":        lines[0] + "07\n" + lines[2],
		"plus":         lines[0] + "+7\n" + lines[2],
		"extension":    good.String() + "more\n",
		"empty line":   good.String() + "\n",
		"no origin":    "\n" + lines[1] + lines[2],
		"huge":         lines[0] + "18446744073709551615\n" + lines[2],
		"loose base64": lines[0] + lines[1] + strings.Replace(lines[2], "=\n", "=", 1),
		"short root":   lines[0] + lines[1] + "AAAA\n",
		"CR LF":        strings.ReplaceAll(good.String(), "\n", "\r\n"),
		"bits to lose": lines[0] + lines[1] + lines[2][:42] + "B=\n",
	} {
		if c, err := ParseCheckpoint(text); err == nil && c.String() != text {
			t.Errorf("%s: taken", name)
		} else if err == nil && name != "bits to lose" {
			t.Errorf("%s: taken", name)
		}
	}
}

// What NewPolicy makes, the other readers of the format read alike.
func TestPolicyOfOthers(t *testing.T) {
	log, w1, w2, w3 := logKey(t, "example.com/log"), witnessKey(t, "example.com/w1"), witnessKey(t, "w2"), witnessKey(t, "w3")
	c := Checkpoint{"example.com/log", 0, Hash{}}
	var all []Witness
	for _, w := range []party{w1, w2, w3} {
		all = append(all, Witness{Key: w.vkey, URL: "https://example.com/" + w.Name()})
	}
	for need := 1; need <= 3; need++ {
		text, err := NewPolicy(log.vkey, all, need)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := ParsePolicy(text)
		if err != nil || ours.Need() != need {
			t.Fatal(ours, err)
		}
		theirs, err := witness.ParsePolicy(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, by := range [][]party{{log}, {log, w1}, {log, w3, w2}, {log, w1, w2, w3}} {
			msg := signed(t, c, by...)
			s, err := ours.Open(msg)
			if err != nil || s.Quorum != theirs.Satisfied(msg) || s.Quorum != (len(by)-1 >= need) {
				t.Errorf("%d of 3, signed by %d: %+v, %v", need, len(by)-1, s, err)
			}
		}
	}
}

func TestParsePolicy(t *testing.T) {
	log, w1, w2 := logKey(t, "example.com/log"), witnessKey(t, "w1"), witnessKey(t, "w2")
	l, a, b := "log "+log.vkey+"\n", "witness a "+w1.vkey+" https://a.example.com/x\n", "witness b "+w2.vkey+"\n"
	for _, good := range []string{
		l + "quorum none\n",
		"# comment\n\n" + l + a + "quorum a\n",
		l + a + b + "group g any a b\nquorum g",
		l + a + b + "group g 1 a\ngroup h all g b\nquorum h\n",
		"\t " + a + l + "quorum a\n\n# end\n",
	} {
		if _, err := ParsePolicy([]byte(good)); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "quorum none\n", l, l + l + "quorum none\n", l + a, l + a + a + "quorum a\n",
		l + a + "witness c " + w1.vkey + " https://c.example.com\nquorum a\n", // one key twice
		l + a + "quorum b\n", l + a + b + "group g 3 a b\nquorum g\n", l + a + b + "group g 0 a b\nquorum g\n",
		l + a + b + "group g 01 a b\nquorum g\n", l + a + "group g 1 a\nquorum a\n", // in two places
		l + a + b + "group g 2 a a\nquorum g\n", l + "group g 1 g\nquorum g\n",
		l + a + "quorum a\n" + b, l + a + "quorum a\nquorum a\n", l + a + "quorum a # why\n",
		l + "witness none " + w1.vkey + "\nquorum none\n", l + a + "quorum a\r\n", l + a + "quorum a\x00\n", l + a + "quorum \xff\n",
		l + "witness a " + log.vkey + " https://a.example.com\nquorum a\n", // a log's key
		"log " + w1.vkey + "\nquorum none\n",                               // a witness's key
		l + "witness a " + strings.Replace(w1.vkey, "+", "+0", 1) + "\nquorum a\n",
		l + "witness a w1+00000000" + w1.vkey[11:] + "\nquorum a\n",
		"log example.com/log\nquorum none\n", "log \nquorum none\n",
		l + "witness a " + w1.vkey + " file:///etc/passwd\nquorum a\n",
		l + "witness a " + w1.vkey + " https://user:pass@a.example.com\nquorum a\n",
		l + "witness a " + w1.vkey + " https://a.example.com?x=1\nquorum a\n",
		l + "witness a " + w1.vkey + " gopher\nquorum a\n", l + "policy x\nquorum none\n",
		l + strings.Repeat("# much\n", 20_000) + "quorum none\n",
	} {
		p, err := ParsePolicy([]byte(bad))
		if err == nil {
			t.Errorf("%.300q: taken: %+v", bad, p)
		} else if strings.ContainsAny(err.Error(), "\n\x00\r") || len(err.Error()) > 500 {
			t.Errorf("%q is not one line", err)
		}
	}
}

// No bit of a proof can be changed so that it still proves what it did, or
// something else.
func TestEveryBitOfAProof(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine: nothing for the race detector")
	}
	c := Checkpoint{Origin: "example.com/log", Size: 100}
	log, w1, w2 := logKey(t, c.Origin), witnessKey(t, "w1"), witnessKey(t, "w2")
	policy := policyOf(t, log, w1, w2)
	e := &Extra{Receipt: []byte(`{"action":{"tool":"<rm> & \u0001"},"v":1}`)}
	proves := func(b []byte) error {
		p, err := ParseProof(b)
		if err != nil {
			return err
		}
		got, err := ParseExtra(p.Extra)
		if err != nil {
			return err
		}
		s, err := policy.Open(p.Checkpoint)
		if err == nil && !s.Quorum {
			err = fmt.Errorf("no quorum")
		}
		if err != nil {
			return err
		}
		return p.Check(s.Checkpoint, got.RecordHash())
	}
	// The record is the 42nd.
	var again Tree
	var stored []byte
	for n := range int64(100) {
		data := leafData(n)
		if n == 42 {
			data = e.RecordHash()
		}
		stored = again.Append(stored, Leaf(data))
	}
	c.Root = again.Root()
	in, err := Hashes{bytes.NewReader(stored)}.Inclusion(100, 42)
	if err != nil {
		t.Fatal(err)
	}
	extra, err := e.Format()
	if err != nil {
		t.Fatal(err)
	}
	good := (&Proof{Index: 42, Hashes: in, Checkpoint: signed(t, c, log, w1, w2), Extra: extra}).Format()
	if err := proves(good); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		for bit := range 8 {
			bad := slices.Clone(good)
			bad[i] ^= 1 << bit
			if err := proves(bad); err == nil {
				t.Errorf("bit %d of byte %d: %q", bit, i, bad)
			} else if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("bit %d of byte %d: %q is not one line", bit, i, err)
			}
		}
		if err := proves(good[:i]); err == nil {
			t.Errorf("cut at byte %d: taken", i)
		}
	}
	for name, bad := range map[string][]byte{
		"another log's":    (&Proof{42, in, signed(t, Checkpoint{"example.com/other", 100, c.Root}, logKey(t, "example.com/other"), w1, w2), extra}).Format(),
		"without extra":    (&Proof{42, in, signed(t, c, log, w1, w2), nil}).Format(),
		"of another place": (&Proof{41, in, signed(t, c, log, w1, w2), extra}).Format(),
		"long":             append(slices.Clone(good), bytes.Repeat([]byte("x"), MaxProof)...),
		"CR LF":            bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")),
	} {
		if proves(bad) == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// What the proof carries is read as it was written.
func TestExtra(t *testing.T) {
	for _, bad := range []string{
		"", "{}", "null", `{"prev_hash":"a"}`, `{"prev_hash":"a","receipt":{},"more":1}`, `{"prev_hash": "a","receipt":{}}`,
		`{"receipt":{},"prev_hash":"a"}`, `{"prev_hash":"a","receipt":{},"stamps":[]}`, `{"prev_hash":"a","receipt":{"b":1,"a":1}}`,
		`{"prev_hash":"a","receipt":{"a":1,"a":1}}`, `{"prev_hash":"a","receipt":{}} `, `{"Prev_hash":"a","receipt":{}}`,
	} {
		if e, err := ParseExtra([]byte(bad)); err == nil {
			t.Errorf("%s: %+v", bad, e)
		}
	}
}

func FuzzParse(f *testing.F) {
	tree, _ := grown(3)
	c := Checkpoint{"example.com/log", 3, tree.Root()}
	f.Add((&Proof{1, []Hash{tree.Root()}, signed(f, c, logKey(f, c.Origin)), []byte("{}")}).Format())
	f.Add([]byte("log x\nquorum none\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParseProof(b); err == nil && !bytes.Equal(p.Format(), b) {
			t.Errorf("%q is read as %q", b, p.Format())
		}
		if c, err := ParseCheckpoint(string(b)); err == nil && c.String() != string(b) {
			t.Errorf("%q is read as %q", b, c)
		}
		if e, err := ParseExtra(b); err == nil {
			if again, err := e.Format(); err != nil || !bytes.Equal(again, b) {
				t.Errorf("%q is read as %q, %v", b, again, err)
			}
		}
		ParsePolicy(b)
	})
}
