// What servers in JavaScript would run. Standard input: a line each, base64.
// Standard output, for each: {"reader": [["name", "arguments"], ...]}, JSON
// texts as the reader sees them; "" for none, "?" for what cannot be written.
import { readFileSync } from "node:fs";

const isObject = (v) => v !== null && typeof v === "object" && !Array.isArray(v);

function text(value) {
  if (value === undefined) return "";
  try {
    return JSON.stringify(value);
  } catch {
    return "?"; // too deep
  }
}

function one(message, read, says) {
  if (!isObject(message)) return [];
  const m = read(message);
  if (!says(m.method)) return [];
  if (m.params === undefined || m.params === null) return [["", ""]];
  if (!isObject(m.params)) return [["", text(m.params)]];
  const p = read(m.params);
  return [[text(p.name), text(p.arguments)]];
}

function runs(json, read, says) {
  let value;
  try {
    value = JSON.parse(json);
  } catch {
    return [];
  }
  return (Array.isArray(value) ? value : [value]).flatMap((m) => one(m, read, says));
}

const asIs = (v) => v;
const copied = (v) => Object.assign({}, v); // "__proto__" is a setter here
const exactly = (method) => method === "tools/call";
function asProperty(method) {
  try {
    return String(method) === "tools/call"; // handlers[method]
  } catch {
    return false;
  }
}

const decoder = new TextDecoder(); // takes a byte order mark away
const out = [];
for (const line of readFileSync(0, "latin1").split("\n").slice(0, -1)) {
  const json = decoder.decode(Buffer.from(line, "base64"));
  out.push(JSON.stringify({
    "JSON.parse": runs(json, asIs, exactly),
    "JSON.parse, copied": runs(json, copied, asProperty),
    "node:readline": json.split(/\r\n|[\r\n\u2028\u2029]/).flatMap((piece) => runs(piece, asIs, exactly)),
  }) + "\n");
}
process.stdout.write(out.join(""));
