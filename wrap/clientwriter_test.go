package wrap

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
)

// hung fails the test if what is to happen does not, after a time that only a
// hang takes.
func hung(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("hangs: %s", what)
	}
}

// async runs f and returns a channel that is closed when f has returned.
func async(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return done
}

// serverSays is output of a server: message i of many, a line or a frame.
func serverSays(r *rand.Rand, i int) string {
	switch body := fmt.Sprintf(`{"server":%d,"x":"%s"}`, i, strings.Repeat("x", r.IntN(50))); r.IntN(3) {
	case 0:
		return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body)+2, "{\n"+body[1:]+"\n")
	case 1:
		return body + "\r\n"
	default:
		return body + "\n"
	}
}

// TestClientWriter: with both at work at once, the server's bytes come as they are,
// and each reply whole, in order, and never inside a message of the server's.
func TestClientWriter(t *testing.T) {
	const messages, replies = 2000, 2000
	r, w := io.Pipe()
	o := newClientWriter(w)
	var said strings.Builder
	random := rand.New(rand.NewPCG(7, 8))
	for i := range messages {
		said.WriteString(serverSays(random, i))
	}
	server := async(func() {
		for rest := said.String(); len(rest) > 0; {
			n := min(len(rest), 1+random.IntN(60))
			if m, err := o.Write([]byte(rest[:n])); m != n || err != nil {
				t.Errorf("wrote %d of %d: %v", m, n, err)
			}
			rest = rest[n:]
		}
	})
	var sending sync.WaitGroup
	for s := range 4 {
		sending.Add(1)
		go func() {
			defer sending.Done()
			for i := range replies / 4 {
				o.reply([]byte(fmt.Sprintf("reply %d %d\n", s, i)))
			}
		}()
	}
	go func() {
		<-server
		sending.Wait()
		o.finish()
	}()

	var got []byte
	hung(t, "reading", async(func() { got, _ = io.ReadAll(r) }))
	next := map[int]int{}
	rest := said.String() // of the server
	for whole := true; len(got) > 0; {
		if whole && bytes.HasPrefix(got, []byte("reply ")) {
			line, after, _ := bytes.Cut(got, []byte("\n"))
			var s, i int
			if _, err := fmt.Sscanf(string(line), "reply %d %d", &s, &i); err != nil || next[s] != i {
				t.Fatalf("reply %q (%v), want the %dth of %d", line, err, next[s], s)
			}
			next[s]++
			got = after
			continue
		}
		// A message of the server's, which must be here unchanged.
		n := len(rest)
		if header, body, f := mcpwire.ParseHeader([]byte(rest)); f == mcpwire.IsFrame {
			n = header + body
		} else if i := strings.IndexByte(rest, '\n'); i >= 0 {
			n = i + 1
		}
		if n == 0 || !bytes.HasPrefix(got, []byte(rest[:n])) {
			t.Fatalf("got %.100q, want %.100q", got, rest)
		}
		got, rest = got[n:], rest[n:]
	}
	if rest != "" {
		t.Errorf("%q of the server's is lost", rest)
	}
	for s := range 4 {
		if next[s] != replies/4 {
			t.Errorf("%d replies of %d, want %d", next[s], s, replies/4)
		}
	}
}

// TestClientWriterClientDoesNotRead: neither replies alone nor replies after the
// server's output hold up the one who makes them, and none is lost.
func TestClientWriterClientDoesNotRead(t *testing.T) {
	for _, c := range []struct{ name, server string }{
		{"replies alone", ""},
		{"the server is writing", "{\"server\":1}\n"},
		{"the server is inside a message", "{\"server\":1}\n{"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w := io.Pipe()
			o := newClientWriter(w)
			server := async(func() {
				if c.server != "" {
					o.Write([]byte(c.server))
				}
			})
			var want strings.Builder
			hung(t, "replying", async(func() {
				for i := range 1000 {
					line := fmt.Sprintf("reply %d\n", i)
					want.WriteString(line)
					o.reply([]byte(line))
				}
			}))
			end := async(func() {
				<-server
				o.finish()
			})
			var got []byte
			hung(t, "reading", async(func() { got, _ = io.ReadAll(r) }))
			hung(t, "ending", end)
			// The server's message is ended only if a reply comes after it.
			message, begun, _ := strings.Cut(c.server, "\n")
			replies := string(got)
			if message != "" {
				replies = strings.Replace(replies, message+"\n", "", 1)
			}
			if begun != "" && !strings.HasSuffix(replies, "\n"+begun) {
				begun += "\n"
			}
			replies = strings.Replace(replies, begun, "", 1)
			if replies != want.String() {
				t.Errorf("got %.200q", got)
			}
		})
	}
}

