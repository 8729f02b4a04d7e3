package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

var errNotFound = errors.New("there is no such thing in the log")

type badRequest struct{ error }

func bad(format string, a ...any) error { return &badRequest{fmt.Errorf(format, a...)} }

// api adds what the page asks for. All of it reads.
func (s *Server) api(mux *http.ServeMux) {
	for path, h := range map[string]func(r *http.Request) (any, error){
		"state": s.serveState, "calls": s.serveCalls, "timeline": s.serveTimeline, "call": s.serveCall,
		"sessions": s.serveSessions, "tools": s.serveTools, "definition": s.serveDefinition,
	} {
		mux.HandleFunc("GET /api/"+path, s.authorized(h))
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

// Bounds of waiting for news.
var (
	longPoll = 20 * time.Second       // tests make it shorter
	calm     = 150 * time.Millisecond // news that come together are told together
)

// state is what the page gets about the log as a whole.
type state struct {
	Version  int64    `json:"version"`
	Program  string   `json:"program"`
	Dir      string   `json:"dir"`
	Indexed  bool     `json:"indexed"`
	Reading  progress `json:"reading"`
	Rows     int      `json:"rows"`
	Calls    int      `json:"calls"`
	Change   int64    `json:"change"` // of the index
	Checking bool     `json:"checking"`
	Stale    bool     `json:"stale"`
	Progress progress `json:"progress"`
	Checked  *Checked `json:"checked,omitempty"`
	Problem  string   `json:"problem,omitempty"`
	Idle     int      `json:"idle_seconds"`

	Tools   []string `json:"tools"` // the most frequent
	Servers []string `json:"servers"`
	Clients []string `json:"clients"`
}

// serveState answers when the state is another than the version that the page has, or
// after a while.
func (s *Server) serveState(r *http.Request) (any, error) {
	since, _ := strconv.ParseInt(r.FormValue("since"), 10, 64)
	s.mu.Lock()
	version, news := s.version, s.news
	s.mu.Unlock()
	if version == since {
		select {
		case <-news:
			select {
			case <-time.After(calm):
			case <-r.Context().Done():
			}
		case <-time.After(longPoll):
		case <-r.Context().Done():
		}
	}
	s.mu.Lock()
	out := state{Version: s.version, Program: s.o.Version, Dir: s.o.Audit, Indexed: s.indexed, Reading: s.reading,
		Checking: s.checking, Stale: s.stale, Progress: s.progress, Checked: s.checked, Problem: text.Clip(s.problem, maxValue), Idle: int(s.o.Idle.Seconds())}
	s.mu.Unlock()
	x := s.index
	x.mu.RLock()
	defer x.mu.RUnlock()
	out.Rows, out.Calls, out.Change = x.n, x.calls, x.change
	if x.full {
		out.Problem = fmt.Sprintf("the log has more than %d day files: not all is listed", maxFiles)
	}
	events := map[string]bool{}
	for i := range x.tools.list {
		events[x.tools.list[i]] = false
	}
	out.Tools, out.Servers, out.Clients = x.tools.most(100), x.servers.most(100), x.clients.most(100)
	return out, nil
}

// filterOf is the filter that a request asks for, with the names that audit's flags have.
func filterOf(q url.Values) (f history.Filter, err error) {
	f = history.Filter{Tool: q.Get("tool"), Target: q.Get("server"), Client: q.Get("client"), Signer: q.Get("signer"), Session: q.Get("session"), Grep: q.Get("grep")}
	for name, t := range map[string]*time.Time{"since": &f.Since, "until": &f.Until} {
		if v := q.Get(name); v != "" {
			if *t, err = time.Parse(time.RFC3339, v); err != nil {
				return f, bad("%s is not a time", name)
			}
		}
	}
	if v := q.Get("outcome"); v != "" {
		for name := range strings.SplitSeq(v, ",") {
			if !slices.Contains(history.Outcomes, history.Outcome(name)) {
				return f, bad("there is no such outcome")
			}
			f.Outcomes = append(f.Outcomes, history.Outcome(name))
		}
	}
	return f, nil
}

// selection is the rows that a request asks for. The index is locked for reading, and
// release unlocks it.
func (s *Server) selection(r *http.Request) (sel *selected, g *grep, release func(), err error) {
	q := r.URL.Query()
	f, err := filterOf(q)
	if err != nil {
		return nil, nil, nil, err
	}
	if f.Grep != "" {
		g = s.grepOf(f.Grep)
	}
	q.Del("from")
	q.Del("count")
	q.Del("east")
	key := q.Encode()
	x := s.index
	x.mu.RLock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.cache {
		if c.filter == key && c.change == x.change {
			s.cache = append(slices.Delete(s.cache, i, i+1), c)
			return c.selected, g, x.mu.RUnlock, nil
		}
	}
	sel = x.query(&f, g)
	if !sel.all {
		s.cache = slices.DeleteFunc(s.cache, func(c cached) bool { return c.change != x.change })
		if len(s.cache) >= maxCached {
			s.cache = slices.Delete(s.cache, 0, 1)
		}
		s.cache = append(s.cache, cached{key, x.change, sel})
	}
	return sel, g, x.mu.RUnlock, nil
}

// A listed is a row of the table.
type listed struct {
	Row     int             `json:"row"`
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Time    int64           `json:"time,omitempty"`
	Tool    string          `json:"tool"`
	Server  string          `json:"server"`
	Client  string          `json:"client"`
	Outcome history.Outcome `json:"outcome"`
	Took    int32           `json:"took"`
	Preview string          `json:"preview"`
}

func (x *index) listed(i int) listed {
	r := x.row(i)
	return listed{Row: i, ID: fmt.Sprintf("%x", r.id[:4]), Kind: kinds[r.kind], Time: r.time, Tool: x.tools.list[r.tool], Server: x.servers.list[r.server],
		Client: x.clients.list[x.clientOf[r.context]], Outcome: outcomeOf(r.outcome), Took: r.took, Preview: strings.ToValidUTF8(x.preview(i), "\ufffd")}
}

// calls is a part of the list, newest first.
type calls struct {
	Total   int       `json:"total"`
	From    int       `json:"from"`
	Rows    []listed  `json:"rows"`
	Change  int64     `json:"change"`
	Partial bool      `json:"partial,omitempty"` // the index is not there yet: the newest alone
	Search  *progress `json:"search,omitempty"`  // of what grep has read
	Problem string    `json:"problem,omitempty"`
}

// maxPage is how many rows are sent at once.
const maxPage = 500

func (s *Server) serveCalls(r *http.Request) (any, error) {
	from, _ := strconv.Atoi(r.FormValue("from"))
	n, _ := strconv.Atoi(r.FormValue("count"))
	from, n = max(from, 0), min(max(n, 0), maxPage)
	s.mu.Lock()
	indexed := s.indexed
	s.mu.Unlock()
	if !indexed {
		return s.first(r, from, n)
	}
	sel, g, release, err := s.selection(r)
	if err != nil {
		return nil, err
	}
	defer release()
	out := calls{Total: sel.n, From: from, Rows: []listed{}, Change: s.index.change}
	for k := from; k < min(from+n, sel.n); k++ {
		out.Rows = append(out.Rows, s.index.listed(sel.at(sel.n-1-k)))
	}
	if g != nil {
		if !g.done.Load() {
			out.Search = &progress{g.records.Load(), g.bytes.Load(), g.of.Load()}
		}
		out.Problem, _ = g.err.Load().(string)
	}
	return out, nil
}

// first is the list before the index is there.
func (s *Server) first(r *http.Request, from, n int) (any, error) {
	f, err := filterOf(r.URL.Query())
	if err != nil {
		return nil, err
	}
	x, err := s.newest(r.Context(), f)
	if err != nil {
		return nil, err
	}
	out := calls{Total: x.n, From: from, Rows: []listed{}, Partial: true}
	for k := from; k < min(from+n, x.n); k++ {
		l := x.listed(x.n - 1 - k)
		l.Row = -1 // it has no number yet
		l.ID = fmt.Sprintf("%x", x.row(x.n-1-k).id)
		out.Rows = append(out.Rows, l)
	}
	return out, nil
}

func (s *Server) serveTimeline(r *http.Request) (any, error) {
	east, _ := strconv.Atoi(r.FormValue("east")) // minutes
	sel, _, release, err := s.selection(r)
	if err != nil {
		return nil, err
	}
	defer release()
	bars, step := s.index.timeline(sel, time.Duration(min(max(east, -1000), 1000))*time.Minute)
	return map[string]any{"bars": bars, "step": step.Milliseconds()}, nil
}

// serveCall answers with all of one row: by its number, or by the beginning of its id.
func (s *Server) serveCall(r *http.Request) (any, error) {
	i, err := strconv.Atoi(r.FormValue("row"))
	if id := r.FormValue("id"); id != "" {
		p, ok := history.ParsePrefix(id)
		if !ok {
			return nil, errNotFound
		}
		if i, ok = s.index.findID(p); !ok {
			return nil, errNotFound
		}
	} else if err != nil {
		return nil, bad("which row?")
	}
	return s.detail(r.Context(), i)
}

// A listedSession is a row of the sessions.
type listedSession struct {
	Session string `json:"session"`
	Server  string `json:"server"`
	Client  string `json:"client"`
	Where   string `json:"where"`
	Signer  string `json:"signer"`
	First   int64  `json:"first"`
	Last    int64  `json:"last"`
	Calls   int64  `json:"calls"`
	Failed  int64  `json:"failed"`
	Open    int64  `json:"open"`
}

func (s *Server) serveSessions(r *http.Request) (any, error) {
	from, _ := strconv.Atoi(r.FormValue("from"))
	want := strings.ToLower(r.FormValue("find"))
	x := s.index
	x.mu.RLock()
	defer x.mu.RUnlock()
	var order []int
	line := func(i int) listedSession {
		v := &x.sessionInfo[i]
		c := &x.contexts[v.context]
		signer, _, _ := strings.Cut(x.signers.list[v.signer], " ed25519:")
		return listedSession{v.name, x.servers.list[v.server], text.Clip(c.ClientName(), maxName), text.Clip(c.Where(), maxName), signer, v.first, v.last, v.calls, v.failed, v.open}
	}
	for i := range x.sessionInfo {
		if x.sessionInfo[i].calls == 0 {
			continue
		}
		if want != "" {
			l := line(i)
			if !strings.Contains(strings.ToLower(strings.Join([]string{l.Session, l.Server, l.Client, l.Where, l.Signer}, "\n")), want) {
				continue
			}
		}
		order = append(order, i)
	}
	slices.SortFunc(order, func(i, j int) int {
		return int(max(-1, min(1, x.sessionInfo[j].first-x.sessionInfo[i].first)))
	})
	out := []listedSession{}
	from = min(max(from, 0), len(order))
	for _, i := range order[from:min(from+200, len(order))] {
		out = append(out, line(i))
	}
	return map[string]any{"total": len(order), "from": from, "sessions": out}, nil
}

func (s *Server) serveTools(r *http.Request) (any, error) {
	s.readTools()
	want := strings.ToLower(r.FormValue("find"))
	changed := r.FormValue("changed") != ""
	t := &s.tools
	t.mu.Lock()
	defer t.mu.Unlock()
	out := []toolVersion{}
	total := 0
	for i, v := range t.versions {
		if want != "" && !strings.Contains(strings.ToLower(v.Target+"\n"+v.Tool), want) {
			continue
		}
		if changed && (i == 0 || !changes(t.versions[i-1], v)) {
			continue
		}
		if total++; total <= maxToolRows {
			out = append(out, s.toolVersion(i))
		}
	}
	return map[string]any{"running": t.running, "progress": t.progress, "problem": t.err, "more": t.more, "total": total, "tools": out}, nil
}

func (s *Server) serveDefinition(r *http.Request) (any, error) {
	i, err := strconv.Atoi(r.FormValue("number"))
	if err != nil {
		return nil, bad("which definition?")
	}
	return s.definition(i)
}
