"use strict";
// The page of `audit view`. It asks the server for what it shows, with the token of its
// session in a header, and writes texts of the log as texts only: see common.js.

const $ = (id) => document.getElementById(id);
const { el, put } = ui;

// ---- The session.

let session = "";
let over = false; // nothing more is asked for

const failures = {
  410: "This link was used already, and a link opens the page once. If the page is open in another tab, use that one. If it was not you who opened it, end signet-wrap with Ctrl-C. Else run: signet-wrap audit view",
  401: "This tab has no access. Open the link that signet-wrap audit view has printed; a link opens the page once.",
  0: "signet-wrap has ended, as it does when nobody has looked for a while. To look again, run: signet-wrap audit view",
};

function end(status) {
  over = true;
  $("ended").textContent = failures[status] || failures[0];
  $("ended").hidden = false;
  $("live").textContent = "";
}

class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

const sleep = (ms) => new Promise((f) => setTimeout(f, ms));

// ask asks the server. What it answers is JSON.
async function ask(path, parameters = {}, options = {}) {
  const q = new URLSearchParams(Object.entries(parameters).filter(([, v]) => v !== "" && v !== undefined && v !== null));
  for (let again = 0; ; again++) {
    let response;
    try {
      response = await fetch("/api/" + path + (q.size ? "?" + q : ""), {
        ...options, cache: "no-store", credentials: "omit", redirect: "error", headers: { Authorization: "Bearer " + session },
      });
    } catch (e) {
      if (e.name === "AbortError" || again === 3) throw e;
      await sleep(500);
      continue;
    }
    if (response.ok) return response.json();
    throw new Refused(response.status, (await response.text()).trim());
  }
}

// quietly runs something that may be given up or refused.
async function quietly(f) {
  try {
    return await f();
  } catch (e) {
    if (e.name === "AbortError" || over) return;
    if (e instanceof Refused && e.status !== 401) {
      $("found").textContent = e.message;
      return;
    }
    end(e instanceof Refused ? e.status : 0);
  }
}

// open exchanges the token in the address for that of a session. That counts once; the
// session is kept for this tab, so that it may be loaded again.
async function open() {
  const fragment = location.hash.slice(1);
  session = sessionStorage.getItem("session") || "";
  if (fragment && fragment[0] !== "/") {
    history.replaceState(null, "", "/");
    const before = session;
    session = fragment;
    try {
      session = (await ask("session", {}, { method: "POST" })).session;
      sessionStorage.setItem("session", session);
    } catch (e) {
      if (!before) return end(e.status);
      session = before;
    }
  }
  if (!session) return end(401);
  $("page").hidden = false;
  route();
  follow();
}

// ---- The state: verification, and whether there is more to show.

let state = null;

async function follow() {
  while (!over) {
    const next = await quietly(() => ask("state", { since: state ? state.version : 0 }));
    if (!next) {
      if (!over) await sleep(1000);
      continue;
    }
    const before = state;
    state = next;
    showState();
    if (!before || before.change !== state.change || before.indexed !== state.indexed || list.searching) refresh(before);
    if (view === "tools" && tools.running) showTools();
  }
}

function part(p, what) {
  const share = p.total > 0 ? Math.min(100, Math.floor((100 * p.bytes) / p.total)) + " %" : "";
  return what + (p.records ? " " + ui.count(p.records, "record") : "") + (share ? ", " + share : "");
}

