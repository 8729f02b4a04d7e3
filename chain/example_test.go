package chain_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

func newSigner() *sign.Signer {
	signer, err := sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, 32)), "agent", "alice")
	if err != nil {
		log.Fatal(err)
	}
	return signer
}

// record appends a receipt for each tool to the log in dir.
func record(dir string, signer *sign.Signer, tools ...string) error {
	known := sign.Keys(signer.PublicKey())
	l := chain.New(dir, chain.Options{
		Now:   func() time.Time { return time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC) }, // so that the example is always the same
		Check: sign.LogCheck(known),
		Event: func(e event.Event, at chain.At) ([]byte, error) { // the log's own, such as of a torn line
			receipt, err := signer.Event(e, at.Time, at.Prev)
			if err != nil {
				return nil, err
			}
			return receipt.Record, nil
		},
	})
	defer l.Close()
	var drafts []*sign.Draft
	for _, tool := range tools {
		draft, err := signer.Prepare(sign.Action{Tool: tool, Target: "mcp://files", Session: "ses_0123456789abcdef0123456789abcdef"})
		if err != nil {
			return err
		}
		drafts = append(drafts, draft)
	}
	_, err := l.Append(len(drafts), func(i int, at chain.At) ([]byte, error) {
		receipt, err := drafts[i].SignAt(at.Time, at.Prev)
		if err != nil {
			return nil, err
		}
		return receipt.Record, nil
	})
	return err
}

// Record three calls, and read them, newest first.
func Example() {
	home, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(home)
	dir, signer := filepath.Join(home, "audit"), newSigner()
	if err := record(dir, signer, "list", "read", "write"); err != nil {
		log.Fatal(err)
	}

	snapshot, err := chain.TakeSnapshot(dir)
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range snapshot.Records(context.Background(), chain.ReadOptions{Backward: true}) {
		if err != nil {
			log.Fatal(err)
		}
		v, err := sign.Verify(e.Receipt, sign.Keys(signer.PublicKey()))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.File, v.Tool, v.Follows(e.PrevHash))
	}
	// Output:
	// 2026-05-01.jsonl write true
	// 2026-05-01.jsonl read true
	// 2026-05-01.jsonl list true
}

// Verify a log: its hashes, its signatures, and that each receipt is in the place
// that it was signed for.
func ExampleVerify() {
	home, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(home)
	dir, signer := filepath.Join(home, "audit"), newSigner()
	if err := record(dir, signer, "list", "read", "write"); err != nil {
		log.Fatal(err)
	}

	// Take the second record out.
	file := filepath.Join(dir, "2026-05-01.jsonl")
	text, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	if err := os.WriteFile(file, append(lines[0], lines[2]...), 0o600); err != nil {
		log.Fatal(err)
	}

	var verifier sign.Verifier
	known := sign.Keys(signer.PublicKey())
	options := chain.VerifyOptions[*sign.Verified]{
		Check: func(receipt []byte, prev chain.Hash) (c chain.Checked[*sign.Verified]) {
			v, err := verifier.Verify(receipt, known)
			switch {
			case errors.As(err, new(*sign.InvalidError)):
				c.Bad = err
			case err != nil: // unknown key, unsigned or no receipt: no damage, and not believed
			case !v.Follows(prev):
				c.Bad = chain.ErrDisplaced
			default:
				c.Result, c.Believed, c.Time, c.Event = v, true, v.Time, v.Event
			}
			return c
		},
		Visit: func(e chain.Entry, v *sign.Verified) {
			if v != nil {
				fmt.Println("believed:", v.Tool)
			}
		},
	}
	snapshot, err := chain.TakeSnapshot(dir)
	if err != nil {
		log.Fatal(err)
	}
	report, err := chain.Verify(context.Background(), snapshot, options)
	if err != nil {
		log.Fatal(err)
	}
	for _, b := range report.Breaks {
		fmt.Printf("%s:%d %s: %s\n", b.File, b.Line, b.Kind, b.Detail)
	}
	// Output:
	// believed: list
	// believed: write
	// 2026-05-01.jsonl:2 removed: one or more records before this line are missing
}
