#!/bin/sh
# Whoever removes it, and not who upgrades it, is told what still names it.
set -e
case "$1" in
remove | 0)
	echo "signet-wrap: MCP servers that it wraps in clients' configurations cannot start without it."
	echo "To unwrap them, each user runs: signet-wrap uninstall --all"
	echo "After the removal, another copy does the same: npx -y signet-wrap uninstall --all"
	;;
esac
