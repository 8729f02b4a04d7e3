package wrap_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// TestMain makes this test program the server of the example, too.
func TestMain(m *testing.M) {
	if os.Getenv("WRAP_EXAMPLE") == "server" {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			fmt.Println(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"5"}]}}`)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A session with one call, and then its log. The server is any program that speaks
// MCP on its standard input and output.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "audit")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		log.Fatal(err)
	}
	stdin, client, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	responses, stdout, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		io.WriteString(client, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":3}}}`+"\n")
		response, _ := bufio.NewReader(responses).ReadString('\n')
		fmt.Println("response:", strings.Contains(response, `"text":"5"`))
		client.Close()
	}()
	exit, err := wrap.Run(wrap.Options{
		Options: record.Options{
			Command: []string{os.Args[0]},
			Target:  "mcp://calculator",
			Audit:   dir,
			NoHeads: true, // for this log is removed at the end
			Signer:  func() (*sign.Signer, error) { return sign.NewSigner(key, "agent", "alice") },
		},
		Env:   append(os.Environ(), "WRAP_EXAMPLE=server"),
		Stdin: stdin, Stdout: stdout,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("exit status:", exit.Code)

	records, err := chain.TakeSnapshot(dir)
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range records.Records(context.Background(), chain.ReadOptions{}) {
		if err != nil {
			log.Fatal(err)
		}
		if v, err := sign.Verify(e.Receipt, sign.Keys(public)); err != nil {
			log.Fatal(err)
		} else if v.Version == 1 && v.Type == "" {
			fmt.Printf("%s signed that it calls %s with %s\n", v.Signers[0].Name, v.Tool, v.Params)
		}
	}
	// Output:
	// response: true
	// exit status: 0
	// agent signed that it calls add with {"a":2,"b":3}
}
