// Drives the page of `signet-wrap audit view` in Chromium as a person would.
//
//	node page.mjs SIGNET-WRAP HOME CHROMIUM [SCREENSHOTS]
//
// It prints a line for each part that has passed, and ends with an error at the first
// that has not.

import { chromium } from "playwright-core";
import { spawn } from "node:child_process";
import { createServer, request } from "node:http";
import { createRequire } from "node:module";
import { once } from "node:events";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import assert from "node:assert/strict";

const [program, home, executablePath, pictures] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const env = { ...process.env, SIGNET_HOME: home };
const patience = 60_000;
let page;
const part = async (name, f) => {
  await f();
  console.log("ok " + name);
};
const until = async (what, f) => {
  for (const end = Date.now() + patience; ; ) {
    const got = await f();
    if (got) return got;
    if (Date.now() > end) throw new Error("waited too long: " + what + "\n" + (await page?.locator("body").innerText().catch(() => "")));
    await new Promise((f) => setTimeout(f, 50));
  }
};

// ---- A log: sessions through the wrapper.

function session(client, target, definitions) {
  const p = spawn(program, ["--system-log", "off", "--max-call", "33554432", "--target", target, "--", process.execPath, new URL("small-server.mjs", import.meta.url).pathname, definitions], { env, stdio: ["pipe", "pipe", "pipe"] });
  let id = 0, replies = 0;
  const waiting = [];
  let rest = "";
  p.stdout.setEncoding("utf8").on("data", (d) => {
    rest += d;
    for (let i; (i = rest.indexOf("\n")) >= 0; rest = rest.slice(i + 1)) {
      replies++;
      waiting.shift()?.();
    }
  });
  const send = (method, params) => {
    const reply = new Promise((f) => waiting.push(f));
    p.stdin.write(JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params }) + "\n");
    return reply;
  };
  return {
    start: async () => {
      await send("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: client, version: "2.4.1" } });
      await send("tools/list");
    },
    call: (name, args) => send("tools/call", { name, arguments: args }),
    end: async () => {
      p.stdin.end();
      await once(p, "exit");
    },
  };
}

{
  const s = session("claude-code", "mcp://files", "");
  await s.start();
  for (let i = 0; i < 30; i++) await s.call(["read_text_file", "write_file", "list_directory"][i % 3], { path: `/home/ada/notes/${i}.md`, content: i === 17 ? "Buy Butter" : "Buy bread" });
  await s.call("move_file", { source: "/home/ada/a", destination: "/etc/passwd" });
  await s.end();
  const t = session("cursor", "mcp://files", "changed");
  await t.start();
  for (let i = 0; i < 5; i++) await t.call("write_file", { path: `/tmp/${i}` });
  await t.call("<img src=x onerror=alert(1)>", { html: "<script>alert(2)</script>", turned: "\u202egnp.exe" });
  await t.call("odd\u202e\u0000\u200bname", {});
  await t.call("big", { data: "x".repeat(16_000_000), last: "needle in 16 MB" });
  await t.end();
}

// ---- The page.

async function view(...flags) {
  const p = spawn(program, ["audit", "view", "--no-browser", ...flags], { env });
  let said = "";
  p.stderr.on("data", (d) => (said += d));
  const url = await new Promise((f, g) => {
    p.stdout.once("data", (d) => f(String(d).trim()));
    p.once("exit", (status) => g(new Error(`audit view ended with ${status}: ${said}`)));
  });
  return { p, url, said: () => said };
}
const shown = await view();
const { origin, port, hash } = new URL(shown.url);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
process.on("exit", () => shown.p.kill());

// raw sends a request as no browser would, and returns status and text.
const raw = (path, headers = {}, method = "GET") =>
  new Promise((f, g) => {
    const r = request({ host: "127.0.0.1", port, path, method, headers: { host: "127.0.0.1:" + port, ...headers } }, (response) => {
      let text = "";
      response.on("data", (d) => (text += d)).on("end", () => f({ status: response.statusCode, text, headers: response.headers }));
    });
    r.on("error", g);
    r.end();
  });

