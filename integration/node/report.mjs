// Opens reports from file:// in a browser without a network, as a person would, and prints
// what is seen, as JSON: a list, one for each job of the list in the first argument.
//
// A job is {file, search, scripts, check, print, trusts: [{file, drop}], open, picture, width,
// dark, whole}. Files of the reader's are given one after the other, then calls opened.
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";
import {chromium, firefox} from "playwright-core";

const patience = 120_000;
const jobs = JSON.parse(process.argv[2]);
const browser = await (process.env.BROWSER_KIND === "firefox" ? firefox : chromium).launch({executablePath: process.env.BROWSER, args: ["--no-sandbox"]});
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

async function run(job) {
  const context = await browser.newContext({javaScriptEnabled: job.scripts !== false, offline: true, viewport: {width: job.width || 1280, height: 900}, colorScheme: job.dark ? "dark" : "light", bypassCSP: false});
  const page = await context.newPage();
  const seen = {requests: [], errors: [], dialogs: 0};
  page.on("request", (r) => seen.requests.push(r.url()));
  page.on("pageerror", (e) => seen.errors.push(e.message));
  page.on("console", (m) => m.type() === "error" && seen.errors.push(m.text()));
  page.on("dialog", (d) => (seen.dialogs++, d.dismiss()));
  await page.goto(pathToFileURL(job.file).href);
  const settled = () => page.waitForFunction(() => document.body.dataset.verifies !== "true" || document.body.dataset.state === "found" || document.querySelector("#state.verdict.bad"), null, {timeout: patience});
  if (job.scripts !== false) await settled();
  const look = async (seen) => {
    seen.state = await page.innerText("#state");
    seen.text = await page.innerText("body");
    if (job.scripts !== false) seen.found = await page.isVisible("#found");
    if (await page.locator("#json").count()) seen.verify = JSON.parse(await page.evaluate(() => document.getElementById("json").textContent));
    return seen;
  };
  await look(seen);
  seen.outcomes = await page.locator("#outcome option").allTextContents();
  seen.differs = (await page.locator("#differs").count()) > 0;
  if (job.search !== undefined) {
    await page.fill("#query", job.search);
    await page.waitForFunction(() => document.querySelector("#calls [role=status]").textContent.includes("1 of 1 call"), null, {timeout: patience});
    await page.focus("#calls button.open");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#calls td.detail", {timeout: patience});
    seen.call = await page.innerText("#calls td.detail");
  }
  if (job.scripts !== false) seen.ran = await page.evaluate(() => typeof globalThis.ran !== "undefined" || document.querySelectorAll("img, iframe, b.x").length > 0);
  if (job.check) {
    // The page allows no scripts but its own, so it is checked from outside of it.
    await page.evaluate(axe);
    seen.violations = [];
    for (const [width, colorScheme] of [[1280, "light"], [400, "dark"]]) {
      await page.setViewportSize({width, height: 900});
      await page.emulateMedia({colorScheme});
      const found = (await page.evaluate(() => axe.run(document, {resultTypes: ["violations"]}))).violations;
      seen.violations.push(...found.map((v) => width + ": " + v.id + ": " + v.nodes.map((n) => n.html.slice(0, 200)).join(" ")));
      if (await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)) seen.violations.push(width + ": wider than the screen");
    }
  }
  if (job.print) seen.pdf = (await page.pdf()).length;
  seen.trusts = [];
  for (const trust of job.trusts || []) {
    await page.evaluate(() => delete document.body.dataset.state);
    if (trust.drop) {
      const data = await page.evaluateHandle((text) => {
        const d = new DataTransfer();
        d.items.add(new File([text], "mine"));
        return d;
      }, readFileSync(trust.file, "utf8"));
      await page.dispatchEvent("body", "drop", {dataTransfer: data});
    } else await page.setInputFiles("#mine", trust.file);
    await settled();
    seen.trusts.push(await look({}));
  }
  if (job.open && job.scripts !== false) {
    // Sessions and calls, opened by the keyboard.
    for (const part of ["#doings", "#calls"]) {
      await page.focus(part + " button.open[aria-expanded]");
      await page.keyboard.press("Enter");
      await page.waitForSelector(part + " td.detail", {timeout: patience});
      seen.opened = (seen.opened || "") + (await page.innerText(part + " td.detail"));
    }
  }
  if (job.picture) await page.screenshot({path: job.picture, fullPage: job.whole});
  await context.close();
  return seen;
}

// Two at a time: much of a page's time is waiting, and more would be much memory.
const all = [];
const queue = jobs.entries();
const work = async () => {
  for (const [i, job] of queue) all[i] = await run(job);
};
await Promise.all([work(), work()]);
await browser.close();
process.stdout.write(JSON.stringify(all));
