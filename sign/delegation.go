package sign

import "github.com/signet-wrap/signet-wrap/internal/canon"

// version4: as version 1, with authority that the signer had from someone else.
func (d *document) version4(v *Verified, check bool) error {
	v.Version = 4
	if err := d.readAction(v, check); err != nil {
		return err
	}
	if err := readTime(&v.Time, d.ts, "ts"); err != nil {
		return err
	}
	if d.exp != nil || d.unknown != nil {
		return invalid("it has members that its signature does not cover")
	}
	var chain, chainHash, root []byte
	if len(d.authorization) == 0 || d.authorization[0] != '{' {
		return invalid("it has no authorization")
	}
	cur := cursor{b: d.authorization}
	for {
		name, value, _, ok := cur.next()
		if !ok {
			break
		}
		switch string(name) {
		case "chain":
			chain = value
		case "chain_hash":
			chainHash = value
		case "root_pubkey":
			root = value
		}
	}
	if hash, ok := text(chainHash); !ok || check && canon.Hash(chain) != hash {
		return invalid("chain_hash is not the hash of the chain")
	}
	return d.checkSigner(v, check, "rec_", func() []byte {
		b := append(make([]byte, 0, len(d.b)), `{"action":`...)
		b = append(append(b, d.action...), `,"authorization":{"chain_hash":`...)
		b = append(append(b, chainHash...), `,"root_pubkey":`...)
		b = append(append(b, root...), `},"nonce":`...)
		b = append(append(b, d.nonce...), `,"signer":`...)
		b = append(append(b, d.signer...), `,"ts":`...)
		b = append(append(b, d.ts...), `,"v":4}`...)
		return b
	})
}
