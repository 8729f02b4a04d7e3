package config

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

var testKeys = []Key{
	{Name: "sync", Check: func(v string) error {
		if v != "always" && v != "off" {
			return errors.New("always or off")
		}
		return nil
	}},
	{Name: "fail-open", Kind: Switch},
	{Name: "max-call", Kind: Number},
	{Name: "home", Kind: Path, SystemOnly: true},
	{Name: "anchor.witness", Kind: List},
	{Name: "anchor.store", Kind: Path},
}

// Every bad file is an error that names what is bad, in one line, and no value of it
// counts.
func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want, err string }{
		{"", "", ""},
		{"# nothing\r\n", "", ""},
		{"\xef\xbb\xbfsync = 'off'", "sync=off", ""},
		{"\xff\xfes\x00y\x00n\x00c\x00=\x00'\x00o\x00f\x00f\x00'\x00", "sync=off", ""},
		{`fail-open = true`, "fail-open=true", ""},
		{"max-call = 1_024", "max-call=1024", ""},
		{`max-call = "1KiB"`, "max-call=1KiB", ""},
		{`home = "~/x"`, "home=~/x", ""},
		{"anchor.witness = ['a', 'b,c']\nanchor.store = '/s'", "anchor.store=/s anchor.witness=a|b,c", ""},
		{"locked = ['sync', 'anchor.witness', 'sync']\n[anchor]\nwitness = []", "anchor.witness= locked=anchor.witness|sync", ""},
		{"synk = 'off'", "", "unknown key synk"},
		{"[anchor]\nb = 1\na = 2\n[c]\nd = 1", "", "unknown keys anchor.a, anchor.b, c.d"},
		{"a=1\nb=1\nc=1\nd=1\ne=1\nf=1\ng=1", "", "unknown keys a, b, c, d, e and 2 more"},
		{"'anchor.store' = '/s'", "", `unknown key "anchor.store"`},
		{"'a\\nb' = 1", "", "unknown key "},
		{"\"a\\nb\" = 1", "", `unknown key "a\nb"`},
		{strings.Repeat("x", 500) + " = 1", "", "xxx..."},
		{"locked = ['synk']", "", "unknown key synk"},
		{"locked = 'sync'", "", "locked: it must be an array of strings"},
		{"locked = [1]", "", "locked: it must be an array of strings"},
		{"[locked]\nsync = 1", "", "unknown key locked.sync"},
		{"sync = 'sometimes'", "", "sync: always or off"},
		{"sync = '" + strings.Repeat("x", 5000) + "'", "", "sync: it is longer than 4096 bytes"},
		{"sync = true", "", "sync: it must be a string"},
		{"fail-open = 'true'", "", "fail-open: it must be true or false"},
		{"fail-open = 1", "", "fail-open: it must be true or false"},
		{"max-call = 1.5", "", "max-call: it must be an integer or a string"},
		{"home = 'x'", "", `home: "x" must be absolute`},
		{"home = '~ada/x'", "", "must be absolute"},
		{"home = \"/a\\u0000b\"", "", "home: it has a control character"},
		{"anchor = 1", "", "unknown key anchor"},
		{"[anchor.store]\nx = 1", "", "anchor.store: it must be a string"},
		{"[[anchor]]\nstore = '/s'", "", "unknown key anchor"},
		{"anchor.witness = 'w'", "", "anchor.witness: it must be an array of strings"},
		{"anchor.witness = [['w']]", "", "anchor.witness: it must be an array of strings"},
		{"sync = 'off'\nsync = 'off'", "", "not TOML: "},
		{"sync", "", "not TOML: line 1: "},
		{"a = 1\n\n{", "", "not TOML: line 3: "},
		{"\x00\x00", "", "not TOML: "},
		{"sync = '\xff'", "", "not TOML: "},
		{"x = " + strings.Repeat("[", 60000), "", "not TOML: "},
		{strings.Repeat("#", MaxSize), "", ""},
		{strings.Repeat("#", MaxSize+1), "", "it is longer than 65536 bytes"},
	} {
		name := c.text[:min(len(c.text), 40)]
		f, err := Parse([]byte(c.text), testKeys, true)
		if got := fileText(f); got != c.want || (err == nil) != (c.err == "") || err != nil && (!strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%q: %q, %v; want %q, %q", name, got, err, c.want, c.err)
		}
	}
	for text, want := range map[string]string{
		"locked = []": "locked: only the system's file can lock values",
		"home = '/x'": "home: only the system's file can have it",
	} {
		if f, err := Parse([]byte(text), testKeys, false); err == nil || err.Error() != want {
			t.Errorf("%s in a home: %v, %v", text, f, err)
		}
	}
}

