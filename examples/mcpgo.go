//go:build ignore

// A client of mcp-go that signs by itself: go run mcpgo.go, in a module that requires both.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/signet-wrap/signet-wrap/wrap/home"
	"github.com/signet-wrap/signet-wrap/wrap/mcpgo"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

func main() {
	stdio := transport.NewStdio("npx", nil, "-y", "@modelcontextprotocol/server-memory")
	recorder, err := home.Open("default", record.Options{Target: "mcp://memory"})
	check(err)
	c := client.NewClient(mcpgo.Sign(stdio, recorder))
	defer c.Close()

	ctx := context.Background()
	check(c.Start(ctx))
	_, err = c.Initialize(ctx, mcp.InitializeRequest{})
	check(err)
	result, err := c.CallTool(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "read_graph"}})
	check(err)
	fmt.Println(result.Content)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
