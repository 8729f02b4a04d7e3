//go:build unix

package wrap_test

import (
	"bufio"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// Wrap a server, here cat, which sends back what it gets, and look at what it got.
func ExampleRun() {
	home, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(home)
	key := ed25519.NewKeyFromSeed(make([]byte, 32))

	stdin, client, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	responses, stdout, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan wrap.Exit)
	go func() {
		exit, err := wrap.Run(wrap.Options{
			Options: record.Options{
				Command: []string{"cat"},
				Audit:   filepath.Join(home, "audit"),
				Signer:  func() (*sign.Signer, error) { return sign.NewSigner(key, "agent", "alice") },
				Target:  "mcp://cat",
			},
			Stdin: stdin, Stdout: stdout,
		})
		if err != nil {
			log.Fatal(err)
		}
		ended <- exit
	}()

	fmt.Fprintln(client, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2}}}`)
	line, err := bufio.NewReader(responses).ReadBytes('\n')
	if err != nil {
		log.Fatal(err)
	}
	client.Close()
	fmt.Println("exit status", (<-ended).Code)

	var request struct {
		Params struct {
			Arguments json.RawMessage
			Meta      struct {
				Receipt json.RawMessage `json:"_signet"`
			} `json:"_meta"`
		}
	}
	if err := json.Unmarshal(line, &request); err != nil {
		log.Fatal(err)
	}
	v, err := sign.Verify(request.Params.Meta.Receipt, sign.Keys(key.Public().(ed25519.PublicKey)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Tool, v.Target, v.CallID, v.Covers(request.Params.Arguments))
	// Output:
	// exit status 0
	// add mcp://cat n:1 true
}
