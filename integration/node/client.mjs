// A real MCP client that plays a scenario against a stdio server and prints
// what was said.
//
//   node client.mjs SCENARIO -- COMMAND [ARG…]
//
// The server gets the SDK's default environment (HOME LOGNAME PATH SHELL TERM
// USER), as clients give it, and what stands in SERVER_ENV, a JSON object.

import { Transcript } from "./transcript.mjs";

const [name, dashes, command, ...args] = process.argv.slice(2);
if (!command || dashes !== "--") {
  console.error("usage: node client.mjs SCENARIO -- COMMAND [ARG…]");
  process.exit(2);
}

const scenario = await import(`./scenarios/${name}.mjs`);
const { Client, StdioClientTransport, getDefaultEnvironment } = await scenario.sdk();

const transcript = new Transcript();
const transport = new StdioClientTransport({
  command,
  args,
  env: { ...getDefaultEnvironment(), ...JSON.parse(process.env.SERVER_ENV ?? "{}") },
});
transcript.listen(transport);
const client = new Client(
  { name: "signet-wrap-integration", version: "1.0.0" },
  scenario.options ?? {},
);
client.onerror = (error) => {
  // Both SDKs say so of a progress notification that shares a read with the
  // response it precedes: how bytes fall into reads is nobody's promise.
  if (!/unknown token/.test(error.message)) transcript.step("error", String(error));
};

scenario.before?.(client, transcript);
await client.connect(transport);
const server = transport._process;
await scenario.play(client, transcript);
await client.close();
// How the server ended is part of the conversation.
if (server.exitCode === null && server.signalCode === null) {
  await new Promise((resolve) => server.once("exit", resolve));
}
transcript.step("exit", { status: server.exitCode, signal: server.signalCode });
process.stdout.write(transcript.toString());
