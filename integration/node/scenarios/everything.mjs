// server-everything over the 2025-11-25 handshake: every kind of message that
// protocol has, in both directions.

import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { attempt, until, v1 } from "./common.mjs";

export const sdk = v1;
export const options = {
  capabilities: { roots: { listChanged: true }, sampling: {}, elicitation: {} },
};

export function before(client) {
  client.setRequestHandler(ListRootsRequestSchema, () => ({
    roots: [{ uri: "file:///srv/one", name: "one" }],
  }));
  client.setRequestHandler(CreateMessageRequestSchema, (request) => ({
    model: "none",
    role: "assistant",
    stopReason: "endTurn",
    content: { type: "text", text: `heard ${request.params.messages.length} message` },
  }));
  client.setRequestHandler(ElicitRequestSchema, () => ({
    action: "accept",
    content: { name: "Ada", integer: 42, number: 1e21 },
  }));
}

export async function play(client, transcript) {
  // The server asks for the roots a while after the handshake and then says
  // so; nothing else is said until it has.
  await until("the roots", () => transcript.messages.some(
    (m) => m.method === "notifications/message" && /root/.test(m.params.data)));

  const call = (name, args, options) =>
    client.callTool({ name, arguments: args }, undefined, options);

  await client.ping();
  await client.listTools();
  await call("echo", { message: "héllo \u2028 \u{1F600} </script> \\ \" / tools/call" });
  await call("get-sum", { a: 9007199254740991, b: 0.1 });
  await call("get-tiny-image", {});
  await call("get-annotated-message", { messageType: "error", includeImage: true });
  await call("get-structured-content", { location: "Chicago" });
  await call("get-resource-links", { count: 3 });
  await call("get-env"); // the same environment, with the wrapper and without
  await call("gzip-file-as-resource", {
    name: "note.gz", data: "data:text/plain,hello", outputType: "resourceLink",
  });
  await call("get-roots-list", {});
  await call("trigger-sampling-request", { prompt: "say", maxTokens: 5 });
  await call("trigger-elicitation-request", {});
  await call("echo", {}); // an isError result
  await call("no-such-tool", {});
  await attempt(transcript, "unknown method", () =>
    client.request({ method: "no/such/method", params: {} }, { parse: (x) => x }));

  const progress = () => transcript.messages.filter(
    (m) => m.method === "notifications/progress").length;
  await call("trigger-long-running-operation", { duration: 0.2, steps: 4 }, {
    onprogress: () => {},
  });

  // A call that is taken back: no response may come. The server goes on with it
  // all the same; it is let finish, so that its progress has one place in the
  // order of things.
  const abort = new AbortController();
  let seen = 0;
  await attempt(transcript, "cancelled", () =>
    call("trigger-long-running-operation", { duration: 0.9, steps: 3 }, {
      signal: abort.signal,
      onprogress: () => { if (++seen === 1) abort.abort("enough"); },
    }));
  await until("the cancelled call's last step", () => progress() === 4 + 3);

  await client.listResources();
  await client.listResourceTemplates();
  await client.readResource({ uri: "demo://resource/dynamic/text/7" });
  await client.readResource({ uri: "demo://resource/dynamic/blob/8" });
  await client.readResource({ uri: "demo://resource/static/document/features.md" });
  await attempt(transcript, "no such resource", () =>
    client.readResource({ uri: "demo://resource/none" }));
  await client.subscribeResource({ uri: "demo://resource/dynamic/text/7" });
  await client.unsubscribeResource({ uri: "demo://resource/dynamic/text/7" });

  await client.listPrompts();
  await client.getPrompt({ name: "simple-prompt" });
  await client.getPrompt({ name: "args-prompt", arguments: { city: "Zürich", state: "ZH" } });
  await client.complete({
    ref: { type: "ref/prompt", name: "completable-prompt" },
    argument: { name: "department", value: "E" },
  });
  await client.setLoggingLevel("debug");

  // Many at once: each response finds its request.
  const sums = await Promise.all(
    Array.from({ length: 50 }, (_, i) => call("get-sum", { a: i, b: 1000 })));
  transcript.step("sums", sums.map((r) => r.content[0].text));
}
