package page

import (
	"bytes"
	"context"
	"sync"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/internal/toolstore"
)

// tools are the definitions of the tools in the log. They are read when somebody asks
// for them, and again when the log has changed.
type tools struct {
	mu       sync.Mutex
	running  bool
	seen     uint64 // the fingerprint of the log that versions are of
	versions []*history.ToolVersion
	more     bool
	err      string
	progress progress
}

// A toolVersion is a definition of a tool in the list, beside which Number is that of
// versions.
type toolVersion struct {
	Number int    `json:"number"`
	Server string `json:"server"`
	Tool   string `json:"tool"`
	Signer string `json:"signer"`
	Hash   string `json:"hash,omitempty"`
	Listed int64  `json:"listed,omitempty"`
	First  int64  `json:"first,omitempty"`
	Last   int64  `json:"last,omitempty"`
	Calls  int64  `json:"calls"`
	Kept   string `json:"kept"`             // "yes", or why not
	Change bool   `json:"change,omitempty"` // the definition before it is of the same tool
}

// start reads the definitions, unless that is being done, or what is there is of the log
// as it is.
func (s *Server) readTools() {
	t := &s.tools
	seen := fingerprint(s.o.Audit)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running || t.seen == seen && t.err == "" {
		return
	}
	t.running = true
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		versions, more, err := s.toolVersions(s.ctx)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.running, t.seen, t.err = false, seen, ""
		if err != nil {
			t.err = err.Error()
		} else {
			t.versions, t.more = versions, more
		}
		s.changed()
	}()
}

func (s *Server) toolVersions(ctx context.Context) ([]*history.ToolVersion, bool, error) {
	log, err := chain.TakeSnapshot(s.o.Audit)
	if err != nil {
		return nil, false, err
	}
	return history.ToolVersions(ctx, log, history.ToolOptions{Progress: func(records, bytes, total int64) {
		s.tools.mu.Lock()
		s.tools.progress = progress{records, bytes, total}
		s.tools.mu.Unlock()
		s.changed()
	}})
}

func (s *Server) toolVersion(i int) toolVersion {
	v := s.tools.versions[i]
	x := toolVersion{Number: i, Server: text.Clip(v.Target, maxName), Tool: text.Clip(v.Tool, maxName), Signer: text.Clip(v.Signer.Name, maxName), Calls: v.Calls, Kept: "yes"}
	if !v.Hash.IsZero() {
		x.Hash = v.Hash.String()
	}
	if !v.Listed.IsZero() {
		x.Listed = v.Listed.UnixMilli()
	}
	if v.Calls > 0 {
		x.First, x.Last = v.First.UnixMilli(), v.Last.UnixMilli()
	}
	if _, why := s.o.Tools.Definition(v.Hash); why != "" {
		x.Kept = why
	}
	x.Change = i > 0 && changes(s.tools.versions[i-1], v)
	return x
}

// changes says whether now is another definition of the tool that was has.
func changes(was, now *history.ToolVersion) bool {
	return was.Target == now.Target && was.Tool == now.Tool && bytes.Equal(was.Signer.Key, now.Signer.Key) && was.Signer.Name == now.Signer.Name &&
		!was.Hash.IsZero() && !now.Hash.IsZero()
}

// Bounds of what is sent of definitions.
const (
	maxToolRows  = 500
	maxDiffLines = 400
)

// A definition is one, and how it differs from the one before it.
type definition struct {
	toolVersion
	Lines []string `json:"lines,omitempty"`
	Diff  []string `json:"diff,omitempty"`
	More  int      `json:"more,omitempty"` // lines that were left out
	Was   string   `json:"was,omitempty"`  // the hash of the one before
	Why   string   `json:"why,omitempty"`  // it cannot be shown
}

func (s *Server) definition(i int) (*definition, error) {
	t := &s.tools
	t.mu.Lock()
	defer t.mu.Unlock()
	if i < 0 || i >= len(t.versions) {
		return nil, errNotFound
	}
	d := &definition{toolVersion: s.toolVersion(i)}
	cut := func(lines []string) []string {
		d.More = max(0, len(lines)-maxDiffLines)
		lines = lines[:len(lines)-d.More]
		for i := range lines {
			lines[i] = text.Clip(lines[i], 1000)
		}
		return lines
	}
	now, why := s.o.Tools.Definition(t.versions[i].Hash)
	if why != "" {
		d.Why = "the definition is " + why
		return d, nil
	}
	lines := toolstore.Lines(now)
	if d.Change {
		d.Was = t.versions[i-1].Hash.String()
		was, why := s.o.Tools.Definition(t.versions[i-1].Hash)
		if why != "" {
			d.Why = "the definition before it is " + why
		} else {
			d.Diff = cut(text.Diff(toolstore.Lines(was), lines, 3))
			return d, nil
		}
	}
	d.Lines = cut(lines)
	return d, nil
}
