package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
)

// echo is a server that costs as little as a server can: it looks for a few
// bytes in each line and responds with the text that it was given, so that a
// response is as long as its request. It reads a line whole before it responds.
func echo(r io.Reader, w io.Writer) error {
	in, out := bufio.NewReaderSize(r, 64<<10), bufio.NewWriterSize(w, 64<<10)
	var line []byte
	for {
		var err error
		if line, err = appendLine(line[:0], in); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		id := memberID(line)
		if id == nil {
			continue // a notification
		}
		out.WriteString(`{"jsonrpc":"2.0","id":`)
		out.Write(id)
		switch short := line[:min(len(line), 4<<10)]; {
		case bytes.Contains(short, []byte(`"initialize"`)):
			out.WriteString(`,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"echo","version":"1"}}}`)
		case bytes.Contains(short, []byte(`"tools/list"`)):
			out.WriteString(`,"result":{"tools":[{"name":"` + tool + `","inputSchema":{"type":"object"}}]}}`)
		default:
			out.WriteString(`,"result":{"content":[{"type":"text","text":"`)
			out.Write(memberText(line))
			out.WriteString(`"}]}}`)
		}
		out.WriteByte('\n')
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

// appendLine appends the next line, of any length, with its newline.
func appendLine(line []byte, in *bufio.Reader) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// memberID is the request's id, which clients write first or last: what is
// between may be anyone's. nil: there is none.
func memberID(line []byte) []byte {
	at := bytes.Index(line, []byte(`"id"`))
	if params := bytes.Index(line, []byte(`"params"`)); params >= 0 && at > params {
		at = bytes.LastIndex(line, []byte(`"id"`))
		if bytes.IndexByte(line[at:], '{') >= 0 || bytes.Count(line[at:], []byte("}")) > 1 {
			return nil // inside params
		}
	}
	if at < 0 {
		return nil
	}
	value := bytes.TrimLeft(line[at+len(`"id"`):], ": ")
	if end := bytes.IndexAny(value, ",}"); end >= 0 {
		value = value[:end]
	}
	return bytes.TrimSpace(value)
}

// memberText is what is between the quotes of the first member "text".
func memberText(line []byte) []byte {
	at := bytes.Index(line, []byte(`"text"`))
	if at < 0 {
		return nil
	}
	text := line[at+len(`"text"`):]
	open := bytes.IndexByte(text, '"')
	if open < 0 {
		return nil
	}
	text = text[open+1:]
	for end := 0; ; end++ {
		quote := bytes.IndexByte(text[end:], '"')
		if quote < 0 {
			return nil
		}
		if end += quote; end == 0 || text[end-1] != '\\' { // the client's texts hold no \\
			return text[:end]
		}
	}
}

// relay is before the server argv as two cats do, in one process: for
// systems that have no cat.
func relay(argv []string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		io.Copy(in, os.Stdin)
		in.Close()
	}()
	if _, err := io.Copy(os.Stdout, out); err != nil {
		return err
	}
	return cmd.Wait()
}
