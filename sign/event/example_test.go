package event_test

import (
	"crypto/ed25519"
	"fmt"
	"log"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Events are made by a sign.Signer, and come out of sign.Verify.
func Example() {
	signer, err := sign.NewSigner(ed25519.NewKeyFromSeed(make([]byte, 32)), "agent", "alice")
	if err != nil {
		log.Fatal(err)
	}
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	gap := event.Gap{Session: "ses_1", Calls: 3, From: noon, To: noon.Add(time.Second), Reason: "no space left on device"}
	prev := event.HashOf([]byte("the record before it"))
	receipt, err := signer.Event(gap, noon.Add(time.Minute), prev)
	if err != nil {
		log.Fatal(err)
	}

	v, err := sign.Verify(receipt.Record, sign.Keys(signer.PublicKey()))
	if err != nil {
		log.Fatal(err)
	}
	switch e := v.Event.(type) {
	case event.Gap:
		fmt.Printf("%d calls have no receipt: %s\n", e.Calls, e.Reason)
	case event.Other:
		fmt.Println("an event of a later version:", e.Type())
	}
	fmt.Println("in its place:", v.Follows(prev))
	// Output:
	// 3 calls have no receipt: no space left on device
	// in its place: true
}

func ExampleHash() {
	h := event.HashOf([]byte("{}"))
	fmt.Println(h)
	again, err := event.ParseHash(h.String())
	fmt.Println(again == h, err)
	// Output:
	// sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
	// true <nil>
}
