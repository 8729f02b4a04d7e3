package integration

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// Issue 3, "Frames of any size".

const goOn = `{"jsonrpc":"2.0","method":"notifications/go-on"}` + "\n"

// TestBigReply: a reply of 300 MB in one line reaches the client while it is
// still being written (its server waits, at half of it, for the client to say
// that it has seen that), and costs the wrapper next to nothing. So too if it
// is the response to a call whose outcome is recorded.
func TestBigReply(t *testing.T) {
	const size = 300_000_000
	for _, c := range []struct{ name, line string }{
		{"message", `{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"file:///big"}}` + "\n"},
		{"call", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"big","arguments":{}}}` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := newHome(t)
			p := start(t, home.dir, wrapped.argv(t, nil, fake(t, "big", itoa(size))...))
			hear := func(want io.Reader) {
				t.Helper()
				p.pipe.SetReadDeadline(time.Now().Add(patience))
				same(t, want, p.out)
			}
			ask := func(line, id string, size int) {
				t.Helper()
				p.send(line)
				first, second := bigReply(id, size)
				hear(first)
				p.send(goOn)
				hear(second)
			}
			// A small session comes first, a call in it or not, like the big one.
			ask(strings.Replace(c.line, `{"`, `{"x":"ping","`, 1), "7", 10)
			before := peak(t, p.cmd.Process.Pid)
			ask(c.line, "7", size)
			grown := peak(t, p.cmd.Process.Pid) - before
			if grown > 20<<20 {
				t.Errorf("the wrapper grew by %d MB", grown>>20)
			}
			t.Logf("grew by %.1f MB from %.1f MB", float64(grown)/(1<<20), float64(before)/(1<<20))
			p.finish()
			home.wantOutcomes(t, strings.Count(c.line, "tools/call")*2)
		})
	}
}

// wantOutcomes holds that the log has n calls and an outcome for each.
func (h home) wantOutcomes(t *testing.T, n int) {
	t.Helper()
	calls, outcomes := 0, 0
	for _, r := range h.log(t) {
		switch {
		case r.V == 2:
			outcomes++
		case r.V == 1 && r.Type == "":
			calls++
		}
	}
	if calls != n || outcomes != n {
		t.Errorf("%d calls and %d outcomes in the log, want %d", calls, outcomes, n)
	}
}

// same holds that the next bytes of got are those of want, to its end.
func same(t *testing.T, want, got io.Reader) {
	t.Helper()
	a, b := make([]byte, 1<<16), make([]byte, 1<<16)
	for at := 0; ; {
		n, err := io.ReadFull(want, a)
		if n > 0 {
			if m, err := io.ReadFull(got, b[:n]); err != nil {
				t.Fatalf("%v after %d bytes", err, at+m)
			}
			if d := difference(a[:n], b[:n]); d != "" {
				t.Fatalf("after %d bytes %s", at, d)
			}
		}
		if at += n; err != nil {
			return
		}
	}
}

// TestBigLine: the client's lines pass, signed or not, as long as they are no
// longer than --max-call; longer ones are refused, by their id, and the
// session goes on.
func TestBigLine(t *testing.T) {
	const limit = 64 << 20
	line := func(size int, begin, end string) []byte {
		b := bytes.Repeat([]byte("x"), size+1)
		copy(b, begin)
		copy(b[size-len(end):], end+"\n")
		return b
	}
	call := func(id string) string {
		return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"t","arguments":{"a":"`
	}
	other := func(id string) string { return `{"jsonrpc":"2.0","id":` + id + `,"method":"x","params":"` }

	home := newHome(t)
	p := start(t, home.dir, wrapped.argv(t, nil, fake(t, "digest")...))
	hears := func(what, want string) {
		t.Helper()
		if got := string(p.line()); got != want {
			t.Errorf("%s: the server got %s, was to get %s", what, got, want)
		}
	}
	// Without a reply on the way, all that is sent is one write.
	p.write(line(limit, other("1"), `"}`))
	hears("64 MiB", digestOf(line(limit, other("1"), `"}`)))

	const end = `"}}}`
	for _, size := range []int{limit - 500, limit} {
		b := line(size, call("2"), end)
		p.write(b)
		got := p.line()
		records := home.records(t)
		receipt := records[len(records)-1].travelling(t)
		spliced := fmt.Appendf(b[:len(b)-3:len(b)-3], `,"_meta":{"_signet":%s}}}`+"\n", receipt)
		if want := digestOf(spliced); string(got) != want {
			t.Errorf("a call of %d bytes: the server got %s, was to get %s", size, got, want)
		}
	}
	for _, begin := range []string{other("3"), call("4"), `{"method":"tools/call","params":"`} {
		b := line(limit+1, begin, `"}}}`)
		want := "[null]"
		if id := idOf(b[:100]); id != nil {
			want = "[" + string(id) + "]"
		} else {
			copy(b[limit-11:], `","id":5}`+"   \n") // at the end, for a change
			want = "[5]"
		}
		p.write(b)
		if ids, _ := replies(t, p.line()); ids != want {
			t.Errorf("64 MiB + 1: a reply to %s, want %s", ids, want)
		}
	}
	p.send(benchOther)
	hears("a small line after that", digestOf([]byte(benchOther)))
	if rest := p.finish(); len(rest) > 0 {
		t.Errorf("heard %q, too", head(rest))
	}
	if n := len(home.records(t)); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}