function showState() {
  const s = state, c = s.checked;
  $("dir").textContent = ui.said(s.dir);
  $("live").textContent = !s.indexed ? part(s.reading, "reading the log:") : "live, " + ui.count(s.calls, "call");
  const f = c && c.log;
  $("verdict").className = "verdict " + (f ? ui.verdictKind(f.verdict) : c ? "doubt" : "");
  if (!c) put($("sentence"), ui.badge("verifying"), " the log is being verified; what is below is not, yet");
  else if (!f) put($("sentence"), ui.badge("not verified", "doubt"), " ", ui.text(c.error, 500));
  else if (!f.records && f.verdict === "valid") put($("sentence"), ui.badge("empty"), " nothing has been logged yet");
  else put($("sentence"), ui.verdict(f.verdict), el("span", { class: "said" }, ui.said(c.sentence.replace(/^: /, " "), 1500)));
  $("checking").hidden = !s.checking;
  if (s.checking) {
    const p = s.progress;
    if (p.total > 0) {
      $("bar").max = p.total;
      $("bar").value = Math.min(p.bytes, p.total);
    } else $("bar").removeAttribute("value");
    $("progress").textContent = part(p, c ? "verifying again:" : "verifying:");
  }
  $("since").textContent = !c ? "" : (f ? ui.count(f.records, "record") + " verified " : "tried ") + "at " + ui.clock(new Date(c.at)) +
    (s.stale && !s.checking ? ". The log has changed since, and will be verified again shortly" : "");
  $("problem").hidden = !s.problem;
  put($("problem"), ui.text(s.problem || "", 500));
  $("findings").hidden = !f;
  if (f && showState.shown !== c.at) {
    showState.shown = c.at;
    put($("log"), ui.log(f), c.error ? ui.facts(["not read", ui.text(c.error)]) : null);
  }
  $("n").textContent = s.indexed ? ui.grouped(s.rows) : "";
  document.title = (f ? f.verdict : "verifying") + " · " + ui.count(s.calls, "call") + " · signet-wrap";
  for (const [id, names] of [["known-tools", s.tools], ["known-servers", s.servers], ["known-clients", s.clients]]) {
    const key = (names || []).join("\n");
    if ($(id).known === key) continue;
    $(id).known = key;
    put($(id), (names || []).map((n) => el("option", { value: ui.said(n) })));
  }
}

// ---- The views and filters. They are in the address, after "#/".

const views = ["calls", "sessions", "tools"];
const fields = ["grep", "tool", "server", "client", "outcome", "day"];
let view = "calls";
let filter = {}; // of fields, and session, since, until

function route() {
  const [path, query] = location.hash.slice(2).split("?");
  const q = new URLSearchParams(query || "");
  view = views.includes(path) ? path : "calls";
  filter = {};
  for (const name of [...fields, "session", "since", "until"]) if (q.get(name)) filter[name] = q.get(name);
  for (const name of fields) {
    const field = $("filters").elements[name];
    if (field.value.trim() !== (filter[name] || "")) field.value = filter[name] || "";
  }
  show();
}

function go(changes, nextView = view) {
  const next = { ...filter, ...changes };
  const q = new URLSearchParams(Object.entries(next).filter(([, v]) => v));
  const address = "#/" + nextView + (q.size ? "?" + q : "");
  if (address !== location.hash) history.pushState(null, "", address);
  route();
}

function show() {
  for (const v of views) {
    $(v).hidden = v !== view;
    $("tab-" + v).setAttribute("aria-selected", v === view);
    $("tab-" + v).tabIndex = v === view ? 0 : -1;
  }
  const chips = [];
  const chip = (text, changes) => chips.push(el("button", { type: "button", click: () => go(changes) }, text, el("span", { "aria-hidden": "true" }, " ×"), el("span", { class: "hidden" }, " (remove)")));
  if (filter.session) chip("session " + ui.said(filter.session, 40), { session: "" });
  if (filter.since || filter.until) chip((filter.since ? "from " + ui.time(filter.since) : "") + (filter.until ? " to " + ui.time(filter.until) : ""), { since: "", until: "" });
  if (Object.keys(filter).length > 0) chip("all filters", Object.fromEntries(Object.keys(filter).map((k) => [k, ""])));
  put($("chips"), chips);
  if (view === "calls") list.restart();
  if (view === "sessions") showSessions();
  if (view === "tools") showTools();
}

function refresh(before) {
  if (view === "calls") list.update();
  if (view === "sessions") showSessions();
  if (view === "tools" && before) showTools();
}

// asked is the filter as the server takes it.
function asked() {
  const { day, ...rest } = filter;
  if (day) {
    const [y, m, d] = day.split("-").map(Number);
    rest.since = new Date(y, m - 1, d).toISOString();
    rest.until = new Date(new Date(y, m - 1, d + 1) - 1).toISOString();
  }
  return rest;
}

// ---- The list of calls: as many rows as are seen, of any number. Browsers lay out
// nothing higher than some 17,000,000 pixels, so the height is bounded, and then a pixel
// of the scrollbar stands for many rows; wheel and keys move by rows all the same.

