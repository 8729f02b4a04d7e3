package page

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/toolstore"
	"github.com/signet-wrap/signet-wrap/internal/verify"
)

// Options say what a Server shows.
type Options struct {
	Audit string // the log's directory
	Tools *toolstore.Store
	Keys  verify.Keys

	// Check verifies the log. What it is called for again has changed. read, if it is not
	// nil, is told which log, and what it returns gets each record, so that the log need
	// not be read and verified twice: see [verify.Options].
	Check func(ctx context.Context, progress func(records, bytes, total int64), read Reading) (f *verify.Log, sentence string, err error)

	Idle    time.Duration        // how long nobody looks until the server ends; 0: DefaultIdle
	Say     func(message string) // is told what whoever started it should know; nil: nobody
	Version string               // of the program
}

// Reading is told which log is verified, and returns what is to get its records.
type Reading func(log *chain.Snapshot) (visit func(e chain.Entry, bad error))

// DefaultIdle is how long a server waits for somebody to look at its page.
const DefaultIdle = 5 * time.Minute

// ErrIdle is how Serve ends if nobody has looked for a while.
var ErrIdle = errors.New("nobody looks at the page")

// A Server shows a log. What keeps others on this machine, and pages of other sites,
// away from it:
//
//   - It listens on 127.0.0.1 alone.
//   - Nothing of the log is sent without a token of 256 bits in the Authorization
//     header. Browsers add no such header by themselves, as they do with cookies, which
//     servers on all ports of a host share; and no page of another origin can add it,
//     because nothing here permits that (CORS).
//   - The token in the link counts once. It is in the fragment, which browsers send to
//     nobody, and the page takes it out of the address.
//   - Host must be the address and the port, so that a name that somebody else points at
//     127.0.0.1 gets nothing (DNS rebinding). Origin and Sec-Fetch-Site, where a browser
//     sends them, must be those of the page itself.
//   - The page's own policy (CSP) lets it load and connect to nothing else, be in no
//     frame, and make no markup of text.
type Server struct {
	o     Options
	index *index
	lines lines
	tools tools

	listener net.Listener
	host     string // 127.0.0.1:PORT
	ctx      context.Context
	work     sync.WaitGroup // goroutines that read the log

	mu       sync.Mutex
	link     [32]byte // hash of the link's token
	linkUsed bool
	session  [32]byte // hash of the session's token; zero: there is none
	token    string   // of the link
	seen     time.Time
	looking  int // requests that are being answered

	version  int64         // of the state
	news     chan struct{} // closed when the version changes
	reading  progress
	indexed  bool
	checking bool
	stale    bool // the log has changed since it was verified
	progress progress
	checked  *Checked
	problem  string
	cache    []cached
}

type progress struct {
	Records int64 `json:"records"`
	Bytes   int64 `json:"bytes"`
	Total   int64 `json:"total"`
}

// Listen returns a server that listens, and does not answer before Serve is called.
func Listen(o Options) (*Server, error) {
	if o.Idle <= 0 {
		o.Idle = DefaultIdle
	}
	if o.Say == nil {
		o.Say = func(string) {}
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{o: o, listener: listener, host: listener.Addr().String(), index: newIndex(), news: make(chan struct{}), seen: time.Now(), version: 1}
	s.token = newToken()
	s.link = sha256.Sum256([]byte(s.token))
	return s, nil
}

func newToken() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// URL is the link to the page. It opens it once.
func (s *Server) URL() string { return "http://" + s.host + "/#" + s.token }

// Serve answers until ctx is done, and then returns nil; or until nobody has looked for
// a while, and returns ErrIdle.
func (s *Server) Serve(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.ctx = ctx
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       20 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	s.work.Add(2)
	passed := make(chan *firstPass, 1)
	go func() { defer s.work.Done(); s.read(ctx, passed) }()
	go func() { defer s.work.Done(); s.check(ctx, passed) }()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(limit(s.listener, maxConnections)) }()

	var err error
	for err == nil {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case err = <-ended:
		case <-time.After(time.Second):
			if s.idle() {
				err = ErrIdle
			}
		}
	}
	stop()
	server.Close()
	s.work.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (s *Server) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.looking == 0 && time.Since(s.seen) > s.o.Idle
}

