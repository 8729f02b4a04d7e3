# A server that reads lines with asyncio's StreamReader, whose limit is 64 KiB
# unless it is told another, and responds to each request in them.
import asyncio
import json
import sys


async def main():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        messages = json.loads(line)
        for m in messages if isinstance(messages, list) else [messages]:
            if "id" in m:
                print(json.dumps({"jsonrpc": "2.0", "id": m["id"], "result": {"content": []}}), flush=True)


asyncio.run(main())
