# What a script does by itself, with no MCP: sign, then do it.
signet-wrap sign --tool read_graph --params '{}' --target mcp://memory --output receipt.json
signet-wrap verify receipt.json