const list = (() => {
  const box = $("list"), space = box.querySelector(".space"), layer = box.querySelector(".layer");
  const maxHeight = 8e6, page = 100;
  let total = 0, change = -1, top = 0, cursor = -1, own = -1;
  let pages = new Map(), waiting = new Map(), pool = [], generation = 0, chosen = -1, drawing = false;
  const self = { searching: false };

  const rowHeight = () => box.querySelector(".head").offsetHeight || 32;
  const room = () => Math.max(0, box.clientHeight - rowHeight());
  const seen = () => room() / rowHeight();
  const last = () => Math.max(0, total - seen());
  const height = () => Math.min(total * rowHeight(), maxHeight);
  const scaled = () => total * rowHeight() > maxHeight;

  function scrollTo(t) {
    top = Math.min(Math.max(0, t), last());
    space.style.height = height() + "px";
    box.scrollTop = scaled() ? (last() ? (top / last()) * (height() - room()) : 0) : top * rowHeight();
    own = box.scrollTop;
    draw();
  }

  box.addEventListener("scroll", () => {
    if (Math.abs(box.scrollTop - own) < 1.5) return;
    own = -1;
    top = scaled() ? Math.min(1, box.scrollTop / (height() - room())) * last() : box.scrollTop / rowHeight();
    draw();
  });
  box.addEventListener("wheel", (e) => {
    if (!scaled() || e.ctrlKey) return;
    e.preventDefault();
    scrollTo(top + (e.deltaMode === 1 ? e.deltaY : e.deltaMode === 2 ? e.deltaY * seen() : e.deltaY / rowHeight()));
  }, { passive: false });
  let touch = null;
  box.addEventListener("touchstart", (e) => (touch = e.touches[0].clientY), { passive: true });
  box.addEventListener("touchmove", (e) => {
    if (!scaled()) return;
    e.preventDefault();
    scrollTo(top + (touch - e.touches[0].clientY) / rowHeight());
    touch = e.touches[0].clientY;
  }, { passive: false });
  new ResizeObserver(() => scrollTo(top)).observe(box);

  function draw() {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      drawNow();
    });
  }

  const columns = ["time", "outcome", "tool", "server", "client", "took", "arguments"];
  function rowNode(i) {
    const cells = columns.map((c) => el("span", { role: "gridcell", class: c }));
    const date = el("span", { class: "date" }), clock = el("span");
    put(cells[0], date, clock);
    const node = el("div", { role: "row", class: "row", id: "row" + i, click: () => { if (node.at >= 0) { setCursor(node.at); openRow(node.at, true); } } }, cells);
    return { node, cells, date, clock };
  }

  function set(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  function drawNow() {
    const h = rowHeight(), first = Math.floor(top), n = Math.min(total - first, Math.ceil(seen()) + 1);
    layer.style.height = Math.min(room(), total * h) + "px";
    box.setAttribute("aria-rowcount", total + 1);
    while (pool.length < n) {
      const r = rowNode(pool.length);
      pool.push(r);
      layer.append(r.node);
    }
    for (let i = 0; i < pool.length; i++) {
      const r = pool[i], at = first + i;
      r.node.hidden = i >= n;
      if (i >= n) {
        r.node.at = -1;
        continue;
      }
      r.node.at = at;
      r.node.style.transform = "translateY(" + -(top - first) * h + "px)";
      r.node.setAttribute("aria-rowindex", at + 2);
      r.node.setAttribute("aria-selected", at === cursor);
      const data = rowAt(at);
      r.node.className = "row" + (at === cursor ? " cursor" : "") + (data ? " " + data.kind : "");
      const t = data && data.time ? new Date(data.time) : null;
      set(r.date, t ? ui.date(t) + " " : "");
      set(r.clock, t ? ui.clock(t) : data ? "–" : "");
      const outcome = data ? data.outcome : "";
      if (r.outcome !== outcome) {
        r.outcome = outcome;
        put(r.cells[1], data ? ui.outcome(outcome) || (data.kind === "event" ? ui.badge("event") : "") : "");
      }
      set(r.cells[2], data ? ui.said(data.tool) || "(no name)" : "…");
      set(r.cells[3], data ? ui.said(data.server.replace(/^mcp:\/\//, "")) : "");
      set(r.cells[4], data ? ui.said(data.client) : "");
      set(r.cells[5], data ? ui.took(data.took) : "");
      set(r.cells[6], data ? ui.said(data.preview) : "");
    }
    if (cursor >= first && cursor < first + n) box.setAttribute("aria-activedescendant", "row" + (cursor - first));
    else box.removeAttribute("aria-activedescendant");
    for (let p = Math.floor(first / page); p * page < Math.min(total, first + n); p++) need(p);
  }

  function rowAt(i) {
    const p = pages.get(Math.floor(i / page));
    return p && p.rows[i % page];
  }

  function need(p) {
    const have = pages.get(p);
    if ((have && have.change === change) || waiting.has(p)) return;
    const of = generation;
    const stop = new AbortController();
    waiting.set(p, stop);
    quietly(async () => {
      const got = await ask("calls", { ...asked(), from: p * page, count: page }, { signal: stop.signal });
      if (of === generation) take(p, got);
    }).finally(() => {
      if (waiting.get(p) === stop) waiting.delete(p);
    });
    // Those that are no longer seen are not waited for.
    for (const [other, s] of waiting) {
      if (Math.abs(other - p) > 3) {
        s.abort();
        waiting.delete(other);
      }
    }
  }

  function take(p, got) {
    if (got.total !== total) {
      const grown = got.total - total;
      // What one looks at stays where it is.
      if (top > 0 && grown > 0 && total > 0) top += grown;
      if (cursor >= 0 && grown > 0 && total > 0) cursor += grown;
      total = got.total;
    }
    if (change !== got.change) {
      change = got.change;
    }
    pages.set(p, { rows: got.rows, change: got.change });
    if (pages.size > 60) pages = new Map([...pages].slice(-40));
    self.searching = !!got.search || !!got.partial;
    const filtered = Object.keys(filter).length > 0;
    $("found").textContent = got.problem ? ui.said(got.problem) : got.search ? part(got.search, "searching: " + ui.count(total, "match", "matches") + " so far,")
      : got.partial ? "the newest " + ui.grouped(total) + "; the others come when the log has been read"
      : total === 0 ? (filtered ? "nothing matches" : "nothing has been logged yet")
      : filtered ? ui.count(total, "match", "matches") + " of " + ui.grouped(state ? state.rows : total) : "";
    scrollTo(top);
  }

  function setCursor(i) {
    cursor = Math.min(Math.max(0, i), total - 1);
    if (cursor < top) scrollTo(cursor);
    else if (cursor > top + seen() - 1) scrollTo(cursor - seen() + 1);
    else draw();
  }

  async function openRow(i, byHand) {
    chosen = i;
    for (let tries = 0; tries < 100 && !rowAt(i); tries++) await sleep(50);
    const data = rowAt(i);
    if (data && chosen === i) openCall(data.row >= 0 ? { row: data.row } : { id: data.id }, byHand);
  }

  box.addEventListener("keydown", (e) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: Math.floor(seen()), PageUp: -Math.floor(seen()), Home: -Infinity, End: Infinity }[e.key];
    if (step !== undefined && !e.ctrlKey && !e.altKey && !e.metaKey) {
      e.preventDefault();
      if (total === 0) return;
      const from = cursor < 0 ? (step > 0 ? -1 : 0) : cursor;
      setCursor(step === Infinity ? total - 1 : step === -Infinity ? 0 : from + step);
      if (!$("detail").hidden) openRow(cursor, false);
    } else if (e.key === "Enter" && cursor >= 0) {
      e.preventDefault();
      openRow(cursor, true);
    }
  });

  // restart shows the list of another filter; update that of the same, which may have
  // changed.
  self.restart = () => {
    const key = JSON.stringify(asked());
    if (key !== self.key) {
      self.key = key;
      generation++;
      waiting.forEach((s) => s.abort());
      waiting.clear();
      pages.clear();
      total = 0;
      cursor = -1;
      top = 0;
      $("found").textContent = "…";
    }
    self.update();
  };
  self.update = () => {
    if (!state) return;
    const p = Math.floor(top / page);
    const have = pages.get(p);
    if (!have || have.change !== state.change || self.searching) {
      change = -2;
      waiting.forEach((s) => s.abort());
      waiting.clear();
      need(p);
    } else draw();
    timeline();
  };
  return self;
})();

