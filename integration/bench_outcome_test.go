package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

func init() {
	fakes["huge"] = fakeHuge       // BYTES FILL: responds with a text of so many bytes, FILL again and again
	fakes["collect"] = fakeCollect // N: responds when it has N lines, and then all of them, the last first
}

func fakeHuge(args []string) int {
	size, err := strconv.Atoi(args[0])
	if err != nil {
		return 2
	}
	text := bytes.Repeat([]byte(args[1]), size/len(args[1]))
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0
		}
		fmt.Fprintf(os.Stdout, `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"`, idOf(line))
		os.Stdout.Write(text)
		os.Stdout.WriteString(`"}]}}` + "\n")
	}
}

func fakeCollect(args []string) int {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return 2
	}
	in, out := bufio.NewReaderSize(os.Stdin, 1<<16), bufio.NewWriter(os.Stdout)
	for ids := []string{}; ; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0
		}
		if ids = append(ids, string(idOf(line))); len(ids) < n {
			continue
		}
		for i := range ids {
			fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"ok"}]}}`+"\n", ids[n-1-i])
		}
		out.Flush()
		ids = ids[:0]
	}
}

// BenchmarkHugeResponse measures a response of 50 MB, from the call to its last
// byte: direct, between two cats, and through the wrapper with no record of its
// outcome and with one, whose hash is of all of it. "plain" is one long string,
// "escaped" is JSON inside a string, where each few bytes have a backslash.
func BenchmarkHugeResponse(b *testing.B) {
	const size = 50_000_000
	for _, c := range []struct{ name, fill string }{
		{"plain", strings.Repeat("0123456789abcdef", 64)},
		{"escaped", `{\"id\":1234,\"name\":\"x\",\"size\":5},\n`},
	} {
		b.Run(c.name, func(b *testing.B) {
			server := fake(b, "huge", strconv.Itoa(size), c.fill)
			ways := []pipeline{
				{"direct", benchCall, server},
				{"cats", benchCall, []string{"sh", "-c", "cat | " + quoted(server) + " | cat"}},
				{"call-without-outcome", benchCall, wrapped.argv(b, []string{"--outcomes", "off"}, server...)},
				{"call", benchCall, wrapped.argv(b, nil, server...)},
			}
			procs := make([]*proc, len(ways))
			times := make([][]time.Duration, len(ways))
			for i, w := range ways {
				procs[i] = start(b, b.TempDir(), w.argv)
			}
			for b.Loop() {
				for i, p := range procs {
					began := time.Now()
					p.send(benchCall)
					for err := bufio.ErrBufferFull; err != nil; {
						if _, err = p.out.ReadSlice('\n'); err != nil && err != bufio.ErrBufferFull {
							b.Fatal(err)
						}
					}
					times[i] = append(times[i], time.Since(began))
				}
			}
			for i, w := range ways {
				b.ReportMetric(micros(median(times[i]))/1000, w.name+"-ms")
			}
			reportMemory(b, procs[len(procs)-1])
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkInFlight measures 10,000 calls that are in flight at once, from the
// first call to the last response, and what the wrapper holds then: in flight,
// and when it is over.
func BenchmarkInFlight(b *testing.B) {
	const n = 10_000
	server := fake(b, "collect", strconv.Itoa(n))
	var lines bytes.Buffer
	for i := range n {
		lines.WriteString(strings.Replace(benchCall, `"id":17`, `"id":`+strconv.Itoa(i), 1))
	}
	for _, w := range []pipeline{
		{"direct", "", server},
		{"off", "", wrapped.argv(b, []string{"--outcomes", "off"}, server...)},
		{"on", "", wrapped.argv(b, nil, server...)},
	} {
		b.Run(w.name, func(b *testing.B) {
			p := start(b, b.TempDir(), w.argv)
			var times []time.Duration
			for b.Loop() {
				began := time.Now()
				go p.in.Write(lines.Bytes())
				for range n {
					if _, err := p.out.ReadSlice('\n'); err != nil {
						b.Fatal(err)
					}
				}
				times = append(times, time.Since(began))
			}
			// All but the last are in flight.
			last := bytes.LastIndexByte(lines.Bytes()[:lines.Len()-1], '\n') + 1
			p.write(lines.Bytes()[:last])
			time.Sleep(time.Second)
			b.ReportMetric(micros(median(times))/1000, "ms")
			reportMemory(b, p)
			p.write(lines.Bytes()[last:])
			for range n {
				p.line()
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// reportMemory tells what p holds itself, without its guard and its server.
func reportMemory(b *testing.B, p *proc) {
	b.Helper()
	if runtime.GOOS == "linux" {
		rss, _ := memory(b, p.cmd.Process.Pid)
		b.ReportMetric(rss, "RSS-MB")
	}
}
