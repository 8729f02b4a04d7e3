# Python's standard library: one JSON-RPC message a line, to the wrapper as to the server.
import json, subprocess
wrapped = subprocess.Popen(["signet-wrap", "--target", "mcp://memory", "--", "npx", "-y", "@modelcontextprotocol/server-memory"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def send(**message): print(json.dumps({"jsonrpc": "2.0", **message}), file=wrapped.stdin, flush=True)
send(id=1, method="initialize", params={"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "example", "version": "1"}})
print(wrapped.stdout.readline())
send(method="notifications/initialized")
send(id=2, method="tools/call", params={"name": "read_graph", "arguments": {}})
print(wrapped.stdout.readline())
wrapped.communicate()
