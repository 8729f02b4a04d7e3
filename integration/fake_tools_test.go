package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

func init() { fakes["tools"] = fakeTools }

// hostileName is a name that is a script, and that reads backwards where it is not escaped.
const hostileName = "<script>ran=1</script>\u202egnp.exe"

// fakeTools N: lists N tools with hostile names, and responds to all else.
func fakeTools(args []string) int {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	name, _ := json.Marshal(hostileName)
	name = name[:len(name)-1]
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return 0
		}
		var m struct {
			ID     json.RawMessage
			Method string
		}
		if json.Unmarshal(line, &m) != nil || m.ID == nil {
			continue
		}
		fmt.Fprintf(out, `{"jsonrpc":"2.0","id":%s,"result":`, m.ID)
		switch m.Method {
		case "initialize":
			fmt.Fprintf(out, `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":%s","version":"1"}}`, name)
		case "tools/list":
			out.WriteString(`{"tools":[`)
			for i := range n {
				if i > 0 {
					out.WriteByte(',')
				}
				fmt.Fprintf(out, `{"name":%s-%d","description":"\u202e<img src=x onerror=ran=1>","inputSchema":{"type":"object"}}`, name, i)
			}
			out.WriteString("]}")
		default:
			out.WriteString(`{"content":[{"type":"text","text":"ok"}]}`)
		}
		out.WriteString("}\n")
		if out.Flush() != nil {
			return 0
		}
	}
}