func fileText(f *File) string {
	if f == nil {
		return ""
	}
	var all []string
	for _, name := range slices.Sorted(maps.Keys(f.Values)) {
		all = append(all, name+"="+strings.Join(f.Values[name], "|"))
	}
	if f.Locked != nil {
		all = append(all, "locked="+strings.Join(f.Locked, "|"))
	}
	return strings.Join(all, " ")
}

// The order: locked, flag, home, system.
func TestEffective(t *testing.T) {
	with := func(value string, locked ...string) *File {
		f := &File{Values: map[string][]string{}, Locked: locked}
		if value != "" {
			f.Values["sync"] = []string{value}
		}
		return f
	}
	for _, c := range []struct {
		flag         string
		home, system *File
		want         string
		from         Source
		overridden   bool
	}{
		{"", nil, nil, "", Default, false},
		{"", nil, with("s"), "s", System, false},
		{"", with("h"), with("s"), "h", Home, false},
		{"f", with("h"), with("s"), "f", Flag, false},
		{"f", with("h"), with("s", "other"), "f", Flag, false},
		{"f", with("h"), with("s", "sync"), "s", Locked, true},
		{"s", with("h"), with("s", "sync"), "s", Locked, false},
		{"", with("h"), with("s", "sync"), "s", Locked, false},
		{"f", with("h"), with("", "sync"), "", Locked, true},
		{"", with("h", "sync"), nil, "h", Home, false},
		{"f", with("h", "sync"), nil, "f", Flag, false}, // a home locks nothing
	} {
		var flag []string
		if c.flag != "" {
			flag = []string{c.flag}
		}
		s := Effective("sync", flag, c.home, c.system)
		if strings.Join(s.Values, "|") != c.want || s.From != c.from || (s.Overridden != nil) != c.overridden {
			t.Errorf("%+v: %+v", c, s)
		}
	}
}

// What is read is what another writing of the same values is read as, and only
// values that their keys take are.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "sync = 'off'", "locked = ['sync']\nfail-open = true\nmax-call = 5", "[anchor]\nwitness = ['a']\nstore = '/s'", "\xff\xfes\x00"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, b []byte, system bool) {
		got, err := Parse(b, testKeys, system)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") || len(err.Error()) > 1000 {
				t.Errorf("not one short line: %q", err)
			}
			return
		}
		tree, below := map[string]any{}, map[string]any{}
		for name, values := range got.Values {
			i := slices.IndexFunc(testKeys, func(k Key) bool { return k.Name == name })
			if i < 0 || testKeys[i].SystemOnly && !system {
				t.Fatalf("%q is no key", name)
			}
			var v any = values[:len(values):len(values)]
			switch testKeys[i].Kind {
			case Switch:
				v = values[0] == "true"
			case Text, Number, Path:
				v = values[0]
			}
			if rest, ok := strings.CutPrefix(name, "anchor."); ok {
				below[rest] = v
			} else {
				tree[name] = v
			}
		}
		if len(below) > 0 {
			tree["anchor"] = below
		}
		if got.Locked != nil {
			tree["locked"] = got.Locked
		}
		again, err := toml.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > MaxSize {
			return
		}
		second, err := Parse(again, testKeys, system)
		if err != nil || !reflect.DeepEqual(got.Values, second.Values) || !slices.Equal(got.Locked, second.Locked) {
			t.Errorf("%+v, then %+v, %v: %s", got, second, err, again)
		}
	})
}
