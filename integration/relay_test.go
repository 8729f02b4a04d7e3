package integration

import (
	"bytes"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestServerEnds compares, for servers that say odd things and end in odd
// ways, all that a client can see of them: their bytes, their stderr and how
// they ended.
func TestServerEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		server []string
		stays  bool // until its input ends
	}{
		{"says nothing", fake(t, "say", ""), true},
		{"says something", fake(t, "say", "{}\n"), true},
		{"junk", fake(t, "lines", "junk"), true},
		{"byte order mark", fake(t, "lines", "bom"), true},
		{"CR LF", fake(t, "lines", "crlf"), true},
		{"20 MB line", fake(t, "lines", "huge"), true},
		{"no newline at the end", fake(t, "lines", "no-newline"), true},
		{"floods stderr", fake(t, "flood-stderr"), true},
		{"closes stdout and lives on", fake(t, "close-stdout"), true},
		{"exits with 0 at once", fake(t, "exit", "0"), false},
		{"exits with 7 at once", fake(t, "exit", "7"), false},
		{"exits with 7 and last words", fake(t, "exit", "7", strings.Repeat("last words ", 9000)), false},
		{"exits with 125", fake(t, "exit", "125"), false},
		{"exits with 255", fake(t, "exit", "255"), false},
		{"dies of TERM", fake(t, "die", "TERM", "half a li"), false},
		{"dies of KILL", fake(t, "die", "KILL", "half a li"), false},
		{"dies of INT", fake(t, "die", "INT"), false},
		{"dies of HUP", fake(t, "die", "HUP"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			see := func(w way) (out []byte, errs, how string) {
				p := start(t, t.TempDir(), w.argv(t, nil, c.server...))
				if c.stays {
					p.send(`{"jsonrpc":"2.0","id":1,"method":"ping"}` + "\n")
					p.end()
				}
				out, how = p.rest(), p.how()
				if left := p.mark.left(); len(left) > 0 {
					t.Errorf("%s: left over: %q", w, left)
				}
				return out, p.stderr(), how
			}
			want, wantErrs, wantHow := see(direct)
			got, gotErrs, gotHow := see(wrapped)
			if d := difference(want, got); d != "" {
				t.Error("stdout: ", d)
			}
			if d := difference([]byte(wantErrs), []byte(gotErrs)); d != "" {
				t.Error("stderr: ", d)
			}
			if gotHow != wantHow {
				t.Errorf("ended with %q, without the wrapper %q", gotHow, wantHow)
			}
		})
	}
}

// TestSlowClient: what a server said before it ended reaches a client that
// reads only a good while later, when the pipes before and after the wrapper
// are full and so is its own buffer.
func TestSlowClient(t *testing.T) {
	// A pipe holds 64 KiB on Linux, less elsewhere.
	var words []string
	for _, size := range []int{64 << 10, 48 << 10, 56 << 10} {
		words = append(words, strings.Repeat("last words ", size)[:size])
	}
	for range 4 { // because a fault here is a race
		t.Run("", func(t *testing.T) {
			t.Parallel()
			p := start(t, t.TempDir(), wrapped.argv(t, nil, fake(t, "exit", append([]string{"7"}, words...)...)...))
			time.Sleep(time.Second)
			var got bytes.Buffer
			for {
				// Little by little: a gulp would empty all of them at once.
				n, err := io.CopyN(&got, p.out, 4096)
				if err == io.EOF {
					break
				} else if err != nil {
					t.Fatalf("%v after %d bytes", err, n)
				}
				time.Sleep(5 * time.Millisecond)
			}
			if d := difference([]byte(strings.Join(words, "")), got.Bytes()); d != "" {
				t.Error(d)
			}
			if how := p.how(); how != "exit status 7" {
				t.Errorf("ended with %s", how)
			}
		})
	}
}

// TestEnvironment: the server sees the environment that the client gave, less
// what is the wrapper's own secret.
func TestEnvironment(t *testing.T) {
	see := func(w way) string {
		p := start(t, "/", w.argv(t, []string{"--home", t.TempDir()}, fake(t, "print-environ")...), func(c *exec.Cmd) {
			c.Env = []string{"HOME=/", "GITHUB_TOKEN=ghp_1", "EMPTY=", "ODD=a=b\nc", "SIGNET_PASSPHRASE=secret"}
		})
		return string(p.finish())
	}
	want := strings.Replace(see(direct), "SIGNET_PASSPHRASE=secret\n", "", 1)
	if got := see(wrapped); got != want {
		t.Errorf("the server sees\n%s\nwithout the wrapper\n%s", got, want)
	}
}

// TestEcho: bytes of every kind, both ways, through a server that sends all
// back: in one write, and a few at a time.
func TestEcho(t *testing.T) {
	var sent bytes.Buffer
	for i := range 256 {
		sent.Write([]byte{byte(i), byte(255 - i), '"', byte(i), '\r', '\n'})
	}
	for _, line := range oddLines {
		sent.Write(line())
	}
	sent.WriteString("the end")
	for _, step := range []int{sent.Len(), 7, 1} {
		b := sent.Bytes()
		if step < 100 {
			b = b[:4000]
		}
		p := start(t, t.TempDir(), wrapped.argv(t, nil, fake(t, "echo")...))
		go func() {
			for i := 0; i < len(b); i += step {
				if _, err := p.in.Write(b[i:min(i+step, len(b))]); err != nil {
					t.Error(err)
				}
			}
			p.in.Close()
		}()
		got := p.rest()
		if d := difference(b, got); d != "" {
			t.Errorf("%d bytes at a time: %s", step, d)
		}
		if how := p.how(); how != "exit status 0" {
			t.Errorf("ended with %s", how)
		}
	}
}
