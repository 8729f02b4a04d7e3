package sshagent

import (
	"errors"
	"fmt"
	"strings"
)

// Choose is the one Ed25519 key of those that an agent holds that is meant: by its
// fingerprint or comment, or if which is "" the only one. The error says why none
// is, and which there are.
func Choose(keys []Key, which string) (Key, error) {
	var usable, meant []Key
	for _, k := range keys {
		_, ok := k.Ed25519()
		if ok {
			usable = append(usable, k)
		}
		if which != "" && (k.Fingerprint() == which || k.Comment == which) {
			if !ok {
				return Key{}, fmt.Errorf("the key %q is of the type %q: only plain ssh-ed25519 keys sign as receipts are signed, no certificates and no keys of security tokens (sk-)", which, k.Type)
			}
			meant = append(meant, k)
		}
	}
	if which == "" {
		meant = usable
	}
	switch {
	case len(meant) == 1:
		return meant[0], nil
	case len(keys) == 0:
		return Key{}, errors.New("the SSH agent holds no keys, or is locked")
	case len(usable) == 0:
		return Key{}, errors.New("the SSH agent holds no plain ssh-ed25519 key")
	case len(meant) > 1 && which != "":
		return Key{}, fmt.Errorf("%d keys have the comment %q: name one by its fingerprint: %s", len(meant), which, all(meant))
	case which != "":
		return Key{}, fmt.Errorf("the SSH agent holds no key %q; it has %s", which, all(usable))
	}
	return Key{}, fmt.Errorf("the SSH agent holds %d ssh-ed25519 keys: name one of them: %s", len(usable), all(usable))
}

// maxNamed bounds how many keys an error names, and maxComment each comment.
const (
	maxNamed   = 10
	maxComment = 60
)

func all(keys []Key) string {
	var names []string
	for i, k := range keys {
		if i == maxNamed {
			names = append(names, "and more")
			break
		}
		c := k.Comment
		if len(c) > maxComment {
			c = strings.ToValidUTF8(c[:maxComment], "") + "..."
		}
		names = append(names, fmt.Sprintf("%s (%q)", k.Fingerprint(), c))
	}
	return strings.Join(names, ", ")
}
