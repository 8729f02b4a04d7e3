package verify

import (
	"bytes"
	"fmt"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
)

// Proof is what verifying a proof came to: that a record is in a log as witnesses
// cosigned it.
type Proof struct {
	Verdict Verdict  `json:"verdict"`           // Valid, Tampered or Unconfirmed
	Reasons []string `json:"reasons,omitempty"` // why it is not valid

	Receipt *Receipt `json:"receipt,omitempty"` // as it is by itself; nil: not in the proof

	Origin string `json:"origin,omitempty"` // of the log
	Index  int64  `json:"index"`            // of the record, from 0 on
	Size   int64  `json:"size"`             // of the log then, in records
	Root   string `json:"root,omitempty"`

	Policy    string       `json:"policy"`            // "given", "home" or "none"
	Witnesses []CosignedBy `json:"witnesses"`         // who have cosigned it, of the policy
	Quorum    bool         `json:"quorum"`            // they are enough
	Since     string       `json:"since,omitempty"`   // when they became so: the record was there
	Stamped   string       `json:"stamped,omitempty"` // when an authority stamped the checkpoint
}

// CosignedBy is a witness that has cosigned a checkpoint.
type CosignedBy struct {
	Name string `json:"name"`
	Time string `json:"time"` // by its clock
}

// ProofOptions are those of [CheckProof].
type ProofOptions struct {
	Policy   *tlog.Policy // nil: nobody's signature counts
	FromHome bool         // the policy is that of the home, and nobody vouches for it
	Keys     Keys
	Now      time.Time
	// RecordHash is that of the record, for a proof that does not carry it.
	RecordHash *chain.Hash
	// Stamp says when message was stamped by an authority that counts; nil if
	// none does.
	Stamp func(token, message []byte) (time.Time, error)
}

// CheckProof verifies a proof. An error says that it is none.
func CheckProof(b []byte, o ProofOptions) (*Proof, error) {
	p, err := tlog.ParseProof(b)
	if err != nil {
		return nil, err
	}
	f := &Proof{Verdict: Valid, Index: p.Index, Policy: "none", Witnesses: []CosignedBy{}}
	hash := o.RecordHash
	c := f.checkpoint(p, o)
	if p.Extra != nil {
		extra, err := tlog.ParseExtra(p.Extra)
		if err != nil {
			return nil, err
		}
		h := extra.RecordHash()
		if hash != nil && *hash != h {
			f.tampered("the record in the proof is not the one with that hash")
		}
		hash = &h
		seen := f.seen(c, extra, o)
		vouched := seen
		if o.FromHome {
			vouched = time.Time{}
		}
		receipt, err := checkAt(extra.Receipt, o.Keys, o.Now, vouched)
		if err != nil { // an unsigned event, or of a later version
			receipt = Receipt{Verdict: Unconfirmed, Reasons: []string{err.Error()}}
		}
		f.Receipt = &receipt
		f.worse(receipt.Verdict, receipt.Reasons...)
		if claims, err := time.Parse(time.RFC3339, receipt.Time); err == nil && !seen.IsZero() && claims.After(seen.Add(clockSlack)) {
			f.worse(Unconfirmed, fmt.Sprintf("it claims %s, and was there at %s", receipt.Time, formatTime(seen)))
		}
	} else if hash == nil {
		f.worse(Unconfirmed, "the proof does not carry the record, and no hash of it is given")
	}
	if c != nil && hash != nil {
		if err := p.Check(c.Checkpoint, *hash); err != nil {
			f.tampered(err.Error())
		}
	}
	return f, nil
}

// checkpoint reads the proof's checkpoint and says who vouches for it.
func (f *Proof) checkpoint(p *tlog.Proof, o ProofOptions) *tlog.Signed {
	var c *tlog.Signed
	if o.Policy == nil {
		text, _, _ := bytes.Cut(p.Checkpoint, []byte("\n\n"))
		unsigned, err := tlog.ParseCheckpoint(string(text) + "\n")
		if err != nil {
			f.tampered(err.Error())
			return nil
		}
		c = &tlog.Signed{Checkpoint: unsigned}
		f.worse(Unconfirmed, "no policy says which log's and which witnesses' signatures count")
	} else {
		var err error
		if c, err = o.Policy.Open(p.Checkpoint); err != nil {
			f.tampered(err.Error())
			return nil
		}
		f.Policy = "given"
		if o.FromHome {
			f.Policy = "home"
			f.worse(Unconfirmed, "the policy is the one of this home, which nobody vouches for")
		}
		if o.Policy.HasQuorum() && !c.Quorum {
			f.worse(Unconfirmed, "not enough witnesses have cosigned the checkpoint")
		}
	}
	f.Origin, f.Size, f.Root, f.Quorum, f.Since = c.Origin, c.Size, c.Root.String(), c.Quorum, formatTime(c.Since)
	for _, w := range c.Cosignatures {
		f.Witnesses = append(f.Witnesses, CosignedBy{w.Witness, formatTime(w.Time)})
	}
	return c
}

// seen is when others have seen the record, zero if nobody has who counts.
func (f *Proof) seen(c *tlog.Signed, extra *tlog.Extra, o ProofOptions) time.Time {
	if c == nil || c.Log == nil {
		return time.Time{}
	}
	seen := c.Since
	for _, token := range extra.Stamps {
		if o.Stamp == nil {
			f.worse(Unconfirmed, "it carries a time stamp, and no authority's roots are given")
			continue
		}
		at, err := o.Stamp(token, c.Log)
		if err != nil {
			f.tampered(err.Error())
			continue
		}
		f.Stamped = formatTime(at)
		if seen.IsZero() || at.Before(seen) {
			seen = at
		}
	}
	return seen
}

func (f *Proof) tampered(reason string) { f.worse(Tampered, reason) }

// worse lowers the verdict.
func (f *Proof) worse(v Verdict, reasons ...string) {
	f.Reasons = append(f.Reasons, reasons...)
	if v == Tampered || f.Verdict == Valid {
		f.Verdict = v
	}
}
