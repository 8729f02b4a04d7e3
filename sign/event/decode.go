package event

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// envelope are the members that every event has.
var envelope = []string{"v", "type", "id", "ts", "nonce", "signer", "sig"}

// Decode reads an event from its canonical form. Names must match exactly. An event
// of a known type must have all members of that type, each of the right kind;
// otherwise Decode returns it as an [Other], with an error that names the member.
// Unknown members are ignored, because a later version may add some. If canonical
// is not an object in canonical form with a type, the Event is nil.
func Decode(canonical []byte) (Event, error) {
	if !canon.IsCanonical(canonical) || !canon.IsObject(canonical) {
		return nil, errors.New("not an object in canonical form")
	}
	f := fields{}
	kind, ok := "", false
	for cur := canon.Members(canonical); cur.Next(); {
		switch name := string(cur.Name); {
		case name == "type":
			kind, ok = canon.Text(cur.Value)
		case !slices.Contains(envelope, name):
			f.members = append(f.members, Member{name, cur.Value})
		}
	}
	if !ok {
		return nil, errors.New("it has no type")
	}
	e := f.read(kind)
	if f.err != nil {
		return Other{kind, f.members}, fmt.Errorf("not a %s event: %w", kind, f.err)
	}
	return e, nil
}

func (f *fields) read(kind string) Event {
	switch kind {
	case Session{}.Type():
		e := Session{
			Session: f.text("session"), Target: f.text("target"),
			Client: f.implementation("client"), Server: f.implementation("server"),
			Protocol: f.text("protocol"), Command: f.texts("command"), Files: f.files("files"),
		}
		if f.has("heads") {
			e.Heads = new(Heads)
			e.Heads.Machine, e.Heads.To = f.pair("heads", f.value("heads"), "machine", "to")
			for cur := canon.Members(f.value("heads")); e.Heads.To != "" && cur.Next(); {
				if string(cur.Name) == "key" {
					e.Heads.Key = f.textOf("heads", cur.Value)
				}
			}
		}
		if f.has("environment") {
			e.Environment = f.environment("environment")
		}
		if f.has("through") {
			e.Via = f.text("through")
		}
		if f.has("sdk") {
			e.SDK = f.text("sdk")
		}
		if f.has("settings") {
			e.Settings = f.settings("settings")
		}
		return e
	case Tools{}.Type():
		e := Tools{Session: f.text("session"), Target: f.text("target"), Tools: f.hashes("tools")}
		e.Adds = f.has("adds") && f.flag("adds")
		if f.has("by_bytes") {
			e.ByBytes = f.texts("by_bytes")
		}
		if f.has("left") {
			e.Left, e.LeftHash = f.integer("left"), f.hash("left_hash")
		}
		if f.has("search_ended") {
			e.SearchEnded = f.text("search_ended")
		}
		if f.has("call") {
			e.Call = f.text("call")
		}
		return e
	case ToolDrift{}.Type():
		return ToolDrift{f.text("session"), f.text("target"), f.text("tool"), f.hash("was"), f.hash("now")}
	case Task{}.Type():
		return Task{f.text("session"), f.text("call"), f.text("task")}
	case CallContext{}.Type():
		return CallContext{f.text("session"), f.contexts("calls")}
	case Owner{}.Type():
		return Owner{f.text("owner"), f.text("was")}
	case Unanswered{}.Type():
		return Unanswered{f.text("session"), f.calls("calls")}
	case ParamsApart{}.Type():
		return ParamsApart{f.text("session")}
	case HashOnly{}.Type():
		return HashOnly{f.text("session"), f.calls("calls")}
	case Erased{}.Type():
		return Erased{f.texts("calls"), f.text("reason")}
	case ExtraResponse{}.Type():
		return ExtraResponse{f.text("session"), f.text("call"), f.hashOrNone("content_hash"), f.text("status"), f.text("reason")}
	case NoReceipt{}.Type():
		return NoReceipt{f.text("session"), f.text("call")}
	case CallRefused{}.Type():
		return CallRefused{
			Session: f.text("session"), Target: f.text("target"), Tool: f.text("tool"), CallID: f.text("call_id"),
			Reason: f.text("reason"), Detail: f.text("detail"), Arguments: f.hashOrNone("arguments"),
			Receipt: f.text("receipt"), Key: f.text("key"), Together: f.integer("together"),
		}
	case Cosigned{}.Type():
		return Cosigned{f.text("session"), f.text("call"), f.object("receipt")}
	case BadCosignature{}.Type():
		return BadCosignature{f.text("session"), f.text("call"), f.text("reason"), f.hash("hash")}
	case Gap{}.Type():
		return Gap{f.text("session"), f.integer("calls"), f.time("from"), f.time("to"), f.text("reason")}
	case TornLine{}.Type():
		return TornLine{f.text("file"), f.integer("offset"), f.integer("length"), f.hash("hash"), f.text("kept")}
	case LogDamaged{}.Type():
		e := LogDamaged{File: f.text("file"), Offset: f.integer("offset"), Expected: f.hash("expected"), Reason: f.text("reason")}
		if e.Gone = f.has("found"); e.Gone {
			e.Found = f.hash("found")
		}
		return e
	case ClockStep{}.Type():
		return ClockStep{f.time("clock"), f.time("not_before")}
	case AnchorPolicy{}.Type():
		return AnchorPolicy{Origin: f.text("origin"), VKey: f.text("vkey"), Policy: f.hash("policy"), Store: f.text("store")}
	case NewEpoch{}.Type():
		return NewEpoch{f.text("origin"), f.integer("size"), f.text("root"), f.text("reason")}
	case Archived{}.Type():
		return Archived{f.text("action"), f.archived("files"), f.hash("first"), f.hash("last"), f.integer("records"), f.integer("before"), f.text("root"), f.hash("ends")}
	case Unanchored{}.Type():
		return Unanchored{f.text("session"), f.time("since")}
	case AnchorFinding{}.Type():
		return AnchorFinding{f.text("kind"), f.text("origin"), f.integer("size"), f.texts("by"), f.text("detail")}
	case KeyRotated{}.Type():
		return KeyRotated{f.text("name"), f.text("key"), f.text("successor")}
	case KeyRetired{}.Type():
		return KeyRetired{f.text("name"), f.text("key")}
	case KeyRevoked{}.Type():
		e := KeyRevoked{Name: f.text("name"), Key: f.text("key"), Reason: f.text("reason")}
		if f.text("since") != "" {
			e.Since = f.time("since")
		}
		return e
	case Head{}.Type():
		e := Head{
			Seq: f.integer("seq"), Last: f.flag("last"), Lost: f.integer("lost"),
			Log: f.hash("log"), Dirs: f.texts("dirs"), File: f.text("file"), End: f.integer("end"), Head: f.hash("head"),
			Session: f.text("session"),
		}
		if f.has("policy") {
			e.Policy = f.hash("policy")
		}
		return e
	}
	return Other{kind, f.members}
}

