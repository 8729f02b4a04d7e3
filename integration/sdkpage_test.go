package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSDKPage: the lines of docs/SDK.md, as they are, make a client and a server of each
// SDK. The client signs, the server checks, and the log has the calls.
func TestSDKPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "docs", "SDK.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(page, -1) {
		blocks = append(blocks, string(block[1]))
	}
	if len(blocks) != 3 {
		t.Fatalf("the page has %d blocks of Go, and this test knows 3", len(blocks))
	}
	serving := strings.SplitAfter(blocks[2], "\n")
	for sdk, x := range map[string]struct{ module, program, client, server string }{
		"mcp-go": {"..", sdkPageMCPGo, blocks[0], serving[1]},
		"go-sdk": {filepath.Join("..", "wrap", "gosdk"), sdkPageGoSDK, blocks[1], serving[2]},
	} {
		t.Run(sdk, func(t *testing.T) {
			t.Parallel()
			if !strings.HasSuffix(x.server, "// "+sdk+"\n") {
				t.Fatalf("the line of %s is %q", sdk, x.server)
			}
			h, dir := newHome(t), t.TempDir()
			h.signet(t, 0, nil, "identity", "generate", "--name", "default", "--unencrypted")
			trust := filepath.Join(dir, "trust")
			h.signet(t, 0, nil, "identity", "trust", "add", "--trust", trust, "--principal", "agent@example.com",
				filepath.Join(h.dir, ".signet", "keys", "default.pub"))
			code := strings.NewReplacer("CLIENT", x.client, "CHECKER", serving[0], "SERVER", x.server).Replace(x.program)
			code = strings.Replace(code, `"/etc/signet-wrap/trust"`, fmt.Sprintf("%q", trust), 1)
			main := filepath.Join(dir, "main.go")
			if err := os.WriteFile(main, []byte(code), 0o600); err != nil {
				t.Fatal(err)
			}
			module, err := filepath.Abs(x.module)
			if err != nil {
				t.Fatal(err)
			}
			overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(module, "page", "main.go"): main}})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "overlay"), overlay, 0o600); err != nil {
				t.Fatal(err)
			}
			program := filepath.Join(dir, "page.exe")
			build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay"), "-o", program, "./page")
			build.Dir = module
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s\n%s", err, out, code)
			}
			run := exec.Command(program, filepath.Join(dir, "replays"))
			run.Env = scrubbed(h.dir)
			if out, err := run.CombinedOutput(); err != nil || string(out) != "added\n" {
				t.Fatalf("%v\n%s", err, out)
			}
			if list := h.signet(t, 0, nil, "audit", "--columns", "tool,outcome,via"); !strings.Contains(list, "add") || !strings.Contains(list, "executed") || !strings.Contains(list, "sdk") {
				t.Errorf("audit: %s", list)
			}
			h.signet(t, 0, nil, "verify", "--chain")
			// Whom the server does not trust is refused.
			other := newHome(t)
			run = exec.Command(program, filepath.Join(dir, "replays"))
			run.Env = scrubbed(other.dir)
			if out, err := run.CombinedOutput(); err == nil || !strings.Contains(string(out), "unknown_key") && !strings.Contains(string(out), "not trusted") {
				t.Errorf("by another key: %v\n%s", err, out)
			}
		})
	}
}

const sdkPageMCPGo = `package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/mark3labs/mcp-go/client"
	over "github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/signet-wrap/signet-wrap/wrap/check"
	"github.com/signet-wrap/signet-wrap/wrap/home"
	"github.com/signet-wrap/signet-wrap/wrap/mcpgo"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

func serve(dir string) *server.MCPServer {
	CHECKER
	if err != nil {
		log.Fatal(err)
	}
	s := SERVER
	s.AddTool(mcp.NewTool("add"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText("added"), nil
	})
	return s
}

func main() {
	if err := run(over.NewInProcessTransport(serve(os.Args[1]))); err != nil {
		log.Fatal(err)
	}
}

func run(transport over.Interface) error {
	CLIENT
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := c.Start(ctx); err != nil {
		return err
	}
	if _, err := c.Initialize(ctx, mcp.InitializeRequest{}); err != nil {
		return err
	}
	result, err := c.CallTool(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: "add", Arguments: map[string]any{"a": 1}}})
	if err == nil {
		fmt.Println(result.Content[0].(mcp.TextContent).Text)
	}
	return err
}
`

const sdkPageGoSDK = `package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/signet-wrap/signet-wrap/wrap/check"
	"github.com/signet-wrap/signet-wrap/wrap/gosdk"
	"github.com/signet-wrap/signet-wrap/wrap/home"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

func serve(dir string, over mcp.Transport) {
	CHECKER
	if err != nil {
		log.Fatal(err)
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "files", Version: "1"}, nil)
	SERVER
	server.AddTool(&mcp.Tool{Name: "add", InputSchema: json.RawMessage("{\"type\":\"object\"}")}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "added"}}}, nil
	})
	if _, err := server.Connect(context.Background(), over, nil); err != nil {
		log.Fatal(err)
	}
}

func main() {
	one, two := mcp.NewInMemoryTransports()
	serve(os.Args[1], one)
	if err := run(two); err != nil {
		if wire, ok := errors.AsType[*jsonrpc.Error](err); ok {
			log.Print(string(wire.Data))
		}
		log.Fatal(err)
	}
}

func run(transport mcp.Transport) error {
	ctx, client := context.Background(), mcp.NewClient(&mcp.Implementation{Name: "page", Version: "1"}, nil)
	CLIENT
	if err != nil {
		return err
	}
	defer session.Close()
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "add", Arguments: map[string]any{"a": 1}})
	if err == nil {
		fmt.Println(result.Content[0].(*mcp.TextContent).Text)
	}
	return err
}
`
