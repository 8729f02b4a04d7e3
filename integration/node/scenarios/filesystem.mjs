// server-filesystem: text in and out, with the characters that break
// re-encoding, and refusals.

import { attempt, v1 } from "./common.mjs";

export const sdk = v1;

const directory = JSON.parse(process.env.SCENARIO ?? "{}").directory;
const odd = "tab\tquote\"backslash\\slash/ nul\u0000 del\u007f é \u{1F600} \u2028\u2029 \ud83d half\r\nend";

export async function play(client, transcript) {
  const call = (name, args) => attempt(transcript, name, () =>
    client.callTool({ name, arguments: args }));
  const file = (name) => `${directory}/${name}`;

  await client.listTools();
  await call("list_allowed_directories", {});
  await call("create_directory", { path: file("sub/deeper") });
  await call("write_file", { path: file("odd.txt"), content: odd });
  await call("read_text_file", { path: file("odd.txt") });
  await call("write_file", { path: file("big.txt"), content: "0123456789abcde\n".repeat(1 << 16) });
  await call("read_text_file", { path: file("big.txt") });
  await call("read_text_file", { path: file("big.txt"), tail: 2 });
  await call("edit_file", {
    path: file("odd.txt"), edits: [{ oldText: "quote", newText: "\\u0022" }], dryRun: false,
  });
  await call("read_multiple_files", { paths: [file("odd.txt"), file("missing")] });
  await call("read_media_file", { path: file("odd.txt") });
  await call("move_file", { source: file("odd.txt"), destination: file("sub/moved.txt") });
  await call("list_directory", { path: directory });
  await call("list_directory_with_sizes", { path: directory, sortBy: "size" });
  await call("directory_tree", { path: directory });
  await call("search_files", { path: directory, pattern: "**/*.txt" });
  await call("get_file_info", { path: file("sub/moved.txt") });
  await call("read_text_file", { path: "/etc/passwd" }); // outside: an isError result
  await call("read_text_file", {});
}