// ---- The timeline.

let timelineStop = null;
function timeline() {
  if (!state || !state.indexed) return;
  if (timelineStop) timelineStop.abort();
  const stop = (timelineStop = new AbortController());
  quietly(async () => {
    const t = await ask("timeline", { ...asked(), east: -new Date().getTimezoneOffset() }, { signal: stop.signal });
    drawTimeline(t.bars || [], t.step);
  });
}

function drawTimeline(bars, step) {
  const figure = $("timeline");
  figure.hidden = bars.length === 0;
  if (!bars.length) return;
  const svg = (name, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [k, v] of Object.entries(attributes)) node.setAttribute(k, v);
    return node;
  };
  const most = Math.max(...bars.map((b) => b.good + b.failed + b.other), 1);
  const n = Math.max(bars.length, 12), h = 40;
  const root = svg("svg", { viewBox: "0 0 " + n + " " + h, preserveAspectRatio: "none", role: "img",
    "aria-label": "Calls over time: " + ui.count(bars.reduce((s, b) => s + b.good + b.failed + b.other, 0), "call") + ", from " + ui.time(bars[0].time) + " to " + ui.time(bars.at(-1).time + step) });
  bars.forEach((b, i) => {
    let y = h;
    for (const [kind, value] of [["good", b.good], ["other", b.other], ["failed", b.failed]]) {
      if (!value) continue;
      const size = Math.max(1, (value / most) * (h - 2));
      y -= size;
      root.append(svg("rect", { class: kind, x: i + 0.08, y, width: 0.84, height: size }));
    }
    const hit = svg("rect", { class: "hit", x: i, y: 0, width: 1, height: h });
    const title = svg("title", {});
    title.textContent = ui.time(b.time) + ": " + ui.count(b.good + b.failed + b.other, "call") + ", " + ui.grouped(b.failed) + " failed, " + ui.grouped(b.other) + " open or not known";
    hit.append(title);
    hit.addEventListener("click", () => go({ day: "", since: new Date(b.time).toISOString(), until: new Date(b.time + step - 1).toISOString() }));
    root.append(hit);
  });
  put(figure, root, el("figcaption", {},
    el("span", {}, ui.time(bars[0].time) + " " + ui.zone(bars[0].time)),
    el("span", { class: "keys3" }, el("span", { class: "key k-good" }, "executed"), el("span", { class: "key k-failed" }, "failed"), el("span", { class: "key k-other" }, "open or not known")),
    el("span", {}, ui.time(bars.at(-1).time + step))));
}

