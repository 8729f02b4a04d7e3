package event

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

func (e Session) Members() []Member {
	members := []Member{
		{"client", e.Client.value()},
		{"command", list(e.Command, appendText)},
		{"files", list(e.Files, appendFile)},
		text("protocol", e.Protocol),
		{"server", e.Server.value()},
		text("session", e.Session),
		text("target", e.Target),
	}
	if e.Heads != nil {
		members = append(members, Member{"heads", e.Heads.value()})
	}
	if e.Environment != nil {
		members = append(members, Member{"environment", e.Environment.value()})
	}
	if len(e.Settings) > 0 {
		members = append(members, Member{"settings", list(e.Settings, appendSetting)})
	}
	if e.Via != "" { // a name before "type": readers find events of sessions by what follows it
		members = append(members, text("through", e.Via))
	}
	if e.SDK != "" {
		members = append(members, text("sdk", e.SDK))
	}
	return members
}

func (h *Heads) value() []byte {
	b := pair(nil, "machine", h.Machine, "to", h.To)
	if h.Key == "" {
		return b
	}
	return append(append(canon.AppendString([]byte(`{"key":`), h.Key), ','), b[1:]...)
}

func (e *Environment) value() []byte {
	members := []Member{text("directory", e.Directory), text("host", e.Host), text("user", e.User), text("user_id", e.UserID), text("version", e.Version)}
	if !e.Program.IsZero() {
		members = slices.Insert(members, 2, hash("program", e.Program))
	}
	return object(nil, members)
}

func appendSetting(b []byte, s Setting) []byte {
	return object(b, []Member{text("from", s.From), text("name", s.Name), text("value", s.Value)})
}

// object appends the object with these members, which are in order.
func object(b []byte, members []Member) []byte {
	b = append(b, '{')
	for i, m := range members {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(canon.AppendString(b, m.Name), ':'), m.Value...)
	}
	return append(b, '}')
}

func appendText(b []byte, s string) []byte { return canon.AppendString(b, s) }

func appendFile(b []byte, f File) []byte {
	if f.SHA256.IsZero() {
		return pair(b, "path", f.Path, "reason", f.Reason)
	}
	return pair(b, "path", f.Path, "sha256", f.SHA256.String())
}

func (i *Implementation) value() []byte {
	if i == nil {
		return []byte("null")
	}
	return pair(nil, "name", i.Name, "version", i.Version)
}

func (e Tools) Members() []Member {
	members := []Member{text("session", e.Session), text("target", e.Target), {"tools", hashes(e.Tools)}}
	if e.Adds {
		members = append(members, Member{"adds", []byte("true")})
	}
	if len(e.ByBytes) > 0 {
		members = append(members, Member{"by_bytes", list(e.ByBytes, appendText)})
	}
	if e.Left > 0 {
		members = append(members, integer("left", e.Left), hash("left_hash", e.LeftHash))
	}
	if e.SearchEnded != "" {
		members = append(members, text("search_ended", e.SearchEnded))
	}
	if e.Call != "" {
		members = append(members, text("call", e.Call))
	}
	return members
}

func (e ToolDrift) Members() []Member {
	return []Member{hash("now", e.Now), text("session", e.Session), text("target", e.Target), text("tool", e.Tool), hash("was", e.Was)}
}

func (e Task) Members() []Member {
	return []Member{text("call", e.Call), text("session", e.Session), text("task", e.Task)}
}

func (e CallContext) Members() []Member {
	return []Member{{"calls", list(e.Calls, appendContext)}, text("session", e.Session)}
}

func appendContext(b []byte, c Context) []byte {
	members := []Member{text("call", c.Call)}
	if c.Client != nil {
		members = append(members, Member{"client", c.Client.value()})
	}
	if len(c.IDs) > 0 {
		ids := make([]Member, len(c.IDs))
		for i, id := range c.IDs {
			ids[i] = text(id.Name, id.ID)
		}
		slices.SortFunc(ids, func(x, y Member) int { return strings.Compare(x.Name, y.Name) })
		members = append(members, Member{"ids", object(nil, ids)})
	}
	if c.Span != "" {
		members = append(members, text("span", c.Span))
	}
	return object(b, members)
}

func (e Owner) Members() []Member { return []Member{text("owner", e.Owner), text("was", e.Was)} }

func (e Unanswered) Members() []Member {
	return []Member{{"calls", list(e.Calls, appendCall)}, text("session", e.Session)}
}

func appendCall(b []byte, c Call) []byte { return pair(b, "call", c.ID, "reason", c.Reason) }

func (e ParamsApart) Members() []Member { return []Member{text("session", e.Session)} }

func (e HashOnly) Members() []Member {
	return []Member{{"calls", list(e.Calls, appendCall)}, text("session", e.Session)}
}

func (e Erased) Members() []Member {
	return []Member{{"calls", list(e.Calls, appendText)}, text("reason", e.Reason)}
}

func (e ExtraResponse) Members() []Member {
	return []Member{
		text("call", e.Call), hashOrNone("content_hash", e.ContentHash), text("reason", e.Reason), text("session", e.Session), text("status", e.Status),
	}
}

func (e NoReceipt) Members() []Member {
	return []Member{text("call", e.Call), text("session", e.Session)}
}

func (e CallRefused) Members() []Member {
	return []Member{
		hashOrNone("arguments", e.Arguments), text("call_id", e.CallID), text("detail", e.Detail), text("key", e.Key), text("reason", e.Reason),
		text("receipt", e.Receipt), text("session", e.Session), text("target", e.Target), integer("together", e.Together), text("tool", e.Tool),
	}
}

