package integration

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// A ran is a tools/call that a reader would run: name and arguments, as JSON
// texts; "" for none. Of params that are no object, all are arguments.
type ran [2]string

// A reading is what each reader would run of a line.
type reading map[string][]ran

// The readers in Go. Those in other languages are in testdata/readers.
const (
	goStruct = "encoding/json, struct"
	goStream = "encoding/json, stream"
	goFirst  = "first wins"
)

func readInGo(line []byte) reading {
	return reading{goStruct: readStruct(line), goStream: readStream(line), goFirst: readFirst(line)}
}

// readStruct is what most servers in Go do.
func readStruct(line []byte) (all []ran) {
	type message struct {
		Method string `json:"method"`
		Params struct {
			Name      seen `json:"name"`
			Arguments seen `json:"arguments"`
		} `json:"params"`
	}
	var batch []message
	if json.Unmarshal(line, &batch) != nil {
		batch = make([]message, 1)
		if json.Unmarshal(line, &batch[0]) != nil {
			return nil
		}
	}
	for _, m := range batch {
		if m.Method == "tools/call" {
			all = append(all, ran{string(m.Params.Name), string(m.Params.Arguments)})
		}
	}
	return all
}

// seen is what a value is after it was read, as JSON; "" before.
type seen string

func (s *seen) UnmarshalJSON(b []byte) error {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	b, err := json.Marshal(v)
	*s = seen(b)
	return err
}

// readStream takes values wherever they end, and arguments as they stand.
func readStream(line []byte) (all []ran) {
	for d := json.NewDecoder(bytes.NewReader(line)); ; {
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return all
		}
		var batch []json.RawMessage
		if json.Unmarshal(raw, &batch) != nil {
			batch = []json.RawMessage{raw}
		}
		for _, one := range batch {
			var m struct {
				Method string
				Params json.RawMessage
			}
			if json.Unmarshal(one, &m) != nil || m.Method != "tools/call" {
				continue
			}
			var p struct{ Name, Arguments json.RawMessage }
			if m.Params != nil && json.Unmarshal(m.Params, &p) != nil {
				p.Arguments = m.Params
			}
			all = append(all, ran{string(p.Name), string(p.Arguments)})
		}
	}
}

// readFirst takes the first of two members, and values wherever they end.
func readFirst(line []byte) (all []ran) {
	line = bytes.TrimPrefix(line, []byte("\ufeff"))
	for d := firstWins(line); ; {
		value, err := d.ReadValue()
		if err != nil {
			return all
		}
		messages := []jsontext.Value{value}
		if value.Kind() == '[' {
			messages = parts(value)
		}
		for _, m := range messages {
			method := first(m, "method")
			if method.Kind() != '"' || unquoted(method) != "tools/call" {
				continue
			}
			switch params := first(m, "params"); {
			case params == nil || params.Kind() == 'n':
				all = append(all, ran{})
			case params.Kind() == '{':
				all = append(all, ran{string(first(params, "name")), string(first(params, "arguments"))})
			default:
				all = append(all, ran{"", string(params)})
			}
		}
	}
}

func firstWins(b []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(slices.Clone(b)), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// parts are the elements of an array, or names and values of an object.
func parts(v jsontext.Value) (all []jsontext.Value) {
	d := firstWins(v)
	d.ReadToken()
	for d.PeekKind() != ']' && d.PeekKind() != '}' {
		p, err := d.ReadValue()
		if err != nil {
			return all
		}
		all = append(all, p.Clone())
	}
	return all
}

// first is the value of the first member of that name, nil if there is none.
func first(v jsontext.Value, name string) jsontext.Value {
	if v.Kind() != '{' {
		return nil
	}
	for pair := range slices.Chunk(parts(v), 2) {
		if len(pair) == 2 && unquoted(pair[0]) == name {
			return pair[1]
		}
	}
	return nil
}

func unquoted(v jsontext.Value) string {
	b, _ := jsontext.AppendUnquote(nil, v)
	return string(b)
}
