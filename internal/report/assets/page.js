// report.html: has a worker verify the evidence in this file, and another one list the
// calls in it, and shows what they found.
// What the maker of the file claims is hidden as soon as there are findings, and compared
// with them. Texts of the log become text nodes only (see common.js).
(() => {
  const {el, put, said, text, badge, count, grouped, time, zone} = ui;
  const $ = (id) => document.getElementById(id);
  const claim = JSON.parse($("claim").textContent);
  const rows = [50, 200, 1000, 5000];
  const meanings = [
    ["executed", "The server responded, and said nothing of an error. What it did, only the server knows."],
    ["failed", "The server responded with an error."],
    ["rejected", "The call was refused before a tool ran."],
    ["requires_approval", "The server asked for more input. The call that brings it is another one."],
    ["responded", "There was a response, and it does not say how the call ended."],
    ["open", "Nothing is known of what came of the call: it was under way when this was written, or the wrapper was killed."],
    ["no_response", "The log says that no response came, and why."],
  ];
  const most = 64 << 20; // bytes of a file of the reader's
  let mine = [], before = []; // files of the reader's: {name, bytes}; and those before the last were added
  let broken = false;
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
    checker.ask("check", mine);
  }

  async function take(files) {
    if (files.length === 0 || broken) return;
    before = mine;
    for (const file of files) {
      if (file.size > most) {
        mine = before;
        put($("mine-says"), badge("not used", "bad"), " " + said(file.name, 100) + " has more than " + ui.bytes(most) + ".");
        return;
      }
      mine = [...mine.filter((f) => f.name !== file.name), {name: file.name, bytes: new Uint8Array(await file.arrayBuffer())}];
    }
    put($("mine-says"));
    check();
  }

  // signedBy says who signed with a key: by the reader's trust file or, in quotes, by the
  // signer's own word.
  function signedBy(name, key) {
    const part = found && (found.verify.log || found.verify.selection);
    const s = part && part.authenticity.signers.find((s) => s.pubkey === key);
    if (s && s.trust === "trusted" && !s.by_own_word && !s.outside_validity) return text(s.known_as);
    return name ? [text("“" + name + "”"), el("span", {class: "faint"}, " not known")] : null;
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

  // table makes a table, of which narrow screens show each row as a list: so each cell has
  // the name of its column.
  const table = (heads, body) =>
    el("div", {class: "wide"}, el("table", {class: "plain"},
      el("thead", {}, el("tr", {}, heads.map(([name, kind]) => el("th", {scope: "col", class: kind}, name)))), el("tbody", {}, body)));
  const row = (heads, ...cells) =>
    el("tr", {}, heads.map(([name, kind], i) => el("td", {class: kind, "data-name": name}, cells[i])));

  // opens makes a button that opens what make makes, below its row, and closes it.
  function opens(says, make) {
    const button = el("button", {class: "open", type: "button", "aria-expanded": "false", click: async () => {
      const row = button.closest("tr");
      const open = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!open));
      if (open) row.nextSibling.remove();
      else row.after(el("tr", {}, el("td", {class: "detail", colspan: row.cells.length}, await make())));
    }}, says);
    return button;
  }

  // showState says what was found, and how far that can be trusted.
  function showState() {
    const w = found.words, differs = differences();
    const used = (found.used || []).map((u) => u.as + " “" + said(u.name, 100) + "”").join(", ");
    state(w.level, w.badge, said(w.says, 700),
      el("p", {class: "faint stamp"}, "Verified in this browser, " + time(Date.now()) + " " + zone() + ", by the program in this file" + (used && ", with your " + used) + "."),
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
    const sessions = d.sessions.length + (d.more_sessions || 0);
    const figures = el("ul", {class: "figures"},
      [[d.calls, "call", "calls"], [d.failed, "failed or refused"], [d.open, "without an outcome"], [sessions, "session", "sessions"], [d.doubted, "record not believed", "records not believed"]]
        .filter(([n], i) => n > 0 || i < 3).map(([n, one, many]) => el("li", {}, el("b", {}, grouped(n)), n === 1 ? one : many || one)));
    const span = d.first && el("p", {class: "faint"}, time(d.first, true) + " to " + time(d.last, true) + " " + zone(d.last) +
      ". A call, its response, and the beginning of a session are a record each: so there are more records than calls.");
    const tool = [["Tool"], ["Server"], ["Calls", "number"], ["Failed", "number"], ["No outcome", "number"]];
    const session = [["Began"], ["Client"], ["Server"], ["Signed by"], ["Where"], ["Calls", "number"], ["Failed", "number"], ["Session"]];
    const more = (n, what) => n > 0 && el("p", {class: "faint"}, "and " + count(n, what) + " more");
    const heads = (d.heads > 0 || d.off > 0) && el("p", {class: "faint"}, d.heads > 0
      ? count(d.heads, "session") + " told the machine's system log, as they ran, where this log ended" + (d.off > 0 ? ", and " + grouped(d.off) + " did not" : "") + ". Ask whoever keeps that log for these heads: they show whether records were cut off."
      : "No session told the machine's system log where this log ended, so that one cannot show whether records were cut off.");
    put(doings, el("h2", {}, "What the agents did"), figures, span, el("h3", {}, "Tools"),
      table(tool, d.tools.map((t) => row(tool, text(t.name), text(t.server || ""), grouped(t.calls), grouped(t.failed), grouped(t.open)))), more(d.more_tools, "tool"),
      el("h3", {}, "Sessions"),
      table(session, d.sessions.map((s) => row(session, opens(time(s.first) || "?", () => began(s)), text(s.client || ""), text(s.server || ""), signedBy(s.signer, s.key),
        text(s.where || ""), grouped(s.calls), grouped(s.failed),
        el("button", {class: "open mono", type: "button", title: "its calls", click: () => search(s.id)}, said(s.id, 16))))),
      more(d.more_sessions, "session"), heads);
  }

  // began is what the event of a session says of it.
  function began(s) {
    const b = s.began;
    if (!b) return el("p", {class: "faint"}, "There is no event in this file that says how the session began.");
    const to = {off: "to nobody: it was turned off", none: "to nobody: the machine has no log of its own"};
    return ui.facts(
      ["session", ui.mono(s.id)], ["first and last call", time(s.first, true) + " to " + time(s.last, true) + " " + zone(s.last)], ["key", s.key && ui.mono(s.key)],
      ["came by", b.via && text([b.via, b.sdk].filter(Boolean).join(", "))], ["server's command", b.command && ui.mono(b.command, 1000)],
      ["its files", (b.files || []).map((f) => el("div", {}, ui.mono(f, 500)))], ["directory", b.directory && text(b.directory)],
      ["signet-wrap", [b.version && text(b.version), b.program && [" ", ui.mono(b.program)]]],
      ["sent where the log ended", b.heads && text(to[b.heads] || "to " + b.heads)], ["machine", b.machine && ui.mono(b.machine)], ["MCP", b.protocol && text(b.protocol)],
      ["settings", (b.settings || []).map((x) => el("div", {}, ui.mono(x, 500)))]);
  }

  // show shows what there is: the verdicts at once, the calls when they are listed.
  function show() {
    if (!found) return;
    $("progress").hidden = true;
    $("claimed").hidden = true;
    showState();
    if (did) {
      showDid();
      showCalls();
      document.body.dataset.state = "found";
    }
    $("found").hidden = false;
  }

  const answers = el("section", {class: "answers", "aria-label": "Findings"});
  const doings = el("section", {id: "doings"}, el("h2", {}, "What the agents did"), el("p", {class: "faint", role: "status", id: "listing"}, "The calls are being listed."));
  const callsTable = el("section", {id: "calls"});
  const json = el("section");
  const own = el("section", {class: "own"}, el("h2", {}, "Files of your own"),
    el("div", {class: "drop"},
      el("p", {}, "Drop files on this page, or choose them, that you got from elsewhere than this one: a trust file, which says whose keys you trust (the allowed_signers of ssh-keygen); the policy that names the witnesses that count; and, for a whole log, what others kept of it: heads of a system's log (journalctl -o json, syslog) or receipts. They stay in this browser."),
      el("label", {}, "Files ", el("input", {type: "file", id: "mine", multiple: true, change: (e) => take([...e.target.files])})),
      el("p", {id: "mine-says", role: "status"})));

  let search = () => {};
  let list = null; // shows calls from a place on

  // showCalls shows the table of calls, which asks the worker for its rows.
  function showCalls() {
    if (list) return list(-1);
    let offset = 0, turnOf = 0;
    const query = el("input", {type: "search", id: "query", autocomplete: "off"});
    const outcome = el("select", {id: "outcome"}, el("option", {value: ""}, "any"), Object.keys(ui.outcomes).filter((o) => did.outcomes[o]).map((o) => el("option", {value: o}, ui.outcomeName(o))));
    const size = el("select", {}, rows.map((n) => el("option", {value: n}, grouped(n))));
    const before = el("button", {type: "button", click: () => list(Math.max(0, offset - Number(size.value)))}, "Newer");
    const after = el("button", {type: "button", click: () => list(offset + Number(size.value))}, "Older");
    const where = el("span", {role: "status"});
    const body = el("tbody");

    async function open(i) {
      const view = JSON.parse(await lister.ask("call", i));
      const place = (p) => p && [ui.mono(p.file), " at byte " + grouped(p.offset) + ", ", ui.mono(p.record_hash)];
      const answer = view.response;
      return [ui.call(view), ui.facts(
        ["signed by", view.signer && signedBy(view.signer.name, view.signer.key)],
        ["place", place(view.log)], ["arguments' hash", view.arguments_hash && ui.mono(view.arguments_hash)],
        ["response", answer && [time(answer.time, true), " ", ui.mono(answer.id)]], ["its hash", answer && answer.content_hash && ui.mono(answer.content_hash)],
        ["its place", answer && place(answer.log)])];
    }

    const heads = [["Time (" + zone() + ")"], ["Server"], ["Tool"], ["Outcome"], ["Signed by"], ["Arguments"]];
    list = async (from) => {
      const mine = ++turnOf;
      const at = from < 0 ? offset : from;
      const found = JSON.parse(await lister.ask("list", query.value, outcome.value, at, Number(size.value)));
      if (mine !== turnOf) return;
      offset = at;
      put(body, found.rows.map((r) => row(heads, opens(time(r.time, true) || "?", () => open(r.i)), text(r.server), text(r.tool),
        [ui.outcome(r.outcome), r.took !== null && el("span", {class: "faint"}, " " + ui.took(r.took))], signedBy(r.signer, r.key), ui.mono(r.arguments, 400))));
      const last = offset + found.rows.length;
      put(where, found.matches === 0 ? "no call" : grouped(offset + 1) + " to " + grouped(last) + " of " + count(found.matches, "call") + ", the newest first");
      before.disabled = offset === 0;
      after.disabled = last >= found.matches;
    };

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
      el("div", {class: "wide"}, el("table", {class: "plain"}, el("thead", {}, el("tr", {}, heads.map(([h]) => el("th", {scope: "col"}, h)))), body)),
      el("div", {class: "pages"}, before, after, where),
      el("details", {class: "words"}, el("summary", {}, "What the outcomes mean"),
        ui.facts(...meanings.map(([o, says]) => [ui.outcomeName(o), says]))));
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
    take([...e.dataTransfer.files]);
  });

  const saving = el("button", {type: "button", click: async () => {
    const url = URL.createObjectURL(await all("evidence"));
    el("a", {href: url, download: "report.zip"}).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
  }}, "Save report.zip");
  put($("save"), saving);

  async function start() {
    if (document.body.dataset.verifies !== "true") return;
    if (typeof WebAssembly !== "object" || typeof DecompressionStream !== "function" || typeof Worker !== "function") {
      failed("it is too old, or WebAssembly is off");
      return;
    }
    progress("unpacking the program", 0, 0);
    put($("found"), answers, own, doings, callsTable, json);
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
        mine = before;
        put($("mine-says"), badge("not used", "bad"), " ", said(why, 500));
        check();
      },
    });
    lister = begin(url, program, evidence, {
      ready: () => lister.ask("join"),
      progress: (doing, done, total) => $("listing") && put($("listing"), "The calls are being listed: " + Math.floor((100 * done) / total) + " %."),
      joined: (json) => {
        did = JSON.parse(json);
        show();
      },
    });
  }
  start().catch((e) => failed(String(e)));
})();