func (e Cosigned) Members() []Member {
	return []Member{text("call", e.Call), {"receipt", e.Receipt}, text("session", e.Session)}
}

func (e BadCosignature) Members() []Member {
	return []Member{text("call", e.Call), hash("hash", e.Hash), text("reason", e.Reason), text("session", e.Session)}
}

func (e Gap) Members() []Member {
	return []Member{
		integer("calls", e.Calls), timestamp("from", e.From), text("reason", e.Reason), text("session", e.Session), timestamp("to", e.To),
	}
}

func (e TornLine) Members() []Member {
	return []Member{
		text("file", e.File), hash("hash", e.Hash), text("kept", e.Kept), integer("length", e.Length), integer("offset", e.Offset),
	}
}

func (e LogDamaged) Members() []Member {
	members := []Member{hash("expected", e.Expected), text("file", e.File), integer("offset", e.Offset), text("reason", e.Reason)}
	if e.Gone {
		members = append(members, hash("found", e.Found))
	}
	return members
}

func (e ClockStep) Members() []Member {
	return []Member{timestamp("clock", e.Clock), timestamp("not_before", e.NotBefore)}
}

func (e AnchorPolicy) Members() []Member {
	return []Member{text("origin", e.Origin), hash("policy", e.Policy), text("store", e.Store), text("vkey", e.VKey)}
}

func (e NewEpoch) Members() []Member {
	return []Member{text("origin", e.Origin), text("reason", e.Reason), text("root", e.Root), integer("size", e.Size)}
}

func (e Archived) Members() []Member {
	return []Member{
		text("action", e.Action), integer("before", e.Before), hash("ends", e.Ends), {"files", list(e.Files, appendArchived)}, hash("first", e.First),
		hash("last", e.Last), integer("records", e.Records), text("root", e.Root),
	}
}

func appendArchived(b []byte, f ArchivedFile) []byte {
	return object(b, []Member{integer("end", f.End), text("file", f.File), integer("records", f.Records)})
}

func (e AnchorFinding) Members() []Member {
	return []Member{
		{"by", list(e.By, func(b []byte, s string) []byte { return canon.AppendString(b, s) })},
		text("detail", e.Detail), text("kind", e.Kind), text("origin", e.Origin), integer("size", e.Size),
	}
}

func (e Unanchored) Members() []Member {
	return []Member{text("session", e.Session), timestamp("since", e.Since)}
}

func (e KeyRotated) Members() []Member {
	return []Member{text("key", e.Key), text("name", e.Name), text("successor", e.Successor)}
}

func (e KeyRetired) Members() []Member { return []Member{text("key", e.Key), text("name", e.Name)} }

func (e KeyRevoked) Members() []Member {
	since := ""
	if !e.Since.IsZero() {
		since = FormatTime(e.Since)
	}
	return []Member{text("key", e.Key), text("name", e.Name), text("reason", e.Reason), text("since", since)}
}

func (e Head) Members() []Member {
	members := []Member{
		{"dirs", list(e.Dirs, appendText)},
		integer("end", e.End), text("file", e.File), hash("head", e.Head), {"last", strconv.AppendBool(nil, e.Last)},
		hash("log", e.Log), integer("lost", e.Lost), integer("seq", e.Seq), text("session", e.Session),
	}
	if !e.Policy.IsZero() {
		members = append(members, hash("policy", e.Policy))
	}
	return members
}

// Members returns e.Rest.
func (e Other) Members() []Member { return e.Rest }

func text(name, value string) Member { return Member{name, canon.AppendString(nil, value)} }

func hash(name string, h Hash) Member { return text(name, h.String()) }

// hashOrNone is hash, but "" for the zero Hash.
func hashOrNone(name string, h Hash) Member {
	if h.IsZero() {
		return text(name, "")
	}
	return hash(name, h)
}

func integer(name string, value int64) Member {
	return Member{name, strconv.AppendInt(nil, value, 10)}
}

func timestamp(name string, t time.Time) Member { return text(name, FormatTime(t)) }

// list is a JSON array.
func list[T any](all []T, appendTo func([]byte, T) []byte) []byte {
	b := []byte{'['}
	for i, x := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTo(b, x)
	}
	return append(b, ']')
}

// pair appends an object with two members; the names are in order.
func pair(b []byte, name1, value1, name2, value2 string) []byte {
	b = canon.AppendString(append(canon.AppendString(append(b, '{'), name1), ':'), value1)
	b = canon.AppendString(append(canon.AppendString(append(b, ','), name2), ':'), value2)
	return append(b, '}')
}

// hashes is an object with any names. Names that are not valid UTF-8 may become
// equal; then the last one counts.
func hashes(all map[string]Hash) []byte {
	type member struct{ name, value []byte }
	members := make([]member, 0, len(all))
	for name, hash := range all {
		members = append(members, member{canon.AppendString(nil, name), canon.AppendString(nil, hash.String())})
	}
	slices.SortFunc(members, func(x, y member) int {
		switch a, b := x.name[1:len(x.name)-1], y.name[1:len(y.name)-1]; {
		case canon.NameLess(a, b):
			return -1
		case canon.NameLess(b, a):
			return 1
		}
		return bytes.Compare(x.value, y.value)
	})
	b := []byte{'{'}
	for i, m := range members {
		if i+1 < len(members) && bytes.Equal(m.name, members[i+1].name) {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(b, m.name...), ':'), m.value...)
	}
	return append(b, '}')
}
