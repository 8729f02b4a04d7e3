// The worker of report.html: runs the verifying program, and asks it what the page asks.
// It comes after wasm_exec.js of the Go distribution, in one text.
"use strict";
globalThis.post = (kind, ...rest) => postMessage({kind, rest});
addEventListener("error", (e) => post("failed", String(e.message)));
addEventListener("unhandledrejection", (e) => post("failed", String(e.reason)));

async function begin(bytes) {
  const plain = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  const go = new Go();
  const {instance} = await WebAssembly.instantiate(plain, go.importObject);
  await go.run(instance);
  post("failed", "the verifying program ended");
}

onmessage = ({data: {kind, id, rest}}) => {
  try {
    if (kind === "program") begin(...rest).catch((e) => post("failed", String(e)));
    else post("returned", id, signet[kind](...rest));
  } catch (e) {
    post("failed", String(e));
  }
};