// ---- One call.

let callStop = null;
function openCall(which, byHand) {
  if (callStop) callStop.abort();
  const stop = (callStop = new AbortController());
  quietly(async () => {
    let d;
    try {
      d = await ask("call", which, { signal: stop.signal });
    } catch (e) {
      if (!(e instanceof Refused) || e.status === 401) throw e;
      d = { failed: e.message };
    }
    showCall(d, byHand);
  });
}

function showCall(d, byHand) {
  $("detail").hidden = false;
  document.querySelector(".split").classList.add("open");
  $("detail").scrollTop = 0;
  if (d.failed) {
    put($("what"), "Not found");
    put($("detailbody"), ui.text(d.failed, 500));
  } else {
    const v = d.view, more = d.more || {}, texts = d.texts;
    put($("what"), ui.text(v.tool || v.type || "record", 300));
    put($("detailbody"),
      ui.call(v, texts.arguments, more.arguments || 0),
      el("h3", {}, "Place in the chain"),
      chainPlace(d),
      el("h3", {}, "Receipt"),
      ui.facts(["by itself", [ui.verdict(d.check.verdict), d.check.reasons ? ui.lines(d.check.reasons) : " its signature is good"]],
        ["signed by", (d.check.signers || []).map((s) => el("div", {}, ui.text(s.name || "no name"), " ", ui.badge(s.trust === "trusted" ? "trusted" : s.known ? "known" : "unknown", s.known ? "good" : "doubt")))]),
      el("details", {}, el("summary", {}, "The receipt as it was signed"), ui.block(texts.receipt || "", more.receipt || 0)),
      texts.response ? el("details", {}, el("summary", {}, "The receipt of the outcome"), ui.block(texts.response, more.response || 0)) : null,
      v.session ? el("p", {}, el("button", { type: "button", class: "quiet", click: () => { closeCall(); go({ session: v.session, since: "", until: "", day: "" }); } }, "Calls of this session")) : null);
  }
  if (byHand && getComputedStyle($("detail")).position === "fixed") $("what").focus();
}