// fields reads members by name and keeps the first error.
type fields struct {
	members []Member
	err     error
}

func (f *fields) has(name string) bool {
	return slices.ContainsFunc(f.members, func(m Member) bool { return m.Name == name })
}

func (f *fields) value(name string) []byte {
	for _, m := range f.members {
		if m.Name == name {
			return m.Value
		}
	}
	f.fail(name, "is missing")
	return nil
}

func (f *fields) fail(name, why string) {
	if f.err == nil {
		f.err = fmt.Errorf("its member %s %s", name, why)
	}
}

func (f *fields) text(name string) string { return f.textOf(name, f.value(name)) }

func (f *fields) textOf(name string, value []byte) string {
	s, ok := canon.Text(value)
	if !ok {
		f.fail(name, "has the wrong form")
	}
	return s
}

func (f *fields) object(name string) []byte {
	value := f.value(name)
	if !canon.IsObject(value) {
		f.fail(name, "is not an object")
	}
	return value
}

func (f *fields) hash(name string) Hash { return f.hashOf(name, f.text(name)) }

// hashOrNone is hash, but takes "" as the zero Hash.
func (f *fields) hashOrNone(name string) Hash {
	if text := f.text(name); text != "" {
		return f.hashOf(name, text)
	}
	return Hash{}
}

func (f *fields) hashOf(name, text string) Hash {
	h, err := ParseHash(text)
	if err != nil {
		f.fail(name, "is not a hash")
	}
	return h
}

func (f *fields) integer(name string) int64 {
	n, err := strconv.ParseInt(string(f.value(name)), 10, 64)
	if err != nil {
		f.fail(name, "is not a whole number")
	}
	return n
}

func (f *fields) flag(name string) bool {
	value := string(f.value(name))
	if value != "true" && value != "false" {
		f.fail(name, "is neither true nor false")
	}
	return value == "true"
}

func (f *fields) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339, f.text(name))
	if err != nil {
		f.fail(name, "is not a time")
	}
	return t.UTC()
}

