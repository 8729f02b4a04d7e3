package sign

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// maxLinks is the maximum number of delegations in a receipt. Each costs the check
// of a signature. The reference implementation has the same limit.
const maxLinks = 16

// FORMAT.md, "Version 4": as version 1, but the signer has its authority from the
// holder of another key.
func (d *document) readVersion4(v *Verified, check verify) error {
	v.Version = 4
	// Only these members are signed, or checked against signed ones.
	if name := otherMember(d.b, "action", "authorization", "id", "nonce", "params_raw", "sig", "signer", "ts", "v"); name != nil {
		return invalid("it has a member %.40q that its signature does not cover", name)
	}
	if err := d.readAction(v, check); err != nil {
		return err
	}
	if err := readTime(&v.Time, d.ts, "ts"); err != nil {
		return err
	}
	if !canon.IsObject(d.authorization) {
		return invalid("it has no authorization")
	}
	if name := otherMember(d.authorization, "chain", "chain_hash", "root_pubkey"); name != nil {
		return invalid("its authorization has a member %.40q that its signature does not cover", name)
	}
	chain, chainHash, root := member(d.authorization, "chain"), member(d.authorization, "chain_hash"), member(d.authorization, "root_pubkey")
	links, ok := canon.Elements(chain, maxLinks)
	if !ok || len(links) == 0 {
		return invalid("its authorization has no chain of 1 to %d delegations", maxLinks)
	}
	if hash, ok := readHash(chainHash); !ok || check != nil && hash != event.HashOf(chain) {
		return invalid("authorization.chain_hash is not the hash of the chain")
	}
	// The root is first: checkSignature takes the last as the signer.
	first := member(links[0], "delegator")
	rootName, _ := canon.Text(member(first, "name"))
	rootKey := readKey(root)
	if rootKey == nil || !bytes.Equal(root, member(first, "pubkey")) {
		return invalid("authorization.root_pubkey is not the first key of the chain")
	}
	v.Signers = append(v.Signers, Party{Role: "root", Name: rootName, Key: rootKey})
	if err := d.readSigner(v); err != nil || check == nil {
		return err
	}

	message := append(make([]byte, 0, len(d.b)), `{"action":`...)
	message = append(append(message, d.action...), `,"authorization":{"chain_hash":`...)
	message = append(append(message, chainHash...), `,"root_pubkey":`...)
	message = append(append(message, root...), `},"nonce":`...)
	message = append(append(message, d.nonce...), `,"signer":`...)
	message = append(append(message, d.signer...), `,"ts":`...)
	message = append(append(message, d.ts...), `,"v":4}`...)
	err := d.checkSignature(v, check, message)
	if err != nil {
		return err
	}

	holder := root
	for i, link := range links {
		if holder, err = checkLink(v, check, link, holder, len(links)-1-i); err != nil {
			return invalid("delegation %d of %d: %s", i+1, len(links), err)
		}
	}
	if !bytes.Equal(holder, member(d.signer, "pubkey")) {
		return invalid("the chain of delegations does not end at the signer")
	}
	return nil
}

// checkLink checks that holder, a key as written in JSON, delegated what the
// receipt uses, and returns the key that it delegated to. further is the number of
// links after this one. Each link must allow this call itself, so it does not
// matter whether a link grants more than the link before it.
func checkLink(v *Verified, check verify, link, holder []byte, further int) (delegate []byte, err error) {
	if !canon.IsObject(link) || otherMember(link, "correlation_id", "delegate", "delegator", "id", "issued_at", "nonce", "scope", "sig", "v") != nil {
		return nil, errors.New("it is not a delegation")
	}
	scope := member(link, "scope")
	if string(member(link, "v")) != "1" || !canon.IsObject(scope) {
		return nil, errors.New("it is not a delegation of version 1")
	}
	from, to := member(link, "delegator"), member(link, "delegate")
	delegate = member(to, "pubkey")
	switch {
	case !bytes.Equal(member(from, "pubkey"), holder):
		return nil, errors.New("it is not from the holder of the authority")
	case readKey(delegate) == nil:
		return nil, errors.New("it has no valid delegate key")
	}

	var sig [ed25519.SignatureSize]byte
	id, _ := canon.Text(member(link, "id"))
	if !decodePrefixed(sig[:], member(link, "sig")) || id != "del_"+idOf(sig[:]) {
		return nil, errors.New("its id does not match its signature")
	}
	// budget is for the delegate's own accounting and is not signed.
	signedScope := document{b: scope}
	message := append([]byte(nil), `{"delegate":`...)
	message = append(append(message, to...), `,"delegator":`...)
	message = append(append(message, from...), `,"issued_at":`...)
	message = append(append(message, member(link, "issued_at")...), `,"nonce":`...)
	message = append(append(message, member(link, "nonce")...), `,"scope":`...)
	message = append(append(message, signedScope.cut("budget")...), `,"v":1}`...)
	if !check(readKey(holder), message, sig[:]) {
		return nil, errors.New("it is not what was signed, or not signed with this key")
	}

	switch {
	case !allows(member(scope, "tools"), v.Tool):
		return nil, errors.New("it does not allow the tool")
	case !allows(member(scope, "targets"), v.Target):
		return nil, errors.New("it does not allow the target")
	}
	depth, bad := strconv.ParseUint(string(member(scope, "max_depth")), 10, 32)
	if bad != nil || depth < uint64(further) {
		return nil, errors.New("its max_depth does not allow the delegations after it")
	}
	if expires := member(scope, "expires"); expires != nil && string(expires) != "null" {
		var t time.Time
		if readTime(&t, expires, "expires") != nil || t.Before(v.Time) {
			return nil, errors.New("it had expired")
		}
	}
	if member(scope, "budget") != nil {
		v.Doubts = append(v.Doubts, "a delegation has a budget, which is not checked")
	}
	return delegate, nil
}

// allows says whether list, of tools or targets, contains name or is ["*"].
func allows(list []byte, name string) bool {
	names, ok := canon.Elements(list, math.MaxInt)
	if !ok {
		return false
	}
	if len(names) == 1 && string(names[0]) == `"*"` {
		return true
	}
	return slices.ContainsFunc(names, func(value []byte) bool {
		s, ok := canon.Text(value)
		return ok && s == name
	})
}

// member returns the value of a member of an object in canonical form. It is nil if
// there is no such member, or object is not an object.
func member(object []byte, name string) []byte {
	if !canon.IsObject(object) {
		return nil
	}
	for cur := canon.Members(object); cur.Next(); {
		if string(cur.Name) == name {
			return cur.Value
		}
	}
	return nil
}

// otherMember returns the name of a member of an object in canonical form that is
// not in known. It is nil if all are.
func otherMember(object []byte, known ...string) []byte {
	for cur := canon.Members(object); cur.Next(); {
		if !slices.Contains(known, string(cur.Name)) {
			return cur.Name
		}
	}
	return nil
}
