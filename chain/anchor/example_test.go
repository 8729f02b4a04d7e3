package anchor_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/anchor"
	"github.com/signet-wrap/signet-wrap/sign"
)

// Anchor a log, here without witnesses. Then remove its newest record, and anchor it
// again: the store remembers.
func ExampleStore_Anchor() {
	home, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(home)
	audit := filepath.Join(home, "audit")
	call(audit, "read")

	store, err := anchor.Create(filepath.Join(home, "anchor"), anchor.Settings{Origin: "example.com/alice"})
	if err != nil {
		log.Fatal(err)
	}
	options := anchor.Options{Log: audit, Own: true}
	if _, err := store.Anchor(context.Background(), options); err != nil {
		log.Fatal(err)
	}

	days, _ := filepath.Glob(filepath.Join(audit, "*.jsonl"))
	before, err := os.ReadFile(days[0])
	if err != nil {
		log.Fatal(err)
	}
	call(audit, "delete")
	result, err := store.Anchor(context.Background(), options)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Size, "records,", result.Added, "new; established:", result.Established(store.Policy))

	if err := os.WriteFile(days[0], before, 0o600); err != nil {
		log.Fatal(err)
	}
	if result, err = store.Anchor(context.Background(), options); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %d records were anchored\n", result.Finding.Kind, result.Finding.Size)
	// Output:
	// 2 records, 1 new; established: true
	// rollback: 2 records were anchored
}

// call appends a receipt to the log.
func call(audit, tool string) {
	signer, err := sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, 32)), "agent", "alice")
	if err != nil {
		log.Fatal(err)
	}
	draft, err := signer.Prepare(sign.Action{Tool: tool, Target: "mcp://files"})
	if err != nil {
		log.Fatal(err)
	}
	l := chain.New(audit, chain.Options{Check: sign.LogCheck(sign.Keys(signer.PublicKey()))})
	defer l.Close()
	_, err = l.Append(1, func(_ int, at chain.At) ([]byte, error) {
		receipt, err := draft.SignAt(at.Time, at.Prev)
		if err != nil {
			return nil, err
		}
		return receipt.Record, nil
	})
	if err != nil {
		log.Fatal(err)
	}
}
