package integration

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	cosign "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// party is a log or a witness.
type party struct {
	signer note.Signer
	vkey   string
}

func newParty(t *testing.T, name string, witness bool) party {
	t.Helper()
	skey, vkey, err := note.GenerateKey(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	var p party
	if !witness {
		p.vkey = vkey
		p.signer, err = note.NewSigner(skey)
	} else if p.vkey, err = cosign.VKeyToCosignatureV1(vkey); err == nil {
		p.signer, err = cosign.NewSignerForCosignatureV1(skey)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func policyFor(t *testing.T, log, witness party) *tlog.Policy {
	t.Helper()
	text, err := tlog.NewPolicy(log.vkey, []tlog.Witness{{Key: witness.vkey, URL: "https://w.example.com"}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := tlog.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A proof holds of its own receipt, log and policy, and with no bit changed; of any
// other it says so.
func TestCheckProof(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	signer, err := sign.NewSigner(key, "agent", "")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	var extras []*tlog.Extra
	var tree tlog.Tree
	var stored []byte
	for n := range 10 {
		r, err := signer.Event(event.Gap{Session: "ses_1", Calls: int64(n + 1), From: now, To: now}, now, event.Hash{})
		if err != nil {
			t.Fatal(err)
		}
		e := &tlog.Extra{Receipt: json.RawMessage(r.Record)}
		extras = append(extras, e)
		stored = tree.Append(stored, tlog.Leaf(e.RecordHash()))
	}
	log, witness := newParty(t, "example.com/log", false), newParty(t, "w", true)
	checkpoint := func(log, witness party, origin string) []byte {
		t.Helper()
		msg, err := note.Sign(&note.Note{Text: tlog.Checkpoint{Origin: origin, Size: 10, Root: tree.Root()}.String()}, log.signer, witness.signer)
		if err != nil {
			t.Fatal(err)
		}
		return msg
	}
	proof := func(index int64, e *tlog.Extra, checkpoint []byte) []byte {
		t.Helper()
		hashes, err := tlog.Hashes{R: bytes.NewReader(stored)}.Inclusion(10, index)
		p := &tlog.Proof{Index: index, Hashes: hashes, Checkpoint: checkpoint}
		if err == nil && e != nil {
			p.Extra, err = e.Format()
		}
		if err != nil {
			t.Fatal(err)
		}
		return p.Format()
	}
	keys := verify.Keys{}
	keys.Add(key.Public().(ed25519.PublicKey), "agent")
	o := verify.ProofOptions{Policy: policyFor(t, log, witness), Keys: keys, Now: now}
	good := proof(4, extras[4], checkpoint(log, witness, "example.com/log"))
	is := func(name string, want verify.Verdict, b []byte, o verify.ProofOptions) {
		t.Helper()
		f, err := verify.CheckProof(b, o)
		if err != nil || f.Verdict != want {
			t.Errorf("%s: %+v, %v; want %s", name, f, err, want)
		} else if (want == verify.Valid) != (len(f.Reasons) == 0) {
			t.Errorf("%s: %q", name, f.Reasons)
		}
	}
	is("as it is", verify.Valid, good, o)
	with := func(change func(*verify.ProofOptions)) verify.ProofOptions {
		other := o
		change(&other)
		return other
	}
	hash := extras[4].RecordHash()
	bare := proof(4, nil, checkpoint(log, witness, "example.com/log"))
	is("without a policy", verify.Unconfirmed, good, with(func(o *verify.ProofOptions) { o.Policy = nil }))
	is("by the home's policy", verify.Unconfirmed, good, with(func(o *verify.ProofOptions) { o.FromHome = true }))
	is("without keys", verify.Unconfirmed, good, with(func(o *verify.ProofOptions) { o.Keys = verify.Keys{} }))
	is("without a receipt", verify.Unconfirmed, bare, o)
	is("without a receipt, and its hash", verify.Valid, bare, with(func(o *verify.ProofOptions) { o.RecordHash = &hash }))
	other := extras[5].RecordHash()
	is("without a receipt, and another hash", verify.Tampered, bare, with(func(o *verify.ProofOptions) { o.RecordHash = &other }))
	is("another hash beside the receipt", verify.Tampered, good, with(func(o *verify.ProofOptions) { o.RecordHash = &other }))
	is("another receipt of the log", verify.Tampered, proof(4, extras[5], checkpoint(log, witness, "example.com/log")), o)
	moved := *extras[4]
	moved.PrevHash[0] = 1
	is("another place of the receipt", verify.Tampered, proof(4, &moved, checkpoint(log, witness, "example.com/log")), o)
	thief := newParty(t, "example.com/log", false)
	is("another key of the log", verify.Tampered, proof(4, extras[4], checkpoint(thief, witness, "example.com/log")), o)
	elsewhere := newParty(t, "example.com/other", false)
	is("another log", verify.Tampered, proof(4, extras[4], checkpoint(elsewhere, witness, "example.com/other")), o)
	is("another log's policy", verify.Tampered, good, with(func(o *verify.ProofOptions) { o.Policy = policyFor(t, elsewhere, witness) }))
	stranger := newParty(t, "w", true)
	is("another witness", verify.Unconfirmed, proof(4, extras[4], checkpoint(log, stranger, "example.com/log")), o)
	is("a policy of another witness", verify.Unconfirmed, good, with(func(o *verify.ProofOptions) { o.Policy = policyFor(t, log, stranger) }))
	stamped := *extras[4]
	stamped.Stamps = [][]byte{[]byte("token")}
	is("a stamp of no authority", verify.Unconfirmed, proof(4, &stamped, checkpoint(log, witness, "example.com/log")), o)
	is("a stamp that is none", verify.Tampered, proof(4, &stamped, checkpoint(log, witness, "example.com/log")), with(func(o *verify.ProofOptions) {
		o.Stamp = func(_, _ []byte) (time.Time, error) { return time.Time{}, errors.New("not a stamp") }
	}))
	is("a stamp of before the receipt claims to be", verify.Unconfirmed, proof(4, &stamped, checkpoint(log, witness, "example.com/log")), with(func(o *verify.ProofOptions) {
		o.Stamp = func(_, _ []byte) (time.Time, error) { return now.Add(-48 * time.Hour), nil }
	}))
	step := 1
	if testing.Short() {
		step = 37
	}
	for i := 0; i < len(good); i += step {
		bad := slices.Clone(good)
		for bit := range 8 {
			bad[i] = good[i] ^ 1<<bit
			f, err := verify.CheckProof(bad, o)
			switch {
			case err != nil && (strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 1000):
				t.Errorf("bit %d of byte %d: %q", bit, i, err)
			case err == nil && f.Verdict == verify.Valid:
				t.Errorf("bit %d of byte %d: valid: %q", bit, i, bad)
			}
		}
	}
}
