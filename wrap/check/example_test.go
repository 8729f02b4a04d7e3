package check_test

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap/check"
)

// A server that demands a receipt with each call.
func Example() {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "replays")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	checker, err := check.New(check.Options{Trust: check.Keys(public), Replays: dir, Missing: check.MissingRefuse})
	if err != nil {
		log.Fatal(err)
	}
	defer checker.Close()
	handle := func(tool string, arguments, receipt json.RawMessage) {
		_, err := checker.Check(check.Call{Tool: tool, Arguments: arguments, Receipt: receipt})
		if refusal, ok := errors.AsType[*check.Refusal](err); ok {
			fmt.Println("refused:", string(refusal.Data()))
			return
		}
		fmt.Println("passed")
	}

	// What the agent does:
	arguments := []byte(`{"a":2,"b":3}`)
	signer, err := sign.NewSigner(private, "agent", "alice")
	if err != nil {
		log.Fatal(err)
	}
	draft, err := signer.Prepare(sign.Action{Tool: "add", Arguments: arguments, Target: "mcp://calculator"})
	if err != nil {
		log.Fatal(err)
	}
	receipt, err := draft.Sign(time.Now())
	if err != nil {
		log.Fatal(err)
	}
	handle("add", []byte(`{"a":2,"b":4}`), receipt.JSON)
	handle("add", arguments, receipt.JSON)
	handle("add", arguments, receipt.JSON)
	handle("add", arguments, nil)
	// Output:
	// refused: {"reason":"wrong_arguments"}
	// passed
	// refused: {"reason":"replayed"}
	// refused: {"reason":"no_receipt"}
}