// chainPlace says where a record is, and what is established of that place.
function chainPlace(d) {
  const p = d.place, c = state && state.checked, f = c && c.log, at = d.view.log;
  const covered = f && p.record && p.record <= f.records;
  let chain = "not verified yet";
  if (covered && f.integrity.verdict === "unbroken") chain = [ui.verdict("unbroken"), " each record follows the one before it, verified at " + ui.clock(new Date(c.at)) + (state.stale ? "; the log has changed since" : "")];
  else if (covered) {
    const here = (f.breaks || []).find((b) => b.file === at.file && b.line === p.line);
    chain = here ? [ui.badge(here.kind, "bad"), " ", ui.text(here.detail, 500)] : [ui.verdict("broken"), " the log is damaged, in " + ui.count(f.integrity.damaged || f.damaged, "place") + "; not at this record as far as that is listed"];
  }
  const by = [];
  if (f) {
    for (const h of [f.completeness.heads, ...(f.completeness.against || [])]) if (h && p.record && h.records >= p.record) by.push(el("div", {}, ui.text(h.by), h.at ? ", " + ui.time(h.at) : ""));
    const w = f.completeness.anchored;
    if (w && p.record && w.records >= p.record) by.push(el("div", {}, "witnesses ", ui.text((w.by || []).join(", ")), w.since ? ", " + ui.time(w.since) : ""));
  }
  return ui.facts(
    ["record", p.record ? ui.grouped(p.record) + (f ? " of " + ui.grouped(Math.max(f.records, p.record)) : "") : "not known"],
    ["in", [ui.mono(at.file), p.line ? ", line " + ui.grouped(p.line) : ""]],
    ["chain", chain],
    ["remembered by", by.length ? by : f ? "nobody but the log" : null],
    ["hash", ui.mono(p.record_hash)],
    ["hash before", ui.mono(p.prev_hash)],
    ["outcome", p.response ? "record " + ui.grouped(p.response) : null]);
}

function closeCall() {
  if (callStop) callStop.abort();
  $("detail").hidden = true;
  document.querySelector(".split").classList.remove("open");
}

// ---- Sessions.

// named gives each cell of a row the name of its column, for narrow screens.
function named(heads, row) {
  [...row.cells].forEach((cell, i) => { cell.dataset.name = heads[i]; });
  return row;
}

