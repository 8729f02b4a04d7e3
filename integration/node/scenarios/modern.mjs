// A 2026-07-28 conversation: server/discover instead of a handshake, an
// envelope in _meta on every request, responses that ask back.

import { attempt, v2 } from "./common.mjs";

export const sdk = v2;
export const options = {
  versionNegotiation: { mode: { pin: "2026-07-28" } },
  capabilities: { elicitation: {} },
};

export function before(client) {
  client.setRequestHandler("elicitation/create", () => ({
    action: "accept", content: { sure: true },
  }));
}

export async function play(client, transcript) {
  transcript.step("version", client.getNegotiatedProtocolVersion());
  const call = (name, args, options) => attempt(transcript, name, () =>
    client.callTool({ name, arguments: args }, options));

  await client.discover();
  await client.listTools();
  await call("echo", { message: "héllo \u2028 \u{1F600} \\u0022" });
  await call("echo", {});
  await call("count", { to: 3 }, { onprogress: () => {} });
  await call("deploy", { env: "test" });
  await call("fail", {});
  await call("no-such-tool", {});

  const abort = new AbortController();
  await call("wait", {}, { signal: abort.signal, onprogress: () => abort.abort("enough") });

  await client.listResources();
  await client.readResource({ uri: "note://one" });
  await attempt(transcript, "no such resource", () =>
    client.readResource({ uri: "note://two" }));
  await client.listPrompts();
  await client.getPrompt({ name: "greet", arguments: { name: "Ada" } });
}
