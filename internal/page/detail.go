package page

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/internal/verify"
)

// A detail is all that the page shows of one row, read from the log again.
type detail struct {
	Row   int               `json:"row"`
	View  *history.View     `json:"view"`
	Check verify.Receipt    `json:"check"`
	More  map[string]int    `json:"more,omitempty"` // bytes of these that were left out
	Place detailPlace       `json:"place"`
	Texts map[string]string `json:"texts"` // arguments, receipt, response
}

// A detailPlace is where the record is in the chain.
type detailPlace struct {
	Record   int64  `json:"record"` // from 1; 0: not known
	Response int64  `json:"response,omitempty"`
	Line     int64  `json:"line"`
	Prev     string `json:"prev_hash"`
	Hash     string `json:"record_hash"`
}

// maxText is how much of a text of many lines is sent, in bytes, and maxValue of one in
// one line.
const (
	maxText  = 64 << 10
	maxValue = 2 << 10
)

var errGone = errors.New("the log no longer has this record at its place")

func (s *Server) detail(ctx context.Context, i int) (*detail, error) {
	x := s.index
	x.mu.RLock()
	if i < 0 || i >= x.n {
		x.mu.RUnlock()
		return nil, errNotFound
	}
	r := *x.row(i)
	at, response := x.position(r.at), x.position(r.response)
	context, unanswered := x.contexts[r.context], x.unanswered[i]
	x.mu.RUnlock()

	log, err := chain.TakeSnapshot(s.o.Audit)
	if err != nil {
		return nil, err
	}
	record, err := history.At(ctx, log, at)
	if err != nil {
		return nil, err
	}
	if record == nil {
		return nil, errGone
	}
	h := &history.Row{Record: record, Unanswered: unanswered, Verdict: history.Verdict(r.verdict), Context: context}
	d := &detail{Row: i, More: map[string]int{}, Texts: map[string]string{}}
	if r.response != 0 {
		if h.Response, err = history.At(ctx, log, response); err != nil {
			return nil, err
		}
		if h.Response == nil || !h.Response.Believed() {
			h.Response = nil
		} else {
			d.Place.Response, _ = s.lines.before(s.o.Audit, log.Days(), response)
			d.text("response", h.Response.Receipt)
		}
	} else if record.Believed() && record.Says.Version >= 2 && history.IsCall(record.Says) {
		h.Response = record
	}
	d.Check = verify.Examine(record, s.o.Keys, time.Now())
	d.Place.Record, d.Place.Line = s.lines.before(s.o.Audit, log.Days(), at)
	d.Place.Prev, d.Place.Hash = record.PrevHash.String(), record.RecordHash.String()
	d.View = h.View()
	switch {
	case d.View.Arguments != nil:
		d.text("arguments", d.View.Arguments)
	case d.View.ArgumentsBytes != nil:
		if more := len(d.View.ArgumentsBytes) - maxText/2; more > 0 {
			d.More["arguments"], d.View.ArgumentsBytes = more, d.View.ArgumentsBytes[:maxText/2]
		}
	}
	d.View.Arguments = nil
	d.text("receipt", record.Receipt)
	clipView(d.View)
	d.Check.Clip(maxValue)
	return d, nil
}

// text adds a JSON text, indented if it is short and not deep.
func (d *detail) text(name string, b []byte) {
	const deep = maxText / 16
	indented := jsontext.Value(slices.Clone(b[:min(len(b), maxText)]))
	if len(b) <= maxText && bytes.Count(b, []byte{'['})+bytes.Count(b, []byte{'{'}) <= deep && indented.Indent(jsontext.WithIndent("  ")) == nil {
		d.Texts[name] = string(indented)
		return
	}
	d.Texts[name] = string(bytes.ToValidUTF8(b[:min(len(b), maxText)], []byte("\ufffd")))
	if more := len(b) - maxText; more > 0 {
		d.More[name] = more
	}
}

// clipView bounds what forgers may have made long.
func clipView(v *history.View) {
	for _, p := range []*string{&v.ID, &v.Tool, &v.Target, &v.Via, &v.Reason, &v.Error, &v.Session, &v.CallID, &v.TraceID, &v.Parent, &v.Type, &v.Problem} {
		*p = text.Clip(*p, maxValue)
	}
	if v.Signer != nil {
		v.Signer.Name, v.Signer.Owner = text.Clip(v.Signer.Name, maxValue), text.Clip(v.Signer.Owner, maxValue)
	}
	for _, p := range []*history.ViewProgram{v.Client, v.Server} {
		if p != nil {
			p.Name, p.Version = text.Clip(p.Name, maxValue), text.Clip(p.Version, maxValue)
		}
	}
	if w := v.Where; w != nil {
		w.User, w.UserID, w.Host, w.Directory = text.Clip(w.User, maxValue), text.Clip(w.UserID, maxValue), text.Clip(w.Host, maxValue), text.Clip(w.Directory, maxValue)
	}
	size := 0
	for name, value := range v.Says {
		if size += len(name) + len(value); size > maxText {
			left, _ := json.Marshal(fmt.Sprintf("(%s, not shown)", text.Count(int64(len(value)), "byte")))
			v.Says[name] = left
		}
	}
}

// lines counts the lines of day files, each once as far as it was asked for.
type lines struct {
	mu    sync.Mutex
	files map[string]*counted
}

type counted struct{ size, lines int64 }

// before is the number of a line in the log, and in its file, from 1 on; 0 if it cannot
// be counted. In a log without damage each line is a record.
func (l *lines) before(dir string, days []string, p chain.Position) (record, line int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil {
		l.files = map[string]*counted{}
	}
	for _, day := range days {
		if day >= p.File {
			break
		}
		n, err := l.count(filepath.Join(dir, day), -1)
		if err != nil {
			return 0, 0
		}
		record += n
	}
	n, err := newlines(filepath.Join(dir, p.File), p.Offset)
	if err != nil {
		return 0, 0
	}
	return record + n + 1, n + 1
}

// count counts a file that is no longer written.
func (l *lines) count(path string, _ int64) (int64, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return 0, err
	}
	if c := l.files[path]; c != nil && c.size == st.Size() {
		return c.lines, nil
	}
	n, err := newlines(path, st.Size())
	if err == nil {
		l.files[path] = &counted{st.Size(), n}
	}
	return n, err
}

func newlines(path string, size int64) (n int64, err error) {
	st, err := os.Lstat(path)
	if err != nil {
		return 0, err
	}
	if !st.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	buf := make([]byte, 256<<10)
	in := io.LimitReader(f, size)
	for {
		k, err := in.Read(buf)
		n += int64(bytes.Count(buf[:k], []byte{'\n'}))
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
