// A Firefox as it is distributed, headless, by WebDriver BiDi. Wants --experimental-websocket.
import {spawn} from "node:child_process";
import {mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";

export const patience = 300_000;

// withFirefox starts the program BROWSER, calls f, and ends it. f gets {go, look}: go(url)
// opens a page, and look(expression, done) is what the expression gives there, which is of
// JSON, as soon as done says so of it.
export async function withFirefox(f) {
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
    await f({
      go: (url) => call("browsingContext.navigate", {context, url, wait: "complete"}),
      look: async (expression, done) => {
        for (const deadline = Date.now() + patience; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
          const {result, exceptionDetails} = await call("script.evaluate", {expression: `JSON.stringify(${expression})`, target: {context}, awaitPromise: false});
          if (exceptionDetails) throw new Error(exceptionDetails.text);
          const seen = JSON.parse(result.value);
          if (done(seen)) return seen;
          if (Date.now() > deadline) throw new Error("waited too long: " + result.value);
        }
      },
    });
  } finally {
    await new Promise((resolve) => {
      firefox.on("exit", resolve);
      if (firefox.exitCode !== null || !firefox.kill()) resolve();
    });
    rmSync(profile, {recursive: true, force: true, maxRetries: 5});
  }
}