await part("others get nothing", async () => {
  const token = "Bearer " + hash.slice(1);
  for (const path of ["/api/state", "/api/calls", "/api/call?row=0", "/api/sessions", "/api/tools", "/api/timeline", "/api/definition?number=0"]) {
    for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: token }, { authorization: "Bearer " }, { cookie: "session=" + hash.slice(1) }]) {
      assert.equal((await raw(path, headers)).status, 401, path);
    }
  }
  assert.equal((await raw("/api/session", { authorization: "Bearer wrong" }, "POST")).status, 401);
  for (const path of ["/", "/page.js", "/api/state"]) {
    for (const host of ["evil.example", "evil.example:" + port, "localhost:" + port, "127.0.0.1", "127.0.0.1:1"]) assert.equal((await raw(path, { host })).status, 403, host);
    for (const other of ["http://evil.example", "http://127.0.0.1:1", "http://localhost:" + port, "null"]) assert.equal((await raw(path, { origin: other })).status, 403, other);
    for (const site of ["cross-site", "same-site"]) assert.equal((await raw(path, { "sec-fetch-site": site })).status, 403, site);
  }
  // Neither do they use the link up.
  for (const headers of [{ host: "evil.example" }, { origin: "http://evil.example" }, { "sec-fetch-site": "cross-site" }]) {
    assert.equal((await raw("/api/session", { authorization: token, ...headers }, "POST")).status, 403);
  }
  for (const method of ["POST", "PUT", "DELETE"]) assert.equal((await raw("/api/calls", { authorization: token }, method)).status, 405);
  const index = await raw("/");
  assert.match(index.headers["content-security-policy"], /default-src 'none'.*frame-ancestors 'none'/);
  assert.equal(index.headers["access-control-allow-origin"], undefined);
});

await part("a page of another origin gets nothing", async () => {
  const other = createServer((_, r) => r.setHeader("Content-Type", "text/html").end("<title>other</title>"));
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  const page = await browser.newPage();
  await page.goto("http://127.0.0.1:" + other.address().port);
  const got = await page.evaluate(async ([origin, token]) => {
    const tried = {};
    const attempt = async (name, f) => (tried[name] = await f().then(() => "got it", () => "nothing"));
    await attempt("fetch", () => fetch(origin + "/api/state"));
    await attempt("with the token", () => fetch(origin + "/api/session", { method: "POST", headers: { Authorization: "Bearer " + token } }));
    const load = (name, attributes) => attempt(name, () => new Promise((f, g) => {
      const node = Object.assign(document.createElement(name), attributes, { onload: f, onerror: g });
      document.body.append(node);
    }));
    await load("script", { src: origin + "/common.js" });
    await load("link", { rel: "stylesheet", href: origin + "/common.css" });
    return tried;
  }, [origin, hash.slice(1)]);
  assert.deepEqual(got, { fetch: "nothing", "with the token": "nothing", script: "nothing", link: "nothing" });
  await page.close();
  other.close();
});

const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, timezoneId: "Europe/Vienna" });
page = await context.newPage();
page.setDefaultTimeout(patience);
const wrong = [];
page.on("dialog", (d) => (wrong.push("dialog: " + d.message()), d.dismiss()));
page.on("pageerror", (e) => wrong.push("error: " + e.message));
page.on("console", (m) => m.type() === "error" && wrong.push("console: " + m.text()));
page.on("request", (r) => r.url().startsWith(origin) || r.url().startsWith("data:") || wrong.push("request: " + r.url()));

const text = (selector) => page.locator(selector).innerText();
const rows = () => page.locator("#list .layer .row:not([hidden])");
const tools = () => page.locator("#list .layer .row:not([hidden]) .tool").allInnerTexts();
const found = (what, f) => until(what, async () => { const all = await tools(); return !all.includes("…") && f(all) && all; });
const fill = (name, value) => page.locator(`#filters [name=${name}]`).fill(value);

await part("the link opens the page once, and reloading works", async () => {
  await page.goto(shown.url);
  await page.locator(".sentence .badge.good").waitFor();
  assert.match(await text("#sentence"), /^valid/);
  assert.equal(new URL(page.url()).hash.includes(hash.slice(1)), false);
  await page.reload();
  await page.locator(".sentence .badge.good").waitFor();
  const second = await browser.newPage();
  await second.goto(shown.url);
  assert.match(await second.locator("#ended").innerText(), /used already/);
  assert.equal(await second.locator("#page").isVisible(), false);
  await second.close();
  await until("it says so", () => /opened a second time/.test(shown.said()));
  const third = await browser.newPage();
  await third.goto(origin);
  assert.match(await third.locator("#ended").innerText(), /has no access/);
  await third.close();
});

