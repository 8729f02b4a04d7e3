// What the scenarios share.

// v1 is the SDK that speaks up to 2025-11-25, v2 the one that begins with
// server/discover.
export const v1 = async () => ({
  ...(await import("@modelcontextprotocol/sdk/client/index.js")),
  ...(await import("@modelcontextprotocol/sdk/client/stdio.js")),
});
export const v2 = async () => ({
  ...(await import("@modelcontextprotocol/client")),
  ...(await import("@modelcontextprotocol/client/stdio")),
});

// attempt runs f and notes its error, if any, in the transcript: a refusal is
// a response too.
export async function attempt(transcript, name, f) {
  try {
    return await f();
  } catch (error) {
    transcript.step(name, String(error));
  }
}

// until waits for condition to hold, for at most ten seconds.
export async function until(what, condition) {
  for (let i = 0; !condition(); i++) {
    if (i > 1000) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
