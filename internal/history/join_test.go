package history

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/sign"
)

func id(i int) string {
	sum := sha256.Sum256(fmt.Append(nil, i))
	return "rec_" + hex.EncodeToString(sum[:16])
}

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// said is a call, or what was said of one, that agrees with others in all but what
// change does.
func said(v sign.Verified, change ...func(*sign.Verified)) *sign.Verified {
	v.Session, v.Time = "ses_a", noon
	v.Signers = []sign.Party{{Name: "bot", Key: make([]byte, 32)}}
	if v.Type == "" {
		v.Tool, v.Target = "pay", "mcp://bank"
	}
	for _, c := range change {
		c(&v)
	}
	return &v
}

func call(i int, change ...func(*sign.Verified)) *sign.Verified {
	return said(sign.Verified{Version: 1, ID: id(i)}, change...)
}

// response is the n-th to the call i.
func response(n, i int, change ...func(*sign.Verified)) *sign.Verified {
	return said(sign.Verified{Version: 2, ID: id(1_000_000 + n), ParentID: id(i)}, change...)
}

func unanswered(change ...func(*sign.Verified)) *sign.Verified {
	return said(sign.Verified{Version: 1, Type: "unanswered", ID: "evt_"}, change...)
}

// changes are what parts a statement from its call. An unanswered event has only
// the first three to agree in.
var changes = []func(*sign.Verified){
	func(v *sign.Verified) { v.Signers[0].Key = append(make([]byte, 31), 1) },
	func(v *sign.Verified) { v.Signers[0].Name = "other" },
	func(v *sign.Verified) { v.Session = "ses_b" },
	func(v *sign.Verified) { v.Tool = "paymcp:" },
	func(v *sign.Verified) { v.Tool, v.Target = "paymcp:", "//bank" },
	func(v *sign.Verified) { v.Target = "" },
	func(v *sign.Verified) { v.Time = v.Time.Add(time.Millisecond) },
}

const changesOfParty = 3

func TestJoin(t *testing.T) {
	j := NewJoin[int]()
	isCall := func(v *sign.Verified, n int, want bool) {
		t.Helper()
		if got := j.Call(v, n); got != want {
			t.Errorf("call %d: %v, want %v", n, got, want)
		}
	}
	is := func(call int, verdict Verdict, wantCall int, want Verdict) {
		t.Helper()
		if call != wantCall || verdict != want {
			t.Errorf("call %d, %v; want %d, %v", call, verdict, wantCall, want)
		}
	}
	respond := func(v *sign.Verified, want int, verdict Verdict) {
		t.Helper()
		call, got := j.Response(v)
		is(call, got, want, verdict)
	}
	for i := range 4 {
		isCall(call(i), i, true)
	}
	isCall(call(2), 9, false)
	for _, change := range changes {
		respond(response(0, 1, change), 0, Disagrees)
	}
	for _, change := range changes[:changesOfParty] {
		c, verdict := j.Unanswered(unanswered(change), id(1))
		is(c, verdict, 0, Disagrees)
	}
	respond(response(1, 1), 1, Counts)
	respond(response(1, 1), 0, Copy)
	respond(response(2, 1), 0, Further)
	respond(response(2, 1, changes[0]), 0, Disagrees)
	isCall(call(1), 9, false)
	respond(response(3, 77), 0, NoCall)
	respond(said(sign.Verified{Version: 2, ParentID: "REC_"}), 0, NoCall)
	c, verdict := j.Unanswered(unanswered(), id(3))
	is(c, verdict, 3, Counts)
	respond(response(4, 3), 0, Further)
	if alone := call(5); !j.Alone(alone) || j.Alone(alone) || j.Call(alone, 9) {
		t.Error("a receipt without others is taken twice")
	}
	respond(response(5, 5), 0, NoCall)
	j.Forget(call(2))
	respond(response(6, 2), 0, NoCall)
	if left := slices.Collect(j.Calls()); !slices.Equal(left, []int{0}) || j.Waiting() != 1 {
		t.Errorf("waiting: %v", left)
	}
}

// Both directions come to the same: they are given random sequences of calls and
// of what is said of them, where nothing is before its call.
func TestJoinDirections(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		var log []*sign.Verified
		for range 60 {
			i := r.IntN(10)
			known := slices.ContainsFunc(log, func(v *sign.Verified) bool { return v.ID == id(i) })
			switch v := call(i); {
			case !known:
				log = append(log, v)
			case r.IntN(3) > 0:
				v = response(r.IntN(20), i)
				if r.IntN(2) == 0 {
					changes[r.IntN(len(changes))](v)
				}
				log = append(log, v)
			default:
				v = unanswered()
				if v.ParentID = id(i); r.IntN(2) == 0 { // which is its list here
					changes[r.IntN(changesOfParty)](v)
				}
				log = append(log, v)
			}
		}
		forward, backward := map[int]Verdict{}, map[int]Verdict{}
		j := NewJoin[int]()
		b := NewBackward(func(int) { t.Error("something was forgotten") })
		for i := range log {
			switch v := log[i]; {
			case v.Type != "":
				_, forward[i] = j.Unanswered(v, v.ParentID)
			case IsResponse(v):
				_, forward[i] = j.Response(v)
			default:
				j.Call(v, i)
			}
			switch v, back := log[len(log)-1-i], len(log)-1-i; {
			case v.Type != "":
				b.Unanswered(v, v.ParentID, back, 0)
			case IsResponse(v):
				b.Response(v, back, 0)
			default:
				told, again := b.Call(v)
				if again {
					t.Errorf("seed %d: a call came twice", seed)
				}
				for _, s := range told {
					backward[s.Statement] = s.Verdict
				}
			}
		}
		if !maps.Equal(forward, backward) {
			t.Fatalf("seed %d: forward %v, backward %v", seed, forward, backward)
		}
	}
}

// What a Backward holds of statements stays bounded, and each one that it forgets
// is reported.
func TestBackwardIsBounded(t *testing.T) {
	defer func(n int) { maxRecent = n }(maxRecent)
	maxRecent = 100
	forgotten := 0
	b := NewBackward(func(int) { forgotten++ })
	for i := range 10_000 {
		b.Response(response(i, i%7), i, 0)
		b.Response(response(i, 100+i), i, 0)
	}
	left := len(slices.Collect(b.Waiting()))
	if left > 7*maxEarly+2*maxRecent || forgotten+left != 20_000 {
		t.Errorf("%d are held, %d were forgotten", left, forgotten)
	}
	if said, _ := b.Call(call(10_099)); len(said) != 1 || said[0].Verdict != Counts {
		t.Errorf("the latest: %v", said)
	}
	b = NewBackward(func(int) {})
	b.Response(response(1, 1), 1, maxRecentSize)
	b.Response(response(2, 2), 2, maxRecentSize)
	b.Response(response(3, 3), 3, maxRecentSize)
	if left := len(slices.Collect(b.Waiting())); left > 2 {
		t.Errorf("%d large ones are held", left)
	}
}
