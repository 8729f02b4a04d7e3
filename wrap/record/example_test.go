package record_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"log"
	"os"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// A client and a server in one process: each message goes through a Recorder.
func Example() {
	dir, err := os.MkdirTemp("", "audit")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		log.Fatal(err)
	}
	r := record.New(record.Options{
		Audit:     dir,
		Signer:    func() (*sign.Signer, error) { return sign.NewSigner(key, "agent", "alice") },
		Target:    "mcp://calculator",
		Transport: "in-process",
		NoHeads:   true, // for this log is removed at the end
	})

	// server is any transport: a pipe, HTTP, a function.
	server := func(message []byte) []byte {
		fmt.Println("the server sees a receipt:", bytes.Contains(message, []byte(`"_signet":{`)))
		return []byte(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"5"}]}}`)
	}
	message := []byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":3}}}`)
	if message, err = r.Request(message); err != nil {
		log.Fatal(err) // it must not be sent
	}
	response := server(message)
	r.Response(response) // and then to the client
	if err := r.Close(); err != nil {
		log.Fatal(err)
	}

	records, err := chain.TakeSnapshot(dir)
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range records.Records(context.Background(), chain.ReadOptions{}) {
		if err != nil {
			log.Fatal(err)
		}
		v, err := sign.Verify(e.Receipt, sign.Keys(public))
		if err != nil {
			log.Fatal(err)
		}
		switch {
		case v.Type != "": // an event, of the session
		case v.Version == 1:
			fmt.Printf("call of %s with %s\n", v.Tool, v.Params)
		default:
			fmt.Printf("response to %s: %s\n", v.Tool, v.Outcome.Status)
		}
	}
	// Output:
	// the server sees a receipt: true
	// call of add with {"a":2,"b":3}
	// response to add: executed
}

// A program whose calls are no JSON-RPC messages gives them as they are.
func ExampleRecorder_Calls() {
	dir, err := os.MkdirTemp("", "audit")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	r := record.New(record.Options{
		Audit: dir,
		Signer: func() (*sign.Signer, error) {
			return sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), "agent", "")
		},
		Target:  "mcp://calculator",
		NoHeads: true, // for this log is removed at the end
	})
	id := []byte("1") // any string or number, as JSON
	receipts, err := r.Calls([]record.Call{{ID: id, Tool: "add", Arguments: []byte(`{"a":2,"b":3}`)}})
	if err != nil {
		log.Fatal(err) // the calls must not be made
	}
	fmt.Println(len(receipts), bytes.Contains(receipts[0], []byte(`"tool":"add"`)))
	r.Outcome(id, []byte(`{"sum":5}`), false)
	if err := r.Close(); err != nil {
		log.Fatal(err)
	}
	// Output: 1 true
}
