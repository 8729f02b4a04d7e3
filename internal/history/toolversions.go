package history

import (
	"bytes"
	"cmp"
	"context"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A ToolVersion is one definition of a tool, as a server listed it in sessions with
// one key, and its use: calls of the tool while it was the one that had been listed
// last.
type ToolVersion struct {
	Target, Tool string
	Signer       sign.Party
	Hash         event.Hash // of the definition; zero: the tool was called, and no listing before had it
	Listed       time.Time  // when it was first recorded; zero with Hash

	Calls       int64
	First, Last time.Time // of them; zero: there are none
}

// ToolOptions say of which tools [ToolVersions] tells. The zero value is all.
type ToolOptions struct {
	Target, Tool string // part of the server's and of the tool's name
	Progress     func(records, bytes, total int64)
}

// Bounds of what is remembered: definitions, sessions, and calls of a session that
// may yet turn out to have had a newer listing.
const (
	maxVersions   = 100_000
	maxToolUsers  = 1_000
	maxRecentUses = 256
)

// ToolVersions are the definitions of tools in a log, by server, tool and key, and of
// each tool in the order in which they were listed first. Only believed records
// count. more says that there are others, which found no room.
func ToolVersions(ctx context.Context, log *chain.Snapshot, o ToolOptions) (all []*ToolVersion, more bool, err error) {
	t := &toolVersions{hasher: hasher{maphash.MakeSeed()}, versions: map[versionKey]*ToolVersion{},
		listed: map[serverKey]map[string]*ToolVersion{}, users: map[uint64]*toolUser{}}
	var verifier sign.Verifier
	var target *asciiFold
	if part := asciiRun(o.Target); part != "" {
		target = newASCIIFold(part)
	}
	pass := func(receipt []byte) bool {
		return (target == nil || target.in(receipt)) &&
			(callTime(receipt) != nil && bytes.HasSuffix(receipt, []byte(`"v":1}`)) || bytes.Contains(receipt, []byte(`"type":"tools"`)))
	}
	look := func(e chain.Entry, bad *chain.LineError) (*Record, bool) {
		if bad != nil {
			return nil, false
		}
		r := newRecord(e.Keep())
		if r.Says == nil || !within(targetOf(r.Says), lower(o.Target)) {
			return nil, false
		}
		if _, listing := r.Says.Event.(event.Tools); !listing && !(IsWrapped(r.Says) && within(r.Says.Tool, lower(o.Tool))) {
			return nil, false
		}
		r.check(&verifier)
		return r, r.Believed()
	}
	for r, err := range chain.Read(ctx, log, chain.ReadOptions{Filter: pass, Progress: o.Progress}, look) {
		if err != nil {
			return nil, false, err
		}
		if e, ok := r.Says.Event.(event.Tools); ok {
			t.listing(r.Says, e, o.Tool)
		} else {
			t.called(r.Says)
		}
	}
	for _, u := range t.order {
		t.count(u, len(u.recent))
	}
	all = slices.Collect(maps.Values(t.versions))
	slices.SortFunc(all, func(x, y *ToolVersion) int {
		return cmp.Or(strings.Compare(x.Target, y.Target), strings.Compare(x.Tool, y.Tool), strings.Compare(x.Signer.Name, y.Signer.Name),
			bytes.Compare(x.Signer.Key, y.Signer.Key), x.Listed.Compare(y.Listed), bytes.Compare(x.Hash[:], y.Hash[:]))
	})
	return all, t.more, nil
}

type toolVersions struct {
	hasher
	versions map[versionKey]*ToolVersion
	listed   map[serverKey]map[string]*ToolVersion // as last listed, by tool; not changed in place
	users    map[uint64]*toolUser                  // by signer and session
	order    []*toolUser                           // oldest first
	more     bool
}

// serverKey is a server under one key; versionKey a definition that it listed.
type serverKey struct {
	key    uint64
	target string
}

type versionKey struct {
	serverKey
	tool string
	hash event.Hash
}

// toolUser is a session.
type toolUser struct {
	party  uint64
	server serverKey
	signer sign.Party
	listed map[string]*ToolVersion // as last listed to it; nil: it has listed nothing itself
	recent []toolUse               // oldest first
}

type toolUse struct {
	call, tool string
	at         time.Time
}

// user is the session of a call or a listing.
func (t *toolVersions) user(v *sign.Verified) *toolUser {
	party := t.party(v)
	u := t.users[party]
	if u == nil {
		if len(t.order) == maxToolUsers {
			old := t.order[0]
			t.count(old, len(old.recent))
			delete(t.users, old.party)
			t.order = slices.Delete(t.order, 0, 1)
		}
		u = &toolUser{party: party, server: serverKey{t.key(v), strings.Clone(targetOf(v))}, signer: v.Signers[len(v.Signers)-1]}
		t.users[party], t.order = u, append(t.order, u)
	}
	return u
}

func (t *toolVersions) called(v *sign.Verified) {
	u := t.user(v)
	u.recent = append(u.recent, toolUse{strings.Clone(v.ID), strings.Clone(v.Tool), v.Time})
	if len(u.recent) > maxRecentUses {
		t.count(u, maxRecentUses/2)
	}
}

// listing takes a listing. The calls before the one that followed it had the
// definitions before.
func (t *toolVersions) listing(v *sign.Verified, e event.Tools, only string) {
	u := t.user(v)
	before := len(u.recent)
	if i := slices.IndexFunc(u.recent, func(use toolUse) bool { return use.call == e.Call }); i >= 0 {
		before = i
	} else if u.listed == nil {
		before = 0 // the session's first listing, in a version that did not name the call
	}
	t.count(u, before)
	now := map[string]*ToolVersion{}
	if e.Adds {
		if u.listed == nil {
			u.listed = t.listed[u.server]
		}
		maps.Copy(now, u.listed)
	}
	for name, hash := range e.Tools {
		if !within(name, lower(only)) {
			continue
		}
		if version := t.version(u, name, hash); version != nil {
			now[name] = version
			if version.Listed.IsZero() {
				version.Listed = v.Time
			}
		}
	}
	u.listed, t.listed[u.server] = now, now
}

// version is the one of this definition, nil if there is no room.
func (t *toolVersions) version(u *toolUser, tool string, hash event.Hash) *ToolVersion {
	key := versionKey{u.server, tool, hash}
	version := t.versions[key]
	if version == nil {
		if len(t.versions) == maxVersions {
			t.more = true
			return nil
		}
		version = &ToolVersion{Target: u.server.target, Tool: strings.Clone(tool), Signer: u.signer, Hash: hash}
		key.tool = version.Tool
		t.versions[key] = version
	}
	return version
}

// count counts the n oldest calls that wait, under what was listed last.
func (t *toolVersions) count(u *toolUser, n int) {
	listed := u.listed
	if listed == nil {
		listed = t.listed[u.server]
	}
	for _, use := range u.recent[:n] {
		version := listed[use.tool]
		if version == nil {
			version = t.version(u, use.tool, event.Hash{})
		}
		if version == nil {
			continue
		}
		version.Calls++
		if version.First.IsZero() || use.at.Before(version.First) {
			version.First = use.at
		}
		if use.at.After(version.Last) {
			version.Last = use.at
		}
	}
	u.recent = slices.Clone(u.recent[n:])
}
