// What was said on one connection, written so that two runs can be compared:
// one JSON line a message, all of the client's first, then all of the
// server's, then what the scenario saw. The two directions are kept apart
// because only the order within one of them is the protocol's to promise.
//
// Ids are left alone: both SDKs count them up from the start of a session, so
// two runs must agree on them too.

export class Transcript {
  #lines = { client: [], server: [], step: [] };

  // listen puts the transcript between an SDK's client and its transport.
  listen(transport) {
    const send = transport.send.bind(transport);
    transport.send = (message, options) => {
      this.#lines.client.push(message);
      return send(message, options);
    };
    let handler;
    Object.defineProperty(transport, "onmessage", {
      configurable: true,
      get: () => handler,
      set: (f) => {
        handler = f && ((message, extra) => {
          this.#lines.server.push(message);
          return f(message, extra);
        });
      },
    });
  }

  // step notes something a scenario saw that is no message: an error that an
  // SDK raised, a count, the server's exit.
  step(name, value) {
    this.#lines.step.push({ [name]: value });
  }

  // messages are those the server sent so far.
  get messages() {
    return this.#lines.server;
  }

  toString() {
    const out = [];
    for (const [from, lines] of Object.entries(this.#lines)) {
      for (const line of lines) out.push(JSON.stringify({ from, said: line }, withoutTimes));
    }
    return out.join("\n") + "\n";
  }
}

// withoutTimes is a JSON.stringify replacer that blanks what a clock wrote:
// in text, and in base64 of such text.
function withoutTimes(key, value) {
  if (typeof value !== "string") return value;
  if (key === "blob") {
    const text = Buffer.from(value, "base64").toString("utf8");
    if (text.includes(" created at ")) return "base64 of: " + blank(text);
  }
  return blank(value);
}

const times = [
  /\b\d{1,2}:\d{2}:\d{2}(\s[AP]M)?/g, // 9:41:07 PM
  /\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z/g, // ISO 8601
  /\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} \d{2} \d{4} \d{2}:\d{2}:\d{2} GMT[+-]\d{4} \([^)]*\)/g, // Date.toString
];

function blank(text) {
  return times.toReversed().reduce((t, re) => t.replace(re, "TIME"), text);
}
