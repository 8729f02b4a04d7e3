package bundle_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// Put a log into one file, and read it again.
func Example() {
	home, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(home)
	if err := testlog.Write(home, testlog.Options{Records: 10}); err != nil { // as a wrapper would
		log.Fatal(err)
	}
	snapshot, err := chain.TakeSnapshot(filepath.Join(home, "audit"))
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if _, err := bundle.Write(context.Background(), &file, &bundle.Source{Log: snapshot, Kind: bundle.Log, Program: "example", Signer: testlog.Key()}); err != nil {
		log.Fatal(err)
	}

	b, err := bundle.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		log.Fatal(err)
	}
	faults, err := b.Check(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	signed, err := b.Signatures(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(b.Manifest.Records, "records,", len(faults), "faults, signed:", signed[0].Err == nil)
	// Output: 10 records, 0 faults, signed: true
}