func (f *fields) list(name string) [][]byte {
	list, ok := canon.Elements(f.value(name), len(f.value(name)))
	if !ok {
		f.fail(name, "is not a list")
	}
	return list
}

func (f *fields) texts(name string) (all []string) {
	for _, value := range f.list(name) {
		all = append(all, f.textOf(name, value))
	}
	return all
}

// pair reads an object with two strings.
func (f *fields) pair(name string, object []byte, name1, name2 string) (text1, text2 string) {
	has := 0
	for cur := canon.Members(object); cur.Next(); {
		switch string(cur.Name) {
		case name1:
			text1, has = f.textOf(name, cur.Value), has|1
		case name2:
			text2, has = f.textOf(name, cur.Value), has|2
		}
	}
	if has != 3 {
		f.fail(name, "has the wrong form")
	}
	return text1, text2
}

func (f *fields) implementation(name string) *Implementation {
	value := f.value(name)
	if string(value) == "null" {
		return nil
	}
	var i Implementation
	i.Name, i.Version = f.pair(name, value, "name", "version")
	return &i
}

// inside reads the members of an object, which is part of the member name.
func (f *fields) inside(name string, value []byte) *fields {
	in := &fields{}
	if !canon.IsObject(value) {
		f.fail(name, "is not what it should be")
	}
	for cur := canon.Members(value); cur.Next(); {
		in.members = append(in.members, Member{string(cur.Name), cur.Value})
	}
	return in
}

// from takes over the error of what was inside.
func (f *fields) from(name string, in *fields) {
	if in.err != nil {
		f.fail(name, "is not what it should be")
	}
}

func (f *fields) environment(name string) *Environment {
	in := f.inside(name, f.value(name))
	e := &Environment{
		User: in.text("user"), UserID: in.text("user_id"), Host: in.text("host"), Directory: in.text("directory"), Version: in.text("version"),
	}
	if in.has("program") {
		e.Program = in.hash("program")
	}
	f.from(name, in)
	return e
}

func (f *fields) settings(name string) (all []Setting) {
	for _, value := range f.list(name) {
		in := f.inside(name, value)
		all = append(all, Setting{Name: in.text("name"), Value: in.text("value"), From: in.text("from")})
		f.from(name, in)
	}
	return all
}

func (f *fields) archived(name string) (all []ArchivedFile) {
	for _, value := range f.list(name) {
		in := f.inside(name, value)
		all = append(all, ArchivedFile{File: in.text("file"), End: in.integer("end"), Records: in.integer("records")})
		f.from(name, in)
	}
	return all
}

func (f *fields) contexts(name string) (all []Context) {
	for _, value := range f.list(name) {
		in := f.inside(name, value)
		c := Context{Call: in.text("call")}
		if in.has("client") {
			c.Client = in.implementation("client")
		}
		if in.has("span") {
			c.Span = in.text("span")
		}
		if in.has("ids") {
			ids := in.inside("ids", in.value("ids"))
			for _, m := range ids.members {
				quoted := append(append([]byte{'"'}, m.Name...), '"')
				c.IDs = append(c.IDs, ClientID{ids.textOf("ids", quoted), ids.textOf("ids", m.Value)})
			}
			in.from("ids", ids)
		}
		f.from(name, in)
		all = append(all, c)
	}
	return all
}

func (f *fields) files(name string) (all []File) {
	for _, value := range f.list(name) {
		var file File
		if hasMember(value, "sha256") {
			path, sum := f.pair(name, value, "path", "sha256")
			file.Path, file.SHA256 = path, f.hashOf(name, sum)
		} else {
			file.Path, file.Reason = f.pair(name, value, "path", "reason")
		}
		all = append(all, file)
	}
	return all
}

func hasMember(object []byte, name string) bool {
	for cur := canon.Members(object); cur.Next(); {
		if string(cur.Name) == name {
			return true
		}
	}
	return false
}

func (f *fields) calls(name string) (all []Call) {
	for _, value := range f.list(name) {
		var c Call
		c.ID, c.Reason = f.pair(name, value, "call", "reason")
		all = append(all, c)
	}
	return all
}

func (f *fields) hashes(name string) map[string]Hash {
	object := f.value(name)
	if !canon.IsObject(object) {
		f.fail(name, "is not an object")
	}
	all := map[string]Hash{}
	for cur := canon.Members(object); cur.Next(); {
		quoted := append(append([]byte{'"'}, cur.Name...), '"')
		all[f.textOf(name, quoted)] = f.hashOf(name, f.textOf(name, cur.Value))
	}
	return all
}
