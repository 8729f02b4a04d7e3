// Opens reports from file:// in a Firefox as it is distributed, by WebDriver BiDi, and prints
// what is seen, as JSON: an object for each file named. Wants --experimental-websocket.
import {spawn} from "node:child_process";
import {mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {pathToFileURL} from "node:url";

const patience = 300_000;
const profile = mkdtempSync(join(tmpdir(), "signet-wrap-firefox-"));
const firefox = spawn(process.env.BROWSER, ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"], {stdio: ["ignore", "ignore", "pipe"]});
try {
  const url = await new Promise((resolve, reject) => {
    let said = "";
    firefox.stderr.on("data", (data) => {
      said += data;
      const found = /WebDriver BiDi listening on (ws:\S+)/.exec(said);
      if (found) resolve(found[1]);
    });
    firefox.on("exit", () => reject(new Error("Firefox ended: " + said)));
    setTimeout(() => reject(new Error("Firefox does not start: " + said)), patience).unref();
  });
  const socket = new WebSocket(url + "/session");
  await new Promise((resolve, reject) => Object.assign(socket, {onopen: resolve, onerror: reject}));
  const waiting = new Map();
  let sent = 0;
  socket.onmessage = ({data}) => waiting.get(JSON.parse(data).id)?.(JSON.parse(data));
  const call = async (method, params) => {
    const id = ++sent;
    const reply = await new Promise((resolve) => {
      waiting.set(id, resolve);
      socket.send(JSON.stringify({id, method, params}));
    });
    if (reply.type === "error") throw new Error(method + ": " + reply.message);
    return reply.result;
  };
  await call("session.new", {capabilities: {}});
  const {context} = (await call("browsingContext.getTree", {})).contexts[0];
  const look = `JSON.stringify({
    settled: document.body.dataset.state === "found" || document.querySelector("#state.verdict.bad") !== null,
    state: document.getElementById("state").innerText, text: document.body.innerText,
    found: !document.getElementById("found").hidden, differs: document.getElementById("differs") !== null,
    ran: typeof globalThis.ran !== "undefined" || document.querySelectorAll("img, iframe").length > 0,
    verify: JSON.parse(document.getElementById("json")?.textContent || "null")})`;
  const all = [];
  for (const file of process.argv.slice(2)) {
    await call("browsingContext.navigate", {context, url: pathToFileURL(file).href, wait: "complete"});
    const deadline = Date.now() + patience;
    for (let seen; !seen?.settled; await new Promise((resolve) => setTimeout(resolve, 100))) {
      if (Date.now() > deadline) throw new Error(file + ": " + seen.state);
      const {result} = await call("script.evaluate", {expression: look, target: {context}, awaitPromise: false});
      seen = JSON.parse(result.value);
      if (seen.settled) all.push(seen);
    }
  }
  process.stdout.write(JSON.stringify(all));
} finally {
  await new Promise((resolve) => {
    firefox.on("exit", resolve);
    if (firefox.exitCode !== null || !firefox.kill()) resolve();
  });
  rmSync(profile, {recursive: true, force: true, maxRetries: 5});
}
process.exit(0);
