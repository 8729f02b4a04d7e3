package integration

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Fakes that write and read much, little at a time, or in frames.
func init() {
	fakes["big"] = fakeBig         // BYTES: each response is a line that long; at half of it waits for a line
	fakes["digest"] = fakeDigest   // for each line: how long it is and its SHA-256
	fakes["trickle"] = fakeTrickle // each byte back by itself
	fakes["full"] = fakeFull       // BYTES [then]: writes that many, while (then: before) it reads; at the end a digest of its input
	fakes["framed"] = fakeFramed   // FILE: a server with Content-Length; its input is kept in the file
}

// blocks is size bytes of which no two places look alike: numbers of 16
// digits, each after as much filler as makes 1 KiB. Each ends with end.
type blocks struct {
	size, at int
	end      byte
	block    [1024]byte
}

func newBlocks(size int, end byte) *blocks {
	n := &blocks{size: size, end: end}
	copy(n.block[:], bytes.Repeat([]byte("."), len(n.block)))
	return n
}

func (n *blocks) Read(p []byte) (int, error) {
	if n.at == n.size {
		return 0, io.EOF
	}
	filled := 0
	for filled < len(p) && n.at < n.size {
		if n.at%len(n.block) == 0 {
			copy(n.block[:], fmt.Sprintf("%016d", n.at/len(n.block)))
			n.block[len(n.block)-1] = n.end
		}
		m := copy(p[filled:], n.block[n.at%len(n.block):])
		m = min(m, n.size-n.at)
		filled += m
		n.at += m
	}
	return filled, nil
}

// bigReply is the response of fakeBig to id, in two halves.
func bigReply(id string, size int) (first, second io.Reader) {
	text := newBlocks(size, '.')
	return io.MultiReader(strings.NewReader(`{"jsonrpc":"2.0","id":`+id+`,"result":{"content":[{"type":"text","text":"`), io.LimitReader(text, int64(size/2))),
		io.MultiReader(text, strings.NewReader(`"}]}}`+"\n"))
}

func fakeBig(args []string) int {
	size, err := strconv.Atoi(args[0])
	if err != nil {
		return 2
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0
		}
		n := size
		if bytes.Contains(line, []byte(`"ping"`)) {
			n = 10
		}
		first, second := bigReply(string(idOf(line)), n)
		io.Copy(os.Stdout, first)
		if _, err := in.ReadSlice('\n'); err != nil {
			return 3 // the client did not see that half
		}
		io.Copy(os.Stdout, second)
	}
}

// digestOf is a line of what fakeDigest says.
func digestOf(b []byte) string { return fmt.Sprintf("%d %x\n", len(b), sha256.Sum256(b)) }

func fakeDigest([]string) int {
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	h, n := sha256.New(), 0
	for {
		piece, err := in.ReadSlice('\n')
		h.Write(piece)
		n += len(piece)
		if err == nil || err == io.EOF && n > 0 {
			fmt.Printf("%d %x\n", n, h.Sum(nil))
			h.Reset()
			n = 0
		}
		if err != nil && err != bufio.ErrBufferFull {
			return 0
		}
	}
}

func fakeTrickle([]string) int {
	in := bufio.NewReader(os.Stdin)
	for {
		c, err := in.ReadByte()
		if err != nil {
			return 0
		}
		os.Stdout.Write([]byte{c})
	}
}

func fakeFull(args []string) int {
	size, err := strconv.Atoi(args[0])
	if err != nil {
		return 2
	}
	said := make(chan struct{})
	go func() {
		io.Copy(os.Stdout, newBlocks(size, '\n'))
		close(said)
	}()
	if len(args) > 1 {
		<-said
	}
	h := sha256.New()
	n, err := io.Copy(h, os.Stdin)
	if err != nil {
		return 1
	}
	<-said
	fmt.Printf("%d %x\n", n, h.Sum(nil))
	return 0
}

// fakeFramed responds to each frame with an id, and says so on stderr and ends
// with 3 if what comes is no frame.
func fakeFramed(args []string) int {
	file, err := os.Create(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	in := bufio.NewReader(io.TeeReader(os.Stdin, file))
	for {
		body, err := readFrame(in)
		if err == io.EOF {
			return 0
		} else if err != nil {
			fmt.Fprintln(os.Stderr, "framed server:", err)
			return 3
		}
		if id := idOf(body); id != nil {
			os.Stdout.Write(frame(`{"jsonrpc":"2.0","id":` + string(id) + `,"result":{}}`))
		}
	}
}

// frame is a message with Content-Length.
func frame(body string) []byte {
	return fmt.Appendf(nil, "Content-Length: %d\r\n\r\n%s", len(body), body)
}

// readFrame reads one frame as the Language Server Protocol has it ("Base
// Protocol"), and no more of in than that. The error is io.EOF only before its
// first byte.
func readFrame(in *bufio.Reader) (body []byte, err error) {
	length := -1
	for n := 0; ; n++ {
		l, err := in.ReadString('\n')
		if err != nil {
			if err == io.EOF && (n > 0 || l != "") {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		l = strings.TrimSuffix(l, "\r\n")
		if l == "" {
			break
		}
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			return nil, fmt.Errorf("no header: %q", l)
		}
		if strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return nil, err
			}
		}
	}
	if length < 0 {
		return nil, fmt.Errorf("no Content-Length")
	}
	body = make([]byte, length)
	_, err = io.ReadFull(in, body)
	return body, err
}
