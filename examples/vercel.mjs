// The Vercel AI SDK: the same two fields of its stdio transport.
import { createMCPClient } from "@ai-sdk/mcp";
import { Experimental_StdioMCPTransport as StdioTransport } from "@ai-sdk/mcp/mcp-stdio";

const client = await createMCPClient({ transport: new StdioTransport({ command: "signet-wrap", args: ["--target", "mcp://memory", "--", "npx", "-y", "@modelcontextprotocol/server-memory"] }) });
const tools = await client.tools(); // for generateText
console.log(await tools.read_graph.execute({}, { toolCallId: "1", messages: [] }));
await client.close();
