// Does with a report.html what its worker does in a browser, and prints what it found, as
// JSON: `node reports.mjs report.html check`, or join, which lists the calls.
import {readFileSync} from "node:fs";
import vm from "node:vm";

const [file, ask] = process.argv.slice(2);
const parts = {evidence: [], program: [], worker: []};
for (const [, kind, text] of readFileSync(file, "latin1").matchAll(/<script type="application\/octet-stream" class="(\w+)">([^<]*)<\/script>/g)) parts[kind].push(Buffer.from(text, "base64"));

const send = (kind, ...rest) => globalThis.onmessage({data: {kind, id: 0, rest}});
Object.assign(globalThis, {addEventListener() {}, onmessage: null});
globalThis.postMessage = ({kind, rest}) => {
  if (kind === "ready") {
    send("open", parts.evidence.reduce((n, part) => n + part.length, 0));
    for (const part of parts.evidence) send("fill", part);
    send(ask, []);
  } else if (kind === "found" || kind === "joined") {
    process.stdout.write(rest[0], () => process.exit(0));
  } else if (kind === "failed" || kind === "unusable") {
    process.stderr.write(rest[0], () => process.exit(1));
  }
};
vm.runInThisContext(Buffer.concat(parts.worker).toString());
send("program", Buffer.concat(parts.program));
