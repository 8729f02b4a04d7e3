package page

import (
	"encoding/base64"
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

// A place is where a line begins: the number of its day file in 16 bits, and the
// offset in 48. 0 is no place for a response.
type place uint64

const maxFiles = 1 << 16

func (p place) file() int     { return int(p >> 48) }
func (p place) offset() int64 { return int64(p & (1<<48 - 1)) }

// Kinds of rows, as history.View has them.
var kinds = []string{history.KindUnreadable, history.KindCall, history.KindEvent, history.KindResponse}

const (
	kindUnreadable = iota
	kindCall
	kindEvent
	kindResponse
)

// A row is what the index has of a row of the log's history: 80 bytes, and up to
// maxPreview of its arguments.
type row struct {
	id       history.ID
	at       place // of its record
	response place // of the response that counts; 0: none, or its own
	time     int64 // milliseconds since 1970; of what is believed
	took     int32 // milliseconds; -1: not known
	preview  uint32
	tool     uint32 // or the type of an event
	server   uint32
	signer   uint32
	session  uint32
	context  uint32
	length   uint8 // of the preview
	outcome  uint8 // of history.Outcomes, from 1 on; 0: none
	kind     uint8
	verdict  uint8 // history.Verdict
}

// Bounds of the index. A name that finds no room is shown as "(others)".
const (
	chunkRows  = 4096
	maxPreview = 72 // bytes of arguments
	maxName    = 256
	maxNames   = 200_000
)

type chunk struct {
	rows     []row
	previews []byte
}

// names are the values of a dimension, each once. The first is the empty one.
type names struct {
	list   []string
	index  map[string]uint32
	counts []int64 // rows
}

func newNames() names {
	return names{list: []string{""}, index: map[string]uint32{"": 0}, counts: []int64{0}}
}

func (n *names) of(name string) uint32 {
	if i, ok := n.index[name]; ok {
		return i
	}
	name = strings.Clone(text.Clip(name, maxName))
	if i, ok := n.index[name]; ok {
		return i
	}
	if len(n.list) >= maxNames {
		if name = "(others)"; n.index[name] != 0 {
			return n.index[name]
		}
	}
	i := uint32(len(n.list))
	n.list, n.counts = append(n.list, name), append(n.counts, 0)
	n.index[name] = i
	return i
}

// A session is what there is to say of the calls of one session and signer.
type session struct {
	name                    string
	server, signer, context uint32
	calls, failed, open     int64
	first, last             int64
	firstRow                int
}

// index is all rows of a log, in its order. Its methods lock it.
type index struct {
	mu     sync.RWMutex
	chunks []*chunk
	n      int
	calls  int
	change int64 // counts changes of any kind

	files     []string
	fileIndex map[string]int

	tools, servers, signers, sessions, clients names
	contexts                                   []history.Context
	contextIndex                               map[history.Context]uint32
	clientOf                                   []uint32 // of a context
	sessionInfo                                []session

	unanswered map[int]string // why there is no response, of some rows
	outcomes   [32]int64

	greps []*grep // that are asked for: see query.go
	full  bool    // rows were left out: too many files
}

func newIndex() *index {
	return &index{
		fileIndex: map[string]int{}, contextIndex: map[history.Context]uint32{{}: 0}, unanswered: map[int]string{},
		tools: newNames(), servers: newNames(), signers: newNames(), sessions: newNames(), clients: newNames(),
		contexts: []history.Context{{}}, clientOf: []uint32{0}, sessionInfo: []session{{}},
	}
}

func (x *index) row(i int) *row { return &x.chunks[i/chunkRows].rows[i%chunkRows] }

func (x *index) preview(i int) string {
	r := x.row(i)
	return string(x.chunks[i/chunkRows].previews[r.preview : r.preview+uint32(r.length)])
}

// put adds a row, or has what came of one that is there: package history puts calls
// that it follows twice.
func (x *index) put(h *history.Row) {
	x.mu.Lock()
	defer x.mu.Unlock()
	at, ok := x.place(h.Position())
	if !ok {
		x.full = true
		return
	}
	x.change++
	if i, ok := x.find(at); ok {
		x.settle(i, h)
		return
	}
	x.add(at, h)
}

func (x *index) place(p chain.Position) (place, bool) {
	f, ok := x.fileIndex[p.File]
	if !ok {
		if len(x.files) == maxFiles {
			return 0, false
		}
		f = len(x.files)
		x.files, x.fileIndex[p.File] = append(x.files, p.File), f
	}
	return place(f)<<48 | place(p.Offset), true
}

func (x *index) position(p place) chain.Position {
	return chain.Position{File: x.files[p.file()], Offset: p.offset()}
}

// find finds the row at a place. Rows are in the order of the log but for the rare one
// that is quarantined while it is followed; those are near the end.
func (x *index) find(at place) (int, bool) {
	for i := x.n - 1; i >= 0 && i > x.n-64; i-- {
		if x.row(i).at == at {
			return i, true
		}
	}
	i := sort.Search(x.n, func(i int) bool { return x.row(i).at >= at })
	return i, i < x.n && x.row(i).at == at
}

// findID finds the newest row whose id begins so, in hex digits.
func (x *index) findID(p history.Prefix) (int, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for i := x.n - 1; i >= 0; i-- {
		if p.Begins(x.row(i).id) {
			return i, true
		}
	}
	return 0, false
}

func (x *index) add(at place, h *history.Row) {
	if x.n%chunkRows == 0 {
		x.chunks = append(x.chunks, &chunk{rows: make([]row, 0, chunkRows)})
	}
	c := x.chunks[len(x.chunks)-1]
	r := row{at: at, took: -1, verdict: uint8(h.Verdict), preview: uint32(len(c.previews))}
	v := h.Says
	if v != nil {
		r.id, _ = history.ParseID("rec_" + strings.TrimPrefix(strings.TrimPrefix(v.ID, "rec_"), "evt_"))
		r.server = x.servers.of(h.Target())
		r.session = x.sessions.of(v.Session)
		switch {
		case v.Type != "":
			r.kind, r.tool = kindEvent, x.tools.of(v.Type)
		case history.IsResponse(v):
			r.kind, r.tool = kindResponse, x.tools.of(v.Tool)
		default:
			r.kind, r.tool = kindCall, x.tools.of(v.Tool)
			p := v.Arguments()
			p = p[:min(len(p), maxPreview)]
			for len(p) > 0 && !utf8.Valid(p) && len(p) > maxPreview-utf8.UTFMax {
				p = p[:len(p)-1]
			}
			c.previews, r.length = append(c.previews, p...), uint8(len(p))
		}
	}
	if h.Believed() && v != nil {
		if !v.Time.IsZero() {
			r.time = v.Time.UnixMilli()
		}
		if n := len(v.Signers); n > 0 {
			s := v.Signers[n-1]
			r.signer = x.signers.of(s.Name + " ed25519:" + base64.StdEncoding.EncodeToString(s.Key))
		}
		r.context = x.contextOf(h.Context)
	}
	x.tools.counts[r.tool]++
	x.servers.counts[r.server]++
	x.signers.counts[r.signer]++
	x.clients.counts[x.clientOf[r.context]]++
	x.outcome(&r, h)
	c.rows = append(c.rows, r)
	i := x.n
	x.n++
	if h.Unanswered != "" && len(x.unanswered) < maxNames {
		x.unanswered[i] = h.Unanswered
	}
	if h.IsCall() {
		x.calls++
		x.ofSession(i)
	}
	for _, g := range x.greps {
		if g.matches(h) {
			g.set(i)
		}
	}
}

// settle has what came of a call.
func (x *index) settle(i int, h *history.Row) {
	r := x.row(i)
	before := r.outcome
	x.outcomes[before]--
	x.outcome(r, h)
	if h.Unanswered != "" && len(x.unanswered) < maxNames {
		x.unanswered[i] = h.Unanswered
	}
	if c := x.contextOf(h.Context); c != 0 && c != r.context { // it has become known since
		x.clients.counts[x.clientOf[r.context]]--
		x.clients.counts[x.clientOf[c]]++
		r.context = c
	}
	if s := x.sessionAt(r); s != nil && r.kind == kindCall {
		s.count(before, -1)
		s.count(r.outcome, 1)
		s.context = r.context
	}
}

func (x *index) outcome(r *row, h *history.Row) {
	r.outcome = uint8(slices.Index(history.Outcomes, h.Outcome()) + 1)
	x.outcomes[r.outcome]++
	if took, ok := h.Took(); ok {
		r.took = int32(min(took.Milliseconds(), 1<<31-1))
	}
	if h.Response != nil && h.Response != h.Record {
		r.response, _ = x.place(h.Response.Position())
	}
}

func (x *index) contextOf(c history.Context) uint32 {
	if i, ok := x.contextIndex[c]; ok {
		return i
	}
	if len(x.contexts) >= maxNames {
		return 0
	}
	i := uint32(len(x.contexts))
	x.contexts = append(x.contexts, c)
	x.clientOf = append(x.clientOf, x.clients.of(c.ClientName()))
	x.contextIndex[c] = i
	return i
}

func (x *index) sessionAt(r *row) *session {
	if int(r.session) >= len(x.sessionInfo) || r.session == 0 {
		return nil
	}
	return &x.sessionInfo[r.session]
}

func (x *index) ofSession(i int) {
	r := x.row(i)
	if r.session == 0 {
		return
	}
	for int(r.session) >= len(x.sessionInfo) {
		x.sessionInfo = append(x.sessionInfo, session{})
	}
	s := &x.sessionInfo[r.session]
	if s.calls == 0 {
		*s = session{name: x.sessions.list[r.session], server: r.server, signer: r.signer, first: r.time, last: r.time, firstRow: i}
	}
	s.calls++
	s.first, s.last = min(s.first, r.time), max(s.last, r.time)
	s.context = max(s.context, r.context)
	s.count(r.outcome, 1)
}

func (s *session) count(outcome uint8, n int64) {
	switch outcomeOf(outcome) {
	case history.Failed, history.Rejected:
		s.failed += n
	case history.Open, history.NoResponse:
		s.open += n
	}
}

func outcomeOf(i uint8) history.Outcome {
	if i == 0 {
		return ""
	}
	return history.Outcomes[i-1]
}
