// LangChain.js: the same two fields of the server's entry.
import { MultiServerMCPClient } from "@langchain/mcp-adapters";

const client = new MultiServerMCPClient({ memory: { command: "signet-wrap", args: ["--target", "mcp://memory", "--", "npx", "-y", "@modelcontextprotocol/server-memory"] } });
const tools = await client.getTools(); // for an agent
console.log(await tools.find((tool) => tool.name === "read_graph").invoke({}));
await client.close();
