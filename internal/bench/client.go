package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// patience bounds every wait for a response.
var patience = 20 * time.Second

// initialize is how a conversation begins; its response is the first.
const (
	initialize  = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}` + "\n"
	initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n"
)

// A client talks over pipes to a server that it started, or to what is
// before one. If a response takes longer than patience, the server is killed and
// everything that waits for it fails; unless a process that has left its group
// holds the pipe, which holds us up, too.
type client struct {
	cmd    *exec.Cmd
	in     *os.File      // its stdin
	pipe   *os.File      // its stdout
	out    *bufio.Reader // of pipe
	stderr string        // a file
	ended  chan struct{}

	patience time.Duration
	limit    *time.Timer // runs while something waits
	hung     atomic.Bool
}

// dial starts argv with home as its home directory, in which nothing of the user's
// is.
func dial(argv []string, home string) (*client, error) {
	c := &client{stderr: filepath.Join(home, "stderr"), ended: make(chan struct{}), patience: patience}
	c.cmd = exec.Command(argv[0], argv[1:]...)
	c.cmd.Env = environ(home)
	ownGroup(c.cmd)
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer inR.Close()
	outR, outW, err := os.Pipe()
	if err != nil {
		inW.Close()
		return nil, err
	}
	defer outW.Close()
	// A file, not a buffer: Wait would wait for every holder of a pipe.
	errs, err := os.Create(c.stderr)
	if err != nil {
		inW.Close()
		outR.Close()
		return nil, err
	}
	defer errs.Close()
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = inR, outW, errs
	// Fd makes the pipes blocking ones, as most clients' are. With Go's poller,
	// this program would now and then see a response only milliseconds after it
	// has come, and take that for the way's.
	inW.Fd()
	outR.Fd()
	c.in, c.pipe, c.out = inW, outR, bufio.NewReaderSize(outR, 64<<10)
	if err := c.cmd.Start(); err != nil {
		inW.Close()
		outR.Close()
		return nil, err
	}
	c.limit = time.AfterFunc(c.patience, func() {
		c.hung.Store(true)
		killGroup(c.cmd)
	})
	go func() {
		c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// environ is ours with another home.
func environ(home string) []string {
	env := []string{"HOME=" + home, "USERPROFILE=" + home}
	for _, v := range os.Environ() {
		switch name, _, _ := strings.Cut(v, "="); strings.ToUpper(name) {
		case "HOME", "USERPROFILE", "SIGNET_HOME", "SIGNET_PASSPHRASE":
		default:
			env = append(env, v)
		}
	}
	return env
}

// hello begins the conversation, up to the first response.
func (c *client) hello() error {
	defer c.limit.Stop()
	if err := c.write([]byte(initialize)); err != nil {
		return err
	}
	if _, err := c.response(); err != nil {
		return err
	}
	return c.write([]byte(initialized))
}

// turn sends a line and waits for its response, which is at least least bytes
// long.
func (c *client) turn(line []byte, least int) error {
	defer c.limit.Stop()
	var sent chan error
	if len(line) <= 16<<10 {
		if err := c.write(line); err != nil {
			return err
		}
	} else {
		// More than a pipe holds, and who knows whether all of it is read
		// before the response begins.
		sent = c.send(line)
	}
	n, err := c.response()
	if err == nil && n < least {
		err = fmt.Errorf("a response of %d bytes, want %d or more", n, least)
	}
	if err == nil && sent != nil {
		err = <-sent
	}
	return err
}

// burst sends n lines and reads their responses meanwhile.
func (c *client) burst(lines []byte, n, least int) error {
	defer c.limit.Stop()
	sent := c.send(lines)
	for range n {
		got, err := c.response()
		if err != nil {
			return err
		}
		if got < least {
			return fmt.Errorf("a response of %d bytes, want %d or more", got, least)
		}
	}
	return <-sent
}

// send is write, in the background.
func (c *client) send(b []byte) chan error {
	sent := make(chan error, 1)
	go func() { sent <- c.write(b) }()
	return sent
}

func (c *client) write(b []byte) error {
	c.limit.Reset(c.patience)
	if _, err := c.in.Write(b); err != nil {
		return c.because(err)
	}
	return nil
}

// response receives the next response and returns its length. What is no response is
// passed over, as a client does; a response that is an error is an error.
func (c *client) response() (int, error) {
	c.limit.Reset(c.patience)
	for {
		n := 0
		isAnswer := false
		for {
			part, err := c.out.ReadSlice('\n')
			if n == 0 {
				head := part[:min(len(part), 512)]
				switch {
				case bytes.Contains(head, []byte(`"result"`)):
					isAnswer = true
				case bytes.Contains(head, []byte(`"error"`)):
					return 0, fmt.Errorf("responded with an error: %s", bytes.TrimSpace(head[:min(len(head), 200)]))
				}
			}
			n += len(part)
			if err == nil {
				break
			}
			if err != bufio.ErrBufferFull {
				return 0, c.because(err)
			}
		}
		if isAnswer {
			return n, nil
		}
	}
}

// because finds a better reason than that a pipe has broken.
func (c *client) because(err error) error {
	if c.hung.Load() {
		return fmt.Errorf("no response within %v", c.patience)
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) && !isBroken(err) {
		return err
	}
	how := "closed its output"
	select {
	case <-c.ended:
		how = "ended with " + c.cmd.ProcessState.String()
	case <-time.After(time.Second):
	}
	if said, err := os.ReadFile(c.stderr); err == nil && len(bytes.TrimSpace(said)) > 0 {
		first, _, _ := bytes.Cut(bytes.TrimSpace(said), []byte("\n"))
		how += fmt.Sprintf(" and said %q", first[:min(len(first), 160)])
	}
	return errors.New(how)
}

// close ends the input and waits for the server to end, and kills it if it does
// not.
func (c *client) close() {
	c.in.Close()
	c.limit.Reset(c.patience)
	go io.Copy(io.Discard, c.pipe) // it may have something left to say
	<-c.ended
	c.limit.Stop()
	killGroup(c.cmd) // what it left
	c.pipe.Close()
}
