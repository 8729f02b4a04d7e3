// Drives the page of `signet-wrap audit view` in Firefox: node page-firefox.mjs URL. The
// log has calls of one tool, <img src=x onerror=ran=1>, one with "butter" in its arguments.
import assert from "node:assert/strict";
import {withFirefox} from "./firefox.mjs";

await withFirefox(async (page) => {
  await page.go(process.argv[2]);
  const sentence = await page.look(`document.querySelector(".sentence .badge.good") ? document.getElementById("sentence").innerText : ""`, (s) => s !== "");
  assert.match(sentence, /^valid/);
  const rows = `[...document.querySelectorAll("#list .layer .row:not([hidden]) .tool")].map((e) => e.innerText)`;
  const all = await page.look(rows, (r) => r.length > 1 && !r.includes("…"));
  assert.ok(all.every((tool) => tool === "<img src=x onerror=ran=1>"), String(all));
  const type = (name, value) => page.look(`(() => { const e = document.querySelector("#filters [name=${name}]"); e.value = "${value}"; return e.dispatchEvent(new Event("input", {bubbles: true})); })()`, () => true);
  await type("grep", "butter");
  await page.look(rows, (r) => r.length === 1 && !r.includes("…"));
  await page.look(`(document.querySelector("#list .layer .row:not([hidden])").click(), true)`, () => true);
  const detail = await page.look(`document.querySelector("#detailbody dl") ? document.getElementById("detail").innerText : ""`, (s) => s !== "");
  for (const want of ["butter", "unbroken", "its signature is good"]) assert.ok(detail.includes(want), want + " in " + detail);
  await type("grep", "");
  await page.look(rows, (r) => r.length === all.length);
  // Firefox lays out nothing above 17 million pixels.
  await page.look(`(() => {
    const real = fetch, total = 1_000_000;
    window.fetch = async (url, options) => {
      if (!String(url).includes("/api/calls")) return real(url, options);
      const q = new URL(url, location).searchParams, from = Number(q.get("from"));
      const row = (i) => ({row: total - 1 - i, id: "0", kind: "call", time: 1.7e12, tool: "tool-" + i, server: "", client: "", outcome: "executed", took: 1, preview: ""});
      return Response.json({total, from, change: 1e9, rows: Array.from({length: Math.min(Number(q.get("count")), total - from)}, (_, k) => row(from + k))});
    };
    return true;
  })()`, () => true);
  await type("tool", "tool-");
  await page.look(rows, (r) => r[0] === "tool-0");
  const height = await page.look(`(() => { const l = document.getElementById("list"); l.scrollTop = l.scrollHeight; return l.scrollHeight; })()`, () => true);
  assert.ok(height < 17_000_000, String(height));
  await page.look(rows, (r) => r.includes("tool-999999"));
  assert.equal(await page.look(`typeof globalThis.ran !== "undefined" || document.querySelectorAll("main img, main script").length > 0`, () => true), false);
});
console.log("ok");
process.exit(0);
