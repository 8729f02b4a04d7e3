// Opens reports from file:// in Firefox, and prints what is seen, as JSON: an object for
// each file named.
import {pathToFileURL} from "node:url";
import {withFirefox} from "./firefox.mjs";

const look = `({
  settled: document.body.dataset.state === "found" || document.querySelector("#state.verdict.bad") !== null,
  state: document.getElementById("state").innerText, text: document.body.innerText,
  found: !document.getElementById("found").hidden, differs: document.getElementById("differs") !== null,
  ran: typeof globalThis.ran !== "undefined" || document.querySelectorAll("img, iframe").length > 0,
  verify: JSON.parse(document.getElementById("json")?.textContent || "null")})`;
const all = [];
await withFirefox(async (page) => {
  for (const file of process.argv.slice(2)) {
    await page.go(pathToFileURL(file).href);
    all.push(await page.look(look, (seen) => seen.settled));
  }
});
process.stdout.write(JSON.stringify(all));
process.exit(0);
