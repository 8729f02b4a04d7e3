package home

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
)

// Signer opens Key for signing, and asks nobody. If it is [DefaultKey] and there is
// none, it is made. say gets what the user must know: a line each. An error says what
// to do.
func (l Unlock) Signer(say func(text string)) (*sign.Signer, error) {
	store := l.Home.Keys()
	key, err := store.Load(l.Key, l.Passphrase)
	if errors.Is(err, keys.ErrNoKey) && l.Key == DefaultKey {
		if _, err = store.Generate(DefaultKey, "", nil); err == nil {
			say(fmt.Sprintf("made the key %q, not encrypted, in %s", DefaultKey, store.Dir))
		}
		if err == nil || errors.Is(err, fs.ErrExist) { // another program may have been quicker
			key, err = store.Load(l.Key, l.Passphrase)
		}
	}
	if err != nil {
		if do := store.Advice(l.Key, err); do != "" {
			err = fmt.Errorf("%w: %s", err, do)
		}
		return nil, err
	}
	for _, w := range key.Warnings {
		say(w)
	}
	return sign.NewSigner(key, key.Name, key.Owner)
}
