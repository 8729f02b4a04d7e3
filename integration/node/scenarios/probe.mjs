// A v2 client that does not know how old its server is: it starts a throw-away
// sibling, asks it server/discover, ends it at once and starts the server again.

import { until, v2 } from "./common.mjs";

export const sdk = v2;
export const options = { versionNegotiation: { mode: "auto" } };

export async function play(client, transcript) {
  transcript.step("version", client.getNegotiatedProtocolVersion());
  if (client.getNegotiatedProtocolVersion() < "2026") {
    // server-everything adds tools after the handshake and says so.
    await until("the late tools", () => transcript.messages.some(
      (m) => m.method === "notifications/tools/list_changed"));
  }
  await client.listTools();
  await client.callTool({ name: "echo", arguments: { message: "after the probe" } });
}
