// Package demo is the MCP client and server of `signet-wrap demo`. They speak as
// much of the protocol as one call of one tool needs, and nothing else: JSON-RPC
// in lines, of version 2025-11-25 (basic/lifecycle, server/tools).
package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

const protocolVersion = "2025-11-25"

// message is a JSON-RPC request, response or notification.
type message struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  any             `json:"result,omitempty"`
	Error   *rpcError       `json:"error,omitempty"`
}

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

type object = map[string]any

// Call starts command as an MCP server, calls the tool, ends the server and
// returns the text of the response. The server's stderr goes to ours.
func Call(ctx context.Context, command string, args []string, tool string, arguments json.RawMessage) (text string, err error) {
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	c := &client{in: json.NewEncoder(in), out: json.NewDecoder(out)}
	text, err = c.session(tool, arguments)
	in.Close()
	if err == nil {
		_, err = io.Copy(io.Discard, out) // to its end, before Wait closes it
	}
	return text, errors.Join(err, cmd.Wait())
}

// client is the client's end of a session.
type client struct {
	in  *json.Encoder
	out *json.Decoder
	id  int // of the newest request
}

// session is all that a client says, from its first word to its last.
func (c *client) session(tool string, arguments json.RawMessage) (text string, err error) {
	hello := object{"protocolVersion": protocolVersion, "capabilities": object{}, "clientInfo": object{"name": "demo-client", "version": "1"}}
	if err := c.ask("initialize", hello, nil); err != nil {
		return "", err
	}
	if err := c.in.Encode(message{JSONRPC: "2.0", Method: "notifications/initialized"}); err != nil {
		return "", err
	}
	var result struct {
		Content []struct{ Text string }
	}
	if err := c.ask("tools/call", object{"name": tool, "arguments": arguments}, &result); err != nil {
		return "", err
	}
	for _, part := range result.Content {
		text += part.Text
	}
	return text, nil
}

// ask sends a request and reads its response into result, which may be nil.
func (c *client) ask(method string, params, result any) error {
	c.id++
	id, err := json.Marshal(c.id)
	if err != nil {
		return err
	}
	if err := c.in.Encode(message{JSONRPC: "2.0", ID: id, Method: method, Params: params}); err != nil {
		return err
	}
	for {
		m := message{Result: result}
		if err := c.out.Decode(&m); err != nil {
			return fmt.Errorf("reading the response to %s: %w", method, err)
		}
		switch {
		case string(m.ID) != string(id) || m.Method != "": // the server's own
		case m.Error != nil:
			return fmt.Errorf("%s: %s (%d)", method, m.Error.Message, m.Error.Code)
		default:
			return nil
		}
	}
}

// Serve is an MCP server on in and out with one tool, which takes a table and
// a condition and pretends to delete rows. It returns at the end of in.
func Serve(tool string, in io.Reader, out io.Writer) error {
	lines, to := bufio.NewReader(in), json.NewEncoder(out)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var request struct {
			ID     json.RawMessage
			Method string
			Params struct {
				Name      string
				Arguments struct{ Table, Where string }
			}
		}
		response := message{JSONRPC: "2.0"}
		switch err := json.Unmarshal(line, &request); {
		case err != nil:
			response.ID, response.Error = json.RawMessage("null"), &rpcError{-32700, "this is not JSON"}
		case request.ID == nil: // a notification
			continue
		case request.Method == "initialize":
			response.Result = object{"protocolVersion": protocolVersion, "capabilities": object{"tools": object{}}, "serverInfo": object{"name": "demo-server", "version": "1"}}
		case request.Method == "ping":
			response.Result = object{}
		case request.Method == "tools/list":
			column := object{"type": "string"}
			response.Result = object{"tools": []object{{
				"name": tool, "description": "Pretends to delete rows of a table.",
				"inputSchema": object{"type": "object", "properties": object{"table": column, "where": column}, "required": []string{"table", "where"}},
			}}}
		case request.Method == "tools/call" && request.Params.Name == tool:
			said := fmt.Sprintf("deleted 12 rows of %s (not really)", request.Params.Arguments.Table)
			response.Result = object{"content": []object{{"type": "text", "text": said}}}
		case request.Method == "tools/call":
			response.Error = &rpcError{-32602, "there is no such tool"}
		default:
			response.Error = &rpcError{-32601, "there is no such method"}
		}
		if response.ID == nil {
			response.ID = request.ID
		}
		if err := to.Encode(response); err != nil {
			return err
		}
	}
}