await part("verification comes first", async () => {
  assert.match(await text("#since"), /\d+ records verified at/);
  await page.click("#findings summary");
  for (const want of ["unbroken", "default", "no gap", "sha256:"]) assert.ok((await text("#log")).includes(want), want);
  await page.click("#findings summary");
});

await part("search and filters", async () => {
  await found("all", (all) => all.includes("big"));
  await fill("grep", "buy butter");
  assert.deepEqual(await found("one call", (all) => all.length === 1), ["list_directory"]);
  await until("the search ends", async () => /^1 match of/.test(await text("#found")));
  await fill("grep", "needle in 16");
  await found("the large call", (all) => all.length === 1 && all[0] === "big");
  await fill("grep", "");
  await fill("tool", "WRITE");
  await found("a tool", (all) => all.length === 15 && all.every((t) => t === "write_file"));
  await fill("client", "cursor");
  await found("a client", (all) => all.length === 5);
  await page.goBack();
  await found("without it", (all) => all.length === 15);
  await page.click("#chips button:last-child");
  await page.selectOption("#filters [name=outcome]", "failed,rejected");
  await found("failed", (all) => all.length === 1 && all[0] === "move_file");
  await page.selectOption("#filters [name=outcome]", "");
  await fill("server", "nothing like that");
  await until("nothing", async () => (await text("#found")) === "nothing matches");
  await fill("server", "files");
  await fill("day", "2001-01-01");
  await until("nothing on that day", async () => page.url().includes("day=2001") && (await text("#found")) === "nothing matches");
  await page.click("#chips button:last-child");
  await found("all again", (all) => all.includes("big"));
});

await part("a call, by keyboard", async () => {
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.name), "grep");
  await page.keyboard.type("/home/ada/notes/17.md");
  await found("it", (all) => all.length === 1);
  await page.locator("#list").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.locator("#detailbody dl").first().waitFor();
  const detail = await text("#detail");
  for (const want of ["Buy Butter", "executed", "claude-code 2.4.1", "rec_", "unbroken", "its signature is good", "known"]) assert.ok(detail.includes(want), want + " in " + detail);
  assert.match(detail, /\d+ of \d+/);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("#detail").isVisible(), false);
  await fill("grep", "");
});

await part("hostile names and arguments are text", async () => {
  await found("them", (all) => all.includes("<img src=x onerror=alert(1)>") && all.includes("odd\\u202e\\u0000\\u200bname"));
  await rows().filter({ hasText: "<img src=x" }).click();
  await until("the detail", async () => (await text("#detail")).includes("<script>alert(2)</script>"));
  assert.ok((await text("#detail")).includes("\\u202egnp.exe"));
  await rows().filter({ hasText: "big" }).click();
  await until("the large one", async () => /16 MB more/.test(await text("#detail")));
  assert.ok((await page.locator("#detail").innerHTML()).length < 500_000);
  assert.equal(await page.locator("main img, main script, main iframe").count(), 0);
  await page.click("#close");
});

const accessible = async (where) => {
  await page.evaluate(() => { delete window.axe; });
  await page.evaluate(axe); // by the debugger's way, which the page's policy does not bind
  const result = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  assert.deepEqual(result.violations.map((v) => `${where}: ${v.id}: ${v.nodes.map((n) => n.html.slice(0, 150) + " " + n.failureSummary).join("; ")}`), []);
};
const narrow = async (where) => {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth ? [] :
    [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() && !e.closest(".scrollx, #list") && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 100)));
  assert.deepEqual(wide, [], where + ": wider than the window");
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), where + ": can be moved sideways");
};
const picture = (name) => pictures && page.screenshot({ path: join(pictures, name + ".png") });

await part("sessions, tools and what changed", async () => {
  await page.click("#tab-sessions");
  await until("two sessions", async () => (await page.locator("#session-list tbody tr").count()) === 2);
  await page.fill("#find-session", "CLAUDE");
  await until("one session", async () => (await page.locator("#session-list tbody tr").count()) === 1);
  await page.locator("#session-list tbody button").click();
  await found("its calls", (all) => all.length > 10 && !all.includes("big"));
  await page.click("#chips button:last-child");
  await page.click("#tab-tools");
  await page.check("#only-changed");
  await until("one change", async () => (await page.locator("#tool-list tbody .badge.doubt").count()) === 1);
  await page.click("#tool-list button");
  assert.match(await text("#tool-list .diff"), /-.*Reads a file\.[^]*\+.*Reads a file\.[^]*\+.*id_rsa/);
});

