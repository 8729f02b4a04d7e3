# What servers in Python would run. Standard input and output: see node.mjs.
import base64
import io
import json
import sys


def text(value):
    try:
        return json.dumps(value)
    except RecursionError:
        return "?"


def member(params, name):
    return text(params[name]) if name in params else ""


def runs(source):
    try:
        value = json.loads(source)
    except (ValueError, RecursionError):
        return []
    found = []
    for m in value if isinstance(value, list) else [value]:
        if not isinstance(m, dict) or m.get("method") != "tools/call":
            continue
        params = m.get("params")
        if params is None:
            found.append(["", ""])
        elif isinstance(params, dict):
            found.append([member(params, "name"), member(params, "arguments")])
        else:
            found.append(["", text(params)])
    return found


def each(lines):
    return [r for line in lines for r in runs(line)]


for line in sys.stdin.buffer:
    raw = base64.b64decode(line)
    decoded = raw.decode("utf-8", "surrogateescape")
    print(json.dumps({
        "json.loads of bytes": runs(raw),  # knows UTF-16 and UTF-32 by itself
        "json.loads of a text stream": each(io.StringIO(decoded, newline=None)),
        "json.loads of splitlines": each(decoded.splitlines()),
    }))
