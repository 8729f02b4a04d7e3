// Both sides: the first signet-wrap signs for the client, the second verifies for the server.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const client = new Client({ name: "example", version: "1.0.0" });
await client.connect(new StdioClientTransport({ command: "signet-wrap", args: ["--target", "mcp://memory", "--", "signet-wrap", "check", "--missing", "refuse", "--target", "mcp://memory", "--", "npx", "-y", "@modelcontextprotocol/server-memory"] }));
console.log(await client.callTool({ name: "read_graph", arguments: {} }));
await client.close();
