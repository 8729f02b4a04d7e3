package integration

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fakes are the servers that this binary can be. Each gets the arguments after
// its name and returns its exit status.
var fakes = map[string]func(args []string) int{
	// Server stand-ins that behave.
	"echo":  fakeEcho,  // each line back as it came
	"reply": fakeReply, // a result for each line that has an id
	"scan":  fakeScan,  // a result for each request, as long as bufio.Scanner can read the lines
	"sink":  fakeSink,  // FILE: all input goes there, nothing comes back
	"say":   fakeSay,   // TEXT: says it, then reads to the end of input
	"mcpgo": fakeMCPGo, // a server of mcp-go

	"pieces": fakePieces, // results in pieces for two requests at a time; dies in the eighth

	// Servers that misbehave.
	"ignore-eof":    fakeIgnoreEOF,    // responds, and stays when its input ends
	"flood-stderr":  fakeFloodStderr,  // writes 4 MB to stderr before it responds
	"lines":         fakeLines,        // NAME: a line that breaks line readers
	"exit":          fakeExit,         // STATUS [TEXT…]: says the texts, 0.1 s apart, and ends
	"close-stdout":  fakeCloseStdout,  // closes stdout, reads to the end of input
	"ignore-term":   fakeIgnoreTerm,   // answers, stays at SIGTERM and end of input
	"die":           fakeDie,          // SIGNAL [TEXT]: says text, kills itself
	"grandchild":    fakeGrandchild,   // responds; a child of its own holds stdout
	"hold":          fakeHold,         // SECONDS: holds its streams, says nothing
	"print-environ": fakePrintEnviron, // its environment, one variable a line

	"otlp": fakeOTLP, // ADDRESS FILE DEATHS: a collector that dies

	// Not servers.
	"tap":       fakeTap,       // PREFIX COMMAND…: runs it and keeps what passes
	"recorders": fakeRecorders, // HOME CALLS: records calls over the last midnight
}

// runFake is main of a fake.
func runFake(name string, args []string) int {
	f := fakes[name]
	if f == nil {
		fmt.Fprintf(os.Stderr, "no fake %q\n", name)
		return 2
	}
	return f(args)
}

// fake is the command line of a fake.
func fake(t testing.TB, name string, args ...string) []string {
	t.Helper()
	if fakes[name] == nil {
		t.Fatalf("no fake %q", name)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{self, "fake", name}, args...)
}

func fakeEcho([]string) int {
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	for {
		line, err := in.ReadSlice('\n')
		os.Stdout.Write(line)
		if err != nil && err != bufio.ErrBufferFull {
			return 0
		}
	}
}

// fakeReply is as fast as a server can be: it finds the id without parsing, so
// what it measures is the way to it and back. The id must be the line's first
// member of that name.
func fakeReply([]string) int {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	var out []byte
	for {
		line, err := in.ReadSlice('\n')
		if id := idOf(line); id != nil {
			out = append(out[:0], `{"jsonrpc":"2.0","id":`...)
			out = append(out, id...)
			out = append(out, `,"result":{"content":[{"type":"text","text":"ok"}]}}`+"\n"...)
			os.Stdout.Write(out)
		}
		if err != nil && err != bufio.ErrBufferFull {
			return 0
		}
	}
}

func fakePieces([]string) int {
	in := bufio.NewReader(os.Stdin)
	for {
		say := []string{"{\"method\":\"notifications/x\"}\n"}
		for range 2 {
			line, err := in.ReadBytes('\n')
			if err != nil {
				return 0
			}
			begin := `{"id":` + string(idOf(line)) + `,"result":{`
			if string(idOf(line)) == "7" {
				io.WriteString(os.Stdout, strings.Join(say, "")+begin)
				return 3
			}
			say = append(say, begin, `"content":`, "[]}}\n")
		}
		say = append(say, "{\"method\":\"notifications/y\"}\n")
		// Whole lines end within pieces.
		all := strings.Join(say, "")
		for len(all) > 0 {
			n := min(len(all), 37)
			io.WriteString(os.Stdout, all[:n])
			all = all[n:]
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func fakeScan([]string) int {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		type message struct{ ID json.RawMessage }
		batch := []message{{}}
		if json.Unmarshal(in.Bytes(), &batch) != nil {
			json.Unmarshal(in.Bytes(), &batch[0])
		}
		for _, m := range batch {
			fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`+"\n", m.ID)
		}
	}
	if err := in.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func idOf(line []byte) []byte {
	_, after, ok := bytes.Cut(line, []byte(`"id":`))
	if !ok {
		return nil
	}
	end := bytes.IndexAny(after, ",} \t")
	if end < 0 {
		return nil
	}
	return after[:end]
}

func fakeSink(args []string) int {
	f, err := os.Create(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if _, err := io.Copy(f, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if f.Close() != nil {
		return 1
	}
	return 0
}

func fakeSay(args []string) int {
	io.WriteString(os.Stdout, args[0])
	io.Copy(io.Discard, os.Stdin)
	return 0
}

func fakeIgnoreEOF([]string) int {
	fakeReply(nil)
	time.Sleep(time.Hour)
	return 0
}

func fakeFloodStderr([]string) int {
	noise := bytes.Repeat([]byte("noise on stderr\n"), 1<<12)
	for range 64 {
		os.Stderr.Write(noise)
	}
	return fakeReply(nil)
}

// oddLines are outputs that have killed sessions elsewhere.
var oddLines = map[string]func() []byte{
	"junk":       func() []byte { return []byte("\x00\xff\xfe{]} not JSON \x1b[31m\n\n\n{\"half\":\n") },
	"bom":        func() []byte { return []byte("\ufeff{\"jsonrpc\":\"2.0\",\"method\":\"a\"}\n") },
	"crlf":       func() []byte { return []byte("{\"jsonrpc\":\"2.0\",\r\"method\":\"a\"}\r\n\r\n") },
	"huge":       func() []byte { return append(bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16), '\n') },
	"no-newline": func() []byte { return []byte("{\"jsonrpc\":\"2.0\",\"method\":\"a\"}\nlast without a newline") },
}

func fakeLines(args []string) int {
	os.Stdout.Write(oddLines[args[0]]())
	io.Copy(io.Discard, os.Stdin)
	return 0
}

func fakeExit(args []string) int {
	for i, text := range args[1:] {
		if i > 0 {
			time.Sleep(100 * time.Millisecond)
		}
		io.WriteString(os.Stdout, text)
	}
	status, err := strconv.Atoi(args[0])
	if err != nil {
		return 2
	}
	return status
}

func fakeCloseStdout([]string) int {
	os.Stdout.Close()
	io.Copy(io.Discard, os.Stdin)
	return 0
}

func fakePrintEnviron([]string) int {
	fmt.Println(strings.Join(os.Environ(), "\n"))
	io.Copy(io.Discard, os.Stdin)
	return 0
}

func fakeHold(args []string) int {
	seconds, err := strconv.Atoi(args[0])
	if err != nil {
		return 2
	}
	time.Sleep(time.Duration(seconds) * time.Second)
	return 0
}
