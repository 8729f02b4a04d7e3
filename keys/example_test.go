package keys_test

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/signet-wrap/signet-wrap/keys"
)

// Make an identity, encrypted with a passphrase, and sign with it.
func ExampleStore() {
	home, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(home)

	store := keys.Store{Dir: filepath.Join(home, "keys")}
	if _, err := store.Generate("agent", "alice", []byte("correct horse")); err != nil {
		log.Fatal(err)
	}

	if _, err = store.Load("agent", nil); errors.Is(err, keys.ErrPassphraseNeeded) {
		fmt.Println("it takes a passphrase")
	}
	key, err := store.Load("agent", func() ([]byte, error) { return []byte("correct horse"), nil })
	if err != nil {
		log.Fatal(err)
	}
	message := []byte("message")
	sig, err := key.Sign(nil, message, crypto.Hash(0)) // or sign.NewSigner(key, key.Name, key.Owner)
	if err != nil {
		log.Fatal(err)
	}

	public, err := store.Public("agent") // this needs no passphrase
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(public.Name, "of", public.Owner, ed25519.Verify(public.Key, message, sig))
	// Output:
	// it takes a passphrase
	// agent of alice true
}

// A public key travels as the content of its .pub file.
func ExampleParsePublic() {
	public, err := keys.ParsePublic([]byte(`{"v":1,"algorithm":"ed25519","name":"agent","pubkey":"O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=","owner":"alice","created_at":"2026-05-01T10:00:00.000Z"}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s of %s: %x\n", public.Name, public.Owner, public.Key[:4])
	// Output:
	// agent of alice: 3b6a27bc
}
