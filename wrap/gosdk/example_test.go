package gosdk_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/wrap/gosdk"
	"github.com/signet-wrap/signet-wrap/wrap/home"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// Three lines make a signing client. The transport is any of the SDK.
func Example() {
	dir, err := os.MkdirTemp("", "signet")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	os.Setenv("SIGNET_HOME", dir) // for the example; else it is ~/.signet
	ctx, transport := context.Background(), calculator()
	client := mcp.NewClient(&mcp.Implementation{Name: "example", Version: "1"}, nil)

	recorder, err := home.Open("default", record.Options{Target: "mcp://calculator", NoHeads: true})
	if err != nil {
		log.Fatal(err)
	}
	session, err := client.Connect(ctx, gosdk.Sign(transport, recorder), nil)
	if err != nil {
		log.Fatal(err)
	}
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "add", Arguments: map[string]any{"a": 2, "b": 3}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("2 + 3 =", result.Content[0].(*mcp.TextContent).Text)
	session.Close()
	if err := recorder.Close(); err != nil { // and the log is complete
		log.Fatal(err)
	}

	records, err := chain.TakeSnapshot(dir + "/audit")
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range records.Records(ctx, chain.ReadOptions{}) {
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

// calculator is a transport to a server with one tool.
func calculator() mcp.Transport {
	s := mcp.NewServer(&mcp.Implementation{Name: "calculator", Version: "1"}, nil)
	type numbers struct {
		A int `json:"a"`
		B int `json:"b"`
	}
	mcp.AddTool(s, &mcp.Tool{Name: "add"}, func(_ context.Context, _ *mcp.CallToolRequest, n numbers) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprint(n.A + n.B)}}}, nil, nil
	})
	one, two := mcp.NewInMemoryTransports()
	if _, err := s.Connect(context.Background(), one, nil); err != nil {
		log.Fatal(err)
	}
	return two
}
