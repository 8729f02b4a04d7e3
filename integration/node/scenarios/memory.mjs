// server-memory: state that later calls see, so a call that is lost, doubled
// or reordered shows.

import { attempt, v1 } from "./common.mjs";

export const sdk = v1;

export async function play(client, transcript) {
  const call = (name, args) => attempt(transcript, name, () =>
    client.callTool({ name, arguments: args }));

  await client.listTools();
  await call("read_graph", {});
  await call("create_entities", { entities: [
    { name: "Ada", entityType: "person", observations: ["wrote notes", "π ≈ 3.14159"] },
    { name: "Engine", entityType: "machine", observations: [] },
  ] });
  await call("create_relations", { relations: [
    { from: "Ada", to: "Engine", relationType: "programmed" },
  ] });
  await call("add_observations", { observations: [
    { entityName: "Ada", contents: ["born 1815"] },
  ] });
  await call("add_observations", { observations: [
    { entityName: "Nobody", contents: ["is an error"] },
  ] });
  await call("search_nodes", { query: "notes" });
  await call("open_nodes", { names: ["Ada", "Nobody"] });
  await call("delete_observations", { deletions: [
    { entityName: "Ada", observations: ["wrote notes"] },
  ] });
  for (let i = 0; i < 20; i++) {
    await call("create_entities", {
      entities: [{ name: `n${i}`, entityType: "number", observations: [String(i)] }],
    });
  }
  await call("delete_relations", { relations: [
    { from: "Ada", to: "Engine", relationType: "programmed" },
  ] });
  await call("delete_entities", { entityNames: ["Engine"] });
  await call("read_graph", {});
}
