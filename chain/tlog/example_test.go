package tlog_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log"

	"golang.org/x/mod/sumdb/note"

	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Sign a checkpoint of a log. Then prove that a record is in it, to somebody who has
// only the log's policy.
func Example() {
	secret, public, err := note.GenerateKey(rand.Reader, "example.com/log")
	if err != nil {
		log.Fatal(err)
	}
	key, err := note.NewSigner(secret)
	if err != nil {
		log.Fatal(err)
	}

	var tree tlog.Tree
	var stored []byte // a file, which is only appended to
	records := []event.Hash{event.HashOf([]byte("a")), event.HashOf([]byte("b")), event.HashOf([]byte("c"))}
	for _, hash := range records {
		stored = tree.Append(stored, tlog.Leaf(hash))
	}
	checkpoint, err := tlog.Checkpoint{Origin: key.Name(), Size: tree.Size(), Root: tree.Root()}.Sign(key)
	if err != nil {
		log.Fatal(err)
	}
	hashes, err := tlog.Hashes{R: bytes.NewReader(stored)}.Inclusion(tree.Size(), 1)
	if err != nil {
		log.Fatal(err)
	}
	proof := (&tlog.Proof{Index: 1, Hashes: hashes, Checkpoint: checkpoint}).Format()

	// The verifier has the policy, the proof and the record.
	text, err := tlog.NewPolicy(public, nil, 0) // no witnesses
	if err != nil {
		log.Fatal(err)
	}
	policy, err := tlog.ParsePolicy(text)
	if err != nil {
		log.Fatal(err)
	}
	p, err := tlog.ParseProof(proof)
	if err != nil {
		log.Fatal(err)
	}
	signed, err := policy.Open(p.Checkpoint)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("record", p.Index, "of", signed.Size, "in", signed.Origin)
	fmt.Println(p.Check(signed.Checkpoint, records[1]))
	fmt.Println(p.Check(signed.Checkpoint, records[0]))
	// Output:
	// record 1 of 3 in example.com/log
	// <nil>
	// the record is not in the log that the checkpoint is of, or not at that place
}