function showSessions() {
  quietly(async () => {
    const got = await ask("sessions", { find: $("find-session").value });
    const heads = ["First call", "Server", "Client", "Where", "Signer", "Calls", "Failed", "Open", "Lasted", "Show"];
    const rows = got.sessions.map((s) => named(heads, el("tr", {},
      el("td", {}, ui.time(s.first)), el("td", {}, ui.text(s.server.replace(/^mcp:\/\//, ""), 60)), el("td", {}, ui.text(s.client, 60)),
      el("td", {}, ui.text(s.where, 60)), el("td", {}, ui.text(s.signer, 40)),
      el("td", { class: "number" }, ui.grouped(s.calls)), el("td", { class: "number" }, s.failed ? ui.badge(ui.grouped(s.failed), "bad") : "0"), el("td", { class: "number" }, s.open ? ui.badge(ui.grouped(s.open), "doubt") : "0"),
      el("td", {}, ui.took(s.last - s.first)),
      el("td", {}, el("button", { type: "button", class: "quiet", click: () => go({ session: s.session, since: "", until: "", day: "" }, "calls") }, "Calls", el("span", { class: "hidden" }, " of " + ui.said(s.session, 40)))))));
    put($("session-list"),
      el("table", { class: "plain" },
        el("thead", {}, el("tr", {}, heads.map((t, i) => el("th", { scope: "col", class: i > 4 && i < 8 ? "number" : null }, t)))),
        el("tbody", {}, rows)),
      el("p", { class: "faint" }, got.total === 0 ? "No sessions." : got.total > rows.length ? "The newest " + ui.grouped(rows.length) + " of " + ui.grouped(got.total) + "." : ui.count(got.total, "session") + "."));
  });
}

// ---- Servers and tools.

const tools = { running: false };

function showTools() {
  quietly(async () => {
    const got = await ask("tools", { find: $("find-tool").value, changed: $("only-changed").checked ? 1 : "" });
    tools.running = got.running;
    const out = [];
    if (got.running) out.push(el("p", { class: "faint" }, part(got.progress, "reading the log:")));
    if (got.problem) out.push(el("p", {}, ui.text(got.problem)));
    let body = null, server = null;
    const heads = ["Tool", "Definition", "Listed", "Calls", "Last call", "Signer", "Show"];
    for (const v of got.tools) {
      if (v.server !== server) {
        server = v.server;
        body = el("tbody");
        out.push(el("h2", {}, ui.text(server.replace(/^mcp:\/\//, "") || "(no server)", 100)),
          el("div", { class: "scrollx", role: "region", tabindex: 0, "aria-label": "Tools of " + ui.said(server, 60) },
            el("table", { class: "plain" }, el("thead", {}, el("tr", {}, heads.map((t, i) => el("th", { scope: "col", class: i === 3 ? "number" : null }, t)))), body)));
      }
      const shown = el("td", { class: "shown detail", colspan: 7 }), below = el("tr", { hidden: true }, shown);
      const button = el("button", { type: "button", class: "quiet", "aria-expanded": "false", click: async () => {
        below.hidden = !below.hidden;
        button.setAttribute("aria-expanded", !below.hidden);
        if (below.hidden || shown.firstChild) return;
        const d = await quietly(() => ask("definition", { number: v.number }));
        if (!d) return;
        const rest = d.more ? el("p", { class: "faint" }, "… and " + ui.count(d.more, "more line") + ": signet-wrap audit tools --json has all of it") : null;
        put(shown, d.why ? el("p", { class: "faint" }, ui.said(d.why)) : d.diff ? ui.diff(d.diff) : ui.block((d.lines || []).join("\n")), rest);
      } }, v.change ? "Change" : "Definition", el("span", { class: "hidden" }, " of " + ui.said(v.tool, 60)));
      body.append(named(heads, el("tr", {},
        el("td", {}, ui.text(v.tool || "(no name)", 80), v.change ? [" ", ui.badge("changed", "doubt")] : null),
        el("td", {}, v.hash ? ui.mono(v.hash.slice(7, 15)) : "–", v.kept !== "yes" ? [" ", ui.badge(v.kept, v.kept === "altered" ? "bad" : "calm")] : null),
        el("td", {}, ui.time(v.listed) || "–"), el("td", { class: "number" }, ui.grouped(v.calls)), el("td", {}, ui.time(v.last) || "–"), el("td", {}, ui.text(v.signer, 40)),
        el("td", {}, v.hash ? button : ""))), below);
    }
    if (!got.running) out.push(el("p", { class: "faint" }, got.total === 0 ? "No tools were listed or called." : got.total > got.tools.length ? "The first " + ui.grouped(got.tools.length) + " of " + ui.grouped(got.total) + " definitions: find narrows them." : ui.count(got.total, "definition") + (got.more ? "; there are others, which found no room" : "") + "."));
    // What is open stays open while the log grows.
    const key = JSON.stringify([got.tools, got.running ? got.progress : 0, got.total]);
    if (tools.shown !== key) put($("tool-list"), out);
    tools.shown = key;
  });
}

// ---- What people do.

const soon = (f) => {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(f, 250);
  };
};

const applyFilters = () => {
  const changes = {};
  for (const name of fields) changes[name] = $("filters").elements[name].value.trim();
  if (changes.day) changes.since = changes.until = "";
  go(changes);
};
$("filters").addEventListener("input", soon(applyFilters));
$("filters").addEventListener("submit", (e) => {
  e.preventDefault();
  applyFilters();
});
$("find-session").addEventListener("input", soon(showSessions));
$("find-tool").addEventListener("input", soon(showTools));
$("only-changed").addEventListener("change", showTools);
$("close").addEventListener("click", () => {
  closeCall();
  $("list").focus();
});
for (const v of views) $("tab-" + v).addEventListener("click", () => go({}, v));
document.querySelector("nav").addEventListener("keydown", (e) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
  if (!step) return;
  const next = views[(views.indexOf(view) + step + views.length) % views.length];
  go({}, next);
  $("tab-" + next).focus();
});
document.addEventListener("keydown", (e) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName);
  if (e.key === "/" && !typing && !e.ctrlKey && !e.altKey && !e.metaKey) {
    e.preventDefault();
    if (view !== "calls") go({}, "calls");
    $("filters").elements.grep.focus();
  } else if (e.key === "Escape" && !typing && !$("detail").hidden) {
    closeCall();
    $("list").focus();
  }
});
addEventListener("popstate", route);
addEventListener("hashchange", () => {
  if (location.hash.length > 1 && location.hash[1] !== "/") location.reload(); // another link was put in
});

open();