// maxConnections is how many there may be at once: a browser has six.
const maxConnections = 64

type limited struct {
	net.Listener
	room chan struct{}
}

func limit(l net.Listener, n int) net.Listener { return &limited{l, make(chan struct{}, n)} }

func (l *limited) Accept() (net.Conn, error) {
	l.room <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &limitedConn{Conn: c, leave: sync.OnceFunc(func() { <-l.room })}, nil
}

type limitedConn struct {
	net.Conn
	leave func()
}

func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// headers of every response.
var headers = map[string]string{
	"Content-Security-Policy":      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Cache-Control":                "no-store",
}

// handler checks where a request comes from, before anything else.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for path, a := range files {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", a.kind)
			w.Write([]byte(a.content))
		})
	}
	mux.HandleFunc("POST /api/session", s.serveSession)
	s.api(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		if why := s.refused(r); why != "" {
			http.Error(w, why, http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
		mux.ServeHTTP(w, r)
	})
}

// refused says why a request is from elsewhere; "" if it is not.
func (s *Server) refused(r *http.Request) string {
	isAPI := strings.HasPrefix(r.URL.Path, "/api/")
	sites := r.Header.Values("Sec-Fetch-Site")
	switch {
	case r.Host != s.host:
		return "the host is not " + s.host
	case slices.ContainsFunc(r.Header.Values("Origin"), func(o string) bool { return o != "http://"+s.host }):
		return "the origin is another one"
	case slices.ContainsFunc(sites, func(v string) bool {
		// A person who opens the page comes from no site.
		return v != "same-origin" && (isAPI || v != "none" || r.URL.Path != "/")
	}):
		return "the request is from another site"
	case r.URL.RawQuery != "" && !isAPI:
		return "there is no such page"
	}
	return ""
}

// serveSession exchanges the link's token for that of the session: once.
func (s *Server) serveSession(w http.ResponseWriter, r *http.Request) {
	hash, ok := bearer(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok || subtle.ConstantTimeCompare(hash[:], s.link[:]) != 1 {
		unauthorized(w)
		return
	}
	if s.linkUsed {
		s.o.Say("the link was opened a second time, which was refused: if the page is not open in your browser, somebody else has opened it")
		http.Error(w, "the link was used", http.StatusGone)
		return
	}
	token := newToken()
	s.linkUsed, s.session, s.seen, s.token = true, sha256.Sum256([]byte(token)), time.Now(), ""
	writeJSON(w, map[string]string{"session": token})
}

// bearer is the hash of the token of a request.
func bearer(r *http.Request) (hash [32]byte, ok bool) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return sha256.Sum256([]byte(token)), ok
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	http.Error(w, "no token, or not the right one", http.StatusUnauthorized)
}

// authorized wraps a handler of the API.
func (s *Server) authorized(h func(r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		hash, ok := bearer(r)
		s.mu.Lock()
		ok = ok && s.session != [32]byte{} && subtle.ConstantTimeCompare(hash[:], s.session[:]) == 1
		if ok {
			s.seen = time.Now()
			s.looking++
		}
		s.mu.Unlock()
		if !ok {
			unauthorized(w)
			return
		}
		defer func() {
			s.mu.Lock()
			s.seen = time.Now()
			s.looking--
			s.mu.Unlock()
		}()
		v, err := h(r)
		switch {
		case r.Context().Err() != nil:
		case errors.Is(err, errNotFound):
			http.Error(w, err.Error(), http.StatusNotFound)
		case errors.As(err, new(*badRequest)):
			http.Error(w, err.Error(), http.StatusBadRequest)
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			writeJSON(w, v)
		}
	}
}

// update changes what the state tells, and wakes those who wait for it.
func (s *Server) update(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.version++
	close(s.news)
	s.news = make(chan struct{})
}

// changed says that the index has changed.
func (s *Server) changed() { s.update(func() {}) }

func (s *Server) trouble(err error) {
	s.update(func() { s.problem = fmt.Sprint(err) })
}
