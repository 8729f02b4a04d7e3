#!/bin/sh
# Whoever removes it, and not who upgrades it, is told what still names it.
set -e
case "$1" in
remove | 0)
	echo "signet-wrap: servers that it wraps in configurations of clients cannot start without it."
	echo "Each user takes it away there by: signet-wrap uninstall --all"
	echo "After the removal the same can be done by: npx -y signet-wrap uninstall --all"
	;;
esac
