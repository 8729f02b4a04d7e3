// Package config reads the files with the defaults of settings, and says which value
// of a setting is in force. There are two files, in TOML: the system's, which the
// administrator of a machine writes, and the home's. docs/CONFIG.md describes them.
//
// The caller says which keys there are. A file with an unknown key, or with a value
// that its key does not take, is bad as a whole: half of a file could be what its
// author did not want.
//
//	config.go         Parse: bytes to values
//	merge.go          Effective: which value is in force
//	read.go           ReadSystem and ReadHome
//	owner_unix.go     who may have written a file
//	owner_windows.go
package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

	"github.com/signet-wrap/signet-wrap/internal/text"
)

// MaxSize bounds a file, in bytes. All settings with long values take a tenth of it.
const MaxSize = 64 << 10

// maxValue bounds a value, in bytes.
const maxValue = 4 << 10

// A Kind is what values a key takes in a file.
type Kind int

const (
	Text   Kind = iota // a string
	Switch             // true or false
	Number             // an integer, or a string that has one with its unit
	Path               // a string: an absolute path, or one that begins with ~/
	List               // strings
)

// A Key is a setting that a file may have.
type Key struct {
	Name       string // "sync", or "anchor.store" for store in the table anchor
	Kind       Kind
	SystemOnly bool // the home's file cannot have it
	// Check says what is wrong with a value, as a flag has it: "true" or "false" for a
	// switch. nil: every value of the kind is good.
	Check func(value string) error
}

// A File is what a file says.
type File struct {
	Path string // "" for one that was parsed only
	// Values has the values of the keys in the file, as flags have them. There is
	// one of each, but of those of the kind List.
	Values map[string][]string
	// Locked are the keys whose values nothing else changes. One without a value has
	// its default.
	Locked []string
}

// lockedKey is the key of the system's file that names the locked ones.
const lockedKey = "locked"

// Parse reads a file: the system's or, with system false, a home's, which can lock
// nothing. The error is one line.
func Parse(b []byte, keys []Key, system bool) (*File, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxSize)
	}
	b, err := text.Decode(b)
	if err != nil {
		return nil, err
	}
	tree := make(map[string]any)
	if err := toml.Unmarshal(b, &tree); err != nil {
		return nil, tomlError(err)
	}
	f := &File{Values: make(map[string][]string)}
	var unknown []string
	var bad error
	byName := make(map[string]Key)
	for _, k := range keys {
		byName[k.Name] = k
	}
	for name, v := range flat(tree) {
		k, known := byName[name]
		switch {
		case name == lockedKey && system:
			f.Locked, err = stringsOf(v)
		case name == lockedKey:
			err = errors.New("only the system's file can lock values")
		case !known:
			unknown = append(unknown, name)
			continue
		case k.SystemOnly && !system:
			err = errors.New("only the system's file can have it")
		default:
			f.Values[name], err = k.values(v)
		}
		if err != nil && (bad == nil || name < bad.(*valueError).key) { // maps have no order
			bad = &valueError{name, err}
		}
	}
	for _, name := range f.Locked {
		if _, known := byName[name]; !known {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return nil, unknownKeys(unknown)
	}
	if bad != nil {
		return nil, bad
	}
	slices.Sort(f.Locked)
	f.Locked = slices.Compact(f.Locked)
	return f, nil
}

// A valueError is a value that its key does not take.
type valueError struct {
	key string
	err error
}

func (e *valueError) Error() string { return e.key + ": " + e.err.Error() }
func (e *valueError) Unwrap() error { return e.err }

func tomlError(err error) error {
	var at *toml.DecodeError
	text := strings.TrimPrefix(err.Error(), "toml: ")
	if errors.As(err, &at) {
		row, _ := at.Position()
		return fmt.Errorf("not TOML: line %d: %s", row, text)
	}
	return fmt.Errorf("not TOML: %s", text)
}

// flat names all values of a file. A table in a table is a value, which no key takes.
// So is what has a dot in its name, which a quoted key can have: it gets quotes, and
// is no known name.
func flat(tree map[string]any) map[string]any {
	all := make(map[string]any)
	for name, v := range tree {
		name := quoted(name)
		t, isTable := v.(map[string]any)
		if !isTable {
			all[name] = v
			continue
		}
		for below, v := range t {
			all[name+"."+quoted(below)] = v
		}
	}
	return all
}

func quoted(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r == '.' || r <= ' ' || r == '"' || !unicode.IsPrint(r) }) || name == "" {
		return strconv.Quote(name)
	}
	return name
}

// unknownKeys names them, not too many.
func unknownKeys(names []string) error {
	slices.Sort(names)
	names = slices.Compact(names)
	what, more := "unknown key ", ""
	if len(names) > 1 {
		what = "unknown keys "
	}
	if n := len(names) - 5; n > 0 {
		names, more = names[:5], fmt.Sprintf(" and %d more", n)
	}
	for i, name := range names {
		if len(name) > 80 {
			names[i] = strings.ToValidUTF8(name[:80], "") + "..."
		}
	}
	return errors.New(what + strings.Join(names, ", ") + more)
}

// values are those of v, for the key.
func (k Key) values(v any) (values []string, err error) {
	switch s := v.(type) {
	case string:
		if k.Kind == Text || k.Kind == Number || k.Kind == Path {
			values = []string{s}
		}
	case bool:
		if k.Kind == Switch {
			values = []string{strconv.FormatBool(s)}
		}
	case int64:
		if k.Kind == Number {
			values = []string{strconv.FormatInt(s, 10)}
		}
	case []any:
		if k.Kind == List {
			values, err = stringsOf(s)
		}
	}
	if err != nil {
		return nil, err
	}
	if values == nil {
		return nil, fmt.Errorf("it must be %s", map[Kind]string{
			Text: "a string", Switch: "true or false", Number: "an integer or a string", Path: "a string", List: "an array of strings",
		}[k.Kind])
	}
	for _, s := range values {
		if err := k.check(s); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func (k Key) check(s string) error {
	if len(s) > maxValue {
		return fmt.Errorf("it is longer than %d bytes", maxValue)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("it has a control character")
	}
	if k.Kind == Path && !filepath.IsAbs(s) && s != "~" && !strings.HasPrefix(s, "~/") && !strings.HasPrefix(s, "~"+string(filepath.Separator)) {
		return fmt.Errorf("%.200q must be absolute, or begin with ~/", s)
	}
	if k.Check == nil {
		return nil
	}
	return k.Check(s)
}

func stringsOf(v any) ([]string, error) {
	list, ok := v.([]any)
	all := make([]string, 0, len(list))
	for _, e := range list {
		s, isString := e.(string)
		ok = ok && isString
		all = append(all, s)
	}
	if !ok {
		return nil, errors.New("it must be an array of strings")
	}
	return all, nil
}
