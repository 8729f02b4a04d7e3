// report.html: has a worker verify the evidence in this file, and another one list the
// calls in it, and shows what they found.
// What the maker of the file claims is hidden as soon as there are findings, and compared
// with them. Texts of the log become text nodes only (see common.js).
(() => {
  const {el, put, said, text, badge, count, grouped, time, zone} = ui;
  const $ = (id) => document.getElementById(id);
  const outcomes = Object.keys(ui.outcomes);
  const claim = JSON.parse($("claim").textContent);
  const rows = [50, 200, 1000, 5000];
  let trust = null, broken = false;
  let found = null, did = null; // what the workers found

  // bytesOf has the bytes of the elements of a class, one after the other.
  function* bytesOf(kind) {
    for (const node of document.querySelectorAll("script." + kind)) {
      const base64 = node.textContent;
      if (Uint8Array.fromBase64) yield Uint8Array.fromBase64(base64);
      else yield Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    }
  }

  // turn lets the browser draw what is there.
  const turn = () => new Promise((done) => setTimeout(done));

  async function all(kind) {
    const parts = [];
    for (const part of bytesOf(kind)) {
      parts.push(part);
      await turn();
    }
    return new Blob(parts, {type: kind === "worker" ? "text/javascript" : "application/zip"});
  }

  function state(kind, word, says, ...more) {
    $("state").className = "verdict " + kind;
    put($("sentence"), badge(word, kind), " ", el("span", {id: "doing"}, says));
    put($("state-more"), ...more);
  }

  function progress(doing, done, total) {
    const bar = $("progress");
    bar.hidden = false;
    if (total > 0) {
      bar.max = total;
      bar.value = done;
    } else bar.removeAttribute("value");
    const part = total > 0 ? " " + Math.floor((100 * done) / total) + " %" : "";
    state("doubt", "not verified yet", "Your browser is at work: " + doing + "." + part);
  }

  // failed says that there are no verdicts, and why. It is the end.
  function failed(why) {
    if (broken) return;
    broken = true;
    for (const w of [checker, lister]) w?.end();
    $("progress").hidden = true;
    $("found").hidden = true;
    $("claimed").hidden = false;
    state("bad", "not verified", "The evidence in this file could not be verified in this browser: " + said(why, 500) + ". Do not rely on what is below.");
  }

  // begin starts a worker that has the program and the evidence. told has what is done
  // with what it tells, by kind; ready is the first.
  function begin(url, program, evidence, told) {
    const worker = new Worker(url);
    const waiting = new Map();
    let asked = 0;
    const post = (kind, ...rest) => worker.postMessage({kind, id: ++asked, rest});
    const all = {
      failed, ...told,
      returned: (id, result) => {
        waiting.get(id)?.(result);
        waiting.delete(id);
      },
      ready: () => {
        post("open", evidence.reduce((n, part) => n + part.length, 0));
        for (const part of evidence) post("fill", part);
        told.ready();
      },
    };
    worker.onerror = (e) => failed(e.message || "the program does not start");
    worker.onmessage = ({data: {kind, rest}}) => broken || all[kind](...rest);
    post("program", program);
    return {
      // ask has the result of a function of the worker.
      ask: (kind, ...rest) =>
        new Promise((resolve) => {
          waiting.set(asked + 1, resolve);
          post(kind, ...rest);
        }),
      end: () => worker.terminate(),
    };
  }

  let checker, lister;

  function check() {
    $("found").hidden = true;
    found = null;
    progress("reading", 0, 0);
    checker.ask("check", trust ? trust.name : "", trust ? trust.bytes : null);
  }

  async function takeTrust(file) {
    if (!file || broken) return;
    if (file.size > 1 << 20) {
      put($("trust-says"), badge("not used", "bad"), " ", "That is too long for a trust file.");
      return;
    }
    trust = {name: file.name, bytes: new Uint8Array(await file.arrayBuffer())};
    put($("trust-says"));
    check();
  }

  // differences are those between what the maker of the file claims and what was found,
  // but for what depends on the reader's clock and trust.
  function differences() {
    const a = claim && claim.verify, b = found.verify;
    if (!a) return ["its maker claims nothing"];
    const broken = (x) => (x.log ? x.log.integrity.verdict : x.selection ? (x.selection.damaged > 0 ? "broken" : "unbroken") : "none");
    const pairs = [
      ["integrity", broken(a), broken(b)], ["records", a.records, b.records], ["in place", a.placed, b.placed], ["size of the log", a.size, b.size],
      ["head", a.head, b.head], ["tampered", a.verdict === "tampered", b.verdict === "tampered"], ["calls", claim.did.calls, did ? did.calls : claim.did.calls],
    ];
    return pairs.filter(([, x, y]) => x !== y).map(([name, x, y]) => name + ": “" + said(x, 100) + "” there, “" + said(y, 100) + "” here");
  }

  function answer(s) {
    const most = 8;
    const lines = (s.lines || []).map((l) => el("div", {class: "said"}, said(l, 500)));
    return el("div", {class: "answer " + s.level},
      el("h3", {}, s.question), badge(s.word, s.level), el("p", {}, said(s.says, 500)), lines.slice(0, most),
      lines.length > most && el("details", {}, el("summary", {}, "and " + grouped(lines.length - most) + " more"), lines.slice(most)));
  }

  const table = (heads, body, attributes = {}) =>
    el("div", {class: "wide", ...attributes}, el("table", {class: "plain"},
      el("thead", {}, el("tr", {}, heads.map(([name, kind]) => el("th", {scope: "col", class: kind}, name)))), el("tbody", {}, body)));

  // showState says what was found, and how far that can be trusted.
  function showState() {
    const w = found.words, differs = differences();
    state(w.level, w.verdict, said(w.says, 500),
      el("p", {class: "faint stamp"}, "Verified in this browser, " + time(Date.now()) + " " + zone() + ", by the program in this file" + (trust ? ", with your trust file " + said(trust.name, 100) : "") + "."),
      differs.length > 0 && el("div", {class: "verdict bad", id: "differs"},
        el("p", {}, badge("differs", "bad"), " The maker of this file claims something else than your browser found. Do not rely on it."),
        differs.map((l) => el("div", {class: "said"}, l))),
      el("h2", {}, "How far that can be trusted"),
      el("ul", {class: "limits"}, w.limits.map((l) => el("li", {}, said(l, 1000)))));
    put(answers, w.sections.map(answer));
    put(json, el("details", {}, el("summary", {}, "The findings as signet-wrap verify --json has them"), el("pre", {class: "text", id: "json", tabindex: 0}, ui.cleanLines(JSON.stringify(found.verify, null, 2)))));
  }

  // showDid says what the agents did.
  function showDid() {
    const d = did;
    const figures = el("ul", {class: "figures"},
      [[d.calls, "calls"], [d.failed, "failed or refused"], [d.open, "without a known outcome"], [d.sessions.length + (d.more_sessions || 0), "sessions"], [d.doubted, "records not believed"]]
        .filter(([n], i) => n > 0 || i < 3).map(([n, what]) => el("li", {}, el("b", {}, grouped(n)), what)));
    const span = d.first && el("p", {class: "faint"}, time(d.first) + " to " + time(d.last) + " " + zone(d.last));
    const tools = table([["Tool"], ["Server"], ["Calls", "number"], ["Failed", "number"], ["Open", "number"]],
      d.tools.map((t) => el("tr", {}, el("td", {}, text(t.name)), el("td", {}, text(t.server || "")), el("td", {class: "number"}, grouped(t.calls)),
        el("td", {class: "number"}, grouped(t.failed)), el("td", {class: "number"}, grouped(t.open)))));
    const sessions = table([["Began"], ["Client"], ["Server"], ["Signed as"], ["Where"], ["Calls", "number"], ["Failed", "number"], ["Session"]],
      d.sessions.map((s) => el("tr", {}, el("td", {}, time(s.first)), el("td", {}, text(s.client || "")), el("td", {}, text(s.server || "")), el("td", {}, text(s.signer || "")),
        el("td", {}, text(s.where || "")), el("td", {class: "number"}, grouped(s.calls)), el("td", {class: "number"}, grouped(s.failed)),
        el("td", {}, el("button", {class: "open mono", type: "button", click: () => search(s.id)}, said(s.id, 16))))),
      {class: "wide sessions", tabindex: 0, role: "region", "aria-label": "Sessions"});
    const more = (n, what) => n > 0 && el("p", {class: "faint"}, "and " + count(n, what) + " more");
    put(doings, el("h2", {}, "What the agents did"), figures, span, el("h3", {}, "Tools"), tools, more(d.more_tools, "tool"),
      el("h3", {}, "Sessions"), sessions, more(d.more_sessions, "session"));
    calls();
  }

  // show shows what there is: the verdicts at once, the calls when they are listed.
  function show() {
    if (!found) return;
    $("progress").hidden = true;
    $("claimed").hidden = true;
    showState();
    $("found").hidden = false;
    if (did) document.body.dataset.state = "found";
  }

  const answers = el("section", {class: "answers", "aria-label": "Findings"});
  const doings = el("section", {}, el("h2", {}, "What the agents did"), el("p", {class: "faint", role: "status", id: "listing"}, "The calls are being listed."));
  const callsTable = el("section", {id: "calls"});
  const json = el("section");
  const trusting = el("section", {}, el("h2", {}, "A trust file of your own"),
    el("div", {class: "drop"}, el("p", {}, "Drop a file that says whose keys you trust on this page, or choose it. It has the form of ssh-keygen's allowed_signers. It stays in this browser."),
      el("label", {}, "Trust file ", el("input", {type: "file", id: "trust", change: (e) => takeTrust(e.target.files[0])})),
      el("p", {id: "trust-says", role: "status"})));

  let search = () => {};

  // calls makes the table of calls, which asks the worker for its rows.
  function calls() {
    let offset = 0, turnOf = 0;
    const query = el("input", {type: "search", id: "query", autocomplete: "off"});
    const outcome = el("select", {id: "outcome"}, el("option", {value: ""}, "any"), outcomes.map((o) => el("option", {value: o}, ui.outcomeName(o))));
    const size = el("select", {}, rows.map((n) => el("option", {value: n}, grouped(n))));
    const before = el("button", {type: "button", click: () => list(offset - Number(size.value))}, "Newer");
    const after = el("button", {type: "button", click: () => list(offset + Number(size.value))}, "Older");
    const where = el("span", {role: "status"});
    const body = el("tbody");

    async function open(button, i) {
      const row = button.closest("tr");
      if (button.getAttribute("aria-expanded") === "true") {
        button.setAttribute("aria-expanded", "false");
        row.nextSibling.remove();
        return;
      }
      button.setAttribute("aria-expanded", "true");
      const view = JSON.parse(await lister.ask("call", i));
      const place = (p) => p && [ui.mono(p.file), " at byte " + grouped(p.offset) + ", ", ui.mono(p.record_hash)];
      row.after(el("tr", {}, el("td", {class: "detail", colspan: 6}, ui.call(view),
        ui.facts(["place", place(view.log)], ["response", view.response && place(view.response.log)], ["arguments' hash", view.arguments_hash && ui.mono(view.arguments_hash)]))));
    }

    async function list(from) {
      const mine = ++turnOf;
      const found = JSON.parse(await lister.ask("list", query.value, outcome.value, Math.max(0, from), Number(size.value)));
      if (mine !== turnOf) return;
      offset = Math.max(0, from);
      put(body, found.rows.map((r) => {
        const button = el("button", {class: "open", type: "button", "aria-expanded": "false", click: () => open(button, r.i)}, time(r.time) || "?");
        return el("tr", {}, el("td", {}, button), el("td", {}, text(r.server)), el("td", {}, text(r.tool)),
          el("td", {}, ui.outcome(r.outcome), r.took !== null && el("span", {class: "faint"}, " " + ui.took(r.took))), el("td", {}, text(r.signer)), el("td", {}, ui.mono(r.arguments, 400)));
      }));
      const last = offset + found.rows.length;
      put(where, found.matches === 0 ? "no call" : grouped(offset + 1) + " to " + grouped(last) + " of " + count(found.matches, "call") + ", the newest first");
      before.disabled = offset === 0;
      after.disabled = last >= found.matches;
    }

    let timer;
    query.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => list(0), 200);
    });
    for (const choice of [outcome, size]) choice.addEventListener("change", () => list(0));
    search = (s) => {
      query.value = s;
      list(0);
      callsTable.scrollIntoView();
      query.focus();
    };
    put(callsTable, el("h2", {}, "Calls"),
      el("div", {class: "filters"}, el("label", {class: "grow"}, "Search in all that is recorded of a call", query), el("label", {}, "Outcome", outcome), el("label", {}, "Rows", size)),
      el("div", {class: "wide"}, el("table", {class: "plain"},
        el("thead", {}, el("tr", {}, ["Time (" + zone() + ")", "Server", "Tool", "Outcome", "Signed as", "Arguments"].map((h) => el("th", {scope: "col"}, h)))), body)),
      el("div", {class: "pages"}, before, after, where));
    list(0);
  }

  document.addEventListener("dragover", (e) => {
    e.preventDefault();
    document.body.classList.add("over");
  });
  document.addEventListener("dragleave", () => document.body.classList.remove("over"));
  document.addEventListener("drop", (e) => {
    e.preventDefault();
    document.body.classList.remove("over");
    takeTrust(e.dataTransfer.files[0]);
  });

  const saving = el("button", {type: "button", click: async () => {
    const url = URL.createObjectURL(await all("evidence"));
    el("a", {href: url, download: "evidence.zip"}).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  }}, "Save the evidence in this file");
  put($("save"), saving);

  async function start() {
    if (document.body.dataset.verifies !== "true") return;
    if (typeof WebAssembly !== "object" || typeof DecompressionStream !== "function" || typeof Worker !== "function") {
      failed("it is too old, or WebAssembly is off");
      return;
    }
    progress("unpacking the program", 0, 0);
    put($("found"), answers, doings, callsTable, trusting, json);
    await turn();
    const url = URL.createObjectURL(await all("worker"));
    const [program] = bytesOf("program");
    const evidence = [];
    for (const part of bytesOf("evidence")) {
      evidence.push(part);
      await turn();
    }
    checker = begin(url, program, evidence, {
      ready: check, progress,
      found: (json) => {
        found = JSON.parse(json);
        show();
      },
      unusable: (why) => {
        trust = null;
        put($("trust-says"), badge("not used", "bad"), " ", said(why, 500));
        check();
      },
    });
    lister = begin(url, program, evidence, {
      ready: () => lister.ask("join"),
      progress: (doing, done, total) => $("listing") && put($("listing"), "The calls are being listed: " + Math.floor((100 * done) / total) + " %."),
      joined: (json) => {
        did = JSON.parse(json);
        showDid();
        show();
      },
    });
  }
  start().catch((e) => failed(String(e)));
})();
