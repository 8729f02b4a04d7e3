package verify

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestConversation: what two logs say of the same calls, compared from both sides.
func TestConversation(t *testing.T) {
	id := func(n int) string { return fmt.Sprintf("rec_%032x", n) }
	call := func(n, parent int, session, tool string, params byte) *sign.Verified {
		v := &sign.Verified{Version: 1, ID: id(n), Session: session, Tool: tool, ParamsHash: sign.Hash{params}}
		if parent > 0 {
			v.ParentID = id(parent)
		}
		return v
	}
	response := func(n int, hash byte, o sign.Outcome) *sign.Verified {
		return &sign.Verified{Version: 2, ID: id(n + 5000), ParentID: id(n), ResponseHash: sign.Hash{hash}, Outcome: o}
	}
	done := sign.Outcome{Status: "executed"}
	asSent := sign.Outcome{Status: "executed", Reason: "content_hash is of the 9 bytes as sent"}
	client := []*sign.Verified{
		call(1, 0, "ses_a", "add", 1), response(1, 1, done),
		call(2, 0, "ses_a", "add", 1), response(2, 1, done), // other arguments there
		call(3, 0, "ses_a", "add", 1), response(3, 1, done), // another result
		call(4, 0, "ses_a", "add", 1), response(4, 1, asSent), // of bytes: not comparable
		call(5, 0, "ses_a", "add", 1), response(5, 1, done), // not there
		call(6, 0, "ses_a", "add", 1),                       // lost
		call(7, 0, "ses_a", "add", 1), response(7, 1, done), // refused
		call(8, 0, "ses_other", "add", 1), response(8, 1, done), // of another server
	}
	server := []*sign.Verified{
		call(101, 1, "ses_s", "add", 1), response(101, 1, done),
		call(102, 2, "ses_s", "add", 2), response(102, 1, done),
		call(103, 3, "ses_s", "add", 1), response(103, 2, done),
		call(104, 4, "ses_s", "add", 1), response(104, 2, done),
		{Version: 1, Type: "call_refused", Event: event.CallRefused{Receipt: id(7)}},
		call(109, 9, "ses_s", "add", 1), response(109, 1, done), // not in the client's log
	}
	compare := func(ours, theirs []*sign.Verified) Conversation {
		var c conversation
		for _, v := range ours {
			c.ours.take(v)
		}
		for _, v := range theirs {
			c.theirs.take(v)
		}
		r := c.result()
		if r == nil {
			t.Fatal("no conversation")
		}
		r.First = nil
		return *r
	}
	if got, want := fmt.Sprint(compare(client, server)), fmt.Sprint(Conversation{Calls: 4, NotThere: 1, NotHere: 1, Lost: 1, Refused: 1, Request: 1, Response: 1}); got != want {
		t.Errorf("the client's log: %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(compare(server, client)), fmt.Sprint(Conversation{Calls: 4, NotThere: 1, NotHere: 1, Lost: 1, Refused: 1, Request: 1, Response: 1}); got != want {
		t.Errorf("the log of the server's side: %s, want %s", got, want)
	}
	twice := append(slices.Clone(server), call(110, 4, "ses_s", "add", 1)) // by a replay
	for name, got := range map[string]Conversation{"the client's": compare(client, twice), "the server's side": compare(twice, client)} {
		if got.Twice != 1 || got.Calls != 4 || !got.differs() {
			t.Errorf("%s log, and a call twice: %+v", name, got)
		}
	}
	var none conversation
	none.ours.take(client[0])
	if r := none.result(); r != nil {
		t.Errorf("%+v", r)
	}
}

// TestConversationLeft: where a log has more calls than are kept, what one side lacks may be
// among those that were left out, so that it is not said to be missing.
func TestConversationLeft(t *testing.T) {
	call := func(n, parent int) *sign.Verified {
		v := &sign.Verified{Version: 1, ID: fmt.Sprintf("rec_%032x", n), Session: "ses_a", Tool: "t"}
		if parent > 0 {
			v.ParentID = fmt.Sprintf("rec_%032x", parent)
		}
		return v
	}
	var c conversation
	c.ours.take(call(1, 0))
	for _, theirs := range []*sign.Verified{call(101, 1), call(102, 2)} {
		c.theirs.take(theirs)
	}
	c.ours.left = 1
	if r := c.result(); r == nil || r.Calls != 1 || r.NotHere != 0 || r.Left != 2 || r.differs() {
		t.Errorf("%+v", r)
	}
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestConversationMemory: a call of a large log takes a bounded number of bytes, however
// long the receipts are that it was read from; and so do its receipt and its response as
// what the other log must have.
func TestConversationMemory(t *testing.T) {
	const n, limit = 200_000, 200 // bytes for each
	var c conversation
	before := heapInUse()
	for i := range n {
		receipt := fmt.Sprintf("rec_%032xses_a%s", i, strings.Repeat("x", 1000)) // what all texts are parts of
		v := &sign.Verified{Version: 1, ID: receipt[:36], Session: receipt[36:41], Tool: receipt[41:45]}
		c.ours.take(v)
		c.ours.take(&sign.Verified{Version: 2, ParentID: v.ID, Outcome: sign.Outcome{Status: receipt[50:58], Reason: receipt[60:]}})
	}
	if each := (heapInUse() - before) / n; each > limit {
		t.Errorf("%d bytes for each call, want at most %d", each, limit)
	}
	k := Expected{ids: map[receiptID]kept{}}
	before = heapInUse()
	for i := range n {
		var id receiptID
		binary.BigEndian.PutUint32(id.id[:], uint32(i))
		k.keep(id, kept{day: 1, by: 1}, chain.Hash(event.HashOf(id.id[:])))
	}
	if each := (heapInUse() - before) / n; each > limit/2 {
		t.Errorf("%d bytes for each receipt of a record, want at most %d", each, limit/2)
	}
	runtime.KeepAlive(&k)
	if got := len(c.ours.calls); got != n || !c.ours.at(n-1).responded {
		t.Errorf("%d calls", got)
	}
}