await part("axe finds nothing, and 400 pixels are enough", async () => {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const width of pictures ? [1400, 900, 400] : [1400, 400]) {
      await page.setViewportSize({ width, height: 900 });
      for (const v of ["calls", "sessions", "tools"]) {
        await page.click("#tab-" + v);
        if (v === "calls") await found("calls", (all) => all.length > 5);
        else await page.locator(v === "sessions" ? "#session-list tbody tr" : "#tool-list tbody tr").first().waitFor();
        await accessible(`${v}, ${colorScheme}, ${width}`);
        await narrow(`${v}, ${width}`);
        await picture(`${v}-${colorScheme}-${width}`);
      }
      await page.click("#tab-calls");
      await rows().nth(8).click();
      await page.locator("#detailbody dl").first().waitFor();
      await accessible(`a call, ${colorScheme}, ${width}`);
      await narrow(`a call, ${width}`);
      await picture(`call-${colorScheme}-${width}`);
      await page.click("#close");
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1400, height: 900 });
});

await part("live while a wrapper runs", async () => {
  const s = session("live-client", "mcp://live", "");
  await s.start();
  const file = join(home, "go-on");
  const reply = s.call("wait", { for: file });
  const first = () => rows().first().innerText();
  await until("the call begins", async () => /open[^]*wait/.test(await first()));
  writeFileSync(file, "");
  await reply;
  await until("the call ends", async () => /executed[^]*wait[^]*live-client/.test(await first()));
  await s.end();
});

await part("a million rows", async () => {
  // The server's part is measured elsewhere; here it is the list that has so many.
  const total = 1_000_000;
  await page.route("**/api/calls*", async (route) => {
    const q = new URL(route.request().url()).searchParams, from = Number(q.get("from"));
    const row = (i) => ({ row: total - 1 - i, id: "0", kind: "call", time: 1.7e12, tool: "tool-" + i, server: "", client: "", outcome: "executed", took: 1, preview: "" });
    await route.fulfill({ json: { total, from, change: 1e9, rows: Array.from({ length: Math.min(Number(q.get("count")), total - from) }, (_, k) => row(from + k)) } });
  });
  await fill("tool", "tool-");
  await found("the first", (all) => all[0] === "tool-0");
  assert.ok(await page.evaluate(() => document.querySelector("#list").scrollHeight < 17_000_000));
  await page.locator("#list").focus();
  await page.keyboard.press("End");
  await found("the last", (all) => all.includes("tool-999999"));
  await page.keyboard.press("ArrowUp");
  await found("the one before it", (all) => all.includes("tool-999998"));
  await page.evaluate(() => { const l = document.querySelector("#list"); l.scrollTop = l.scrollHeight / 2; });
  const middle = await found("the middle", (all) => all.some((t) => /^tool-(499|500)/.test(t)));
  await page.locator("#list").hover();
  await page.mouse.wheel(0, 64); // two rows
  await found("two rows further", (all) => all[0] !== middle[0] && Math.abs(Number(all[0].slice(5)) - Number(middle[0].slice(5))) <= 4);
  await page.keyboard.press("Home");
  await found("the first again", (all) => all[0] === "tool-0");
  await page.unroute("**/api/calls*");
  await page.click("#chips button:last-child");
});

await part("a damaged log turns the badge", async () => {
  const dir = join(home, "audit");
  const name = join(dir, readdirSync(dir).filter((n) => n.endsWith(".jsonl"))[0]);
  const whole = readFileSync(name, "latin1");
  writeFileSync(name, whole.replace("Buy Butter", "Buy Batter"), "latin1");
  await page.locator(".sentence .badge.bad").waitFor();
  assert.match(await text("#sentence"), /^tampered/);
  await page.click("#findings summary");
  assert.match(await text("#log"), /edited/);
  await picture("tampered");
  writeFileSync(name, whole, "latin1");
  await page.locator(".sentence .badge.good").waitFor();
});

await part("nothing went wrong", async () => assert.deepEqual(wrong, []));

await part("it ends, and the page says so", async () => {
  shown.p.kill("SIGINT");
  const [status] = await once(shown.p, "exit");
  assert.equal(status, 0);
  await page.locator("#ended").waitFor();
  assert.match(await text("#ended"), /has ended/);
  const idle = await view("--idle", "1s");
  const [other] = await once(idle.p, "exit");
  assert.equal(other, 0);
  assert.match(idle.said(), /nobody has looked/);
});

await browser.close();
