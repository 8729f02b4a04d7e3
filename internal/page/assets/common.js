"use strict";
// What the page of `audit view` and report.html have in common: how texts, times,
// verdicts, calls and changes are shown. Texts of the log are hostile: they become text
// nodes, escaped and cut, and never markup. Nothing here writes innerHTML.

const ui = (() => {
  // What is not shown as it is: controls, marks of direction, characters without a
  // width, unassigned ones. As internal/terminal has it.
  const unsafe = /[\p{C}\p{Default_Ignorable_Code_Point}\p{Variation_Selector}\u2028\u2029\ufffd]/gu;
  const escaped = (c) => [...Array(c.length).keys()].map((i) => "\\u" + c.charCodeAt(i).toString(16).padStart(4, "0")).join("");

  // clean is s in one line, with escapes for what is unsafe.
  const clean = (s) => String(s).replace(unsafe, escaped);

  // cleanLines is clean, but for line ends and tabs.
  const cleanLines = (s) => String(s).replace(unsafe, (c) => (c === "\n" || c === "\t" ? c : escaped(c)));

  // clip is s or, if it is longer, its beginning and "…".
  const clip = (s, most = 200) => {
    s = String(s);
    if (s.length <= most) return s;
    const end = /[\ud800-\udbff]/.test(s[most - 1]) ? most - 1 : most;
    return s.slice(0, end) + "…";
  };

  // said is a text of the log as it is shown in one line.
  const said = (s, most) => clean(clip(s, most));

  // put sets the children of a node: nodes, and texts, which become text nodes.
  const put = (node, ...children) => {
    node.replaceChildren(...children.flat(9).filter((c) => c !== null && c !== undefined && c !== false && c !== ""));
    return node;
  };

  // el makes an element. Of its attributes, class, title and such are set as they are,
  // functions listen: el("button", {class: "x", click: f}, "Text").
  const el = (name, attributes = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === "function") node.addEventListener(key, value);
      else node.setAttribute(key, value === true ? "" : value);
    }
    return put(node, ...children);
  };

  const grouped = (n) => Number(n).toLocaleString("en-US");
  const count = (n, thing, things = thing + "s") => grouped(n) + " " + (Number(n) === 1 ? thing : things);

  const bytes = (n) => {
    if (n < 1000) return count(n, "byte");
    for (const unit of ["kB", "MB", "GB", "TB"]) {
      n /= 1000;
      if (n < 1000 || unit === "TB") return (n < 10 ? n.toFixed(1) : Math.round(n)) + " " + unit;
    }
  };

  const two = (n) => String(n).padStart(2, "0");
  const date = (t) => t.getFullYear() + "-" + two(t.getMonth() + 1) + "-" + two(t.getDate());
  const clock = (t) => two(t.getHours()) + ":" + two(t.getMinutes()) + ":" + two(t.getSeconds());

  // time is a time, in the zone of who looks, if asked for with milliseconds; zone names
  // that.
  const time = (when, exact) => {
    const t = new Date(when);
    if (!when || isNaN(t)) return "";
    return date(t) + " " + clock(t) + (exact ? "." + String(t.getMilliseconds()).padStart(3, "0") : "");
  };
  const zone = (when) => {
    const minutes = -new Date(when || Date.now()).getTimezoneOffset();
    if (minutes === 0) return "UTC";
    const m = Math.abs(minutes);
    return "UTC" + (minutes < 0 ? "−" : "+") + two(Math.floor(m / 60)) + ":" + two(m % 60);
  };

  const took = (ms) => {
    if (ms === null || ms === undefined || ms < 0) return "";
    if (ms < 1000) return ms + " ms";
    if (ms < 60000) return (ms / 1000).toFixed(1) + " s";
    if (ms < 3600000) return Math.floor(ms / 60000) + " min " + Math.round((ms % 60000) / 1000) + " s";
    return Math.floor(ms / 3600000) + " h " + Math.round((ms % 3600000) / 60000) + " min";
  };

  // What people read for outcomes (docs/AUDIT.md), and how they are to be taken.
  const outcomes = {
    executed: ["executed", "good"], failed: ["failed", "bad"], rejected: ["rejected", "bad"],
    requires_approval: ["wants input", "doubt"], verified: ["verified", "good"], responded: ["responded", "calm"],
    open: ["open", "doubt"], no_response: ["no response", "doubt"], unsigned: ["unsigned", "bad"], invalid: ["invalid", "bad"],
    no_call: ["no call", "doubt"], further: ["further", "doubt"], disagrees: ["disagrees", "bad"],
  };
  const verdicts = {
    valid: "good", unbroken: "good", trusted: "good", known: "good", "no gap": "good",
    tampered: "bad", broken: "bad", false: "bad",
    unconfirmed: "doubt", unknown: "doubt", unchecked: "doubt", gaps: "doubt",
  };

  const badge = (word, kind = "calm") => el("span", { class: "badge " + kind }, clean(word));
  const outcome = (o) => (o ? badge(...(outcomes[o] || [said(o, 30), "calm"])) : null);
  const outcomeName = (o) => (outcomes[o] || [said(o, 30)])[0];
  const verdict = (word) => badge(word, verdicts[word] || "calm");
  const verdictKind = (word) => verdicts[word] || "calm";

  // text is a text of the log, to be put somewhere.
  const text = (s, most = 200) => el("span", { class: "said", title: String(s).length > most ? said(s, 1000) : null }, said(s, most));
  const mono = (s, most = 200) => el("span", { class: "said mono" }, said(s, most));

  // facts is a list of names and what they have; what is empty is left out.
  const facts = (...pairs) => {
    const list = el("dl", { class: "facts" });
    for (const [name, value] of pairs) {
      if (value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) continue;
      list.append(el("dt", {}, clean(name)), el("dd", {}, value));
    }
    return list;
  };

  // lines is a list of texts, each on a line of its own.
  const lines = (all, most = 500) => (all || []).map((s) => el("div", { class: "said" }, said(s, most)));

  // block is a text of several lines, of which there may be more.
  const block = (s, more = 0, most = 70000) => {
    const rest = more + Math.max(0, String(s).length - most);
    return [
      el("pre", { class: "text", tabindex: 0 }, cleanLines(clip(s, most))),
      rest > 0 && el("p", { class: "faint" }, "… and " + bytes(rest) + " more: signet-wrap audit show ID --json has all of it"),
    ];
  };

  // diff is a change, as text.Diff in internal/text makes it.
  const diff = (all) =>
    el("pre", { class: "text diff", tabindex: 0 },
      all.map((line) => el("span", { class: line[0] === "+" ? "added" : line[0] === "-" ? "removed" : null }, cleanLines(clip(line, 1000)))));

  const key = (k) => (k ? mono(k, 60) : null);

  // call is what there is to say of a call or event: of a View (history.View).
  // its arguments may be given apart, as text and how many bytes more there are.
  const call = (v, args = v.arguments === undefined ? undefined : JSON.stringify(v.arguments, null, 2), more = 0) => {
    const program = (p) => p && text([p.name, p.version].filter(Boolean).join(" "));
    const where = v.where && text([[v.where.user || v.where.user_id, v.where.host].filter(Boolean).join("@"), v.where.directory].filter(Boolean).join(" in "));
    let shown = null;
    if (args !== undefined && args !== null) shown = block(args, more);
    else if (v.arguments_base64) shown = [el("p", { class: "faint" }, "They are no JSON text; in base64:"), block(v.arguments_base64)];
    else if (v.hash_only) shown = el("p", { class: "faint" }, "Only their hash was recorded.");
    else if (v.kind === "call") shown = el("p", { class: "faint" }, "The call has none.");
    return [
      facts(
        ["outcome", v.outcome && [outcome(v.outcome), " ", text([v.reason, v.error].filter(Boolean).join(": "), 500)]],
        ["problem", v.problem && text(v.problem, 500)],
        ["time", v.time && [time(v.time, true) + " " + zone(v.time), el("span", { class: "faint" }, " (" + clean(v.time) + ")")]],
        ["took", took(v.duration_ms)],
        ["server", v.target && [text(v.target), v.server ? [" (", program(v.server), ")"] : null]],
        ["client", program(v.client)],
        ["where", where],
        ["signer", v.signer && [text(v.signer.name), v.signer.owner ? [", of ", text(v.signer.owner)] : null]],
        ["key", v.signer && key(v.signer.key)],
        ["session", v.session && mono(v.session)],
        ["id", v.id && mono(v.id)],
        ["request id", v.call_id && mono(v.call_id)],
        ["trace", v.trace_id && mono(v.trace_id)],
        ["parent", v.parent_receipt_id && mono(v.parent_receipt_id)],
        ["came by", v.via && text(v.via)],
      ),
      v.kind === "call" && [el("h3", {}, "Arguments", v.arguments_size !== undefined ? el("span", { class: "faint" }, " " + bytes(v.arguments_size)) : ""), shown],
      v.says && [el("h3", {}, "What it says"), block(JSON.stringify(v.says, null, 2))],
    ];
  };

  // log is what verifying a log came to (verify.Log), in parts: integrity,
  // authenticity, completeness, what others have seen of it, who signed.
  const log = (f) => {
    const i = f.integrity, a = f.authenticity, c = f.completeness;
    const signers = (a.signers || []).map((s) =>
      el("div", {}, text((s.names || []).join(", ") || "no name"), (s.owners || []).length ? [" of ", text(s.owners.join(", "))] : null,
        ": " + count(s.records, "record") + " ", badge(s.trust === "trusted" ? "trusted" : s.known ? "known" : "unknown", s.known ? "good" : "doubt"), " ", s.pubkey ? key(s.pubkey) : "all further keys"));
    const heads = [c.heads, ...(c.against || [])].filter((h) => h && (h.records > 0 || h.why));
    const anchored = heads.map((h) =>
      el("div", {}, h.records > 0
        ? ["up to record " + grouped(h.records) + " by ", text(h.by), h.at ? ", " + time(h.at) : "", h.unanchored_records ? "; " + count(h.unanchored_records, "record") + " since are not" : ""]
        : [text(h.by), ": ", text(h.why, 300)]));
    const w = c.anchored;
    if (w && w.state !== "none") {
      anchored.push(el("div", {}, w.records > 0
        ? ["up to record " + grouped(w.records) + " by witnesses ", text((w.by || []).join(", ")), w.since ? ", " + time(w.since) : ""]
        : "witnesses: " + clean(w.state)));
      if (w.stamped > 0) anchored.push(el("div", {}, "up to record " + grouped(w.stamped) + " stamped, " + time(w.stamp_at)));
    }
    const breaks = (f.breaks || []).slice(0, 20).map((b) => el("div", {}, mono(b.file + ":" + b.line), " ", badge(b.kind, "bad"), " ", text(b.detail, 500)));
    return facts(
      ["log", [text(f.log), ": " + count(f.records, "record") + " in " + count(f.files, "file")]],
      ["time", f.first && time(f.first) + " to " + time(f.last) + " " + zone(f.last)],
      ["integrity", [verdict(i.verdict), i.verdict === "unbroken" ? " no record was edited, and each follows the one before it" : " damaged in " + count(i.damaged, "place")]],
      ["damage", breaks],
      ["authenticity", [verdict(a.verdict), { trusted: " all signatures are good, and by keys that are trusted", known: " all signatures are good, and by keys known here",
        false: " what was signed is not what is in " + count(a.false, "record"), unknown: " the signatures are good, but not all are by keys known here",
        unconfirmed: " the signatures are good, but for some it is not established who signed, or when" }[a.verdict], a.unsigned ? "; " + count(a.unsigned, "event") + " without a signature" : "", lines(a.doubts)]],
      ["signers", signers],
      ["completeness", [verdict(c.verdict), c.verdict === "no gap" ? " as far as the log itself can tell" : "", lines(c.gaps), lines(c.notes)]],
      ["anchored", anchored.length ? anchored : c.verdict === "unchecked" ? null : "not: truncation, or a rewrite by the key holder, would not show"],
      ["head", f.head && mono(f.head)],
    );
  };

  return { clean, cleanLines, clip, said, put, el, grouped, count, bytes, date, clock, time, zone, took, outcomes, badge, outcome, outcomeName, verdict, verdictKind, text, mono, facts, lines, block, diff, call, log };
})();
