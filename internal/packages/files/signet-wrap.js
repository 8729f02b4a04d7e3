#!/usr/bin/env node
// Starts the signet-wrap of this platform, which is in a package of its own,
// and is as little as possible between it and whoever started this.
"use strict";
const { spawn } = require("node:child_process");

const windows = process.platform === "win32";
const name = `@signet-wrap/${process.platform}-${process.arch}`;

function fail(message, status) {
  process.stderr.write(`signet-wrap: ${message}\n`);
  process.exit(status);
}

let file;
try {
  file = require.resolve(`${name}/bin/signet-wrap${windows ? ".exe" : ""}`);
} catch {
  fail(`the package ${name} is not installed: install signet-wrap again without --omit=optional, ` +
    "or build it from source if there is no such package", 127);
}
const args = process.argv.slice(2);

if (process.execve && !windows) {
  // Node.js 22.15 and later: this process becomes signet-wrap. Its warning that this
  // is an experiment would come later, and so never comes.
  process.execve(file, [file, ...args], process.env);
}

// The fourth descriptor is a pipe that ends with this process, however it ends.
const child = spawn(file, args, windows ? { stdio: "inherit" } : {
  stdio: ["inherit", "inherit", "inherit", "pipe"],
  env: { ...process.env, SIGNET_WRAP_SHIM_PIPE: "3" },
});
child.on("error", (err) => fail(`${file} cannot be started: ${err.message}`, 126));
const signals = windows ? ["SIGINT", "SIGBREAK", "SIGHUP"] :
  ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGWINCH"];
for (const signal of signals) {
  // On Windows the console tells both, and kill would end it at once.
  process.on(signal, () => windows || child.kill(signal));
}
child.on("exit", (status, signal) => {
  if (!signal) process.exit(status);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
