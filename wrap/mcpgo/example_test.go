package mcpgo_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap/home"
	"github.com/signet-wrap/signet-wrap/wrap/mcpgo"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// Three lines make a signing client. The transport is any of mcp-go.
func Example() {
	dir, err := os.MkdirTemp("", "signet")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	os.Setenv("SIGNET_HOME", dir) // for the example; else it is ~/.signet
	inProcess := transport.NewInProcessTransport(calculator())

	recorder, err := home.Open("default", record.Options{Target: "mcp://calculator", NoHeads: true})
	if err != nil {
		log.Fatal(err)
	}
	c := client.NewClient(mcpgo.Sign(inProcess, recorder))
	use(c)
	if err := c.Close(); err != nil { // and the log is complete
		log.Fatal(err)
	}

	records, err := chain.TakeSnapshot(dir + "/audit")
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range records.Records(context.Background(), chain.ReadOptions{}) {
		if err != nil {
			log.Fatal(err)
		}
		switch v, err := sign.Verify(e.Receipt, sign.AnyKey); {
		case err != nil:
			log.Fatal(err)
		case v.Type != "": // an event, of the session
		case v.Version == 1:
			fmt.Printf("call of %s with %s\n", v.Tool, v.Params)
		default:
			fmt.Printf("response to %s: %s\n", v.Tool, v.Outcome.Status)
		}
	}
	// Output:
	// 2 + 3 = 5
	// call of add with {"a":2,"b":3}
	// response to add: executed
}

// use is what any program does with a client.
func use(c *client.Client) {
	ctx := context.Background()
	if err := c.Start(ctx); err != nil {
		log.Fatal(err)
	}
	var hello mcp.InitializeRequest
	hello.Params.ClientInfo = mcp.Implementation{Name: "example", Version: "1"}
	if _, err := c.Initialize(ctx, hello); err != nil {
		log.Fatal(err)
	}
	var call mcp.CallToolRequest
	call.Params.Name, call.Params.Arguments = "add", map[string]any{"a": 2, "b": 3}
	result, err := c.CallTool(ctx, call)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("2 + 3 =", result.Content[0].(mcp.TextContent).Text)
}

// calculator is a server with one tool.
func calculator() *server.MCPServer {
	s := server.NewMCPServer("calculator", "1")
	s.AddTool(mcp.NewTool("add"), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(fmt.Sprint(r.GetInt("a", 0) + r.GetInt("b", 0))), nil
	})
	return s
}
