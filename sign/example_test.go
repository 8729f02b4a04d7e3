package sign_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
)

// A key for the examples. Anybody can have it: see package keys for real ones.
var key = ed25519.NewKeyFromSeed(make([]byte, 32))

func receipt() []byte {
	signer, err := sign.NewSigner(key, "agent", "alice")
	if err != nil {
		log.Fatal(err)
	}
	draft, err := signer.Prepare(sign.Action{
		Tool:      "send_mail",
		Arguments: []byte(`{"to": "bob@example.com", "copies": 1.0}`),
		Target:    "mcp://mail",
	})
	if err != nil {
		log.Fatal(err)
	}
	r, err := draft.Sign(time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC))
	if err != nil {
		log.Fatal(err)
	}
	return r.JSON
}

// Make a receipt for a call that is in no log.
func ExampleSigner() {
	signer, err := sign.NewSigner(key, "agent", "alice")
	if err != nil {
		log.Fatal(err)
	}
	draft, err := signer.Prepare(sign.Action{Tool: "add", Arguments: []byte(`{"b": 2, "a": 1}`), Target: "mcp://sums"})
	if err != nil {
		log.Fatal(err)
	}
	receipt, err := draft.Sign(time.Now())
	if err != nil {
		log.Fatal(err)
	}
	v, err := sign.Verify(receipt.JSON, sign.Keys(signer.PublicKey()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %s\n%v\n", v.Tool, v.Params, v.ParamsHash)
	// Output:
	// add {"a":1,"b":2}
	// sha256:43258cff783fe7036d8a43033f830adfc60ec037382473548ac742b888292777
}

// A server checks the receipt in a request before it runs the tool.
func ExampleVerify() {
	known := sign.Keys(key.Public().(ed25519.PublicKey))
	v, err := sign.Verify(receipt(), known)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Signers[0].Name, "asks for", v.Tool, "at", v.Time)
	fmt.Println("these arguments:", v.Covers([]byte(`{"copies":1,"to":"bob@example.com"}`)))
	fmt.Println("or others:", v.Covers([]byte(`{"copies":1,"to":"eve@example.com"}`)))
	// Output:
	// agent asks for send_mail at 2026-05-01 10:00:00 +0000 UTC
	// these arguments: true
	// or others: false
}

// A receipt by an unknown key proves nothing, but can be shown.
func ExampleUnknownKeyError() {
	_, err := sign.Verify(receipt(), sign.Keys())
	if unknown, ok := errors.AsType[*sign.UnknownKeyError](err); ok {
		fmt.Printf("somebody with the key %x... asks for %s\n", unknown.Signer.Key[:4], unknown.Says.Tool)
	}
	fmt.Println(err)
	// Output:
	// somebody with the key 3b6a27bc... asks for send_mail
	// the key of the agent, who calls itself "agent", is not known
}
