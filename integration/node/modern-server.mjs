// A server of the v2 SDK: it responds to server/discover (2026-07-28) and, for
// older clients, initialize.

import { McpServer, fromJsonSchema, inputRequired } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";

const object = (properties) => fromJsonSchema({ type: "object", properties });
const text = (t) => ({ content: [{ type: "text", text: t }] });

serveStdio(() => {
  const server = new McpServer(
    { name: "modern", version: "1.0.0" },
    { capabilities: { logging: {} }, instructions: "for tests" },
  );

  server.registerTool("echo", { inputSchema: object({ message: { type: "string" } }) },
    async ({ message }) => text(message));

  server.registerTool("count", { inputSchema: object({ to: { type: "number" } }) },
    async ({ to }, ctx) => {
      const progressToken = ctx.mcpReq._meta?.progressToken;
      for (let progress = 1; progress <= to; progress++) {
        await ctx.mcpReq.notify({
          method: "notifications/progress", params: { progressToken, progress, total: to },
        });
      }
      return text(`counted to ${to}`);
    });

  // Waits until the client takes the call back.
  server.registerTool("wait", { inputSchema: object({}) }, async (_, ctx) => {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    await ctx.mcpReq.notify({
      method: "notifications/progress", params: { progressToken, progress: 1 },
    });
    await new Promise((resolve) => ctx.mcpReq.signal.addEventListener("abort", resolve));
    return text("never seen");
  });

  // Asks back before it responds: two calls on the wire for one of the user's.
  server.registerTool("deploy", { inputSchema: object({ env: { type: "string" } }) },
    async ({ env }, ctx) => {
      const answer = ctx.mcpReq.inputResponses?.confirm;
      if (!answer) {
        return inputRequired({
          requestState: "state \"as is\"",
          inputRequests: { confirm: inputRequired.elicit({
            message: `deploy to ${env}?`,
            requestedSchema: { type: "object", properties: { sure: { type: "boolean" } } },
          }) },
        });
      }
      return text(JSON.stringify({ env, answer, state: ctx.mcpReq.requestState() }));
    });

  server.registerTool("fail", { inputSchema: object({}) }, async () => {
    throw new Error("on purpose");
  });

  server.registerResource("note", "note://one", { mimeType: "text/plain" },
    async (uri) => ({ contents: [{ uri: uri.href, text: "a note" }] }));

  server.registerPrompt("greet", { argsSchema: object({ name: { type: "string" } }) },
    ({ name }) => ({ messages: [{ role: "user", content: { type: "text", text: `hello ${name}` } }] }));

  return server;
});
