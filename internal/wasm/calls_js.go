package main

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

// calls are those that were listed, as JSON texts.
type calls struct {
	lines  [][]byte
	briefs []brief
}

// A brief is a row of the table.
type brief struct {
	Index     int    `json:"i"`
	Time      string `json:"time"`
	Server    string `json:"server"`
	Tool      string `json:"tool"`
	Outcome   string `json:"outcome"`
	Took      *int64 `json:"took"`
	Signer    string `json:"signer"`
	Key       string `json:"key"` // of the signer
	Arguments string `json:"arguments"`
}

// Bounds of a row, in bytes.
const (
	maxCell      = 200
	maxArguments = 400
)

func (c *calls) put(x *history.View) error {
	line, err := x.AppendJSON(nil)
	if err != nil {
		return err
	}
	b := brief{Index: len(c.lines), Time: x.Time, Server: text.Clip(x.Target, maxCell), Tool: text.Clip(x.Tool, maxCell), Outcome: string(x.Outcome), Took: x.Took,
		Arguments: text.Clip(string(x.Arguments), maxArguments)}
	if x.HashOnly {
		b.Arguments = "(only their hash was recorded)"
	}
	if x.Signer != nil {
		b.Signer, b.Key = text.Clip(x.Signer.Name, maxCell), x.Signer.Key
	}
	c.lines, c.briefs = append(c.lines, line), append(c.briefs, b)
	return nil
}

// list is a JSON text: the rows from offset on, of the calls that have query in them, in
// any case, and the outcome; "" is any. The newest is first.
func (c *calls) list(query, outcome string, offset, limit int) string {
	query = strings.ToLower(query)
	var found struct {
		Matches int     `json:"matches"`
		Rows    []brief `json:"rows"`
	}
	found.Rows = []brief{}
	for i := len(c.lines) - 1; i >= 0; i-- {
		if outcome != "" && c.briefs[i].Outcome != outcome || query != "" && !bytes.Contains(bytes.ToLower(c.lines[i]), []byte(query)) {
			continue
		}
		if found.Matches >= offset && len(found.Rows) < limit {
			found.Rows = append(found.Rows, c.briefs[i])
		}
		found.Matches++
	}
	return marshal(found)
}

// call is a JSON text: all that is known of a call.
func (c *calls) call(i int) string {
	if i < 0 || i >= len(c.lines) {
		return "null"
	}
	return string(c.lines[i])
}

func marshal(x any) string {
	b, err := json.Marshal(x)
	if err != nil {
		return "null"
	}
	return string(b)
}
