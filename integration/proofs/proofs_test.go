// Package proofs checks the proofs of a large log by our verifier and two others.
package proofs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"filippo.io/torchwood"
	cosign "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"
	xtlog "golang.org/x/mod/sumdb/tlog"

	"github.com/signet-wrap/signet-wrap/chain/tlog"
)

func data(n int64) [32]byte { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))) }

// A verifier says whether a proof is one of that record.
type verifier func(b []byte, record [32]byte) error

func TestProofs(t *testing.T) {
	size := int64(100_000)
	if s := os.Getenv("SIGNET_WRAP_RECORDS"); s != "" { // make nightly
		size, _ = strconv.ParseInt(s, 10, 64)
	}
	var tree tlog.Tree
	var stored []byte
	for n := range size {
		stored = tree.Append(stored, tlog.Leaf(data(n)))
	}
	key := func(name string) (signer, vkey string) {
		signer, vkey, err := note.GenerateKey(nil, name)
		if err != nil {
			t.Fatal(err)
		}
		return signer, vkey
	}
	logKey, logVKey := key("example.com/log")
	wKey, wVKey := key("example.com/w1")
	wVKey, err := cosign.VKeyToCosignatureV1(wVKey)
	if err != nil {
		t.Fatal(err)
	}
	text, err := tlog.NewPolicy(logVKey, []tlog.Witness{{Key: wVKey, URL: "https://w1.example.com/"}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	log, err := note.NewSigner(logKey)
	if err != nil {
		t.Fatal(err)
	}
	w, err := cosign.NewSignerForCosignatureV1(wKey)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := note.Sign(&note.Note{Text: tlog.Checkpoint{Origin: "example.com/log", Size: size, Root: tree.Root()}.String()}, log, w)
	if err != nil {
		t.Fatal(err)
	}

	ours, err := tlog.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := torchwood.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	tessera, err := witness.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	logVerifier, err := note.NewVerifier(logVKey)
	if err != nil {
		t.Fatal(err)
	}
	verifiers := map[string]verifier{
		"ours": func(b []byte, record [32]byte) error {
			p, err := tlog.ParseProof(b)
			if err != nil {
				return err
			}
			c, err := ours.Open(p.Checkpoint)
			if err == nil && !c.Quorum {
				err = fmt.Errorf("no quorum")
			}
			if err != nil {
				return err
			}
			return p.Check(c.Checkpoint, record)
		},
		"torchwood": func(b []byte, record [32]byte) error {
			return torchwood.VerifyProof(theirs, xtlog.RecordHash(record[:]), b)
		},
		"formats": func(b []byte, record [32]byte) error {
			var p proof.TLogProof
			if err := p.Unmarshal(b); err != nil {
				return err
			}
			n, err := note.Open(p.Checkpoint, note.VerifierList(logVerifier))
			if err != nil {
				return err
			}
			if !tessera.Satisfied(p.Checkpoint) {
				return fmt.Errorf("no quorum")
			}
			c, err := torchwood.ParseCheckpoint(n.Text)
			if err != nil {
				return err
			}
			hashes := make(xtlog.RecordProof, len(p.Hashes))
			for i, h := range p.Hashes {
				hashes[i] = h
			}
			return xtlog.CheckRecord(hashes, c.N, c.Hash, int64(p.Index), xtlog.RecordHash(record[:]))
		},
	}
	records := []int64{0, size - 1}
	for range 1000 {
		records = append(records, rand.Int64N(size))
	}
	for at, n := range records {
		hashes, err := tlog.Hashes{R: bytes.NewReader(stored)}.Inclusion(size, n)
		if err != nil {
			t.Fatal(err)
		}
		b := (&tlog.Proof{Index: n, Hashes: hashes, Checkpoint: checkpoint}).Format()
		// Every bit of the first ones, and one of each other. Only our own verifier
		// is asked: others pass over some bits, such as of the base64 of a signature.
		bits := []int{rand.IntN(8 * len(b))}
		if at < 3 {
			bits = bits[:0]
			for bit := range 8 * len(b) {
				bits = append(bits, bit)
			}
		}
		bad := slices.Clone(b)
		for _, bit := range bits {
			bad[bit/8] ^= 1 << (bit % 8)
			if verifiers["ours"](bad, data(n)) == nil {
				t.Errorf("record %d: passes with bit %d of %d changed", n, bit, 8*len(b))
			}
			bad[bit/8] ^= 1 << (bit % 8)
		}
		for name, verify := range verifiers {
			if err := verify(b, data(n)); err != nil {
				t.Errorf("%s: record %d: %v", name, n, err)
			}
			if verify(b, data(n+1)) == nil {
				t.Errorf("%s: record %d: another record passes", name, n)
			}
		}
	}
}
