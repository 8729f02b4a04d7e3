// server-everything's task (2025-11-25): started, polled, asking back through
// tasks/result, fetched; one that is taken back, and one that is forgotten.

import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { attempt, v1 } from "./common.mjs";

export const sdk = v1;
export const options = { capabilities: { elicitation: {}, tasks: {} } };

export function before(client) {
  client.setRequestHandler(ElicitRequestSchema, () => ({
    action: "accept", content: { interpretation: "technical" },
  }));
}

export async function play(client, transcript) {
  await client.listTools();
  const start = async (args) => {
    const stream = client.experimental.tasks.callToolStream(
      { name: "simulate-research-query", arguments: args }, undefined, { task: { ttl: 60000 } });
    const { value } = await stream.next();
    return { stream, task: value.task?.taskId };
  };
  const follow = async (topic, { stream }) => {
    for await (const message of stream) {
      if (message.type !== "taskStatus") transcript.step(topic, message.type);
    }
  };

  const [clear, ambiguous, cancelled] = await Promise.all([
    start({ topic: "clear" }), start({ topic: "ambiguous", ambiguous: true }), start({ topic: "cancelled" }),
  ]);
  await start({ topic: "forgotten" });
  await attempt(transcript, "cancel", () => client.experimental.tasks.cancelTask(cancelled.task));
  await Promise.all([follow("clear", clear), follow("ambiguous", ambiguous)]);
  await attempt(transcript, "no such task", () => client.experimental.tasks.getTaskResult("none"));
}