// TestByteAtATime: lines that come and go in single bytes.
func TestByteAtATime(t *testing.T) {
	home := newHome(t)
	inner, after := tap(t, fake(t, "trickle"))
	p := start(t, home.dir, wrapped.argv(t, nil, inner...))
	sent := []byte(addCall + benchOther + "\r\n" + "not JSON\n" + benchCall)
	var got []byte
	for _, l := range bytes.SplitAfter(sent, []byte("\n")) {
		for _, c := range l {
			p.write([]byte{c})
			time.Sleep(100 * time.Microsecond) // so that they do not travel together
		}
		if len(l) > 0 {
			got = append(got, p.line()...)
		}
	}
	got = append(got, p.finish()...)
	home.check(t, []tapped{{in: sent, out: got}}, after())
}

// TestManyLines: ten thousand lines in one write, a tenth of them calls, come
// out in order, and so does what the server says to each.
func TestManyLines(t *testing.T) {
	home := newHome(t)
	inner, after := tap(t, fake(t, "echo"))
	p := start(t, home.dir, wrapped.argv(t, nil, inner...))
	var sent bytes.Buffer
	for i := range 10_000 {
		if i%10 == 3 {
			fmt.Fprintf(&sent, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"t"}}`+"\n", i)
		} else {
			fmt.Fprintf(&sent, `{"jsonrpc":"2.0","id":%d,"method":"ping"}`+"\n", i)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.in.Write(sent.Bytes())
		p.in.Close()
	}()
	got := p.rest()
	<-done
	if how := p.how(); how != "exit status 0" {
		t.Errorf("ended with %s", how)
	}
	home.check(t, []tapped{{in: sent.Bytes(), out: got}}, after())
}

// TestBothFull: 50 MB each way at once, with a client that reads nothing
// before it has written all, and with a server like that. Nothing may stand
// still or be lost, nor may the reply to a refused call that finds the way to
// the client full.
func TestBothFull(t *testing.T) {
	const size = 50_000 << 10
	sent, err := io.ReadAll(newBlocks(size, '\n'))
	if err != nil {
		t.Fatal(err)
	}
	middle := size / 2
	const refused = `{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}` + "\n"
	for _, c := range []struct {
		name   string
		server []string
		reads  bool // the client reads while it writes
	}{
		{"client writes first", fake(t, "full", itoa(size)), false},
		{"server writes first", fake(t, "full", itoa(size), "then"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, t.TempDir(), wrapped.argv(t, nil, c.server...))
			written := make(chan error, 1)
			go func() {
				p.in.SetWriteDeadline(time.Now().Add(patience))
				for _, b := range [][]byte{sent[:middle], []byte(refused), sent[middle:]} {
					if _, err := p.in.Write(b); err != nil {
						written <- err
						return
					}
				}
				written <- p.in.Close()
			}()
			if !c.reads {
				if err := <-written; err != nil {
					t.Fatal(err)
				}
			}
			// The reply is somewhere between two of the server's lines.
			h, n, answered := sha256.New(), 0, 0
			p.pipe.SetReadDeadline(time.Now().Add(patience))
			var last []byte
			for {
				line, err := p.out.ReadBytes('\n')
				if bytes.HasPrefix(line, []byte(`{"jsonrpc"`)) {
					answered++
					if ids, _ := replies(t, line); ids != "[1]" {
						t.Errorf("a reply to %s", ids)
					}
				} else if len(line) == 1024 {
					h.Write(line)
					n += len(line)
				} else {
					last = append(last, line...)
				}
				if err == io.EOF {
					break
				} else if err != nil {
					t.Fatalf("%v after %d bytes", err, n)
				}
			}
			if c.reads {
				if err := <-written; err != nil {
					t.Error(err)
				}
			}
			if how := p.how(); how != "exit status 0" {
				t.Errorf("ended with %s", how)
			}
			// Both wrote the same, so one digest is that of either.
			if got := fmt.Sprintf("%d %x\n", n, h.Sum(nil)); got != digestOf(sent) {
				t.Errorf("the client got %s, was to get %s", got, digestOf(sent))
			}
			if string(last) != digestOf(sent) {
				t.Errorf("the server got %q, was to get %s", head(last), digestOf(sent))
			}
			if answered != 1 {
				t.Errorf("%d replies to the call that was refused", answered)
			}
		})
	}
}

// peak is the most that a process held in memory so far, in bytes. The test
// ends here where that is not known.
func peak(t *testing.T, pid int) int { return held(t, pid, "VmHWM") }

// held is a size of a process as /proc has it, in bytes.
func held(t *testing.T, pid int, what string) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		noSuchThing(t, []string{"windows", "darwin"}, "memory is read from /proc: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		var kB int
		if n, _ := fmt.Sscanf(line, what+": %d", &kB); n == 1 {
			return kB << 10
		}
	}
	t.Fatalf("no %s in %s", what, text)
	return 0
}
