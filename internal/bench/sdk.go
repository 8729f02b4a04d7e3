package main

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// serveSDK is a server of mcp-go that responds with the text that it was given.
func serveSDK(in io.Reader, out io.Writer) error {
	s := server.NewMCPServer("bench", "1")
	s.AddTool(mcp.NewTool(tool, mcp.WithString("path", mcp.Required()), mcp.WithString("text", mcp.Required())),
		func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(r.GetString("text", "")), nil
		})
	return server.NewStdioServer(s).Listen(context.Background(), in, out)
}

// sdk is the session of a client of mcp-go.
type sdk struct {
	client *mcpclient.Client
	cmd    *exec.Cmd
	call   mcp.CallToolRequest
	text   string
}

func openSDK(w *way, l *load, home string) (_ *opened, err error) {
	s := &sdk{text: strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\"`, `"`).Replace(l.text)}
	s.call.Params.Name, s.call.Params.Arguments = tool, map[string]any{"path": "notes/23.md", "text": s.text}
	began := time.Now()
	stdio := transport.NewStdioWithOptions(w.argv[0], nil, w.argv[1:], transport.WithCommandFunc(
		func(_ context.Context, command string, _, args []string) (*exec.Cmd, error) {
			s.cmd = exec.Command(command, args...)
			s.cmd.Env = environ(home)
			ownGroup(s.cmd)
			return s.cmd, nil
		}))
	s.client = mcpclient.NewClient(stdio)
	if err := s.client.Start(context.Background()); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if stderr, ok := mcpclient.GetStderr(s.client); ok {
		go io.Copy(io.Discard, stderr)
	}
	ctx, cancel := within()
	defer cancel()
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	hello.Params.ClientInfo = mcp.Implementation{Name: "bench", Version: "1"}
	if _, err := s.client.Initialize(ctx, hello); err != nil {
		return nil, err
	}
	o := &opened{session: s, first: time.Since(began)}
	if err := s.turn(0); err != nil {
		return nil, err
	}
	o.message = time.Since(began)
	return o, nil
}

func (s *sdk) pid() int { return s.cmd.Process.Pid }

func (s *sdk) turn(int) error {
	ctx, cancel := within()
	defer cancel()
	result, err := s.client.CallTool(ctx, s.call)
	if err != nil {
		return err
	}
	if len(result.Content) != 1 {
		return errors.New("the response has no content")
	}
	if text, ok := result.Content[0].(mcp.TextContent); !ok || text.Text != s.text {
		return errors.New("the response is not what was sent")
	}
	return nil
}

// sdkInFlight is how many calls a burst of an SDK's client has in flight.
const sdkInFlight = 32

func (s *sdk) burst(n int) error {
	var wg sync.WaitGroup
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	errs := make([]error, min(n, sdkInFlight))
	for i := range errs {
		wg.Go(func() {
			for j := range next {
				if errs[i] = s.turn(j); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *sdk) close() {
	stop := time.AfterFunc(patience, func() { killGroup(s.cmd) })
	defer stop.Stop()
	s.client.Close()
}

// within bounds what a call may take.
func within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