// TestClientWriterReplyComes: a reply is not left waiting for what the server may say
// next, only for the end of what it is saying.
func TestClientWriterReplyComes(t *testing.T) {
	r, w := io.Pipe()
	o := newClientWriter(w)
	read := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		hung(t, "reading "+want, async(func() { io.ReadFull(r, got) }))
		if string(got) != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	o.reply([]byte("idle\n"))
	read("idle\n")

	server := async(func() { o.Write([]byte("{1}\n")) })
	read("{")
	o.reply([]byte("while it writes\n"))
	time.Sleep(50 * time.Millisecond) // until nobody but the server's goroutine is left to write it
	read("1}\nwhile it writes\n")
	hung(t, "the server", server)

	go o.Write([]byte("{2"))
	read("{2")
	o.reply([]byte("inside\n"))
	go o.Write([]byte("}\n{3}\n"))
	read("}\ninside\n{3}\n")
}

// TestClientWriterBound: replies that nobody reads are not kept without end, and yet
// none is lost.
func TestClientWriterBound(t *testing.T) {
	r, w := io.Pipe()
	o := newClientWriter(w)
	line := bytes.Repeat([]byte("x"), 1023)
	line = append(line, '\n')
	const n = 3 * maxWaiting / 1024
	sent := async(func() {
		for range n {
			o.reply(line)
		}
		o.finish()
	})
	got, most := 0, 0
	hung(t, "reading", async(func() {
		buf := make([]byte, 100)
		for {
			o.adding.Lock()
			most = max(most, len(o.replies))
			o.adding.Unlock()
			n, err := r.Read(buf)
			if got += n; err != nil {
				return
			}
		}
	}))
	hung(t, "sending", sent)
	if got != n*len(line) {
		t.Errorf("%d bytes came of %d", got, n*len(line))
	}
	if most > maxWaiting+len(line) {
		t.Errorf("%d bytes waited, more than %d", most, maxWaiting)
	}
}

// TestClientWriterEnd: the end of a session ends the server's unfinished message if
// a reply has to follow, and else adds nothing; it waits for nobody who does
// not read.
func TestClientWriterEnd(t *testing.T) {
	for _, c := range []struct{ server, reply, want string }{
		{"", "", ""},
		{"a\n", "", "a\n"},
		{"a", "", "a"},
		{"a", "r\n", "a\nr\n"},
		{"a\n", "r\n", "a\nr\n"},
		{"Content-Length: 3\r\n\r\nab", "r\n", "Content-Length: 3\r\n\r\nab\nr\n"},
	} {
		r, w := io.Pipe()
		o := newClientWriter(w)
		end := async(func() {
			o.Write([]byte(c.server))
			if c.reply != "" {
				o.reply([]byte(c.reply))
			}
			o.finish()
		})
		var got []byte
		hung(t, "reading", async(func() { got, _ = io.ReadAll(r) }))
		hung(t, "ending", end)
		if string(got) != c.want {
			t.Errorf("%q and reply %q: got %q, want %q", c.server, c.reply, got, c.want)
		}
	}

	_, w := io.Pipe()
	o := newClientWriter(w)
	go o.Write([]byte("nobody reads this"))
	o.reply([]byte("r\n"))
	hung(t, "ending without a reader", async(o.finish))
	hung(t, "replying after the end", async(func() {
		for range 3 * maxWaiting / 1024 {
			o.reply(make([]byte, 1024))
		}
	}))
}

// TestClientWriterClientGone: what fails for the server's bytes says so, so that the
// server can be told.
func TestClientWriterClientGone(t *testing.T) {
	r, w := io.Pipe()
	o := newClientWriter(w)
	r.Close()
	o.reply([]byte("r\n"))
	if _, err := o.Write([]byte("a\n")); err == nil {
		t.Error("no error")
	}
	hung(t, "ending", async(o.finish))
}
